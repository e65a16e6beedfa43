"""The actions that return history."""
