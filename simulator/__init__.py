"""The vendors' servers over real HTTP, written from the vendors' documents."""
