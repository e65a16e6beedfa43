"""Each class of request, struck by each kind of fault, in each phase of an account's life."""
