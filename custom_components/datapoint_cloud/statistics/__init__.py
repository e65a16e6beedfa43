"""The past of a cloud in the long-term statistics: what is missing, who reads it, when, and what shows how far."""
