"""Firstlight usage aggregates: how much a user used, one query at a time."""
