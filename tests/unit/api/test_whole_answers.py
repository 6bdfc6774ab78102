"""Answers, log lines and metrics as a whole: each word that a client or an operator reads."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import KafkaError
from flask import Flask
from flask.testing import FlaskClient

from api import __main__ as serving
from api import logs, publish
from api.app import LeanFlask
from api.events import EventMaker, explain
from api.front import Front
from api.metrics import Metrics
from api.publish import Publisher, Receipt, kafka_producer
from api.routes import ROUTES
from api.sender import Sender
from api.stopping import announce
from lakehouse.settings import Settings
from tests.unit.api.conftest import CONTRACTS, NOW, Broker

GOOD = {"event_type": "guild_action", "action": "join"}
ID = f"{int(NOW.timestamp() * 1000):012x}-7abc-8def-0123456789ab"
ID = f"{ID[:8]}-{ID[8:]}"
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


def test_a_line_of_the_log_tells_the_whole_request(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 600
    client.get(f"/message?text=hi&group={long}", headers={"X-Player-Id": "p" * 501})
    client.post("/guild/burn")
    client.post("/v1/events", json=[GOOD, GOOD | {"action": "burn"}, 7])
    client.get(f"/{long}")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in lines:
        assert line.pop("milliseconds") >= 0 and line.pop("remote") == "127.0.0.1"
        assert line.pop("time").endswith("+00:00")
    common = {"level": "INFO", "logger": "api.request", "message": "request"}
    assert len(lines[0].pop("event_id")) == 36
    assert lines == [
        {**common, "method": "GET", "path": "/message", "status": 200, "player": "p" * 500, "event_type": "message"},
        {
            **common, "method": "POST", "path": "/guild/burn", "status": 400, "player": "Player 1",
            "event_type": "guild_action", "field": "action", "rule": "enum",
        },
        {
            **common, "method": "POST", "path": "/v1/events", "status": 200, "player": "Player 1",
            "accepted": 1, "rejected": 2, "unavailable": 0,
        },
        {**common, "method": "GET", "path": "/" + "x" * 499, "status": 404},
    ]  # fmt: skip


def test_a_request_that_kafka_refused_says_why_in_its_line(
    client: FlaskClient, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    broker.answers["events"] = "refuses"
    client.get("/")
    line = json.loads(capsys.readouterr().out)
    refused = str(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert (line["status"], line["reason"]) == (503, refused)


def test_other_lines_of_the_log_have_their_fields_and_exception() -> None:
    record = logging.LogRecord("api.x", logging.ERROR, "", 0, "a %s", ("b\n",), None)
    record.created = 1_700_000_000.0625
    record.fields = {"topic": "é"}
    line = logs.JsonLines().format(record)
    said = {
        "time": "2023-11-14T22:13:20.062+00:00",
        "level": "ERROR",
        "logger": "api.x",
        "message": "a b\n",
        "topic": "é",
    }
    assert json.loads(line) == said and line.isascii()
    try:
        raise ValueError("c")
    except ValueError:
        record.exc_info = sys.exc_info()
    exception = json.loads(logs.JsonLines().format(record))["exception"]
    assert exception.startswith("Traceback") and exception.endswith("ValueError: c")


def test_logs_are_json_from_info_on_and_kafkas_client_is_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, kafka = logging.getLogger(), logging.getLogger("kafka")
    before = (root.handlers[:], root.level, kafka.level)
    try:
        logs.configure()
        logging.getLogger("api.x").info("said")
        logging.getLogger("api.x").debug("not said")
        logging.getLogger("kafka").critical("not said either")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(line["logger"], line["message"]) for line in lines] == [("api.x", "said")]
    finally:
        root.handlers[:], root.level = before[0], before[1]
        kafka.setLevel(before[2])


@pytest.mark.parametrize(
    ("event_type", "field", "keyword", "words"),
    [
        ("purchase_horse", "speed", "required", "speed is missing"),
        ("purchase_horse", "speed", "type", "speed must be a finite number"),
        ("purchase_horse", "quantity", "type", "quantity must be a whole number of 64 bits"),
        ("purchase_horse", "quantity", "maximum", "quantity must be at most 1000000000000"),
        ("purchase_horse", "quantity", "minimum", "quantity must be at least 0"),
        ("purchase_horse", "size", "enum", "size must be one of small, medium, large"),
        ("purchase_sword", "color", "pattern", "color must be of the pattern ^[^A-Z]*$"),
        ("message", "text", "type", "text must be a text of Unicode characters"),
        ("cart_action", "items", "type", "items must be a list"),
        ("cart_action", "items.item", "maxLength", "items.item must have at most 100 characters"),
        ("cart_action", "items.item", "minLength", "items.item must have at least 1 characters"),
    ],
)
def test_a_broken_rule_is_explained(event_type: str, field: str, keyword: str, words: str) -> None:
    assert explain(CONTRACTS[event_type], field, keyword) == words


def test_a_message_is_the_contracts_fields_in_order_then_what_the_api_says() -> None:
    events = EventMaker(CONTRACTS, 1000, now=lambda: NOW, new_id=lambda: ID)
    sender = Sender("ada", "h", "agent", "*/*", {"X-A": "1"})
    told = events.for_request(sender)({"z": None, "text": "hi", "event_type": "message", "group": "g"})
    assert (told.topic, told.key, told.event_id, told.event_type) == ("MessageHistory", b"ada", ID, "message")
    assert told.value.decode() == (
        f'{{"event_id":"{ID}","event_type":"message","group":"g","text":"hi","schema_version":1,"z":null,'
        '"received_at":"2026-11-22T10:00:00.000123Z","player":"ada","host":"h","user_agent":"agent","accept":"*/*",'
        '"http_headers":{"X-A":"1"}}'
    )
    size = len(told.value)
    exact = EventMaker(CONTRACTS, size, now=lambda: NOW, new_id=lambda: ID)
    item = {"z": None, "text": "hi", "event_type": "message", "group": "g"}
    assert len(exact.for_request(sender)(item).value) == size


class Made:
    """In place of confluent_kafka's producer."""

    def __init__(self, options: dict[str, Any], logger: logging.Logger) -> None:
        made.append((options, logger.name))

    def list_topics(self, topic: str, timeout: float) -> Any:
        made.append((topic, timeout))
        error = KafkaError(KafkaError._UNKNOWN_TOPIC) if topic == "gone" else None
        return type("Answer", (), {"topics": {topic: type("Topic", (), {"error": error})}})


made: list[Any] = []


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What the log's line says beside its message."""
    found: dict[str, Any] = record.__dict__["fields"]
    return found


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({}, {}),
        (
            {"ack_timeout_seconds": 0.015, "linger_ms": 0},
            {"delivery.timeout.ms": 15, "socket.timeout.ms": 10, "linger.ms": 0},
        ),
        ({"max_event_bytes": 2**20}, {"message.max.bytes": 2**20 + 2**16}),
    ],
)
def test_the_producer_waits_for_all_replicas_and_gives_up_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: dict[str, Any], changed: dict[str, Any]
) -> None:
    made.clear()
    monkeypatch.setattr(publish, "ConfluentProducer", Made)
    with caplog.at_level(logging.ERROR):
        kafka_producer(Settings(kafka_bootstrap="kafka:1", **settings), ("events", "gone"))
    options = {
        "bootstrap.servers": "kafka:1",
        "client.id": "lakehouse-api",
        "acks": "all",
        "enable.idempotence": True,
        "allow.auto.create.topics": False,
        "topic.metadata.propagation.max.ms": 1000,
        "partitioner": "murmur2_random",
        "linger.ms": 3,
        "delivery.timeout.ms": 10_000,
        "socket.timeout.ms": 5_000,
        "message.max.bytes": 2**20,
        "queue.buffering.max.kbytes": 65_536,
        "queue.buffering.max.messages": 500_000,
        "reconnect.backoff.max.ms": 1000,
    }
    assert made == [(options | changed, "kafka"), ("events", 5.0), ("gone", 5.0)]
    ((record),) = caplog.records
    reason = str(KafkaError(KafkaError._UNKNOWN_TOPIC))
    assert fields_of(record) == {"topic": "gone", "reason": reason}


def test_a_receipt_keeps_the_first_reason() -> None:
    receipt = Receipt(3)
    receipt.note(0, "first")
    receipt.note(1, "second")
    receipt.give_up(1, "third")
    assert receipt.reason == "first" and receipt.wait(0)
    given_up = Receipt(2)
    given_up.give_up(2, "full")
    given_up.note(0, "late")
    assert given_up.reason == "full"


def test_what_is_not_sent_says_why(publisher: Publisher, broker: Broker) -> None:
    from tests.unit.api.test_publish import message

    assert publisher.publish([message()]).reason == "broker lost"
    publisher.start()
    broker.answers["events"], broker.room = "silent", 15
    receipt = publisher.publish([message(), message(), message()])
    assert receipt.reason == "events: Local: Queue full"
    assert receipt.acknowledged == [False] * 3 and receipt._open == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("refuses", str(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))),
        ("silent", "no acknowledgement within 0.05 s"),
    ],
)
def test_a_probe_that_fails_says_why(
    publisher: Publisher,
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    reason: str,
) -> None:
    def poll(timeout: float) -> int:
        time.sleep(0.01)
        return 0

    publisher.probe()
    if answer == "silent":
        monkeypatch.setattr(broker, "poll", poll)
    broker.answers["probe"] = answer
    with caplog.at_level(logging.INFO):
        publisher.probe()
        publisher.probe()
    assert [(record.levelname, record.getMessage(), fields_of(record)) for record in caplog.records] == [
        ("ERROR", "broker lost", {"reason": reason})
    ]


def test_a_broker_is_said_to_be_reachable_once(
    publisher: Publisher, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        publisher.probe()
        publisher.probe()
        broker.up = False
        publisher._drop_producer()
        publisher.probe()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "broker reachable"),
        ("ERROR", "broker lost"),
    ]
    reason = fields_of(caplog.records[1])["reason"]
    assert reason.startswith("KafkaException: ")


def test_a_broker_that_was_never_there_is_said_to_be_lost_once(
    publisher: Publisher, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.up = False
    with caplog.at_level(logging.INFO):
        publisher.probe()
        publisher.probe()
    assert caplog.messages == ["broker lost"]


def test_metrics_count_by_route_method_status_and_time() -> None:
    metrics = Metrics()
    metrics.measure("/a", "GET", 200, 0.2)
    metrics.measure("/a", "GET", 200, 0.3)
    metrics.measure(None, "BREW", 404, 20)
    metrics.count_events(Counter({("message", "accepted"): 2}))
    page = metrics.page()
    lines = page.get_data(as_text=True).splitlines()
    for line in (
        "# HELP lakehouse_api_requests_total Answered requests.",
        "# HELP lakehouse_api_request_seconds Time to answer.",
        "# HELP lakehouse_api_events_total Events by what became of them.",
        'lakehouse_api_requests_total{method="GET",route="/a",status="200"} 2.0',
        'lakehouse_api_requests_total{method="other",route="none",status="404"} 1.0',
        'lakehouse_api_request_seconds_sum{route="/a"} 0.5',
        'lakehouse_api_events_total{event_type="message",outcome="accepted"} 2.0',
    ):
        assert line in lines, line
    buckets = [
        line for line in lines if line.startswith('lakehouse_api_request_seconds_bucket{le="') and 'route="/a"' in line
    ]
    assert [(line.split('"')[1], line.split()[-1]) for line in buckets] == [
        ("0.001", "0.0"), ("0.0025", "0.0"), ("0.005", "0.0"), ("0.01", "0.0"), ("0.025", "0.0"), ("0.05", "0.0"),
        ("0.1", "0.0"), ("0.25", "1.0"), ("0.5", "2.0"), ("1.0", "2.0"), ("2.5", "2.0"), ("5.0", "2.0"),
        ("10.0", "2.0"), ("+Inf", "2.0"),
    ]  # fmt: skip
    assert page.content_type.startswith("text/plain; version=")


def test_serving_starts_two_workers_with_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    class Server:
        def __init__(self, *target: str, **options: Any) -> None:
            asked.append((target, options))

        def on_startup(self, hook: Any) -> None:
            asked.append(hook)

        def serve(self) -> None:
            asked.append("served")

    counts = tmp_path / "counts"
    counts.mkdir()
    (counts / "old.db").touch()
    monkeypatch.setattr(serving, "Granian", Server)
    monkeypatch.setenv("LAKEHOUSE_API_PORT", "5123")
    monkeypatch.setenv("LAKEHOUSE_BIND", "localhost")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(counts))
    assert serving.main() == 0
    assert list(counts.iterdir()) == []
    ((target, options), hook, served) = asked
    assert (target, hook, served) == (("api.app:create_app",), announce, "served")
    http1 = options.pop("http1_settings")
    assert http1.max_buffer_size == 131_072
    assert {name: getattr(value, "value", value) for name, value in options.items()} == {
        "factory": True,
        "address": "127.0.0.1",
        "port": 5123,
        "interface": "asgi",
        "loop": "uvloop",
        "http": "1",
        "websockets": False,
        "workers": 2,
        "respawn_failed_workers": True,
        "respawn_interval": 1,
        "workers_kill_timeout": 20,
        "log_level": "warning",
    }


def test_serving_with_a_setting_that_cannot_be_used_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "Granian", None)
    monkeypatch.setenv("LAKEHOUSE_API_PORT", "0")
    assert serving.main() == 2
    words = "LAKEHOUSE_API_PORT='0': Input should be greater than or equal to 1\n"
    assert capsys.readouterr().err == words


def test_without_a_folder_of_counts_nothing_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    serving.empty_metrics(None)
    serving.empty_metrics("")
    assert list(tmp_path.iterdir()) == []
    serving.empty_metrics(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()


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
