"""Answers as a whole: each word that a client reads."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import LeanFlask
from api.front import Front
from api.routes import ROUTES
from tests.unit.api.conftest import CONTRACTS, ID, Broker

GOOD = {"event_type": "guild_action", "action": "join"}
LAST = "Kafka has not acknowledged the event. Send it again; with the same event_id it stays one event."


def problem(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


def unreadable(wanted: str, why: str, rule: str = "json") -> dict[str, Any]:
    return problem(400, "Unreadable body", f"The body must be {wanted}: {why}.", field="", rule=rule)


LINES = "JSON or lines of JSON"
DEEP = "it has more levels than the 64 that are allowed"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", unreadable(LINES, "it holds no event")),
        (b"[]", unreadable(LINES, "it holds no event")),
        (b"{", unreadable(LINES, "Expecting property name enclosed in double quotes at line 1 column 2")),
        (b"junk\n\njunk", unreadable(LINES, "Expecting value at line 1 column 1")),
        (b"\xff\xfe", unreadable(LINES, "it is not UTF-8")),
        (b'{"a": NaN}', unreadable(LINES, "NaN is no JSON")),
        (b'{"a": -Infinity}', unreadable(LINES, "-Infinity is no JSON")),
        (b"[" * 10_000, unreadable(LINES, DEEP, "max_depth")),
        (
            json.dumps([GOOD] * 51).encode(),
            problem(413, "Too many events", "The body has 51 events, allowed are 50; send several."),
        ),
        (
            b" " * 20_001,
            problem(413, "Request Entity Too Large", "The data value transmitted exceeds the capacity limit."),
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_a_whole_problem(client: FlaskClient, body: bytes, said: dict[str, Any]) -> None:
    answer = client.post("/v1/events", data=body, content_type="application/json")
    assert (answer.get_json(force=True), answer.status_code) == (said, said["status"])


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Encoding": "gzip"}, "Send the body without Content-Encoding."),
        (
            {"Content-Type": "text/xml"},
            "Send the body as application/json or application/x-ndjson or application/ndjson or application/jsonlines.",
        ),
    ],
)
def test_a_body_of_another_kind_is_a_whole_problem(client: FlaskClient, headers: dict[str, str], said: str) -> None:
    answer = client.post("/v1/events", data=b"{}", headers=headers)
    assert answer.get_json(force=True) == problem(415, "Unsupported Media Type", said)


@pytest.mark.parametrize(
    "kind", ["application/x-ndjson", "application/ndjson", "application/jsonlines", "application/json"]
)
@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "Identity"}])
def test_every_kind_that_is_offered_is_taken(client: FlaskClient, kind: str, encoding: dict[str, str]) -> None:
    line = json.dumps(GOOD).encode()
    answer = client.post("/v1/events", data=line + b"\n \n" + line + b"\n", content_type=kind, headers=encoding)
    assert [item["status"] for item in answer.get_json()["items"]] == ["accepted", "accepted"]


def test_lines_are_events_of_their_own_only_where_the_type_says_so_or_json_ends(client: FlaskClient) -> None:
    """A JSON array in a line is one item there, and the whole body of type JSON."""
    two = json.dumps([GOOD, GOOD]).encode()
    answer = client.post("/v1/events", data=two + b"\n", content_type="application/json")
    assert len(answer.get_json()["items"]) == 2
    answer = client.post("/v1/events", data=two, content_type="application/x-ndjson")
    assert answer.get_json(force=True)["items"] == [
        {"status": "rejected", "field": "", "rule": "type", "detail": "an event is a JSON object"}
    ]


def test_a_byte_order_mark_and_long_numbers_are_read_as_they_are(client: FlaskClient, broker: Broker) -> None:
    for number in (10**18, 10**18 - 1, 2**64, 10**999):
        body = b"\xef\xbb\xbf" + json.dumps(GOOD | {"n": number}).encode()
        assert client.post("/v1/events", data=body, content_type="application/json").status_code == 200
    assert [event["n"] for event in broker.events] == [10**18, 10**18 - 1, 2**64, 10**999]
    long = json.dumps(GOOD)[:-1] + ', "n": ' + "1" * 1001 + "}"
    assert client.post("/v1/events", data=long.encode(), content_type="application/json").status_code == 422


@pytest.mark.parametrize(
    ("more", "field", "rule", "detail"),
    [
        ({"event_type": "x"}, "event_type", "enum", f"event_type must be one of {', '.join(CONTRACTS)}"),
        ({"event_type": 1}, "event_type", "type", "event_type breaks type of the envelope; see /openapi.json"),
        (
            {"schema_version": "1"},
            "schema_version",
            "type",
            "schema_version breaks type of the envelope; see /openapi.json",
        ),
        ({"event_id": "x"}, "event_id", "format", "event_id breaks format of the envelope; see /openapi.json"),
        ({"event_id": ID.replace("-7", "-4")}, "event_id", "format", "event_id must be a UUIDv7"),
        (
            {"event_id": "00" + ID[2:]},
            "event_id",
            "time",
            "event_id must be made within 7 days before and 1 hour after now, both less 5 minutes for clocks that differ",
        ),
        ({"host": "x"}, "host", "envelope", "host is set by the API; leave it out"),
        ({"action": "burn"}, "action", "enum", "action must be one of join, leave"),
        (
            {"mood": "\ud800"},
            "mood",
            "type",
            "mood holds what JSON in UTF-8 cannot: a number too big, or half a character",
        ),
        ({"\udc01": 1}, "?", "type", "? holds what JSON in UTF-8 cannot: a number too big, or half a character"),
    ],
)
def test_a_rejection_says_field_rule_and_why(
    client: FlaskClient, more: dict[str, Any], field: str, rule: str, detail: str
) -> None:
    items = [{"status": "rejected", "field": field, "rule": rule, "detail": detail}]
    answer = client.post("/v1/events", json=GOOD | more)
    said = problem(422, "Every event rejected", "No event of the request follows its contract.", items=items)
    assert answer.get_json(force=True) == said


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/guild/burn",
            problem(400, "Invalid event", "action must be one of join, leave", field="action", rule="enum"),
        ),
        (
            "/purchase_a_horse/-1/small/1",
            problem(400, "Invalid event", "speed must be at least 0", field="speed", rule="minimum"),
        ),
        ("/cart/add", problem(400, "Invalid event", "items is missing", field="items", rule="required")),
    ],
)
def test_a_named_route_refuses_with_a_whole_problem(client: FlaskClient, path: str, said: dict[str, Any]) -> None:
    assert client.post(path).get_json(force=True) == said


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[1]", "it is JSON of another kind"),
        (b"{", "Expecting property name enclosed in double quotes at line 1 column 2"),
    ],
)
def test_the_cart_refuses_another_body_with_a_whole_problem(client: FlaskClient, body: bytes, why: str) -> None:
    answer = client.post("/cart/add", data=body, content_type="application/json")
    assert answer.get_json(force=True) == unreadable("one JSON object", why)
    assert client.post("/cart/add", data=b"{}", content_type="application/x-ndjson").get_json(force=True) == problem(
        415, "Unsupported Media Type", "Send the body as application/json."
    )


def test_the_cart_takes_no_body_of_more_than_a_megabyte(client: FlaskClient) -> None:
    assert (
        client.post("/cart/add", data=b" " * 2**20, content_type="application/json").get_json(force=True)["status"]
        == 400
    )
    assert client.post("/cart/add", data=b" " * (2**20 + 1), content_type="application/json").status_code == 413


def test_what_kafka_did_not_acknowledge_is_a_whole_problem(client: FlaskClient, broker: Broker) -> None:
    broker.answers["events"] = "silent"
    answer = client.get("/")
    assert (answer.get_json(force=True), answer.headers["Retry-After"]) == (problem(503, "Not acknowledged", LAST), "2")
    answer = client.post("/v1/events", json=GOOD | {"event_id": ID})
    items = [{"status": "unavailable", "event_id": ID}]
    assert answer.get_json(force=True) == problem(503, "Not acknowledged", LAST, items=items)
    broker.up = False
    assert "Retry-After" not in client.get("/nowhere").headers


def test_an_api_that_cannot_produce_says_so(client: FlaskClient, broker: Broker) -> None:
    broker.up = False
    said = problem(503, "Not ready", "Kafka does not take messages. The API tries again every second.")
    assert client.get("/readyz").get_json(force=True) == said
    for path, text in (("/healthz", "ok\n"),):
        answer = client.get(path)
        assert (answer.text, answer.content_type) == (text, "text/plain; charset=utf-8")


def test_one_that_can_says_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.text, answer.content_type) == ("ready\n", "text/plain; charset=utf-8")


def test_an_event_too_large_for_a_named_route_is_a_whole_problem(client: FlaskClient) -> None:
    answer = client.get("/purchase_a_sword?event_detail=" + "a" * 3000)
    said = answer.get_json(force=True)
    size = int(said["detail"].split()[3])
    assert 3000 < size < 3500
    detail = f"the event has {size} bytes with its envelope, allowed are 2000"
    assert said == problem(413, "Event too large", detail, field="", rule="max_bytes")


def test_headers_up_to_the_limit_are_taken(front: Front, client: FlaskClient) -> None:
    front._max_header_bytes = 10
    detail = client.get("/").get_json(force=True)["detail"]
    size = int(detail.split()[3])
    assert detail == f"The headers have {size} bytes, allowed are 10."
    agent = {"User-Agent": "a" * 100}
    with_agent = client.get("/", headers=agent).get_json(force=True)["detail"]
    sent_agent = len(client.environ_base.get("HTTP_USER_AGENT", ""))
    assert with_agent == f"The headers have {size + 100 - sent_agent} bytes, allowed are 10."
    front._max_header_bytes = size
    assert client.get("/").status_code == 200
    answer = client.get("/", headers={"User-Agent": "a" * (sent_agent + 1)})
    said = f"The headers have {size + 1} bytes, allowed are {size}."
    assert answer.get_json(force=True) == problem(431, "Request Header Fields Too Large", said)


def test_the_parameters_of_a_route_are_those_of_its_path() -> None:
    names = {route.path: route.names for route in ROUTES if route.names}
    assert names == {
        "/purchase_a_sword/<color>/<quantity>": ("color", "quantity"),
        "/purchase_a_horse/<speed>/<size>/<quantity>": ("speed", "size", "quantity"),
        "/guild/<action>": ("action",),
        "/cart/<action>": ("action",),
    }
    assert [route.path for route in ROUTES if route.body] == ["/cart/<action>"]


def test_no_cookie_is_set_and_slashes_count(client: FlaskClient, app: Flask) -> None:
    assert isinstance(app, LeanFlask)
    answer = client.get("/healthz", headers={"Cookie": "session=x"})
    assert "Set-Cookie" not in answer.headers and "Vary" not in answer.headers
    assert client.get("/static/x").status_code == 404


def test_a_body_of_outcomes_is_json_of_one_line(client: FlaskClient) -> None:
    answer = client.post("/v1/events", json=GOOD | {"event_id": ID})
    assert answer.content_type == "application/json"
    assert answer.data == orjson.dumps({"items": [{"status": "accepted", "event_id": ID}]}) + b"\n"
