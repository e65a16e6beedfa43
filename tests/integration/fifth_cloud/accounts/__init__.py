"""The account of the fifth cloud."""
