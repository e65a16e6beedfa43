"""Events of a whole cloud: it is unreachable, forgets its tokens, refuses credentials or has a wrong clock."""

from collections.abc import Callable

import pytest
from yarl import URL

from simulator.simulation import Simulation
from tests.integration.accounts import KINDS

from .account import UNAVAILABLE
from .complaints import Complaints
from .conftest import MakeAccount, Record
from .requests import servers

_STEPS_TO_COME_BACK = 2
_TIMES_THE_USUAL = 3
_FEW = 3


@pytest.mark.parametrize("is_restarted", [False, True], ids=["while running", "at a restart"])
@pytest.mark.parametrize("cloud", KINDS)
async def test_an_account_survives_unreachable_servers(
    make_account: MakeAccount, record: Record, cloud: str, is_restarted: bool
) -> None:
    account = make_account(cloud)
    await account.live_well()
    inventory_before = account.inventory()
    complaints = Complaints()
    ports = {server.name: URL(server.url).port or 0 for server in servers(account.simulation, cloud)}
    for server in servers(account.simulation, cloud):
        await server.stop()
    if is_restarted:
        await account.reload()
        complaints.add_if_not_shown(account, "after the restart")
    for _ in range(account.pace.steps_until_stale):
        await account.step()
    complaints.add_if(not account.lines(), "lost in silence")
    complaints.add_of_repetition(account)
    complaints.add_of_sign_in(account)

    for server in servers(account.simulation, cloud):
        await server.start(ports[server.name])
    account.report()
    for _ in range(_STEPS_TO_COME_BACK):
        await account.step()
    complaints.add_if_not_back(account)
    complaints.add_if(inventory_before != account.inventory(), "there are other things than before")
    complaints.add_of_tracebacks(account)
    record(cloud, f"servers refused {'at a restart' if is_restarted else 'while running'}", complaints)


@pytest.mark.parametrize("cloud", KINDS[:3])
async def test_an_account_survives_tokens_that_are_revoked_again_and_again(
    make_account: MakeAccount, record: Record, cloud: str
) -> None:
    account = make_account(cloud)
    await account.live_well()
    complaints = Complaints()
    for _ in range(5):
        account.revoke_tokens()
        account.report()
        await account.step()
        complaints.add_if_not_shown(account, "not read")
    is_storm = account.requests() > _TIMES_THE_USUAL * 5 * account.usual_step + _FEW
    complaints.add_if(is_storm, f"{account.requests()} requests where {5 * account.usual_step} are usual")
    complaints.add_of("logged without need", account.lines())
    complaints.add_of_sign_in(account)
    complaints.add_of_tracebacks(account)
    record(cloud, "tokens revoked", complaints)


@pytest.mark.parametrize("cloud", KINDS)
async def test_an_account_survives_credentials_that_are_refused_for_a_day(
    make_account: MakeAccount, record: Record, cloud: str
) -> None:
    account = make_account(cloud)
    await account.live_well()
    complaints = Complaints()
    restore = _change_credentials(account.simulation, cloud)
    account.revoke_tokens()
    for _ in range(account.pace.steps_until_stale):
        await account.step()
    complaints.add_if(len(account.sign_ins()) != 1, f"asks to sign in {len(account.sign_ins())} times")
    requests, usual = account.requests(), account.usual_step * account.pace.steps_until_stale
    complaints.add_if(requests > _TIMES_THE_USUAL * usual, f"{requests} requests where {usual} are usual")
    await account.step(86_400)

    restore()
    account.report()
    # The account retries refused credentials after growing pauses, of some hours in the end.
    for _ in range(24):
        await account.step(3600 / 2)
    complaints.add_if_not_back(account)
    complaints.add_of_tracebacks(account)
    record(cloud, "credentials refused for a day", complaints)


@pytest.mark.parametrize("minutes", [-525_600, -10, 10, 525_600])
@pytest.mark.parametrize("cloud", KINDS)
async def test_an_account_survives_a_vendor_with_a_wrong_clock(
    make_account: MakeAccount, record: Record, cloud: str, minutes: int
) -> None:
    account = make_account(cloud)
    await account.live_well()
    complaints = Complaints()
    account.simulation.seconds_ahead = minutes * 60
    # A report under a clock that is a little ahead must not remain the known value once the clock is right again.
    steps = 2 if abs(minutes) < 60 else account.pace.steps_until_stale // 2
    for _ in range(steps):
        account.report()
        await account.step()
    is_false = minutes > 0 and account.shown() not in {account.value, *UNAVAILABLE}
    complaints.add_if(is_false, f"shows {account.shown()} for {account.value}")
    requests, usual = account.requests(), account.usual_start + account.usual_step * steps
    complaints.add_if(requests > _TIMES_THE_USUAL * usual + _FEW, f"{requests} requests where {usual} are usual")
    complaints.add_of_sign_in(account)

    account.simulation.seconds_ahead = 0
    account.report()
    for _ in range(_STEPS_TO_COME_BACK):
        await account.step()
    complaints.add_if_not_back(account)
    complaints.add_of_tracebacks(account)
    record(cloud, f"vendor's clock {minutes:+} minutes", complaints)


def _change_credentials(simulation: Simulation, cloud: str) -> Callable[[], None]:
    """Make the credentials of the account wrong; return a function that makes them right again."""
    holder, name = {
        "gizwits_open": (next(iter(simulation.gizwits_open.accounts.users.values())), "password"),
        "gizwits_enterprise": (simulation.gizwits_enterprise, "enterprise_secret"),
        "sodata": (simulation.keycloak, "password"),
        "firstlight": (simulation.firstlight, "authorization_token"),
    }[cloud]
    right = getattr(holder, name)
    setattr(holder, name, "changed")
    return lambda: setattr(holder, name, right)
