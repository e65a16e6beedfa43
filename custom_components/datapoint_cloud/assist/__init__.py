"""What the tools for language models answer, and which devices they may answer about.

The tools only read. Their texts are for a model, which speaks the user's language by itself, so they are English as
those of Home Assistant are.
"""
