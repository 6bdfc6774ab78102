"""What surrounds the events: health, problems, limits, logs, metrics and the API's description."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.logs import JsonLines
from api.publish import Publisher
from api.routes import ROUTES
from tests.unit.api.conftest import CONTRACTS, Broker


def test_alive_also_without_a_broker(client: FlaskClient, broker: Broker) -> None:
    broker.up = False
    assert client.get("/healthz").status_code == 200


def test_ready_follows_the_broker(client: FlaskClient, broker: Broker, publisher: Publisher) -> None:
    broker.up = False
    assert client.get("/readyz").status_code == 503
    broker.up = True
    publisher.probe()
    assert client.get("/readyz").status_code == 200
    broker.up = False
    publisher.probe()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert "Retry-After" in answer.headers


def test_a_topic_that_refuses_the_probe_is_not_ready(client: FlaskClient, broker: Broker) -> None:
    broker.answers["probe"] = "refuses"
    assert client.get("/readyz").status_code == 503


def test_a_lost_broker_gets_no_messages_and_a_new_producer(
    client: FlaskClient, broker: Broker, publisher: Publisher
) -> None:
    client.get("/")
    broker.up = False
    publisher.probe()
    assert client.get("/").status_code == 503
    assert (len(broker.messages), broker.discarded) == (1, 1)
    broker.up = True
    publisher.probe()
    assert client.get("/").status_code == 200
    assert broker.connects == 2


def test_what_is_not_there_is_a_problem(client: FlaskClient) -> None:
    for answer, status in (
        (client.get("/nowhere"), 404),
        (client.get("/message/"), 404),
        (client.post("/purchase_a_sword/red//1"), 404),
        (client.post("/purchase_a_sword"), 405),
        (client.put("/v1/events"), 405),
        (client.options("/"), 405),
        (client.get("/purchase_a_sword/red/1"), 405),
    ):
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
        problem = answer.get_json(force=True)
        assert problem["status"] == status and {"type", "title", "detail"} <= set(problem)
    assert "POST" in client.get("/purchase_a_sword/red/1").headers["Allow"]


def test_headers_that_are_too_large_are_431(client: FlaskClient, broker: Broker) -> None:
    answer = client.get("/", headers={f"X-{number}": "a" * 4000 for number in range(5)})
    assert (answer.status_code, answer.content_type) == (431, "application/problem+json")
    assert broker.messages == []


def test_an_unexpected_error_tells_the_log_and_not_the_client(
    app: Flask,
    client: FlaskClient,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Any) -> list[bool]:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(publisher, "publish", fail)
    with caplog.at_level(logging.INFO):
        answer = client.get("/")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert b"secret" not in answer.data and b"Traceback" not in answer.data
    assert any("secret detail" in JsonLines().format(record) for record in caplog.records)


def test_a_request_gives_one_line_that_no_input_can_break(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = 'x\r\n{"level": "INFO"}\u2028\x1b[31m'
    client.get("/a%0A%0D%1B%5B31m/b", environ_overrides={"HTTP_HOST": forged})
    client.get("/", environ_overrides={"HTTP_HOST": forged})
    lines = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert len(lines) == 2
    for line in lines:
        assert line.isascii() and line.isprintable()
    first, second = (json.loads(line) for line in lines)
    assert (first["method"], first["path"], first["status"]) == ("GET", "/a\n\r\x1b[31m/b", 404)
    assert (second["path"], second["status"], second["event_type"]) == ("/", 200, "default")
    assert "INFO" in lines[1] and "31m" not in lines[1], "no line names the player, here the Host"


def test_metrics_count_requests_and_events(client: FlaskClient, broker: Broker) -> None:
    client.get("/message")
    client.post("/guild/burn")
    client.post("/v1/events", json=[{"event_type": "made_up"}, {"event_type": "default"}])
    broker.answers["events"] = "silent"
    client.get("/")
    for path in ("/a", "/b"):
        client.get(path)
    page = client.get("/metrics").text
    for line in (
        'lakehouse_api_events_total{event_type="message",outcome="accepted"} 1.0',
        'lakehouse_api_events_total{event_type="guild_action",outcome="rejected"} 1.0',
        'lakehouse_api_events_total{event_type="unknown",outcome="rejected"} 1.0',
        'lakehouse_api_events_total{event_type="default",outcome="accepted"} 1.0',
        'lakehouse_api_events_total{event_type="default",outcome="unavailable"} 1.0',
        'lakehouse_api_requests_total{method="GET",route="none",status="404"} 2.0',
        'lakehouse_api_requests_total{method="POST",route="/guild/<action>",status="400"} 1.0',
        'lakehouse_api_request_seconds_count{route="/message"} 1.0',
    ):
        assert line in page
    assert "made_up" not in page


def test_openapi_is_valid_and_lists_every_route_and_type(client: FlaskClient, app: Flask) -> None:
    document = client.get("/openapi.json").get_json()
    OpenAPIV31SpecValidator(document).validate()
    described = {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, methods in document["paths"].items()
        for method in methods
    }
    served = {
        (m, re.sub(r"<\w+:", "<", rule.rule))
        for rule in app.url_map.iter_rules()
        for m in rule.methods or ()
        if m not in ("HEAD", "OPTIONS")
    }
    assert described == served
    assert set(CONTRACTS) <= set(document["components"]["schemas"])
    sword = document["components"]["schemas"]["purchase_sword"]["properties"]
    assert sword["quantity"] == CONTRACTS["purchase_sword"].schema["properties"]["quantity"]


def test_the_docs_page_lists_every_route_and_loads_nothing(client: FlaskClient) -> None:
    answer = client.get("/docs")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in answer.text and "http://" not in answer.text and "https://" not in answer.text
    for route in ROUTES:
        assert route.path.replace("<", "&lt;").replace(">", "&gt;") in answer.text
