"""Remembers which functions the vendor has not granted for a product, so that they are requested once an hour only.

It knows no endpoint; callers name the functions. It is not stored, so a reload tries again at once.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from ..errors import Forbidden, Reason

_HOUR: Final = 3600.0


class MissingGrants:
    """The functions that were refused, by product."""

    def __init__(self) -> None:
        """Start with none."""
        self._refused_at: dict[tuple[str, str], float] = {}  # on the monotonic clock

    async def guard[Answer](self, function: str, product_key: str, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """Call `request` unless the vendor refused the function for the product within the past hour.

        Raises `Forbidden` (FEATURE_NOT_GRANTED, with the product key), and whatever `request` raises.
        """
        refused_at = self._refused_at.get((function, product_key))
        if refused_at is not None and time.monotonic() - refused_at < _HOUR:
            raise Forbidden(Reason.FEATURE_NOT_GRANTED, subject=product_key)
        try:
            return await request()
        except Forbidden as error:
            if error.reason is Reason.FEATURE_NOT_GRANTED:
                self._refused_at[function, product_key] = time.monotonic()
            raise
