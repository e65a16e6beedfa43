"""The import of history into long-term statistics."""
