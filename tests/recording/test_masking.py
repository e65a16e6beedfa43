"""A recording contains nothing private, still fits together, and keeps what devices report."""

import base64
import html
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote_plus

import pytest

from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.clouds.traffic import HttpExchange
from custom_components.datapoint_cloud.recording.documents import Documents
from custom_components.datapoint_cloud.recording.kinds import Kind
from custom_components.datapoint_cloud.recording.masking import Masker
from custom_components.datapoint_cloud.recording.recorder import Recorder, read
from simulator.simulation import Simulation
from tests.client.logins import KINDS

from .recorded import private_texts, record


def _leaks(text: str, private: set[str]) -> set[str]:
    """Return what is found in a text in any case, and in hexadecimal, base64 and other encodings."""
    folded = text.casefold()
    decoded = [text.casefold(), json.loads(f'"{json.dumps(text)[1:-1]}"').casefold()]
    for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        for start in range(4):
            piece = run[start:].replace("-", "+").replace("_", "/")
            piece = piece[: len(piece) - (len(piece) % 4 == 1)]
            decoded.append(base64.b64decode(piece + "=" * (-len(piece) % 4)).decode(errors="replace").casefold())
    everything = "\n".join(decoded)
    return {
        secret
        for secret in private
        for form in (secret, quote(secret, safe=""), html.escape(secret), json.dumps(secret)[1:-1])
        if form.casefold() in everything or secret.encode().hex() in folded
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_a_recording_contains_nothing_private(simulation: Simulation, kind: str) -> None:
    recording = await record(simulation, kind)
    private = private_texts(simulation, kind)
    assert len(private) > 3
    assert not [line for line in recording.lines if "omitted" in line]
    assert _leaks(recording.text, private) == set()


def test_the_search_finds_what_is_hidden() -> None:
    private = {"SNITfsRwCkF4HAOpvfWycy", "a&b€c"}
    for form in (
        "xSNITFSRWCKF4HAOPVFWYCYx",
        b"SNITfsRwCkF4HAOpvfWycy".hex(),
        base64.b64encode(b"ab SNITfsRwCkF4HAOpvfWycy").decode(),
        quote("a&b€c"),
        html.escape("a&b€c"),
        json.dumps({"a": "a&b€c"}),
    ):
        assert _leaks(form, private), form


async def test_ids_still_fit_together(simulation: Simulation) -> None:
    recording = await record(simulation, "gizwits_open", seconds=1.5)
    lines = list(recording.decoded())
    listed = {
        row["did"] for line in lines if "/app/bindings" in line["url"] for row in line["answer"]["json"]["devices"]
    }
    read_ones = {line["answer"]["json"]["did"] for line in lines if line["url"].endswith("/latest")}
    assert listed == read_ones
    assert {line["url"].split("/")[-2] for line in lines if line["url"].endswith("/latest")} == listed
    reported = {line["json"]["data"]["did"] for line in lines if line.get("json", {}).get("cmd") == "s2c_noti"}
    assert reported
    assert reported <= listed
    login = next(line for line in lines if line["url"].endswith("/app/login"))
    account = recording.header["account"]
    assert login["sent"]["json"] == {"username": account["username"], "password": account["password"]}
    tokens = {line["sent_headers"]["X-Gizwits-User-token"] for line in lines if "/app/bindings" in line["url"]}
    assert tokens == {login["answer"]["json"]["token"]}


async def test_tokens_of_sodata_can_still_be_read(simulation: Simulation) -> None:
    recording = await record(simulation, "sodata")
    login, *others = [line for line in recording.decoded() if "status" in line]
    token = login["answer"]["json"]["access_token"]
    assert {line["sent_headers"]["Authorization"] for line in others} == {f"Bearer {token}"}
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["preferred_username"] == recording.header["account"]["username"]
    assert claims["exp"] > 10**9


async def test_values_stay(simulation: Simulation) -> None:
    spa = next(device for device in simulation.gizwits_open.devices.values() if device.alias == "Terrace spa")
    spa.set(water_temp=31.5, temp_set_unit="摄氏")
    answers = [
        line["answer"]["json"]["attr"]
        for line in (await record(simulation, "gizwits_open")).decoded()
        if line["url"].endswith("/latest")
    ]
    assert any(attr.get("water_temp") == 31.5 and attr["temp_set_unit"] == "摄氏" for attr in answers)
    lines = list((await record(simulation, "firstlight")).decoded())
    assert {row["name"] for row in lines[0]["answer"]["json"]["data"]} >= {"Drama", "Comedy"}


async def test_every_recording_has_values_of_its_own_unless_it_gets_a_key(simulation: Simulation) -> None:
    headers = [(await record(simulation, "firstlight", seconds=0)).header["account"] for _ in range(2)]
    assert headers[0]["user_token"] != headers[1]["user_token"]
    first, second = [(await record(simulation, "firstlight", seconds=0, key=b"key")).header for _ in range(2)]
    assert first["account"] == second["account"]


async def test_a_recording_ends_when_it_is_too_large(simulation: Simulation) -> None:
    recording = await record(simulation, "gizwits_open", largest=5000)
    assert recording.header["is_complete"] is False
    assert 0 < len(recording.lines) < 6
    assert (await record(simulation, "gizwits_open")).header["is_complete"] is True


def _exchange(path: str, answer: Any, **more: Any) -> HttpExchange:
    content = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
    exchange = HttpExchange(
        at=1e9,
        seconds=0.1,
        method="GET",
        url=f"https://euapi.gizwits.com{path}",
        sent_headers={},
        sent=b"",
        status=200,
        answer=content,
    )
    return replace(exchange, **more)


def _recorded(*exchanges: HttpExchange, **account: str) -> list[Any]:
    recorder = Recorder()
    for exchange in exchanges:
        recorder.on_exchange(exchange)
    data = {"app_id": "a" * 32, "username": "somebody", "password": "correct horse", "region": "eu"} | account
    lines, _ = recorder.lines(ACCOUNT_TYPES["gizwits_open"], data, (), made_with="1.2.3")
    return list(read(lines))


def test_what_the_documents_do_not_mention_is_hidden_but_shows_its_shape() -> None:
    unknown = {
        "ownerName": "Jane Doe",
        "state": "running",
        "n": 12,
        "phone": 4915112345678,
        "lat": 48.12345,
        "ok": True,
    }
    row = {"did": "SNITfsRwCkF4HAOpvfWycy", "product_name": "Whirl_Spa", "is_online": True, "new": unknown}
    _, line = _recorded(_exchange("/app/bindings?limit=20&skip=0", {"devices": [row]}))
    shown = line["answer"]["json"]["devices"][0]
    assert (shown["product_name"], shown["is_online"]) == ("Whirl_Spa", True)
    assert shown["new"].keys() == unknown.keys()
    assert (shown["new"]["n"], shown["new"]["ok"]) == (12, True)
    assert re.fullmatch("[A-Z][a-z]{3} [A-Z][a-z]{2}", shown["new"]["ownerName"])
    for name in ("ownerName", "state", "phone", "lat"):
        assert shown["new"][name] != unknown[name], name
        assert len(str(shown["new"][name])) == len(str(unknown[name])), name


def test_an_id_is_hidden_before_it_is_known_to_be_one() -> None:
    did = "SNITfsRwCkF4HAOpvfWycy"
    early = _exchange(
        "/errors", f"<p>{did.upper()} and 80-60-0F-00-96-B3 of Terrace Spa failed</p>".encode(), status=502
    )
    late = _exchange("/app/bindings", {"devices": [{"did": did, "mac": "80600f0096b3", "dev_alias": "Terrace spa"}]})
    _, first, second = _recorded(early, late)
    row = second["answer"]["json"]["devices"][0]
    mac = re.sub("(..)(?=.)", r"\1-", row["mac"].upper())
    alias = "".join(a.upper() if b.isupper() else a for a, b in zip(row["dev_alias"], "Terrace Spa", strict=True))
    assert first["answer"]["text"] == f"<p>{row['did'].upper()} and {mac} of {alias} failed</p>"


def test_public_words_stay() -> None:
    known = "98754e684ec045528b073876c34c7348"  # the app of a vendor, which the forms offer
    devices = [{"did": "SNITfsRwCkF4HAOpvfWycy", "dev_alias": "Whirl_Spa", "product_name": "Whirl_Spa"}]
    header, line = _recorded(
        _exchange("/app/bindings", {"devices": devices}, sent_headers={"X-Gizwits-Application-Id": known}),
        app_id=known,
    )
    assert (header["account"]["app_id"], header["account"]["region"]) == (known, "eu")
    assert line["sent_headers"] == {"X-Gizwits-Application-Id": known}
    assert line["answer"]["json"]["devices"][0]["dev_alias"] == "Whirl_Spa"
    assert line["url"] == "https://euapi.gizwits.com/app/bindings"


def test_bodies_of_any_kind_are_kept() -> None:
    _, *lines = _recorded(
        _exchange("/status", b"\xff\xfe"),
        _exchange("/status", b""),
        _exchange("/status", b'{"a": 1, "a": 2}'),
        _exchange("/status", b"", status=None, failure="timeout"),
    )
    assert [line.get("answer") for line in lines] == [{"bytes": 2}, {}, {"json": {"a": 2}}, None]
    assert lines[3]["failure"] == "timeout"


_ALIAS = "Küche & Bad/WC"
_REFUSED = {"status": 400}


@pytest.mark.parametrize(
    ("private", "exchange"),
    [
        (
            ["jane@other.example", "198.51.100.77", "23456789", "2001:db8:85a3::8a2e:370:7334", "48.37291"],
            _exchange(
                "/app/bindings",
                b"<p>Hello jane@other.example at 48.37291,7.59328 (+49 151 23456789), "
                b"198.51.100.77 or 2001:db8:85a3::8a2e:370:7334</p>",
                status=502,
            ),
        ),
        (
            ["jane%40other.example", "amFuZUBvdGhlci5leGFtcGxl", "015123456789", "555-123-4567"],
            _exchange(
                "/app/bindings",
                {"detail_message": "jane%40other.example amFuZUBvdGhlci5leGFtcGxl 015123456789 or 555-123-4567"},
                status=400,
            ),
        ),
        (
            ["acme-corp", "Jane", "jane", "hunter2", "Portal"],
            _exchange(
                "/app/bindings",
                b"",
                status=302,
                headers={
                    "Location": "https://sso.acme-corp.example/in?name=Jane%20Roe&mail=jane%40x.example#token=hunter2",
                    "X-Corporate-Portal": "Portal of Jane",
                },
            ),
        ),
        (["Jane Zed"], _exchange("/app/bindings", {"devices": [{"new": json.dumps({"ownerName": "Jane Zed"})}]})),
        (
            ["Grandma", "SNITfs", "Agnes"],
            _exchange(
                "/app/bindings", b'{"devices":[{"did":"SNITfsRwCkF4HAOpvfWycy","dev_alias":"Grandma","a":"for Agnes'
            ),
        ),
        (["Grandma"], _exchange("/app/bindings", b'{"devices":[{"dev_alias":"Grandma","dev_alias":"Grandma"}]}')),
        (
            ["Roe Home", "48.37291", "7.593281", "hunter2", "192.168.7.33", "Jane", "48372912"],
            _exchange(
                "/app/devdata/x/latest",
                {
                    "attr": {
                        "ssid": "Roe Home",
                        "gps_lat": 48.37291,
                        "Longitude": "7.593281",
                        "wifiPassword": "hunter2",
                        "lat": 48372912,
                        "ip": "192.168.7.33",
                        "deviceOwner": "Jane",
                    }
                },
            ),
        ),
        (
            ["526f6520486f6d65", "82,111,101,32,72,111,109,101"],
            _exchange("/app/devdata/x/latest", {"attr": {"ssid": [82, 111, 101, 32, 72, 111, 109, 101]}}),
        ),
        (["1512345678", "2125551234"], _exchange("/new", {"phone_of": 2125551234, "n": {"a": 1512345678}})),
        (["third.example", "Jane"], _exchange("/app/bindings?mail=jane%40third.example&q=Jane%20Zed", {})),
    ],
)
def test_what_looks_private_is_hidden_wherever_it_stands(private: list[str], exchange: HttpExchange) -> None:
    _, line = _recorded(exchange)
    text = json.dumps(line, ensure_ascii=False)
    assert [one for one in private if one in text] == []
    assert "omitted" not in line


@pytest.mark.parametrize(
    "written",
    [
        "K%C3%BCche%20%26%20Bad%2FWC",
        "K%c3%bcche & Bad/WC",
        quote(quote(_ALIAS)),
        "K%C3%BCche+%26+Bad%2FWC",
        "K&#252;che &amp; Bad/WC",
        "K\\u00fcche & Bad\\/WC",
        "Ku\u0308che & Bad/WC",
        _ALIAS.encode().hex(" "),
        _ALIAS.encode().hex(":"),
    ],
)
def test_an_escaped_name_is_hidden_and_escaped_in_the_same_way(written: str) -> None:
    named = _exchange("/app/bindings", {"devices": [{"did": "SNITfsRwCkF4HAOpvfWycy", "dev_alias": _ALIAS}]})
    _, first, second = _recorded(named, _exchange("/app/bindings", {"error_message": f"no {written}!"}, **_REFUSED))
    alias, shown = first["answer"]["json"]["devices"][0]["dev_alias"], second["answer"]["json"]["error_message"]
    assert written not in shown
    assert shown.startswith("no ")
    assert shown.endswith("!")
    if "\u0308" not in written:  # the letters of another form are other ones
        assert alias in {html.unescape(unquote_plus(unquote_plus(shown)))[3:-1], json.loads(f'"{shown}"')[3:-1]} | {
            bytes.fromhex(digits.replace(":", " ")).decode()
            for digits in re.findall(r"(?:[0-9a-f]{2}[ :])+[0-9a-f]{2}", shown)
        }


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("aabbccddeeff", "[0-9a-f]{12}"),
        ("aa:bb:cc:dd:ee:0f", "(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"),
        ("AA-BB-CC-DD-EE-FF", "(?:[0-9A-F]{2}-){5}[0-9A-F]{2}"),
        ("fa4e00aa11d00000000000000000a991", "[0-9a-f]{32}"),
        ("abcdef" * 5 + "ab", "[0-9a-f]{32}"),
        ("550e8400-aaaa-bbbb-cccc-aabbccddeeaa", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("55.55.55.55", r"\d\d\.\d\d\.\d\d\.\d\d"),
        ("192.168.7.233", r"\d{3}\.\d{3}\.\d\.(?:1\d\d|2[0-4]\d|25[0-5])"),
        ("+49 151 2345678", r"\+\d\d \d{3} \d{7}"),
        ("jane.roe@mail.example", r"[a-z]{4}\.[a-z]{3}@[a-z]{4}\.[a-z]{7}"),
        ("SNITfsRwCkF4HAOpvfWycy", "[A-Z]{4}[a-z]{2}[A-Z][a-z][A-Z][a-z][A-Z][0-9][A-Z]{3}[a-z]{3}[A-Z][a-z]{3}"),
    ],
)
def test_a_made_up_value_has_the_shape_of_its_own(value: str, shape: str) -> None:
    _, line = _recorded(_exchange("/app/bindings", {"devices": [{"gw_did": value}]}))
    made = line["answer"]["json"]["devices"][0]["gw_did"]
    assert made != value
    assert re.fullmatch(shape, made)


def test_an_id_is_the_same_one_with_and_without_separators() -> None:
    mac, uuid = "80600f0096b3", "550e8400-e29b-41d4-a716-446655440000"
    written = {"a": "80:60:0F:00:96:B3", "b": mac, "c": uuid.replace("-", ""), "d": uuid}
    _, line = _recorded(_exchange("/app/bindings", {"devices": [{"new": written}]}))
    made = line["answer"]["json"]["devices"][0]["new"]
    assert made["a"].replace(":", "").lower() == made["b"]
    assert made["d"].replace("-", "") == made["c"]
    assert made["b"] != mac


@pytest.mark.parametrize("encoded", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_mac_address_is_hidden_in_the_base64_of_its_bytes(encoded: Callable[[bytes], bytes]) -> None:
    mac = "80600f0096fb"
    written = encoded(b"\xfb\xff" + bytes.fromhex(mac) + b"\x01").decode()
    listed = _exchange("/app/bindings", {"devices": [{"did": "SNITfsRwCkF4HAOpvfWycy", "mac": mac}]})
    _, first, second = _recorded(listed, _exchange("/app/bindings", {"error_message": f"no {written}"}, **_REFUSED))
    made, shown = first["answer"]["json"]["devices"][0]["mac"], second["answer"]["json"]["error_message"][3:]
    assert made != mac
    assert base64.urlsafe_b64decode(shown.translate(str.maketrans("+/", "-_"))).hex() == f"fbff{made}01"


def test_a_short_name_is_not_searched_for_in_base64_where_it_stands_by_chance() -> None:
    written = base64.b64encode(b"the room Bath is warm").decode()
    listed = _exchange("/app/bindings", {"devices": [{"did": "SNITfsRwCkF4HAOpvfWycy", "dev_alias": "Bath"}]})
    _, first, second = _recorded(listed, _exchange("/app/devdata/x/latest", {"attr": {"note": written}}))
    assert first["answer"]["json"]["devices"][0]["dev_alias"] != "Bath"
    assert second["answer"]["json"]["attr"]["note"] == written


@pytest.mark.parametrize("data", [[{"name": "user-0815", "value": 5}], {"user-0815": 5}])
def test_users_of_a_video_service_are_private(data: Any) -> None:
    recorder = Recorder()
    url = "https://api.video.example/user/usage/aggregate/user/name?period=day&fromDate=2026-11-30T00:00:00Z"
    recorder.on_exchange(_exchange("", {"header": {"code": 0}, "data": data}, url=url))
    account = {"api_url": "https://api.video.example", "authorization_token": "t" * 20, "user_token": "u" * 20}
    lines, _ = recorder.lines(ACCOUNT_TYPES["firstlight"], account, [{"aty": "user", "field": "name"}], made_with="1")
    assert "user-0815" not in lines[1]
    assert "video.example" not in lines[1]
    assert ":5}" in lines[1]


def test_a_password_that_looks_escaped_is_hidden() -> None:
    password = "0001ß%23"
    text = json.dumps({"a": password})
    _, line = _recorded(_exchange("/app/bindings", {"error_message": f"no {text}"}), password=password)
    message = line["answer"]["json"]["error_message"]
    assert password not in json.loads(message.removeprefix("no "))["a"]
    assert "0001" not in message


def test_a_value_is_private_if_its_title_says_so() -> None:
    recorder = Recorder()
    titles = {"Wifi SSID": "Roe Home", "Operating mode": "Eco mode", "Load": "1234"}
    rows = [{"serviceId": "1", "title": title, "value": value} for title, value in titles.items()]
    url = "https://api.iot.socomec.com/api/v1/ca/11111111-0000-0000-0000-000000000000/last-values"
    answer = {"devices": [{"deviceUuid": "22222222-0000-0000-0000-000000000000", "values": rows}]}
    recorder.on_exchange(_exchange("", answer, url=url, method="PUT"))
    lines, _ = recorder.lines(ACCOUNT_TYPES["sodata"], {"username": "a", "password": "b"}, (), made_with="1")
    shown = json.loads(lines[1])["answer"]["json"]["devices"][0]["values"]
    assert [row["title"] for row in shown] == list(titles)
    assert [row["value"] == value for row, value in zip(shown, titles.values(), strict=True)] == [False, True, True]


def test_words_of_the_format_and_the_documents_are_no_secrets() -> None:
    rows = [
        {"did": "SNITfsRwCkF4HAOpvfWycy", "dev_alias": alias} for alias in ("Status", "Server", "remark", "Received")
    ]
    answer = _exchange("/app/bindings", {"devices": rows}, headers={"Server": "nginx"})
    header, *lines = _recorded(answer, answer, password="password", username="username")
    assert header["account"].keys() == {"app_id", "username", "password", "region"}
    assert header["account"]["password"] != "password"
    assert ["omitted" in line for line in lines] == [False, False]
    assert lines[0]["headers"].keys() == {"Server"}
    assert [row.keys() for row in lines[0]["answer"]["json"]["devices"]] == [row.keys() for row in rows]


def test_times_and_versions_stay() -> None:
    now = time.time()
    known = {"mcu_soft_version": "1.0.0.12", "product_key": "b" * 32, "new": {"at": int(now), "at_ms": int(now * 1000)}}
    _, line = _recorded(_exchange("/app/bindings", {"devices": [known]}, headers={"RateLimit-Remaining": "12"}))
    assert line["answer"]["json"]["devices"] == [known]
    assert line["headers"] == {"RateLimit-Remaining": "12"}


def test_short_values_are_hidden_only_in_their_own_fields() -> None:
    masker = Masker(Documents({}), b"key")
    masker.learn("Bad", Kind.NAME)
    masker.learn("Bath", Kind.NAME)
    masker.learn("7", Kind.ID)
    masker.learn("1234567", Kind.ID)
    text = masker.text("Bad bathroom 7 of 12345678, but Bath and 1234567")
    assert text.startswith("Bad bathroom 7 of 12345678, but ")
    assert "Bath" not in text
    assert not re.search(r"\b1234567\b", text)


def test_a_file_that_is_no_recording_is_refused() -> None:
    for text in ("", "{", "[]", "{}", '{"format": "datapoint-cloud-recording", "version": 99}'):
        with pytest.raises(ValueError, match=r"\."):
            list(read([text]))
