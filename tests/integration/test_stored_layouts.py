"""The layouts of schedules are stored with the datapoints, for an account that starts without its cloud."""

import json
from datetime import UTC, datetime

from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.fleet.stored_devices import StoredDevice, StoredDevices
from tests.schedules.made_up import wavemaker


def test_layouts_survive_being_stored() -> None:
    definition = parse({"entities": [{"attrs": wavemaker()}]})
    assert definition is not None
    datapoints = definition.schema.datapoints
    assert any(datapoint.record is not None for datapoint in datapoints)
    device = Device(id="d", name="Wavemaker", schema_id="p")
    stored = StoredDevices(
        listed_at=datetime(2026, 1, 1, tzinfo=UTC),
        devices=(StoredDevice(device=device, missed_polls=0, datapoints=datapoints),),
    )
    read = StoredDevices.of(json.loads(json.dumps(stored.as_json())))
    assert read is not None
    assert read.devices[0].datapoints == datapoints


def test_a_layout_that_cannot_be_read_costs_its_datapoint_alone() -> None:
    slot = {"key": "a", "name": "a", "data_type": "binary", "record": {"pattern": "a", "layout": [{"meanings": [7]}]}}
    other = {"key": "b", "name": "b", "data_type": "binary"}
    stored = {
        "listed_at": "2026-01-01T00:00:00+00:00",
        "devices": [{"device": {"id": "d", "name": "d", "schema_id": "p"}, "missed": 0, "schema": 0}],
        "schemas": [[slot, other]],
    }
    read = StoredDevices.of(stored)
    assert read is not None
    assert [datapoint.key for datapoint in read.devices[0].datapoints] == ["b"]
