"""Tests that the simulated Keycloak and SoData respond and refuse as the vendor's document says."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import jwt
import pytest

from simulator.sodata import KeycloakServer, SoDataDevice, SoDataServer

NOW = 1_790_000_000.0

type Json = Any


class Time:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.seconds = NOW

    def __call__(self) -> float:
        return self.seconds


class Api:
    """Both servers, and a client that has logged in."""

    def __init__(self, time: Time, session: aiohttp.ClientSession) -> None:
        self.time = time
        self.session = session
        self.keycloak = KeycloakServer(time)
        self.sodata = SoDataServer(self.keycloak, time)
        self.token = ""

    async def grant(self, status: int = 200, realm: str = "Socomec", **form: str) -> Json:
        url = f"{self.keycloak.url}/realms/{realm}/protocol/openid-connect/token"
        async with self.session.post(url, data=form) as response:
            assert response.status == status
            return await response.json()

    async def log_in(self, status: int = 200, **changes: str) -> Json:
        keycloak = self.keycloak
        form = {
            "grant_type": "password",
            "client_id": keycloak.client_id,
            "client_secret": keycloak.client_secret,
            "username": keycloak.username,
            "password": keycloak.password,
        }
        return await self.grant(status, **form | changes)

    async def refresh(self, refresh_token: str, status: int = 200) -> Json:
        return await self.grant(
            status,
            grant_type="refresh_token",
            client_id=self.keycloak.client_id,
            client_secret=self.keycloak.client_secret,
            refresh_token=refresh_token,
        )

    @property
    def account(self) -> str:
        return self.sodata.corporate_accounts[0].uuid

    async def request(self, method: str, path: str, status: int = 200, **request: Any) -> Json:
        url = f"{self.sodata.url}/api/v1/ca{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, url, headers=headers, **request) as response:
            assert response.status == status, await response.text()
            return await response.json() if response.content_type == "application/json" else None

    async def get(self, path: str, status: int = 200, **query: Any) -> Json:
        return await self.request("GET", f"/{self.account}/{path}", status, params=query)

    async def last_values(self, device: SoDataDevice) -> dict[str, Json]:
        answer = await self.get(f"devices/{device.uuid}/last-values")
        (shown,) = answer["devices"]
        assert shown["deviceUuid"] == device.uuid
        return {f"{row['itemType']}|{row['itemIndex']}|{row['serviceId']}": row for row in shown["values"]}

    def devices(self, kind: str) -> list[SoDataDevice]:
        return [device for device in self.sodata.devices.values() if device.kind == kind]


@pytest.fixture
async def api(socket_enabled: None) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        api = Api(Time(), session)
        await api.keycloak.start()
        await api.sodata.start()
        api.token = (await api.log_in())["access_token"]
        yield api
        await api.keycloak.stop()
        await api.sodata.stop()


async def test_login_returns_the_documented_response(api: Api) -> None:
    answer = await api.log_in()
    assert answer["expires_in"] == 300
    assert answer["refresh_expires_in"] == 1800
    assert answer["token_type"] == "Bearer"
    assert answer["not-before-policy"] == 0
    assert answer["scope"] == "email profile"
    assert "id_token" not in answer
    assert jwt.get_unverified_header(answer["access_token"])["alg"] == "RS256"
    assert jwt.get_unverified_header(answer["refresh_token"])["alg"] == "HS256"
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["sub"] == api.keycloak.subject


async def test_openid_scope_adds_an_id_token(api: Api) -> None:
    assert "id_token" in await api.log_in(scope="openid")


async def test_subject_can_be_missing(api: Api) -> None:
    api.keycloak.includes_subject = False
    claims = jwt.decode((await api.log_in())["access_token"], options={"verify_signature": False})
    assert "sub" not in claims


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"password": "wrong"}, 401, "invalid_grant"),
        ({"username": "someone@example.com"}, 401, "invalid_grant"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_secret": "other"}, 401, "unauthorized_client"),
        ({"grant_type": "client"}, 400, "unsupported_grant_type"),
    ],
)
async def test_login_is_refused(api: Api, changes: dict[str, str], status: int, error: str) -> None:
    answer = await api.log_in(status, **changes)
    assert answer["error"] == error
    assert answer["error_description"]


async def test_account_and_client_can_be_disabled(api: Api) -> None:
    api.keycloak.is_account_disabled = True
    assert (await api.log_in(400))["error_description"] == "Account disabled"
    api.keycloak.is_account_disabled = False
    api.keycloak.is_account_set_up = False
    assert (await api.log_in(400))["error_description"] == "Account is not fully set up"
    api.keycloak.allows_password_grant = False
    answer = await api.log_in(400)
    assert answer == {
        "error": "unauthorized_client",
        "error_description": "Client not allowed for direct access grants",
    }


async def test_token_endpoint_accepts_only_forms_and_its_realm(api: Api) -> None:
    assert await api.grant(404, realm="master") == {"error": "Realm does not exist"}
    assert (await api.grant(400, client_id="x"))["error_description"] == "Missing form parameter: grant_type"
    url = f"{api.keycloak.url}/realms/Socomec/protocol/openid-connect/token"
    async with api.session.post(url, json={"grant_type": "password"}) as response:
        assert response.status == 415
    async with api.session.get(url) as response:
        assert response.status == 405
    form = [("grant_type", "password"), ("grant_type", "password")]
    async with api.session.post(url, data=form) as response:
        assert response.status == 400


async def test_realm_describes_its_token_endpoint(api: Api) -> None:
    async with api.session.get(f"{api.keycloak.url}/realms/Socomec/.well-known/openid-configuration") as response:
        described = await response.json()
    assert described["token_endpoint"] == f"{api.keycloak.url}/realms/Socomec/protocol/openid-connect/token"


async def test_second_use_of_a_refresh_token_ends_the_session(api: Api) -> None:
    first = await api.log_in()
    second = await api.refresh(first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    refused = await api.refresh(first["refresh_token"], 400)
    assert refused == {
        "error": "invalid_grant",
        "error_description": "Maximum allowed refresh token reuse exceeded",
    }
    assert (await api.refresh(second["refresh_token"], 400))["error_description"] == "Session not active"
    api.token = second["access_token"]
    await api.request("GET", "", 401)


async def test_refresh_token_is_invalid_if_old_forged_or_revoked(api: Api) -> None:
    old = (await api.log_in())["refresh_token"]
    assert (await api.refresh("x.y.z", 400))["error_description"] == "Invalid refresh token"
    assert (await api.refresh(api.token, 400))["error_description"] == "Invalid refresh token"
    api.time.seconds += 1800
    assert (await api.refresh(old, 400))["error_description"] == "Token is not active"
    new = (await api.log_in())["refresh_token"]
    api.keycloak.revoke_sessions()
    assert (await api.refresh(new, 400))["error_description"] == "Session not active"


async def test_refresh_lifetime_ends_with_the_session(api: Api) -> None:
    api.keycloak.session_lifetime = 2500
    first = await api.log_in()
    assert first["refresh_expires_in"] == 1800
    api.time.seconds += 1500
    second = await api.refresh(first["refresh_token"])
    assert (second["expires_in"], second["refresh_expires_in"]) == (300, 1000)
    api.time.seconds += 900
    third = await api.refresh(second["refresh_token"])
    assert (third["expires_in"], third["refresh_expires_in"]) == (100, 100)


async def test_refresh_token_can_live_forever(api: Api) -> None:
    api.keycloak.refresh_lifetime = 0
    answer = await api.log_in()
    assert answer["refresh_expires_in"] == 0
    api.time.seconds += 20000
    await api.refresh(answer["refresh_token"])


async def test_api_requires_a_valid_token(api: Api) -> None:
    await api.request("GET", "")
    genuine = api.token
    for wrong in ("", "x.y.z", (await api.log_in())["refresh_token"]):
        api.token = wrong
        await api.request("GET", "", 401)
    api.token = genuine
    api.time.seconds += 299
    await api.request("GET", "")
    api.time.seconds += 1
    await api.request("GET", "", 401)
    api.token = (await api.log_in())["access_token"]
    api.keycloak.revoke_sessions()
    await api.request("GET", "", 401)


async def test_accounts_have_is_master_instead_of_take(api: Api) -> None:
    added = api.sodata.add_corporate_account("Second")
    answer = await api.request("GET", "")
    assert answer["isMaster"] is False
    assert "take" not in answer
    assert answer["total"] == 2
    assert [account["name"] for account in answer["results"]] == ["SoLink", "Second"]
    other = await api.request("GET", f"/{added.uuid}/devices")
    assert other["total"] == 2
    await api.get(f"devices/{other['results'][0]['uuid']}", 404)


async def test_devices_are_paged(api: Api) -> None:
    api.sodata.add_devices("METER", 100)
    total = len(api.sodata.devices)
    answer = await api.get("devices")
    assert (len(answer["results"]), answer["take"], answer["total"]) == (50, 50, total)
    assert len((await api.get("devices", take=50, skip=100))["results"]) == total - 100
    assert (await api.get("devices", skip=500))["results"] == []
    api.sodata.page_rules.largest_page = 20
    answer = await api.get("devices", take=100)
    assert (len(answer["results"]), answer["take"]) == (20, 100)
    api.sodata.page_rules.overlap = 2
    later = await api.get("devices", skip=20)
    assert later["results"][:2] == answer["results"][-2:]
    api.sodata.page_rules.has_total = False
    assert "total" not in await api.get("devices")


@pytest.mark.parametrize("query", [{"take": "many"}, {"take": "0"}, {"skip": "-1"}])
async def test_paging_must_be_numbers(api: Api, query: dict[str, str]) -> None:
    await api.get("devices", 400, **query)


async def test_devices_are_filtered_by_site_and_customer(api: Api) -> None:
    for site in api.sodata.sites:
        answer = await api.get("devices", siteUuid=site.uuid)
        assert {device["siteUuid"] for device in answer["results"]} == {site.uuid}
        assert {device["timeZone"] for device in answer["results"]} == {site.time_zone}
    by_customer = [(await api.get("devices", customerUuid=customer.uuid))["total"] for customer in api.sodata.customers]
    assert sum(by_customer) == len(api.sodata.devices)
    assert all(by_customer)
    assert (await api.get("devices", siteUuid="unknown"))["total"] == 0


async def test_personal_data_are_included_only_on_request(api: Api) -> None:
    plain = (await api.get("devices"))["results"][0]
    assert not {"contact", "address"} & plain.keys()
    full = (await api.get("devices", withContact="true", withAddress="true"))["results"][0]
    assert {"contact", "address"} <= full.keys()


async def test_fleet_has_unusual_devices(api: Api) -> None:
    devices = (await api.get("devices"))["results"]
    assert {device["connectionStatus"] for device in devices} == {None}
    assert any(device["serialNumber"] is None for device in devices)
    assert any(device["gatewayUuid"] is None and device["modelName"] == "Diris" for device in devices)
    assert 2 in Counter(device["name"] for device in devices).values()
    sites = (await api.get("sites"))["results"]
    assert {site["timeZone"] for site in sites} == {"Europe/Paris", "Asia/Kolkata", "Europe/London"}
    assert (await api.get("sites/count"))["count"] == 3
    assert sum(site["devicesQuantity"] for site in sites) == len(devices)
    customers = (await api.get("customers"))["results"]
    assert sum(customer["sitesQuantity"] for customer in customers) == 3


async def test_single_objects_are_found_only_by_uuid(api: Api) -> None:
    ups = api.devices("UPS")[0]
    shown = await api.get(f"devices/{ups.uuid}")
    assert shown["gatewayUuid"] == (await api.get(f"devices/{ups.uuid}/gateway"))["uuid"]
    assert (await api.get(f"sites/{ups.site.uuid}"))["name"] == ups.site.name
    assert (await api.get(f"customers/{ups.site.customer.uuid}"))["name"] == ups.site.customer.name
    await api.get(f"devices/{shown['gatewayId']}", 404)
    await api.get(f"devices/{shown['gatewayUuid']}/gateway", 404)
    await api.request("GET", "/3/devices", 404)


async def test_variables_of_a_ups(api: Api) -> None:
    for ups in api.devices("UPS"):
        answer = await api.get(f"devices/{ups.uuid}/variables")
        assert answer.keys() == {"results", "total"}
        assert answer["total"] == len(answer["results"]) == len({row["uuid"] for row in answer["results"]}) == 141
    variables = {row["streamRef"]: row for row in answer["results"]}
    load = variables["Global 0 140100"]
    assert load["serviceTranslations"]["en"]["title"] == "Ups output global load rate"
    assert {row["itemType"] for row in variables.values()} == {"Global", "Unit", "Load"}
    assert {"Measure", "Alarm", "State"} <= {row["serviceType"] for row in variables.values()}
    assert any(not row["serviceTranslations"] for row in variables.values())
    assert any("en" not in row["serviceTranslations"] and row["serviceTranslations"] for row in variables.values())
    assert all(isinstance(row["itemIndex"], str) and isinstance(row["serviceId"], str) for row in variables.values())
    assert await api.get(f"devices/{ups.uuid}/variables/{load['uuid']}") == load
    await api.get(f"devices/{ups.uuid}/variables/{ups.uuid}", 404)


async def test_last_values_are_texts_with_their_own_dates(api: Api) -> None:
    rows = await api.last_values(api.devices("UPS")[0])
    assert len(rows) < 141
    assert rows["Global|0|140108"]["title"] == "Ups output current L3"
    assert rows["Global|0|140108"]["unit"] == "AMPERE"
    assert rows["Unit|0|144000"]["itemName"] == "Unit 1"
    assert all(isinstance(row["value"], str) for row in rows.values())
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["date"]) for row in rows.values())
    dates = sorted(row["date"] for row in rows.values())
    assert dates[0] < "2026-06"
    assert "2026-09-21T14:08:20" < dates[-1] <= "2026-09-21T14:13:20.000Z"


async def test_values_change_with_the_clock_and_counters_only_grow(api: Api) -> None:
    meter = api.devices("METER")[0]
    energy, power = [], set()
    for _ in range(30):
        values = {variable.key: value for variable, _, value in meter.last_samples()}
        energy.append(float(str(values["Global|0|150100"])))
        power.add(values["Global|0|150102"])
        api.time.seconds += 3600
    assert energy == sorted(set(energy))
    assert len(power) > 20


async def test_alarms_begin_and_end_and_can_have_other_values(api: Api) -> None:
    ups = api.devices("UPS")[0]
    values_read = set()
    for _ in range(24 * 4):
        values_read.add({variable.key: value for variable, _, value in ups.last_samples()}["Global|0|143000"])
        api.time.seconds += 900
    assert values_read == {"0", "1"}
    api.token = (await api.log_in())["access_token"]
    api.sodata.alarm_values = (False, True)
    ups.set("Global", "0", "143000", "1")
    assert (await api.last_values(ups))["Global|0|143000"]["value"] is True


async def test_silent_device_keeps_its_old_values(api: Api) -> None:
    (silent,) = (device for device in api.sodata.devices.values() if device.is_silent)
    rows = await api.last_values(silent)
    assert max(row["date"] for row in rows.values()) < "2026-09-18T14:13:21"
    loud = api.devices("UPS")[0]
    loud.is_silent = True
    before = await api.last_values(loud)
    api.time.seconds += 250
    assert await api.last_values(loud) == before
    loud.is_silent = False
    assert await api.last_values(loud) != before


async def test_values_can_be_set(api: Api) -> None:
    ups = api.devices("UPS")[0]
    ups.set("Global", "0", "140100", "42")
    api.sodata.set_device(ups.uuid, {"values": {"Global|0|140406": None}, "name": "Renamed"})
    rows = await api.last_values(ups)
    assert rows["Global|0|140100"]["value"] == "42"
    assert rows["Global|0|140100"]["date"] == "2026-09-21T14:13:20.000Z"
    assert rows["Global|0|140406"]["value"] is None
    assert rows["Global|0|140406"]["deviceName"] == "Renamed"
    assert api.sodata.describe_devices()[ups.uuid]["values"]["Global|0|140100"] == "42"
    with pytest.raises(KeyError):
        api.sodata.set_device(ups.uuid, {"values": {"Global|0|1": "1"}})
    with pytest.raises(ValueError, match="colour"):
        api.sodata.set_device(ups.uuid, {"colour": "red"})


async def test_objects_without_rights_are_refused(api: Api) -> None:
    ups = api.devices("UPS")[0]
    api.sodata.set_device(ups.uuid, {"is_forbidden": True})
    await api.get(f"devices/{ups.uuid}", 403)
    await api.get(f"devices/{ups.uuid}/last-values", 403)
    assert ups.uuid not in {device["uuid"] for device in (await api.get("devices"))["results"]}
    api.sodata.lists_forbidden = True
    assert ups.uuid in {device["uuid"] for device in (await api.get("devices"))["results"]}


@pytest.mark.parametrize("shape", ["deviceUuids", "devices", "list", None])
async def test_many_last_values_accept_one_shape_of_body(api: Api, shape: Any) -> None:
    uuids = list(api.sodata.devices)[:3]
    bodies: dict[str | None, Any] = {
        "deviceUuids": {"deviceUuids": uuids},
        "devices": {"devices": uuids},
        "list": uuids,
    }
    api.sodata.bulk_body = shape
    path = f"/{api.account}/last-values"
    for name, body in bodies.items():
        if name == shape:
            answer = await api.request("PUT", path, json=body)
            assert [device["deviceUuid"] for device in answer["devices"]] == uuids[::-1]
        else:
            await api.request("PUT", path, 404 if shape is None else 400, json=body)
    if shape is not None:
        await api.request("PUT", path, 400, json={"deviceUuids": uuids, "devices": uuids})


async def test_many_last_values_leave_out_devices_without_rights(api: Api) -> None:
    ups = api.devices("UPS")[0]
    api.sodata.forbidden.add(ups.uuid)
    body = {"deviceUuids": [*api.sodata.devices, "unknown"]}
    answer = await api.request("PUT", f"/{api.account}/last-values", json=body)
    assert {device["deviceUuid"] for device in answer["devices"]} == api.sodata.devices.keys() - {ups.uuid}


def history(device: SoDataDevice, **changes: Any) -> dict[str, Any]:
    series = {"deviceUuid": device.uuid, "itemType": "Global", "itemIndex": "0", "serviceId": "140100"}
    body = {
        "from": "2026-09-20T00:00:00Z",
        "to": "2026-09-21T00:00:00Z",
        "timezone": "UTC",
        "useDeviceLocalTimezone": False,
        "granularity": "raw",
    }
    return body | {"series": [series | changes.pop("series", {})]} | changes


async def test_raw_history_contains_the_earlier_last_values(api: Api) -> None:
    ups = api.devices("UPS")[0]
    row = (await api.last_values(ups))["Global|0|140100"]
    body = history(ups, **{"from": "2026-09-21T14:00:00Z", "to": "2026-09-21T14:13:21Z"})
    answer = await api.request("PUT", f"/{api.account}/datapoints", json=body)
    (series,) = answer["series"]
    assert series["dataType"] == "number"
    assert series["deviceTimeZone"] == "UTC"
    assert series["data"][-1] == {"at": row["date"][:19] + "Z", "value": int(row["value"])}
    assert 3 <= len(series["data"]) <= 7


async def test_history_in_buckets(api: Api) -> None:
    ups = api.devices("UPS")[0]
    path = f"/{api.account}/datapoints"
    raw = (await api.request("PUT", path, json=history(ups)))["series"][0]["data"]
    for aggregation, expected in {
        "min": min(point["value"] for point in raw),
        "max": max(point["value"] for point in raw),
        "count": len(raw),
        "avg": pytest.approx(sum(point["value"] for point in raw) / len(raw)),
    }.items():
        body = history(ups, granularity="day", series={"aggregation": aggregation})
        (point,) = (await api.request("PUT", path, json=body))["series"][0]["data"]
        assert point == {"at": "2026-09-20T00:00:00Z", "value": expected}
    hours = await api.request("PUT", path, json=history(ups, granularity="hour", series={"aggregation": "avg"}))
    assert len(hours["series"][0]["data"]) == 24


async def test_history_in_local_time_ignores_the_z(api: Api) -> None:
    (ups,) = (device for device in api.devices("UPS") if device.site.time_zone == "Asia/Kolkata")
    body = history(ups, useDeviceLocalTimezone=True, granularity="day", series={"aggregation": "count"})
    (series,) = (await api.request("PUT", f"/{api.account}/datapoints", json=body))["series"]
    assert series["deviceTimeZone"] == "Asia/Kolkata"
    assert [point["at"] for point in series["data"]] == ["2026-09-19T18:30:00Z"]


async def test_hour_that_the_clock_shows_twice_has_two_buckets(api: Api) -> None:
    changes: Json = {"granularity": "hour", "useDeviceLocalTimezone": True, "series": {"aggregation": "count"}}
    for zone, begins in {
        "Europe/Paris": ["2025-10-25T23:00:00Z", "2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z"],
        "Asia/Kolkata": ["2025-10-25T19:30:00Z", "2025-10-25T20:30:00Z"],
    }.items():
        ups = next(ups for ups in api.devices("UPS") if ups.site.time_zone == zone)
        body = history(ups, **changes | {"from": "2025-10-26T01:00:00Z", "to": "2025-10-26T03:00:00Z"})
        (series,) = (await api.request("PUT", f"/{api.account}/datapoints", json=body))["series"]
        assert [point["at"] for point in series["data"]] == begins


async def test_rules_of_history_that_the_document_leaves_open(api: Api) -> None:
    ups = api.devices("UPS")[0]
    path, rules = f"/{api.account}/datapoints", api.sodata.history_rules
    body = history(ups, granularity="day", series={"aggregation": "count"}, to="2026-09-25T00:00:00Z")
    (plain,) = (await api.request("PUT", path, json=body))["series"]
    assert "aggregation" not in plain
    assert len(plain["data"]) == 2
    rules.echoes_aggregation, rules.empty_bucket = True, "null"
    (full,) = (await api.request("PUT", path, json=body))["series"]
    assert full["aggregation"] == "count"
    assert full["data"] == plain["data"] + [{"at": f"2026-09-{day}T00:00:00Z", "value": None} for day in (22, 23, 24)]
    two = body | {"series": body["series"] * 2}
    rules.max_answered = 1
    assert len((await api.request("PUT", path, json=two))["series"]) == 1
    rules.limit_status, rules.max_series = 413, 1
    await api.request("PUT", path, 413, json=two)
    rules.max_range = timedelta(days=4)
    await api.request("PUT", path, 413, json=body)
    rules.refused[f"{ups.uuid}|Global|0|140100"] = 404
    await api.request("PUT", path, 404, json=body)


@pytest.mark.parametrize(
    "changes",
    [
        {"granularity": "second"},
        {"granularity": "hour"},
        {"useDeviceLocalTimezone": "false"},
        {"from": "yesterday"},
        {"timezone": "Mars", "from": "2026-09-20T00:00:00"},
        {"series": {"aggregation": None}},
        {"series": {"aggregation": "avg"}},
        {"series": {"serviceId": 140100}},
        {"series": {"deviceUuid": None, "deviceId": "x"}},
    ],
)
async def test_history_refuses_undocumented_requests(api: Api, changes: dict[str, Any]) -> None:
    body = history(api.devices("UPS")[0], **changes)
    answer = await api.request("PUT", f"/{api.account}/datapoints", 400, json=body)
    assert answer["message"]


async def test_bodies_must_be_json(api: Api) -> None:
    for path in ("datapoints", "last-values"):
        await api.request("PUT", f"/{api.account}/{path}", 415, data="x")
        headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
        url = f"{api.sodata.url}/api/v1/ca/{api.account}/{path}"
        async with api.session.put(url, data="{", headers=headers) as response:
            assert response.status == 400


async def test_the_installation_cannot_be_changed(api: Api) -> None:
    device = api.devices("UPS")[0]
    await api.request("PUT", f"/{api.account}/devices/repair-devices", 405)
    url = f"{api.sodata.url}/api/v1/ca/{api.account}/devices/{device.uuid}"
    async with api.session.delete(url, headers={"Authorization": f"Bearer {api.token}"}) as response:
        assert response.status == 405


# Actions


async def test_actions_change_what_a_device_shows(api: Api) -> None:
    device = api.devices("UPS")[0]
    device.are_profiles_current = False

    async def shown_after(action: str) -> Json:
        await api.request("PUT", f"/{api.account}/devices/{device.uuid}/{action}", 204)
        return await api.get(f"devices/{device.uuid}")

    assert (await shown_after("deactivate"))["status"] == "DEACTIVATED"
    assert (await shown_after("activate"))["status"] == "ACCEPTED"
    assert not (await shown_after("repair"))["profilesUpToDate"]
    assert (await shown_after("push-profile"))["profilesUpToDate"]
    assert device.repairs == 1


async def test_actions_need_a_device_and_a_right(api: Api) -> None:
    first, second = api.devices("UPS")[:2]
    api.sodata.forbidden.add(first.uuid)
    api.sodata.forbidden_actions.add("deactivate")
    await api.request("PUT", f"/{api.account}/devices/unknown/activate", 404)
    await api.request("PUT", f"/{api.account}/devices/{first.uuid}/activate", 403)
    await api.request("PUT", f"/{api.account}/devices/{second.uuid}/deactivate", 403)
    await api.request("PUT", f"/{api.account}/devices/{second.uuid}/activate", 204)
    await api.request("PUT", f"/{api.account}/devices/{second.uuid}/explode", 404)
    assert second.status == "ACCEPTED"
