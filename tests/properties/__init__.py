"""What holds for any input: JSON of every kind, and damaged answers of the simulated clouds."""
