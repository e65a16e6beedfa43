"""Small simulated accounts, which are quick to record."""

import pytest

from simulator.simulation import Simulation


def make_small(simulation: Simulation) -> None:
    """Leave a handful of devices in each cloud."""
    for product in simulation.gizwits_enterprise.products.values():
        product.devices = dict(list(product.devices.items())[:4])
    sodata = simulation.sodata
    kept = {"Passerelle Sélestat", "Masterys U2 CDS", "Countis E50"}
    sodata.devices = {uuid: device for uuid, device in sodata.devices.items() if device.name in kept}


@pytest.fixture
def simulation(simulation: Simulation) -> Simulation:
    """All simulated clouds with small fleets."""
    make_small(simulation)
    return simulation
