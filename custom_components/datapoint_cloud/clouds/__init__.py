"""Clients of device clouds behind one model of device, datapoint and reading.

Plain asyncio: no part of this package knows Home Assistant, and it works from any place it is copied to.
"""
