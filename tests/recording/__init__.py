"""Recordings: that they contain nothing private, and that a replay of one is the account again."""
