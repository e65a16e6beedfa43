"""The appliances of the Open API obey as real ones do."""

from typing import Any

import aiohttp
import pytest

from simulator.gizwits.appliances import AQUARIUM_LIGHT, DOSER, GARDEN_SPA, PANEL_HEATER
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import Product
from simulator.simulation import Simulation

from .conftest import Clock
from .gizwits import logged_in


class Appliance:
    """One appliance and the user's way to it."""

    def __init__(self, timed: Simulation, session: aiohttp.ClientSession, clock: Clock, product: Product) -> None:
        self._server, self._session, self._clock = timed.gizwits_open, session, clock
        timed.gizwits_open.write_delay = 0
        made = timed.gizwits_open.add_appliances()
        self.device: GizwitsDevice = next(device for device in made if device.product is product)

    async def command(self, **attrs: Any) -> None:
        caller = await logged_in(self._session, self._server)
        answer = await caller.request("POST", f"/app/control/{self.device.did}", json={"attrs": attrs})
        assert answer.status == 200, answer.body

    def after(self, seconds: float, *names: str) -> list[Any]:
        self._clock.now += seconds
        return [self.device.attrs[name] for name in names]


@pytest.fixture
def appliance(
    request: pytest.FixtureRequest, timed: Simulation, session: aiohttp.ClientSession, clock: Clock
) -> Appliance:
    clock.now = clock.now // 60 * 60
    return Appliance(timed, session, clock, request.param)


@pytest.mark.parametrize("appliance", [GARDEN_SPA], indirect=True)
async def test_a_spa_needs_its_filter_to_heat(appliance: Appliance) -> None:
    await appliance.command(power=0)
    assert appliance.after(0, "power", "filter", "heat", "wave") == [0, 0, 0, 0]
    await appliance.command(heat=3)
    assert appliance.after(0, "power", "filter", "heat") == [1, 2, 5]
    await appliance.command(filter=0)
    assert appliance.after(0, "power", "filter", "heat") == [1, 0, 0]


@pytest.mark.parametrize("appliance", [GARDEN_SPA], indirect=True)
async def test_a_spa_takes_its_time_to_the_target(appliance: Appliance) -> None:
    await appliance.command(Tset=40)
    assert appliance.after(0, "Tnow", "heat") == [36, 5]
    assert appliance.after(120, "Tnow", "heat") == [38, 5]
    assert appliance.after(300, "Tnow", "heat", "word7") == [40, 4, 40]
    await appliance.command(heat=0)
    assert appliance.after(600, "Tnow", "heat") == [30, 0]


@pytest.mark.parametrize("appliance", [GARDEN_SPA], indirect=True)
async def test_a_spa_shows_another_unit_and_keeps_its_target(appliance: Appliance) -> None:
    await appliance.command(Tunit=0)
    assert appliance.after(0, "Tset", "Tnow", "word7") == [99, 97, 36]
    await appliance.command(Tunit=1)
    assert appliance.after(0, "Tset", "Tnow") == [37, 36]


@pytest.mark.parametrize("appliance", [PANEL_HEATER], indirect=True)
async def test_a_heater_heats_to_the_temperature_of_its_mode(appliance: Appliance) -> None:
    await appliance.command(mode="cft")
    assert appliance.after(60, "cur_tempH", "cur_tempL", "Heating_state") == [0, 185, True]
    assert appliance.after(600, "cur_tempL", "Heating_state") == [210, False]
    await appliance.command(derog_mode=1, derog_time=7)
    assert appliance.after(60, "cur_tempL", "derog_time") == [200, 7]
    await appliance.command(derog_mode=0)
    assert appliance.after(0, "derog_time") == [0]
    await appliance.command(on_off=0)
    assert appliance.after(3600, "cur_tempL") == [70]


@pytest.mark.parametrize("appliance", [AQUARIUM_LIGHT], indirect=True)
async def test_a_light_that_follows_its_schedule_ignores_what_is_set_by_hand(appliance: Appliance) -> None:
    await appliance.command(Mode=1)
    await appliance.command(White=10)
    assert appliance.after(0, "White", "Mode") == [60, 1]
    await appliance.command(White=10, Mode=0)
    assert appliance.after(0, "White", "Mode") == [10, 0]


@pytest.mark.parametrize("appliance", [DOSER], indirect=True)
async def test_a_head_stops_after_a_dose(appliance: Appliance) -> None:
    await appliance.command(channe2=True)
    assert appliance.after(0, "channe1", "channe2") == [False, True]
    assert appliance.after(10, "channe2") == [False]
    await appliance.command(channe3=True)
    await appliance.command(switch=False)
    assert appliance.after(0, "channe3") == [False]
