"""What the vendor has not granted for a product: heard once an hour, not with every request.

It knows no endpoint; functions are told apart by their names. Nothing of it outlives the client, so that a reload asks
again at once.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from ..errors import Forbidden, Reason

_HOUR: Final = 3600.0


class Refusals:
    """The functions that were refused, by product."""

    def __init__(self) -> None:
        """Start with none."""
        self._refused_at: dict[tuple[str, str], float] = {}  # on the monotonic clock

    async def heed[Answer](self, function: str, product_key: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask, unless the vendor refused the function for the product within the past hour.

        Raises `Forbidden` (FEATURE_NOT_GRANTED, with the product key), and what asking raises.
        """
        refused_at = self._refused_at.get((function, product_key))
        if refused_at is not None and time.monotonic() - refused_at < _HOUR:
            raise Forbidden(Reason.FEATURE_NOT_GRANTED, subject=product_key)
        try:
            return await ask()
        except Forbidden as error:
            if error.reason is Reason.FEATURE_NOT_GRANTED:
                self._refused_at[function, product_key] = time.monotonic()
            raise
