"""The command-line client against the simulated clouds."""
