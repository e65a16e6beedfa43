"""The devices of an account: what is known of each, whose turn it is to be read, and who hears of what changed."""
