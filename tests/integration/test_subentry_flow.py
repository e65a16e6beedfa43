"""Adding products and usage queries to an account, and changing them."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, make_entry
from .flows import (
    QUERY_TYPED,
    TEXTS,
    Input,
    add,
    check_texts,
    fields_of,
    product_typed,
    shown_in,
    typed_for,
    with_changes,
)
from .passing_time import until

OTHER_QUERY: Input = {"aty": "platform", "field": "deviceName", "period": "hour"}


def subentry_type_of(entry: ConfigEntry) -> str:
    """Return the subentry type of an entry's cloud."""
    return {"gizwits_enterprise": "product", "firstlight": "usage_query"}[entry.data["cloud"]]


async def begin(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    """Begin to add a subentry."""
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, subentry_type_of(entry)), context={"source": SOURCE_USER}
    )


async def begin_change(hass: HomeAssistant, entry: ConfigEntry, subentry: ConfigSubentry) -> Any:
    """Begin to change a subentry."""
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, subentry_type_of(entry)),
        context={"source": "reconfigure", "subentry_id": subentry.subentry_id},
    )


async def submit(hass: HomeAssistant, form: Any, user_input: Input) -> Any:
    """Submit a form of a subentry."""
    check_texts(form, TEXTS["config_subentries"][form["handler"][1]])
    result = await hass.config_entries.subentries.async_configure(form["flow_id"], user_input)
    check_texts(result, TEXTS["config_subentries"][form["handler"][1]])
    return result


@pytest.fixture
async def enterprise(hass: HomeAssistant, simulation: Simulation, setup_entry: None) -> ConfigEntry:
    """An account of an enterprise with its first product."""
    return (await add(hass, simulation, "gizwits_enterprise"))["result"]  # type: ignore[no-any-return]


@pytest.fixture
async def firstlight(hass: HomeAssistant, simulation: Simulation, setup_entry: None) -> ConfigEntry:
    """An account of a user with a first query."""
    return (await add(hass, simulation, "firstlight"))["result"]  # type: ignore[no-any-return]


def last_subentry(entry: ConfigEntry) -> ConfigSubentry:
    """Return the subentry that was added last."""
    return list(entry.subentries.values())[-1]


@pytest.mark.parametrize("kind", ["gizwits_open", "sodata"])
async def test_other_clouds_have_no_subentries(
    hass: HomeAssistant, simulation: Simulation, setup_entry: None, kind: str
) -> None:
    assert make_entry(hass, simulation, kind).supported_subentry_types == {}


async def test_a_product_is_added(hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry) -> None:
    product = list(simulation.gizwits_enterprise.products.values())[1]
    typed = product_typed(simulation, 1) | {"advanced": {"auth_id": "push-id", "auth_secret": "push-secret"}}
    result = await submit(hass, await begin(hass, enterprise), typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    subentry = last_subentry(enterprise)
    assert (subentry.unique_id, subentry.title) == (product.product_key, "Smart electricity meter")
    assert dict(subentry.data) == {
        "product_key": product.product_key,
        "product_secret": product.product_secret,
        "auth_id": "push-id",
        "auth_secret": "push-secret",
    }


async def test_a_query_is_added(hass: HomeAssistant, firstlight: ConfigEntry) -> None:
    typed = OTHER_QUERY | {"item_id": "item/7", "advanced": {"item_id_as_parameter": True, "date_format": "iso"}}
    result = await submit(hass, await begin(hass, firstlight), typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    subentry = last_subentry(firstlight)
    assert subentry.unique_id == "platform/deviceName/item%2F7/hour/"
    assert subentry.title == "platform deviceName of item/7 per hour"
    assert dict(subentry.data) == {
        "aty": "platform",
        "field": "deviceName",
        "item_id": "item/7",
        "period": "hour",
        "date_format": "iso",
        "item_id_as_parameter": True,
    }


async def test_a_product_cannot_be_added_twice(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry
) -> None:
    result = await submit(hass, await begin(hass, enterprise), product_typed(simulation))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_a_query_cannot_be_added_twice(hass: HomeAssistant, firstlight: ConfigEntry) -> None:
    result = await submit(hass, await begin(hass, firstlight), QUERY_TYPED | {"unit": "another unit"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"product_key": " "}, {"product_key": "missing"}),
        ({"product_key": "0" * 32}, {"product_key": "unknown_product"}),
        ({"product_secret": "wrong"}, {"product_secret": "wrong_product_secret"}),
        ({"advanced": {"auth_secret": "secret"}}, {"advanced": "incomplete_push", "auth_id": "incomplete_push"}),
    ],
)
async def test_the_user_can_correct_a_refused_product(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry, changes: Input, errors: dict[str, str]
) -> None:
    typed = with_changes(product_typed(simulation, 1), changes)
    result = await submit(hass, await begin(hass, enterprise), typed)
    assert result["errors"] == errors
    result = await submit(hass, result, product_typed(simulation, 1))
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"field": " "}, {"field": "missing"}),
        ({"period": "decade"}, {"period": "wrong_query"}),
        ({"advanced": {"date_format": "date"}}, {"advanced": "wrong_query", "date_format": "wrong_query"}),
    ],
)
async def test_the_user_can_correct_a_refused_query(
    hass: HomeAssistant, firstlight: ConfigEntry, changes: Input, errors: dict[str, str]
) -> None:
    result = await submit(hass, await begin(hass, firstlight), with_changes(OTHER_QUERY, changes))
    assert result["errors"] == errors
    result = await submit(hass, result, OTHER_QUERY)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_the_form_demands_an_item_that_the_cloud_requires(
    hass: HomeAssistant, simulation: Simulation, firstlight: ConfigEntry
) -> None:
    simulation.firstlight.requires_item_id = True
    result = await submit(hass, await begin(hass, firstlight), OTHER_QUERY)
    assert result["errors"] == {"item_id": "item_id_missing"}
    result = await submit(hass, result, OTHER_QUERY | {"item_id": "content-123"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_problem_of_the_account_is_shown_above_the_form(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry
) -> None:
    form = await begin(hass, enterprise)
    simulation.gizwits_enterprise.enterprise_secret = "another"
    result = await submit(hass, form, product_typed(simulation, 1))
    assert result["errors"] == {"base": "wrong_enterprise_secret"}


@pytest.mark.parametrize("kind", ["gizwits_enterprise", "firstlight"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(drops=True), "cannot_connect"),
        (Fault(status=429, body="{}"), "rate_limited"),
        (Fault(body="[]"), "unexpected_answer"),
    ],
)
async def test_a_network_problem_is_shown_and_passes(
    hass: HomeAssistant, simulation: Simulation, setup_entry: None, kind: str, fault: Fault, error: str
) -> None:
    entry = (await add(hass, simulation, kind))["result"]
    typed = product_typed(simulation, 1) if kind == "gizwits_enterprise" else OTHER_QUERY
    for server in simulation.servers:
        server.faults.append(fault)
    result = await submit(hass, await begin(hass, entry), typed)
    assert result["errors"] == {"base": error}
    for server in simulation.servers:
        server.faults.clear()
    result = await submit(hass, result, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_product_is_changed_without_typing_its_secret_again(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry
) -> None:
    product = next(iter(simulation.gizwits_enterprise.products.values()))
    push = {"advanced": {"auth_id": "push-id", "auth_secret": "push-secret"}}
    form = await begin_change(hass, enterprise, last_subentry(enterprise))
    assert shown_in(form) == {"product_key": product.product_key}
    assert fields_of(form) == {"product_key", "product_secret", "gid", "auth_id", "auth_secret"}
    result = await submit(hass, form, {"product_key": product.product_key, **push})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    stored = {"product_key": product.product_key, "product_secret": product.product_secret}
    assert dict(last_subentry(enterprise).data) == stored | push["advanced"]

    form = await begin_change(hass, enterprise, last_subentry(enterprise))
    assert shown_in(form) == {"product_key": product.product_key, "auth_id": "push-id"}
    await submit(hass, form, {"product_key": product.product_key, "advanced": {}})
    assert dict(last_subentry(enterprise).data) == stored  # a push without its id has no secret either


async def test_a_query_that_is_removed_while_the_cloud_tries_it_is_not_changed(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    query, gate = last_subentry(entry), asyncio.Event()
    form = await begin_change(hass, entry, query)
    simulation.firstlight.faults.append(Fault(gate=gate))
    simulation.firstlight.requests.clear()
    change = asyncio.create_task(submit(hass, form, {"aty": "content", "field": "genre", "period": "week"}))
    await until(lambda: simulation.firstlight.requests)
    hass.config_entries.async_remove_subentry(entry, query.subentry_id)
    gate.set()
    result = await change
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "scope_gone")


async def test_a_corrected_product_sets_the_account_up_at_once(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_enterprise
    product = next(iter(server.products.values()))
    server.products = {product.product_key: product}
    entry = make_entry(hass, simulation, "gizwits_enterprise")
    subentry = last_subentry(entry)
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "product_secret": "old"})
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    result = await submit(hass, await begin_change(hass, entry, subentry), product_typed(simulation))
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.state.value == "loaded"


async def test_a_changed_product_must_stay_the_same_product(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry
) -> None:
    form = await begin_change(hass, enterprise, last_subentry(enterprise))
    result = await submit(hass, form, product_typed(simulation, 1))
    assert result["errors"] == {"product_key": "other_product"}
    result = await submit(hass, result, product_typed(simulation) | {"product_secret": "wrong"})
    assert result["errors"] == {"product_secret": "wrong_product_secret"}
    result = await submit(hass, result, product_typed(simulation))
    assert result["reason"] == "reconfigure_successful"


async def test_a_query_is_changed(hass: HomeAssistant, firstlight: ConfigEntry) -> None:
    form = await begin_change(hass, firstlight, last_subentry(firstlight))
    assert shown_in(form) == QUERY_TYPED | {"date_format": "iso", "item_id_as_parameter": False}
    result = await submit(hass, form, QUERY_TYPED | {"period": "month"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    subentry = last_subentry(firstlight)
    assert (subentry.unique_id, subentry.title) == ("content/genre//day/", "content genre per month")
    assert subentry.data["period"] == "month"


async def test_a_query_cannot_become_another_existing_query(hass: HomeAssistant, firstlight: ConfigEntry) -> None:
    await submit(hass, await begin(hass, firstlight), OTHER_QUERY)
    form = await begin_change(hass, firstlight, last_subentry(firstlight))
    result = await submit(hass, form, QUERY_TYPED)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_a_changed_query_replaces_the_old_one(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")

    def queries() -> set[str]:
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        return {device_id for device in devices for _, device_id in device.identifiers} - {str(entry.unique_id)}

    assert queries() == {"content/genre//day/"}
    form = await begin_change(hass, entry, last_subentry(entry))
    await submit(hass, form, QUERY_TYPED | {"group_by": "network"})
    await hass.async_block_till_done()
    assert queries() == {"content/genre//day/network"}


async def test_a_query_with_another_period_keeps_its_figures(hass: HomeAssistant, simulation: Simulation) -> None:
    simulation.firstlight.usages["content/genre"].figures["Drama"] = 3
    entry = await add_account(hass, simulation, "firstlight")
    simulation.firstlight.usages["content/genre"].figures["Drama"] = 90
    registry = er.async_get(hass)
    before = {one.unique_id: one.entity_id for one in er.async_entries_for_config_entry(registry, entry.entry_id)}
    form = await begin_change(hass, entry, last_subentry(entry))
    await submit(hass, form, QUERY_TYPED | {"period": "month"})
    await hass.async_block_till_done()
    after = {one.unique_id: one.entity_id for one in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert after == before
    assert simulation.firstlight.log[-1].query["period"] == "month"
    drama = entity_id_of(hass, "sensor", entry, "content/genre//day/", "value:Drama")
    state = hass.states.get(drama)
    assert state is not None
    assert float(state.state) == 90

    # Another query with ids of its own may now use the former period.
    result = await submit(hass, await begin(hass, entry), QUERY_TYPED)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert last_subentry(entry).unique_id == "content/genre//day/2"
    assert [scope.id for scope in entry.runtime_data.coordinator.cloud.scopes] == [
        "content/genre//day/",
        "content/genre//day/2",
    ]
    result = await submit(hass, await begin(hass, entry), QUERY_TYPED | {"period": "month"})
    assert result["reason"] == "already_configured"


async def test_each_query_is_requested_at_most_twice_while_queries_are_added(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    firstlight = (await add(hass, simulation, "firstlight"))["result"]
    await hass.async_block_till_done()
    for period in ("hour", "week", "month"):
        await submit(hass, await begin(hass, firstlight), OTHER_QUERY | {"period": period})
        await hass.async_block_till_done()
    assert len(firstlight.runtime_data.coordinator.cloud.scopes) == 4
    requests = Counter(request.query["period"] for request in simulation.firstlight.log)
    assert requests == dict.fromkeys(("hour", "day", "week", "month"), 2)


async def test_a_query_may_be_ordered_and_cut(hass: HomeAssistant, simulation: Simulation) -> None:
    firstlight = (await add(hass, simulation, "firstlight"))["result"]
    simulation.firstlight.requires_order = True
    form = await begin(hass, firstlight)
    result = await submit(hass, form, OTHER_QUERY)
    assert result["errors"] == {"advanced": "wrong_query", "sort_order": "wrong_query"}
    order = {"sort_by": "value", "sort_order": "desc", "most_rows": 2.0}
    result = await submit(hass, result, OTHER_QUERY | {"advanced": order})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert last_subentry(firstlight).data["most_rows"] == 2
    await hass.async_block_till_done()
    assert simulation.firstlight.log[-1].query["pageSize"] == "2"
    call = {"config_entry_id": firstlight.entry_id, "query": "platform deviceName per hour", "range": "today"}
    answer: Any = await hass.services.async_call(DOMAIN, "get_usage", call, blocking=True, return_response=True)
    assert (answer["most_rows"], len(answer["rows"]), answer["complete"]) == (2, 2, True)


async def test_a_new_query_is_polled_at_once(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    known = {device.id for device in entry.runtime_data.coordinator.inventory.listed}
    await submit(hass, await begin(hass, entry), OTHER_QUERY)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    now = {device.id for device in entry.runtime_data.coordinator.inventory.listed}
    assert now - known == {"platform/deviceName//hour/"}


# Products without a definition


async def test_the_form_warns_of_a_product_without_datapoints_and_adds_it(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry
) -> None:
    list(simulation.gizwits_enterprise.products.values())[1].has_definition = False
    result = await submit(hass, await begin(hass, enterprise), product_typed(simulation, 1))
    assert result["errors"] == {"product_key": "no_datapoints"}
    assert shown_in(result).items() >= product_typed(simulation, 1).items()
    result = await submit(hass, result, product_typed(simulation, 1))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_the_form_warns_of_a_first_product_without_datapoints_too(
    hass: HomeAssistant, simulation: Simulation, setup_entry: None
) -> None:
    next(iter(simulation.gizwits_enterprise.products.values())).has_definition = False
    result = await add(hass, simulation, "gizwits_enterprise")
    assert result["errors"] == {"product_key": "no_datapoints"}
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], typed_for(simulation, "gizwits_enterprise")
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_changed_product_does_not_wait_for_its_definition(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry
) -> None:
    next(iter(simulation.gizwits_enterprise.products.values())).has_definition = False
    form = await begin_change(hass, enterprise, last_subentry(enterprise))
    result = await submit(hass, form, product_typed(simulation))
    assert result["reason"] == "reconfigure_successful"


async def test_a_definition_that_is_unavailable_now_does_not_stop_the_flow(
    hass: HomeAssistant, simulation: Simulation, enterprise: ConfigEntry
) -> None:
    fault = Fault(matches=lambda request: request.path.endswith("/datapoint"), status=500, body="")
    simulation.gizwits_enterprise.faults.append(fault)
    result = await submit(hass, await begin(hass, enterprise), product_typed(simulation, 1))
    assert result["type"] is FlowResultType.CREATE_ENTRY
