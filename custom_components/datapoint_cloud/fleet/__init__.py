"""The devices of an account: what is known about each, when it is read, and which listeners are notified."""
