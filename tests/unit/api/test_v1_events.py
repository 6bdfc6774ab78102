"""POST /v1/events: each item has its own outcome, and the status tells what became of all."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.unit.api.conftest import NOW, Broker

GOOD: dict[str, Any] = {"event_type": "guild_action", "action": "join"}
BAD: dict[str, Any] = {"event_type": "guild_action", "action": "burn"}
ANY_ID = "7abc-8def-0123456789ab"


def id_at(when: datetime) -> str:
    milliseconds = f"{int(when.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-{ANY_ID}"


def post(client: FlaskClient, body: Any, content_type: str | None = "application/json") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/v1/events", data=data, content_type=content_type)


def statuses(answer: Any) -> list[str]:
    return [item["status"] for item in answer.get_json(force=True)["items"]]


def test_one_event_is_accepted_with_its_id(client: FlaskClient, broker: Broker) -> None:
    answer = post(client, GOOD | {"occurred_at": "2026-11-22T09:59:00Z", "mood": "new field"})
    assert answer.status_code == 200
    [event] = broker.events
    assert answer.get_json() == {"items": [{"status": "accepted", "event_id": event["event_id"]}]}
    assert (event["occurred_at"], event["mood"], event["player"]) == ("2026-11-22T09:59:00Z", "new field", "Player 1")


def test_each_item_has_its_own_outcome_in_its_place(client: FlaskClient, broker: Broker) -> None:
    answer = post(client, [GOOD, BAD, 7, GOOD | {"event_type": "nonsense"}, GOOD])
    assert answer.status_code == 200
    assert statuses(answer) == ["accepted", "rejected", "rejected", "rejected", "accepted"]
    rejected = [(item["field"], item["rule"]) for item in answer.get_json()["items"] if item["status"] == "rejected"]
    assert rejected == [("action", "enum"), ("", "type"), ("event_type", "enum")]
    assert len(broker.messages) == 2


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/json", None])
def test_lines_of_json_are_read_by_type_and_by_content(
    client: FlaskClient, broker: Broker, content_type: str | None
) -> None:
    body = json.dumps(GOOD).encode() + b"\r\n\n{not json\n" + b'{"a": "\xff"}\n' + json.dumps(GOOD).encode()
    answer = post(client, body, content_type)
    assert answer.status_code == 200
    assert statuses(answer) == ["accepted", "rejected", "rejected", "accepted"]
    assert [item["rule"] for item in answer.get_json()["items"] if "rule" in item] == ["json", "json"]
    assert len(broker.messages) == 2


def test_a_pretty_printed_event_is_one_event(client: FlaskClient, broker: Broker) -> None:
    assert statuses(post(client, json.dumps(GOOD, indent=2).encode())) == ["accepted"]


@pytest.mark.parametrize(
    "body",
    [b"", b"  \n", b"[]", b"{", b"junk\njunk", b"\xff\xfe", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_00, b"[1,]"],
)
def test_a_body_without_anything_to_read_is_400(client: FlaskClient, broker: Broker, body: bytes) -> None:
    answer = post(client, body)
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert broker.messages == []


def test_422_if_every_item_is_rejected(client: FlaskClient, broker: Broker) -> None:
    answer = post(client, [BAD, {}])
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert statuses(answer) == ["rejected", "rejected"]
    assert broker.messages == []


def test_503_if_none_is_acknowledged(client: FlaskClient, broker: Broker) -> None:
    broker.answers["events"] = "silent"
    answer = post(client, [GOOD, BAD])
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert "Retry-After" in answer.headers
    assert statuses(answer) == ["unavailable", "rejected"]


def test_200_if_some_are_acknowledged(client: FlaskClient, broker: Broker) -> None:
    broker.answers["MessageHistory"] = "refuses"
    answer = post(client, [{"event_type": "message"}, GOOD])
    assert answer.status_code == 200
    assert statuses(answer) == ["unavailable", "accepted"]


def test_a_send_that_fails_keeps_the_later_ones_from_waiting(client: FlaskClient, broker: Broker) -> None:
    broker.answers["MessageHistory"] = "raises"
    answer = post(client, [GOOD, {"event_type": "message"}, GOOD])
    assert statuses(answer) == ["accepted", "unavailable", "unavailable"]
    assert len(broker.messages) == 1


def test_a_clients_event_id_is_kept_in_lower_case(client: FlaskClient, broker: Broker) -> None:
    event_id = id_at(NOW)
    first, second = post(client, GOOD | {"event_id": event_id.upper()}), post(client, GOOD | {"event_id": event_id})
    assert first.get_json() == second.get_json() == {"items": [{"status": "accepted", "event_id": event_id}]}
    assert [event["event_id"] for event in broker.events] == [event_id, event_id]


@pytest.mark.parametrize(
    ("event_id", "rule"),
    [
        (id_at(NOW - timedelta(days=7) + timedelta(minutes=5) - timedelta(milliseconds=1)), "time"),
        (id_at(NOW + timedelta(hours=1) - timedelta(minutes=5) + timedelta(milliseconds=1)), "time"),
        ("ffffffff-ffff-" + ANY_ID, "format"),
        ("01a203c5-c5b4-454c-8f5e-2800feb738cc", "format"),
        ("01a203c5-c5b4-754c-cf5e-2800feb738cc", "format"),
        ("me", "format"),
        (7, "type"),
        (None, "type"),
    ],
)
def test_an_event_id_that_could_not_be_looked_up_is_rejected(
    client: FlaskClient, broker: Broker, event_id: Any, rule: str
) -> None:
    answer = post(client, GOOD | {"event_id": event_id})
    assert answer.status_code == 422
    [item] = answer.get_json(force=True)["items"]
    assert (item["field"], item["rule"]) == ("event_id", rule)


@pytest.mark.parametrize("when", [NOW - timedelta(days=6, hours=23, minutes=54), NOW + timedelta(minutes=54)])
def test_an_event_id_in_time_is_accepted(client: FlaskClient, when: datetime) -> None:
    assert post(client, GOOD | {"event_id": id_at(when)}).status_code == 200


@pytest.mark.parametrize("name", ["player", "host", "user_agent", "accept", "http_headers", "received_at"])
def test_a_client_may_not_set_what_the_api_sets(client: FlaskClient, broker: Broker, name: str) -> None:
    [item] = post(client, GOOD | {name: "x"}).get_json(force=True)["items"]
    assert (item["status"], item["field"], item["rule"]) == ("rejected", name, "envelope")
    assert broker.messages == []


@pytest.mark.parametrize(
    ("more", "field", "rule"),
    [
        ({"event_type": None}, "event_type", "type"),
        ({"occurred_at": "yesterday"}, "occurred_at", "format"),
        ({"schema_version": 0}, "schema_version", "minimum"),
        ({"guild": "\ud800"}, "guild", "type"),
        ({"unknown": "\ud800"}, "unknown", "type"),
        ({"unknown": {"deep": ["\udfff"]}}, "unknown", "type"),
        ({"\ud800": 1}, "?", "type"),
    ],
)
def test_a_wrong_item_is_rejected_by_field_and_rule(
    client: FlaskClient, broker: Broker, more: dict[str, Any], field: str, rule: str
) -> None:
    [item] = post(client, GOOD | more).get_json(force=True)["items"]
    assert (item["field"], item["rule"]) == (field, rule)
    assert broker.messages == []


@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 5000])
def test_a_number_that_no_reader_could_take_is_rejected(client: FlaskClient, broker: Broker, value: str) -> None:
    answer = post(client, f'{{"event_type": "default", "unknown": {value}}}'.encode())
    [item] = answer.get_json(force=True)["items"]
    assert (item["field"], item["rule"]) == ("unknown", "type")
    assert broker.messages == []


def test_a_foreign_player_cannot_be_set_but_by_the_header(client: FlaskClient, broker: Broker) -> None:
    client.post("/v1/events", json=GOOD, headers={"X-Player-Id": "p-9"})
    assert broker.messages[0][1] == b"p-9"


def test_one_event_too_large_does_not_stop_the_others(client: FlaskClient, broker: Broker) -> None:
    answer = post(client, [GOOD | {"guild": "a" * 3000}, GOOD])
    assert statuses(answer) == ["rejected", "accepted"]
    assert answer.get_json()["items"][0]["rule"] == "max_bytes"


def test_too_many_events_and_too_large_a_body_are_413(client: FlaskClient, broker: Broker) -> None:
    assert post(client, [GOOD] * 51).status_code == 413
    answer = post(client, b" " * 20_001)
    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")
    assert broker.messages == []


def test_a_body_of_unknown_length_is_read_whole_or_refused(client: FlaskClient, broker: Broker) -> None:
    line = json.dumps(GOOD).encode() + b"\n"
    for size, status in ((10_000, 200), (30_000, 413)):
        body = (line * 40).ljust(size)
        answer = client.post(
            "/v1/events",
            input_stream=BytesIO(body),
            environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        )
        assert answer.status_code == status
    assert len(broker.messages) == 40


@pytest.mark.parametrize("content_type", ["text/xml", "multipart/form-data; boundary=x", "image/png"])
def test_another_type_of_body_is_415(client: FlaskClient, content_type: str) -> None:
    answer = post(client, GOOD, content_type)
    assert (answer.status_code, answer.content_type) == (415, "application/problem+json")


def test_a_compressed_body_is_415(client: FlaskClient) -> None:
    answer = client.post("/v1/events", data=b"x", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


def test_more_than_may_be_pending_is_unavailable_at_once(client: FlaskClient, broker: Broker) -> None:
    broker.answers["events"] = "silent"
    for _ in range(60):
        client.get("/purchase_a_sword?event_detail=" + "a" * 1500)
    assert len(broker.messages) < 60


def deep(levels: int, begin: bytes = b'{"a":', end: bytes = b"}") -> bytes:
    return begin * levels + b"1" + end * levels


ARRAYS = (b"[", b"]")


@pytest.mark.parametrize("kind", [(), ARRAYS])
@pytest.mark.parametrize("levels", [64, 900])
@pytest.mark.parametrize("field", ["mood", "guild", "event_id", "event_type", "http_headers", "action"])
def test_an_event_deeper_than_64_levels_is_rejected_by_field_rule_and_limit(
    client: FlaskClient, broker: Broker, kind: tuple[bytes, ...], levels: int, field: str
) -> None:
    good = json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()
    item = good[:-1] + f', "{field}": '.encode() + deep(levels, *kind) + b"}"
    for body, content_type in (
        (b"[" + item + b"," + json.dumps(GOOD).encode() + b"]", "application/json"),
        (item + b"\n" + json.dumps(GOOD).encode(), "application/x-ndjson"),
    ):
        answer = post(client, body, content_type)
        assert statuses(answer) == ["rejected", "accepted"]
        rejected = answer.get_json()["items"][0]
        assert (rejected["field"], rejected["rule"]) == (field, "max_depth")
        assert "64" in rejected["detail"]
    assert statuses(post(client, item)) == ["rejected"]
    assert len(broker.messages) == 2


def test_an_event_of_64_levels_is_accepted(client: FlaskClient, broker: Broker) -> None:
    for kind in ((), ARRAYS):
        body = json.dumps(GOOD).encode()[:-1] + b', "mood": ' + deep(63, *kind) + b"}"
        assert statuses(post(client, body)) == ["accepted"]
        assert statuses(post(client, b"[" + body + b"]")) == ["accepted"]  # an event's levels are its own


def test_a_body_too_deep_to_be_read_is_400_by_the_same_rule(client: FlaskClient, broker: Broker) -> None:
    for kind in ((), ARRAYS):
        for number in (b"", b', "n": ' + b"9" * 20):  # orjson, then the standard library
            body = json.dumps(GOOD).encode()[:-1] + number + b', "mood": ' + deep(3_000, *kind) + b"}"
            answer = post(client, body)
            problem = answer.get_json(force=True)
            assert (answer.status_code, problem["field"], problem["rule"]) == (400, "", "max_depth")
            assert "64" in problem["detail"]
    lines = json.dumps(GOOD).encode() + b"\n" + json.dumps(GOOD).encode()[:-1] + b', "mood": ' + deep(2_000) + b"}"
    answer = post(client, lines, "application/x-ndjson")
    assert statuses(answer) == ["accepted", "rejected"]
    assert answer.get_json()["items"][1]["rule"] == "max_depth"
    assert len(broker.messages) == 1
