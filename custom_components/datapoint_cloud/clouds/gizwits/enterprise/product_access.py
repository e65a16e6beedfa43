"""Sends the requests of an enterprise, each with the token of its product.

It knows tokens and the quota in the headers, not what is requested.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from ... import coerce
from ...budget import Budget, Purpose
from ...client_store import ClientStore
from ...errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    RateLimited,
    Reason,
    TokenRefused,
    UnexpectedAnswer,
    Unreachable,
)
from ...http import Answer, HttpClient
from ...tokens import TokenKeeper
from ...transport import Transport
from .. import wire_values
from ..errors import find_enterprise_error
from ..stored_token import Grant, StoredToken, token_end

_PRODUCT_PATH: Final = "/v1/products/{product_key}"
_SEARCH_PATH: Final = _PRODUCT_PATH + "/devices/search"
_DEFINITION_PATH: Final = _PRODUCT_PATH + "/datapoint"
_TOKEN_PATH: Final = "/access_token"
_TOKEN_OF_ANOTHER_PRODUCT: Final = 5010
_MINUTE: Final = 60
_HOUR: Final = 3600
_LONGEST_RESET_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product that the enterprise is associated with; `group_id` limits it to the devices of one group.

    `auth_id` and `auth_secret` are its push credentials.
    """

    product_key: str
    product_secret: str = field(repr=False)
    group_id: str | None = None
    auth_id: str | None = None
    auth_secret: str | None = field(default=None, repr=False)

    @property
    def is_pushed(self) -> bool:
        """Whether it has push credentials."""
        return bool(self.auth_id and self.auth_secret)


class ProductAccess:
    """Access to the products of an enterprise."""

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str,
        enterprise_id: str,
        enterprise_secret: str,
        products: Sequence[Product],
        client_store: ClientStore,
        budget: Budget,
        parallel: int,
    ) -> None:
        """Act as the enterprise; `api_url` may end with the version of the API or not."""
        address = api_url.rstrip("/").removesuffix("/v1")
        self._http = HttpClient(transport, address, self._inspect, parallel=parallel, budget=budget)
        self._enterprise_id = enterprise_id
        self._enterprise_secret = enterprise_secret
        self._refusal: AuthFailed | None = None
        self._working: set[str] = set()  # products whose token was accepted
        self._budget = budget
        self._window_seconds = _MINUTE
        self._tokens: dict[str, StoredToken] = {}
        for product in products:
            self._tokens.setdefault(product.product_key, self._token_of(product, client_store))

    async def enter(self, product_key: str) -> None:
        """Make sure that there is a valid token of the product ("Enterprise API, Access token").

        Raises `AuthFailed` for the enterprise, `Forbidden` with the product key for the product.
        """
        await self._guarded(product_key, self._keeper_of(product_key).get)

    async def request(
        self, product_key: str, method: str, path: str, *, parts: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        """Send a request about a product and return the body of the answer; `path` follows the product in the address.

        Raises any `CloudError`; `Forbidden` with the product key.
        """

        async def send(token: str, method: str, template: str, **options: Any) -> Any:
            headers = {"Content-Type": "application/json", "Authorization": f"token {token}"}
            parts = {"product_key": product_key, **options.pop("parts", {})}
            return (await self._http.request(method, template, parts=parts, headers=headers, **options)).body

        async def call(token: str) -> Any:
            body = await send(token, method, _PRODUCT_PATH + path, parts=parts or {}, **options)
            self._working.add(product_key)
            return body

        async def probe(token: str, endpoint: str) -> None:
            # The two cheapest endpoints that every product has.
            await send(token, "GET", _SEARCH_PATH if endpoint != _SEARCH_PATH else _DEFINITION_PATH)

        return await self._guarded(product_key, partial(self._keeper_of(product_key).use, call, probe))

    async def request_as_enterprise(
        self, method: str, path: str, *, params: Mapping[str, str | int], purpose: Purpose = Purpose.CONTROL
    ) -> Any:
        """Send a request with the headers of the enterprise instead of a product's token, and return its answer.

        Raises any `CloudError` but `AuthFailed`: the enterprise's secret is checked with every product's token, so a
        refusal here means that this function is not granted (`Forbidden`, FEATURE_NOT_GRANTED).
        """
        headers = {
            "X-Gizwits-Enterprise-ID": self._enterprise_id,
            "X-Gizwits-Enterprise-Secret": self._enterprise_secret,
        }
        try:
            return (await self._http.request(method, path, params=params, headers=headers, purpose=purpose)).body
        except TokenRefused as refusal:
            raise Forbidden(
                Reason.FEATURE_NOT_GRANTED, endpoint=refusal.endpoint, status=refusal.status, code=refusal.code
            ) from refusal

    async def _guarded[T](self, product_key: str, call: Callable[[], Awaitable[T]]) -> T:
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)
        try:
            return await call()
        except Forbidden as error:
            if error.reason is Reason.FEATURE_NOT_GRANTED and error.endpoint.endswith(_TOKEN_PATH):
                # Without a token no function of the product works.
                raise _of_product(error, product_key, Reason.DEVICES_NOT_GRANTED) from error
            error.subject = product_key
            raise
        except Unreachable as refusal:
            if refusal.code == _TOKEN_OF_ANOTHER_PRODUCT:
                raise _of_product(refusal, product_key) from refusal
            raise
        except AuthFailed as refusal:
            # A server that granted a fresh token accepts the enterprise. If another product works, only this one is
            # refused.
            is_granted = not refusal.endpoint.endswith(_TOKEN_PATH)
            if refusal.code == _TOKEN_OF_ANOTHER_PRODUCT or (is_granted and self._working - {product_key}):
                raise _of_product(refusal, product_key) from refusal
            self._refusal = refusal
            raise

    def _keeper_of(self, product_key: str) -> TokenKeeper:
        if product_key not in self._tokens:
            raise Forbidden(Reason.UNKNOWN_PRODUCT, subject=product_key)
        return self._tokens[product_key].keeper

    def _token_of(self, product: Product, client_store: ClientStore) -> StoredToken:
        request = partial(self._fetch_token, product)
        return StoredToken(
            client_store, f"token {product.product_key}", owner=self._enterprise_id, days_ahead=1, request=request
        )

    async def _fetch_token(self, product: Product) -> Grant:
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)
        answer = await self._http.request(
            "POST",
            _PRODUCT_PATH + _TOKEN_PATH,
            parts={"product_key": product.product_key},
            json_body={
                "enterprise_id": self._enterprise_id,
                "enterprise_secret": self._enterprise_secret,
                "product_secret": product.product_secret,
            },
        )
        fields = coerce.fields(answer.body)
        token = coerce.text(fields.get("token"))
        if token is None:
            raise answer.error(UnexpectedAnswer, subject=product.product_key)
        return Grant(token=token, expires_at=token_end(fields, "expired_at", "expire_at"))

    def _inspect(self, answer: Answer) -> CloudError | None:
        """Read the quota of an answer and find its error; slow down after a refusal for too many requests."""
        self._update_quota(answer.headers)
        error = find_enterprise_error(answer)
        if isinstance(error, RateLimited):
            self._budget.slow_down()
        return error

    def _update_quota(self, headers: Mapping[str, str]) -> None:
        limit = wire_values.count(headers.get("X-RateLimit-Limit"))
        remaining = wire_values.count(headers.get("X-RateLimit-Remaining"))
        resets_at = wire_values.epoch_seconds(headers.get("X-RateLimit-Reset"))
        if resets_at is not None and abs(resets_at - time.time()) > _LONGEST_RESET_SECONDS:
            resets_at = None
        if limit is None and remaining is None:
            return
        # The document states an hour, but shows a limit that suits a minute. A reset more than a minute away proves
        # an hour.
        if resets_at is None or resets_at - time.time() > _MINUTE:
            self._window_seconds = _HOUR
        self._budget.update_quota(
            limit=limit, window_seconds=self._window_seconds, remaining=remaining, resets_at=resets_at
        )


def _of_product(refusal: CloudError, product_key: str, reason: Reason = Reason.PRODUCT_NOT_ASSOCIATED) -> Forbidden:
    return Forbidden(
        reason,
        endpoint=refusal.endpoint,
        status=refusal.status,
        code=refusal.code,
        subject=product_key,
    )
