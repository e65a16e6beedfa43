"""How long a page of a list may be, which no document tells: long ones are tried, and refused ones remembered.

It knows neither what is listed nor where.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from ..errors import Rejected
from ..memory import Memory
from . import spellings

DEFAULT_PAGE: Final = 20  # what the documents promise
MOST_PAGES: Final = 1000
_PAGE: Final = 100
_FORM_INVALID: Final = (5002, 9015)


class PageSize:
    """The length of the pages of one kind of list, under one slot of the memory."""

    def __init__(self, memory: Memory, slot: str) -> None:
        """Keep in `memory` that long pages were refused."""
        self._memory = memory
        self._slot = slot

    async def ask[Answer](self, ask: Callable[[int], Awaitable[Answer]]) -> Answer:
        """Ask for a page with a limit; once more with the documented one where the first was refused."""
        limit = spellings.count(self._memory.get(self._slot)) or _PAGE
        try:
            return await ask(limit)
        except Rejected as error:
            if error.code not in _FORM_INVALID or limit == DEFAULT_PAGE:
                raise
        answer = await ask(DEFAULT_PAGE)
        self._memory.put(self._slot, DEFAULT_PAGE)
        return answer
