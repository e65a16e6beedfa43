"""Tests that a token is renewed early, once for all waiting callers, and once more after a refusal."""

import asyncio

import pytest

from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    Reason,
    TokenRefused,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.tokens import Token, TokenKeeper


class Issuer:
    """Issues tokens that live 100 s, on a clock that only the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.renewals = 0
        self.failures: list[Exception] = []
        self.probed: list[tuple[str, str]] = []
        self.probe_error: CloudError | None = None
        self.keeper = TokenKeeper(self.renew, lambda: self.now, early=10)

    async def renew(self) -> Token:
        self.renewals += 1
        number = self.renewals
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        return Token(f"token {number}", self.now + 100)

    async def probe(self, token: str, endpoint: str) -> None:
        self.probed.append((token, endpoint))
        await asyncio.sleep(0)
        if self.probe_error is not None:
            raise self.probe_error


async def test_token_is_kept_until_it_expires() -> None:
    issuer = Issuer()
    first = await issuer.keeper.get()
    issuer.now += 89
    assert await issuer.keeper.get() is first
    assert issuer.renewals == 1


async def test_token_is_renewed_early() -> None:
    issuer = Issuer()
    await issuer.keeper.get()
    issuer.now += 90
    assert (await issuer.keeper.get()).value == "token 2"


async def test_stored_token_is_used_first() -> None:
    issuer = Issuer()
    keeper = TokenKeeper(issuer.renew, lambda: issuer.now, early=10, token=Token("kept", issuer.now + 50))
    assert (await keeper.get()).value == "kept"
    assert issuer.renewals == 0


async def test_parallel_callers_share_one_renewal() -> None:
    issuer = Issuer()
    tokens = await asyncio.gather(*(issuer.keeper.get() for _ in range(5)))
    assert {token.value for token in tokens} == {"token 1"}
    assert issuer.renewals == 1


async def test_parallel_callers_share_one_refusal() -> None:
    issuer = Issuer()
    issuer.failures = [AuthFailed(Reason.WRONG_PASSWORD)]
    answers = await asyncio.gather(*(issuer.keeper.get() for _ in range(5)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {AuthFailed}
    assert issuer.renewals == 1


async def test_later_caller_tries_again_after_a_refusal() -> None:
    issuer = Issuer()
    issuer.failures = [AuthFailed(Reason.WRONG_PASSWORD)]
    with pytest.raises(AuthFailed):
        await issuer.keeper.get()
    assert (await issuer.keeper.get()).value == "token 2"


async def test_valid_token_is_used_on_after_a_failed_renewal() -> None:
    issuer = Issuer()
    first = await issuer.keeper.get()
    issuer.now += 95
    issuer.failures = [Unreachable(Reason.NO_CONNECTION)] * 2
    assert await issuer.keeper.get() is first
    issuer.now += 5
    with pytest.raises(Unreachable):
        await issuer.keeper.get()


async def test_refused_token_is_renewed_and_the_call_is_repeated_once() -> None:
    issuer = Issuer()
    used: list[str] = []

    async def call(token: str) -> str:
        used.append(token)
        if token == "token 1":
            raise TokenRefused(code=1, endpoint="/x")
        return "done"

    assert await issuer.keeper.use(call, issuer.probe) == "done"
    assert used == ["token 1", "token 2"]


async def test_authentication_fails_if_two_endpoints_refuse_a_new_token() -> None:
    issuer = Issuer()
    issuer.probe_error = TokenRefused()

    async def call(token: str) -> str:
        raise TokenRefused(endpoint="/x", status=401)

    with pytest.raises(AuthFailed) as caught:
        await issuer.keeper.use(call, issuer.probe)
    assert (caught.value.reason, caught.value.endpoint, caught.value.status) == (Reason.TOKEN_REFUSED, "/x", 401)
    assert issuer.renewals == 2
    assert issuer.probed == [("token 1", "/x"), ("token 2", "/x")]


@pytest.mark.parametrize("outcome", [None, Unreachable(Reason.TIMEOUT), Forbidden(Reason.IP_NOT_ALLOWED)])
@pytest.mark.parametrize(("code", "renewals"), [(None, 1), (9004, 2)])
async def test_authentication_does_not_fail_if_only_one_endpoint_refuses_the_token(
    outcome: CloudError | None, code: int | None, renewals: int
) -> None:
    issuer = Issuer()
    issuer.probe_error = outcome

    async def call(token: str) -> str:
        raise TokenRefused(endpoint="/x", status=403, code=code)

    for _ in range(5):
        with pytest.raises(Unreachable) as caught:
            await issuer.keeper.use(call, issuer.probe)
        assert (caught.value.endpoint, caught.value.status, caught.value.code) == ("/x", 403, code)
    assert issuer.renewals == renewals
    assert len(issuer.probed) == 1


async def test_two_endpoints_that_refuse_every_token_do_not_cause_renewals_in_turn() -> None:
    issuer = Issuer()

    for _ in range(5):
        for endpoint in ("/x", "/y"):

            async def call(token: str, endpoint: str = endpoint) -> str:
                raise TokenRefused(endpoint=endpoint, code=9004)

            with pytest.raises(Unreachable):
                await issuer.keeper.use(call, issuer.probe)
    assert issuer.renewals == 3


async def test_token_refused_in_parallel_calls_is_renewed_once() -> None:
    issuer = Issuer()

    async def call(token: str) -> str:
        await asyncio.sleep(0)
        if token == "token 1":
            raise TokenRefused(code=1, endpoint="/x")
        return token

    assert set(await asyncio.gather(*(issuer.keeper.use(call, issuer.probe) for _ in range(4)))) == {"token 2"}
    assert issuer.renewals == 2


async def test_dropping_an_old_token_keeps_the_new_one() -> None:
    issuer = Issuer()
    first = await issuer.keeper.get()
    issuer.keeper.drop(first)
    second = await issuer.keeper.get()
    issuer.keeper.drop(first)
    assert await issuer.keeper.get() is second


def test_repr_of_a_token_hides_its_value() -> None:
    assert "s3cret" not in repr(Token("s3cret", 1))


@pytest.mark.parametrize(("is_new_login", "renewals"), [(False, 3), (True, 2)])
async def test_refusal_of_a_renewed_token_starts_over_from_the_credentials(is_new_login: bool, renewals: int) -> None:
    issuer = Issuer()
    started_over: list[str] = []

    def start_over(token: Token) -> bool:
        started_over.append(token.value)
        return not is_new_login

    async def call(token: str) -> str:
        raise TokenRefused(endpoint="/x")

    keeper = TokenKeeper(issuer.renew, lambda: issuer.now, early=10, start_over=start_over, is_renewal_cheap=True)
    with pytest.raises(AuthFailed):
        await keeper.use(call)
    assert issuer.renewals == renewals
    assert started_over[0] == "token 2"


async def test_cheap_renewal_is_tried_before_a_probe() -> None:
    issuer = Issuer()
    keeper = TokenKeeper(
        issuer.renew,
        lambda: issuer.now,
        early=10,
        is_renewal_cheap=True,
        one_sided_refusal=lambda refusal: Forbidden(endpoint=refusal.endpoint),
    )

    async def call(token: str) -> str:
        raise TokenRefused(endpoint="/x")

    for _ in range(3):
        with pytest.raises(Forbidden):
            await keeper.use(call, issuer.probe)
    assert issuer.renewals == 2
    assert issuer.probed == [("token 2", "/x")]
