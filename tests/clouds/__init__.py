"""The client library against the simulated clouds, without Home Assistant."""
