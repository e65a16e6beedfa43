"""Records what passes between a client and its cloud, without anything that identifies the account or its people.

`recorder` collects it in memory, `masking` replaces what is private, and `docs/recordings.md` describes the file. It
does not know Home Assistant.
"""
