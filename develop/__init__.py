"""Runs a Home Assistant with accounts of the simulated clouds, for `scripts/develop` and for the browser tests."""
