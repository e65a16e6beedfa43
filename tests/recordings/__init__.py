"""Recordings of accounts, each with the entities that Home Assistant shows of it: see `README.md`."""
