"""The definitions of an account's products: fetched once, remembered, refreshed weekly.

It knows when a definition is worth fetching, not how that is done.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import AuthFailed, CloudError, Forbidden, RateLimited, Reason, UnexpectedAnswer
from ..model import Schema, Snapshot
from .schema import Definition, parse
from .wholeness import is_readable, is_whole

_HOUR: Final = 3600
_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_MINUTE: Final = 60
_PAUSE_AFTER_FAILURE: Final = 10  # seconds: the other devices of the product ask within the same round
_SOON: Final = 600  # seconds: when an answer that is doubtful is asked for again
_MOST_UNNAMED: Final = 500  # names of one product; real devices report up to 104 that their definition lacks
_LONGEST_NAME: Final = 128


class Definitions:
    """Definitions by product key."""

    def __init__(self, client_store: ClientStore, fetch: Callable[[str], Awaitable[Any]]) -> None:
        """Keep in `client_store` what `fetch` answers for a product key."""
        self._client_store = client_store
        self._fetch = fetch
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._parsed: dict[str, Definition] = {}
        self._asked_at: dict[str, float] = {}  # epoch seconds
        self._failures: dict[str, CloudError] = {}
        self._doubted: set[str] = set()
        self._outdated: set[str] = set()
        self._contradicted_at: dict[str, float] = {}
        self._again_at: dict[str, float] = {}  # epoch seconds: when to ask again whatever is known
        self._unconfirmed: defaultdict[str, set[str]] = defaultdict(set)  # names only one answer lacks
        self._flawed: dict[str, tuple[float, Any]] = {}  # what had gaps, and when it first came
        self._shown: dict[str, Schema] = {}

    def known(self, product_key: str) -> Definition | None:
        """The definition as far as it is known without asking."""
        if product_key not in self._parsed and (record := self._client_store.get(_slot(product_key))) is not None:
            # A product without datapoints is remembered without a body.
            remembered = coerce.fields(record).get("body", {})
            definition = Definition(is_defined=False) if remembered is None else parse(remembered)
            if definition is not None:
                self._parsed[product_key] = definition
        return self._parsed.get(product_key)

    def contradict(self, product_key: str) -> None:
        """Ask again at the next occasion, at most once an hour: a device or the cloud contradicted the definition."""
        now, before = time.time(), self._contradicted_at.get(product_key, 0)
        if 0 <= now - before < _HOUR:
            self._again_at.setdefault(product_key, before + _HOUR)
        else:
            self._contradicted_at[product_key] = now
            self.outdate(product_key)

    def outdate(self, product_key: str) -> None:
        """Ask again at the next occasion: the vendor says that the definition is another one now."""
        self._outdated.add(product_key)
        self._asked_at.pop(product_key, None)

    async def schema(self, product_key: str) -> Schema:
        """What a product's devices can have. Snapshots describe what comes later than this."""
        self._shown[product_key] = schema = (await self.get(product_key)).schema
        return schema

    async def get(self, product_key: str) -> Definition:
        """The definition of a product; one without datapoints where the vendor has defined none.

        An old definition serves on when a new one cannot be had. Raises any `CloudError` when there is none at all.
        """
        known = self.known(product_key)
        if known is not None and not self._is_due(product_key, known):
            return known
        async with self._locks[product_key]:
            known = self.known(product_key)  # another caller may have renewed it meanwhile
            if known is not None and not self._is_due(product_key, known):
                return known
            failure = self._failures.get(product_key)
            if failure is not None and 0 <= time.time() - self._asked_at[product_key] < _PAUSE_AFTER_FAILURE:
                raise failure.with_traceback(None)
            self._asked_at[product_key] = time.time()
            try:
                return await self._renewed(product_key)
            except AuthFailed, RateLimited:
                raise
            except CloudError as error:
                if known is None:
                    self._failures[product_key] = error
                    self._asked_at[product_key] = time.time()  # a server that hangs takes longer to fail than the pause
                    raise
                if product_key in self._flawed:
                    self._again_at.setdefault(product_key, time.time() + _SOON)
                return known

    async def snapshot(self, product_key: str, attrs: Mapping[str, Any], reported_at: datetime | None) -> Snapshot:
        """Read the attributes a device reported.

        A name that is new is a reason to ask for the definition again: at once, or soon if that was just done, and
        then daily. Of names that no definition has only so many are kept.
        """
        definition = await self.get(product_key)
        if lacking := definition.lacks(attrs):
            self._notice(product_key, lacking)
            definition = await self.get(product_key)
            kept = self._unnamed(product_key) | self._unconfirmed[product_key]
            attrs = {name: raw for name, raw in attrs.items() if name not in lacking or name in kept}
        snapshot = definition.snapshot(attrs, reported_at)
        is_news = product_key in self._shown and self._shown[product_key] is not definition.schema
        return replace(snapshot, described=definition.schema.datapoints) if is_news else snapshot

    def _notice(self, product_key: str, lacking: set[str]) -> None:
        """Ask again because devices report what the definition does not name."""
        self._doubted.add(product_key)
        unnamed, unconfirmed = self._unnamed(product_key), self._unconfirmed[product_key]
        room = _MOST_UNNAMED - len(unnamed | unconfirmed)
        new = {name for name in sorted(lacking - unnamed - unconfirmed)[:room] if len(name) <= _LONGEST_NAME}
        if not 0 <= time.time() - self._asked_at.get(product_key, 0) < _MINUTE:
            if new:
                self.contradict(product_key)
                self._remember_unnamed(product_key, unnamed | new)
            return
        # The server may have left attributes out of the definition we just got. We only conclude that the vendor
        # defines no such attribute when a second answer lacks it as well.
        if unconfirmed and product_key not in self._again_at:
            self._remember_unnamed(product_key, unnamed | (unconfirmed & lacking))
            unconfirmed.clear()
        if new:
            unconfirmed |= new
            self._again_at.setdefault(product_key, time.time() + _SOON)

    def _remember_unnamed(self, product_key: str, names: set[str]) -> None:
        record = coerce.fields(self._client_store.get(_slot(product_key)))
        self._client_store.put(_slot(product_key), {**record, "unnamed": sorted(names)}, is_urgent=False)

    def _unnamed(self, product_key: str) -> set[str]:
        """What devices are known to report that the definition does not name."""
        names = coerce.fields(self._client_store.get(_slot(product_key))).get("unnamed")
        return set(map(str, names)) if isinstance(names, list) else set()

    def _is_due(self, product_key: str, known: Definition) -> bool:
        now = time.time()
        if (again_at := self._again_at.get(product_key)) is not None and not 0 < again_at - now <= _HOUR:
            return True
        is_outdated = product_key in self._outdated
        if 0 <= now - self._asked_at.get(product_key, 0) < (_HOUR if is_outdated else _DAY):
            return False
        fetched_at = coerce.number(coerce.fields(self._client_store.get(_slot(product_key))).get("fetched_at")) or 0
        is_settled = known.by_key and product_key not in self._doubted
        return is_outdated or not 0 <= now - fetched_at < (_WEEK if is_settled else _DAY)

    async def _renewed(self, product_key: str) -> Definition:
        if self._again_at.pop(product_key, None) is not None:
            self._contradicted_at[product_key] = time.time()
        try:
            body = await self._fetch(product_key)
            definition = parse(body)
        except Forbidden as error:
            if error.reason is not Reason.NO_DATAPOINTS:
                raise
            body, definition = None, Definition(is_defined=False)
        is_believed = body is None or self._is_believed(product_key, body)
        if not is_believed:
            self._again_at[product_key] = time.time() + _SOON
        # What has gaps is better than nothing, until then.
        is_of_use = is_believed or (is_readable(body) and self.known(product_key) is None)
        if definition is None or not is_of_use:
            raise UnexpectedAnswer(endpoint="/datapoint", subject=product_key)
        if is_believed:
            unnamed = sorted(definition.lacks(dict.fromkeys(self._unnamed(product_key))))
            self._client_store.put(_slot(product_key), {"fetched_at": time.time(), "body": body, "unnamed": unnamed})
        self._parsed[product_key] = definition
        self._failures.pop(product_key, None)
        self._doubted.discard(product_key)
        self._outdated.discard(product_key)
        return definition

    def _is_believed(self, product_key: str, body: Any) -> bool:
        """Whether a definition is whole, or was the same some time ago: then the vendor has none that is better."""
        if is_whole(body):
            self._flawed.pop(product_key, None)
            return True
        first_came_at, flawed = self._flawed.get(product_key, (0.0, None))
        if flawed != body or time.time() < first_came_at:
            self._flawed[product_key] = (time.time(), body)
            return False
        return time.time() - first_came_at >= _SOON


def _slot(product_key: str) -> str:
    return f"definition {product_key}"
