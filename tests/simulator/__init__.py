"""Tests that the simulated clouds respond and refuse as the vendors' documents say."""
