"""Lets the clients of tests send without a pause before a second try."""

import aiohttp

from custom_components.datapoint_cloud.clouds.transport import HttpTimings, Transport


def quick(session: aiohttp.ClientSession) -> Transport:
    """Send through this session, and send a request that failed at once again."""
    return Transport(session, timings=HttpTimings(longest_pause=0))
