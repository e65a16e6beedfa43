"""Serves a recorded account: recorded answers first, then what the simulated servers know of its devices."""

from .replay import Replay

__all__ = ["Replay"]
