"""What commands and polls cost, measured against the simulated clouds."""
