"""The simulated clouds refuse what the vendors would."""
