"""The client of the fifth cloud."""
