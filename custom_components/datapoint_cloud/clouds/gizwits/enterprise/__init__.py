"""The Gizwits cloud of organisations: the Enterprise API and its push, SNoti."""
