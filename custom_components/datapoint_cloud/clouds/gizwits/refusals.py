"""What the vendor has not granted for a product: heard once a day, not with every request.

It knows no endpoint; functions are told apart by their names.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from .. import wire
from ..errors import Forbidden, Reason
from ..memory import Memory

_DAY: Final = 86_400


class Refusals:
    """The functions that were refused, by product."""

    def __init__(self, memory: Memory) -> None:
        """Keep in `memory` what was refused, and until when it is not asked for again."""
        self._memory = memory

    async def heed[Answer](self, function: str, product_key: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask, unless the vendor refused the function for the product within the past day.

        Raises `Forbidden` (FEATURE_NOT_GRANTED, with the product key), and what asking raises.
        """
        slot = f"no {function} of {product_key}"
        if time.time() < (wire.number(self._memory.get(slot)) or 0):
            raise Forbidden(Reason.FEATURE_NOT_GRANTED, subject=product_key)
        try:
            return await ask()
        except Forbidden as error:
            if error.reason is Reason.FEATURE_NOT_GRANTED:
                self._memory.put(slot, time.time() + _DAY)
            raise
