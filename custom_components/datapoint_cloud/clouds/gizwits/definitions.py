"""The datapoint definitions of an account's products: fetched once, stored, and refreshed once a week.

It knows when a definition has to be fetched, not how.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import AuthFailed, CloudError, Forbidden, RateLimited, Reason, UnexpectedAnswer
from ..model import Schema, Snapshot
from .completeness import is_complete, is_readable
from .schema import Definition, parse

_HOUR: Final = 3600
_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_MINUTE: Final = 60
_PAUSE_AFTER_FAILURE: Final = 10  # seconds: the other devices of the product need the definition in the same round
_SOON: Final = 600  # seconds until a doubtful answer is requested again
_MOST_UNNAMED: Final = 500  # names of one product; real devices report up to 104 that their definition lacks
_LONGEST_NAME: Final = 128


@dataclass(slots=True)
class _Product:
    """The state of one product's definition; times are epoch seconds."""

    definition: Definition | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    requested_at: float = 0.0  # 0: never, or the vendor has changed the definition since
    retry_at: float | None = None  # fetch again at this time, whatever is known
    failure: CloudError | None = None  # of the last request
    incomplete: tuple[float, Any] | None = None  # a body with gaps, and when it first came
    is_outdated: bool = False
    contradicted_at: float = 0.0
    has_unnamed: bool = False  # devices report names that the definition lacks
    unconfirmed: set[str] = field(default_factory=set)  # such names which only one answer lacked so far
    published: Schema | None = None  # the last schema that `schema` returned


class Definitions:
    """Definitions by product key."""

    def __init__(self, client_store: ClientStore, fetch: Callable[[str], Awaitable[Any]]) -> None:
        """Keep in `client_store` the bodies that `fetch` returns for a product key."""
        self._client_store = client_store
        self._fetch = fetch
        self._products: defaultdict[str, _Product] = defaultdict(_Product)

    def known(self, product_key: str) -> Definition | None:
        """Return the definition without a request, if there is one."""
        product = self._products[product_key]
        if product.definition is None and self._client_store.get(_slot(product_key)) is not None:
            # A product without datapoints is stored without a body.
            body = self._stored(product_key).get("body", {})
            product.definition = Definition(is_defined=False) if body is None else parse(body)
        return product.definition

    def contradict(self, product_key: str) -> None:
        """Fetch the definition at the next use, at most once an hour: a device or the cloud contradicted it."""
        now, product = time.time(), self._products[product_key]
        if 0 <= now - product.contradicted_at < _HOUR:
            if product.retry_at is None:
                product.retry_at = product.contradicted_at + _HOUR
        else:
            product.contradicted_at = now
            self.outdate(product_key)

    def outdate(self, product_key: str) -> None:
        """Fetch the definition at the next use: the vendor has announced a change."""
        product = self._products[product_key]
        product.is_outdated = True
        product.requested_at = 0.0

    async def schema(self, product_key: str) -> Schema:
        """Return the schema of a product. Later snapshots carry the datapoints of a newer schema themselves."""
        schema = (await self.get(product_key)).schema
        self._products[product_key].published = schema
        return schema

    async def get(self, product_key: str) -> Definition:
        """Return the definition of a product; one without datapoints if the vendor has defined none.

        If a new definition cannot be fetched, the old one remains in use. Raises any `CloudError` if there is none.
        """
        known = self.known(product_key)
        if known is not None and not self._is_due(product_key, known):
            return known
        product = self._products[product_key]
        async with product.lock:
            known = self.known(product_key)  # another caller may have renewed it while we waited
            if known is not None and not self._is_due(product_key, known):
                return known
            if product.failure is not None and 0 <= time.time() - product.requested_at < _PAUSE_AFTER_FAILURE:
                raise product.failure.with_traceback(None)
            product.requested_at = time.time()
            try:
                return await self._renew(product_key)
            except AuthFailed, RateLimited:
                raise
            except CloudError as error:
                if known is None:
                    product.failure = error
                    product.requested_at = time.time()  # again, as a server that hangs fails only after the pause
                    raise
                if product.incomplete is not None and product.retry_at is None:
                    product.retry_at = time.time() + _SOON
                return known

    async def snapshot(self, product_key: str, attrs: Mapping[str, Any], reported_at: datetime | None) -> Snapshot:
        """Convert the attributes that a device reported.

        A name that the definition lacks makes us fetch it again: at once, or soon if that was just done, and then
        daily. Only a limited number of such names are kept for each product.
        """
        definition = await self.get(product_key)
        product = self._products[product_key]
        if lacking := definition.lacks(attrs):
            self._add_unnamed(product_key, lacking)
            definition = await self.get(product_key)
            kept = self._unnamed(product_key) | product.unconfirmed
            attrs = {name: raw for name, raw in attrs.items() if name not in lacking or name in kept}
        snapshot = definition.snapshot(attrs, reported_at)
        is_newer = product.published is not None and product.published is not definition.schema
        return replace(snapshot, described=definition.schema.datapoints) if is_newer else snapshot

    def _add_unnamed(self, product_key: str, lacking: set[str]) -> None:
        """Register names that devices report and the definition lacks, and have it fetched again."""
        product, unnamed = self._products[product_key], self._unnamed(product_key)
        product.has_unnamed = True
        room = _MOST_UNNAMED - len(unnamed | product.unconfirmed)
        new = {name for name in sorted(lacking - unnamed - product.unconfirmed)[:room] if len(name) <= _LONGEST_NAME}
        if not 0 <= time.time() - product.requested_at < _MINUTE:
            if new:
                self.contradict(product_key)
                self._store_unnamed(product_key, unnamed | new)
            return
        # The server may have left attributes out of the definition we just got. We only conclude that the vendor
        # defines no such attribute when a second answer lacks it as well.
        if product.unconfirmed and product.retry_at is None:
            self._store_unnamed(product_key, unnamed | (product.unconfirmed & lacking))
            product.unconfirmed.clear()
        if new:
            product.unconfirmed |= new
            if product.retry_at is None:
                product.retry_at = time.time() + _SOON

    def _store_unnamed(self, product_key: str, names: set[str]) -> None:
        record = {**self._stored(product_key), "unnamed": sorted(names)}
        self._client_store.put(_slot(product_key), record, is_urgent=False)

    def _unnamed(self, product_key: str) -> set[str]:
        """The names that devices are known to report and the definition lacks."""
        names = self._stored(product_key).get("unnamed")
        return set(map(str, names)) if isinstance(names, list) else set()

    def _stored(self, product_key: str) -> Mapping[str, Any]:
        return coerce.fields(self._client_store.get(_slot(product_key)))

    def _is_due(self, product_key: str, known: Definition) -> bool:
        now, product = time.time(), self._products[product_key]
        if product.retry_at is not None and not 0 < product.retry_at - now <= _HOUR:
            return True
        if 0 <= now - product.requested_at < (_HOUR if product.is_outdated else _DAY):
            return False
        fetched_at = coerce.number(self._stored(product_key).get("fetched_at")) or 0
        is_settled = known.by_key and not product.has_unnamed
        return product.is_outdated or not 0 <= now - fetched_at < (_WEEK if is_settled else _DAY)

    async def _renew(self, product_key: str) -> Definition:
        product = self._products[product_key]
        if product.retry_at is not None:
            product.retry_at = None
            product.contradicted_at = time.time()
        try:
            body = await self._fetch(product_key)
            definition = parse(body)
        except Forbidden as error:
            if error.reason is not Reason.NO_DATAPOINTS:
                raise
            body, definition = None, Definition(is_defined=False)
        is_complete = body is None or self._accepts(product, body)
        if not is_complete:
            product.retry_at = time.time() + _SOON
        # Until the retry, a definition with gaps is better than none.
        is_usable = is_complete or (is_readable(body) and self.known(product_key) is None)
        if definition is None or not is_usable:
            raise UnexpectedAnswer(endpoint="/datapoint", subject=product_key)
        if is_complete:
            unnamed = sorted(definition.lacks(dict.fromkeys(self._unnamed(product_key))))
            self._client_store.put(_slot(product_key), {"fetched_at": time.time(), "body": body, "unnamed": unnamed})
        product.definition, product.failure = definition, None
        product.has_unnamed = product.is_outdated = False
        return definition

    def _accepts(self, product: _Product, body: Any) -> bool:
        """Whether a definition has no gaps, or came with the same gaps before: then the vendor has no better one."""
        if is_complete(body):
            product.incomplete = None
            return True
        now = time.time()
        if product.incomplete is None or product.incomplete[1] != body or now < product.incomplete[0]:
            product.incomplete = (now, body)
            return False
        return now - product.incomplete[0] >= _SOON


def _slot(product_key: str) -> str:
    return f"definition {product_key}"
