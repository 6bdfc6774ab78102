"""The log's lines as a whole: each word that an operator reads."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from confluent_kafka import KafkaError
from flask.testing import FlaskClient

from api import logs
from tests.unit.api.conftest import Broker

GOOD = {"event_type": "guild_action", "action": "join"}


def test_a_line_of_the_log_tells_the_whole_request(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 600
    client.get(f"/message?text=hi&group={long}", headers={"X-Player-Id": "Player 1"})
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
        {**common, "method": "GET", "path": "/message", "status": 200, "event_type": "message"},
        {
            **common, "method": "POST", "path": "/guild/burn", "status": 400,
            "event_type": "guild_action", "field": "action", "rule": "enum",
        },
        {
            **common, "method": "POST", "path": "/v1/events", "status": 200,
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
