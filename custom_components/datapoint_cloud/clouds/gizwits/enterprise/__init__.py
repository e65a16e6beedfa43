"""The organisation's Gizwits cloud: the Enterprise API and its push, SNoti."""
