"""Simulated servers of the four vendors' clouds, over real HTTP and TLS, written from the vendors' documents."""
