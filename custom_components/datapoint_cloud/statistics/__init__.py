"""The cloud's history in the long-term statistics: which hours are missing, the rows they become, and when it runs."""
