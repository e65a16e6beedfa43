"""A device as the vendor's cloud knows it."""


class GizwitsDevice:
    """A device."""
