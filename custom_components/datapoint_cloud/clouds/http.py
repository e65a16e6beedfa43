"""The only module that sends HTTP requests: it limits their time, decodes answers, retries reads and writes debug logs.

Addresses are templates with named parts ("/devices/{did}/data"). Logs and errors contain the template, never the
filled-in address, headers or bodies.
"""

import asyncio
import json
import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from . import coerce
from .budget import Budget, Purpose
from .errors import CloudError, RateLimited, Reason, Rejected, UnexpectedAnswer, Unreachable
from .traffic import HttpExchange
from .transport import Transport

_LOGGER = logging.getLogger(__name__)

_LONGEST_PAUSE = 3600.0  # seconds: a server that wants a longer pause can say so again after this one
_LARGEST_ANSWER = 64 * 2**20  # bytes
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_RESOLVED_SEGMENTS = frozenset({"", ".", ".."})


@dataclass(frozen=True)
class Answer:
    """The answer of a server: `text` is decoded when `body` is first read; `sent` is the JSON body of the request."""

    endpoint: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: bytes = field(repr=False)  # may contain a token
    sent: Any = field(default=None, repr=False)

    @property
    def body(self) -> Any:
        """The decoded JSON; None if the text is no JSON."""
        return self._decoded[0]

    @property
    def is_json(self) -> bool:
        """Whether the text is JSON."""
        return self._decoded[1]

    @cached_property
    def _decoded(self) -> tuple[Any, bool]:
        return _decode(self.text)

    @property
    def is_success(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    def error[E: CloudError](
        self, kind: type[E], reason: Reason | None = None, *, code: int | str | None = None, subject: str | None = None
    ) -> E:
        """Build an error about this answer."""
        return kind(reason, endpoint=self.endpoint, status=self.status, code=code, subject=subject)


type FindError = Callable[[Answer], CloudError | None]
"""Finds the vendor's own error in an answer; None if there is none."""


@dataclass(slots=True)
class _Request:
    """One request, as a caller of `HttpClient.request` describes it."""

    method: str
    url: str
    template: str
    params: Mapping[str, str | int] | None
    headers: Mapping[str, str] | None
    json_body: Any
    form: Mapping[str, str] | None
    purpose: Purpose

    def exchange(self, started: float, outcome: Answer | str) -> HttpExchange:
        """Describe what was sent at a monotonic time, and its answer or the kind of failure."""
        seconds = time.monotonic() - started
        content_type = _FORM if self.form else _JSON if self.json_body is not None else None
        exchange = HttpExchange(
            at=time.time() - seconds,
            seconds=seconds,
            method=self.method,
            url=f"{self.url}?{urlencode(self.params)}" if self.params else self.url,
            sent_headers={**({"Content-Type": content_type} if content_type else {}), **(self.headers or {})},
            sent=self._body(),
            failure=outcome if isinstance(outcome, str) else None,
        )
        if isinstance(outcome, Answer):
            exchange = replace(exchange, status=outcome.status, headers=outcome.headers, answer=outcome.text)
        return exchange

    def _body(self) -> bytes:
        if self.form:
            return urlencode(self.form).encode()
        return b"" if self.json_body is None else json.dumps(self.json_body).encode()


class HttpClient:
    """Requests to one server."""

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        find_error: FindError,
        *,
        parallel: int = 4,
        budget: Budget | None = None,
    ) -> None:
        """Send requests to `base_url` through `transport`, at most `parallel` of one purpose at a time."""
        self._session = transport.session
        self._timings = transport.timings
        self._observer = transport.observer
        self._base_url = base_url.rstrip("/")
        self._find_error = find_error
        self._budget = budget
        # Commands need not wait for polls, nor polls for history.
        self._places = {purpose: asyncio.Semaphore(parallel) for purpose in Purpose}

    async def request(
        self,
        method: str,
        template: str,
        *,
        parts: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        purpose: Purpose = Purpose.CONTROL,
        may_be_empty: bool = False,
        is_read_later: bool = False,
    ) -> Answer:
        """Send a request and return its successful answer.

        A request that reads is retried once when the connection was lost or the server failed; a command is not, since
        the server may have executed it. A timeout is not retried, nor an error with a vendor's code. `may_be_empty`
        accepts a successful answer without content. With `is_read_later` the caller checks whether a successful answer
        is JSON, because decoding a large one takes time.

        Raises the error that `find_error` finds, `Unreachable` (no connection, timeout, HTTP 5xx), `RateLimited` (HTTP
        429, or the budget is spent), `UnexpectedAnswer` (neither a known error nor JSON), or `Rejected` for a part that
        would change the path.
        """
        url = self._base_url + _filled(template, **(parts or {}))
        request = _Request(method, url, template, params, headers, json_body, form, purpose)
        is_second_try = False
        while True:
            try:
                async with self._places[purpose]:
                    answer = await self._send(request)
                self._raise_for(answer)
            except Unreachable as error:
                if is_second_try or not self._may_be_retried(error, purpose):
                    raise
            else:
                is_accepted = is_read_later or (may_be_empty and not answer.text.strip()) or answer.is_json
                if not is_accepted:
                    raise answer.error(UnexpectedAnswer)
                return answer
            is_second_try = True
            await asyncio.sleep(random.uniform(0, self._timings.longest_pause))  # noqa: S311  # jitter, not cryptography

    async def _send(self, request: _Request) -> Answer:
        method, template = request.method, request.template
        if self._session.closed:
            raise Unreachable(Reason.NO_CONNECTION, endpoint=template)
        if self._budget is not None:
            self._budget.spend(request.purpose)
        started, timings = time.monotonic(), self._timings
        try:
            # A redirect would send the credentials in the headers to another server.
            async with self._session.request(
                method,
                request.url,
                params=request.params,
                headers=request.headers,
                json=request.json_body,
                data=request.form,
                timeout=timings.limit_of_history if request.purpose is Purpose.HISTORY else timings.limit,
                allow_redirects=False,
                middlewares=(_send_once,),
            ) as response:
                text = await _read(response, template)
                answer = Answer(template, response.status, response.headers, text, request.json_body)
                self._tell(request, started, answer)
        except TimeoutError as error:
            _LOGGER.debug("%s %s: no answer in time", method, template)
            self._tell(request, started, "timeout")
            raise Unreachable(Reason.TIMEOUT, endpoint=template) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # aiohttp raises ValueError for an unusable address. Its text contains the address, so it is not chained.
            failure = type(error.__cause__ or error).__name__
            _LOGGER.debug("%s %s: %s", method, template, failure)
            self._tell(request, started, failure)
            raise Unreachable(Reason.NO_CONNECTION, endpoint=template) from None
        milliseconds = (time.monotonic() - started) * 1000
        _LOGGER.debug(
            "%s %s: HTTP %d, %d bytes, %.0f ms", method, template, answer.status, len(answer.text), milliseconds
        )
        return answer

    def _may_be_retried(self, error: Unreachable, purpose: Purpose) -> bool:
        """Whether a failed request changes nothing, and may well succeed a moment later."""
        is_momentary = error.code is None and error.reason is not Reason.TIMEOUT
        return purpose.is_read and is_momentary and not self._session.closed

    def _tell(self, request: _Request, started: float, outcome: Answer | str) -> None:
        """Tell the observer about a request and its answer, or about the kind of failure."""
        if self._observer is not None:
            self._observer.on_exchange(request.exchange(started, outcome))

    def _raise_for(self, answer: Answer) -> None:
        if (error := self._find_error(answer)) is not None:
            raise error
        if answer.status == 429:
            limited = answer.error(RateLimited)
            limited.retry_after = retry_after(answer.headers)
            raise limited
        if answer.status >= 500 or answer.status == 408:
            raise answer.error(Unreachable, Reason.SERVER_ERROR)
        if not answer.is_success:
            raise answer.error(UnexpectedAnswer)


@lru_cache(maxsize=1024)  # the same devices are read and written again and again
def _filled(template: str, /, **parts: str) -> str:
    """Insert each part into the template as one segment, with all characters escaped that have a meaning in a path.

    Raises `Rejected` for parts that servers and proxies resolve, escaped or not: ".", ".." and an empty one.
    """
    if _RESOLVED_SEGMENTS.intersection(parts.values()):
        raise Rejected(Reason.INVALID_REQUEST, endpoint=template)
    return template.format_map({name: quote(part, safe="", errors="replace") for name, part in parts.items()})


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating GET and PUT when the connection is lost: the budget would not count it."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError from error


async def _read(response: aiohttp.ClientResponse, template: str) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST_ANSWER:
            raise UnexpectedAnswer(endpoint=template, status=response.status)
    return b"".join(pieces)


def _decode(text: bytes) -> tuple[Any, bool]:
    # Ignore the Content-Type: these servers send JSON as text/html and HTML error pages as JSON.
    try:
        return coerce.decode(text), True
    except ValueError:
        return None, False


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read the seconds of a Retry-After header, which holds seconds or an HTTP date; at most an hour."""
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        if (retry_at := _date(value)) is None:
            return None
        # Compare with the server's own time if possible, since its clock and ours may differ.
        now = _date(headers.get("Date", "")) or datetime.now(UTC)
        seconds = (retry_at - now).total_seconds()
    return min(max(0.0, seconds), _LONGEST_PAUSE) if math.isfinite(seconds) else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError, OverflowError:
        return None
    return date.replace(tzinfo=date.tzinfo or UTC)
