"""A recording contains nothing private, still fits together, and keeps what devices report."""

import base64
import html
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.clouds.traffic import HttpExchange
from custom_components.datapoint_cloud.recording.documents import Documents, Kind
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
    assert [line.get("answer") for line in lines] == [{"bytes": 2}, {}, {"text": '{"a": 1, "a": 2}'}, None]
    assert lines[3]["failure"] == "timeout"


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
