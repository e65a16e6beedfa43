"""The vendors' servers over real HTTP and TLS, written from the vendors' documents."""
