"""The app on a broker in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import KafkaError, KafkaException
from flask import Flask
from flask.testing import FlaskClient

from api.app import make_front
from api.events import EventMaker
from api.front import Front
from api.publish import Publisher
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import PROBE_TOPIC
from lakehouse.settings import CHECKOUT, Settings

NOW = datetime(2026, 11, 22, 10, 0, 0, 123, tzinfo=UTC)
CONTRACTS = load_contracts(CHECKOUT / "contracts")
ID = str(UUID(int=int(NOW.timestamp() * 1000) << 80 | 0x7ABC8DEF0123456789AB))  # an event_id of that time


@dataclass
class Broker:
    """Keeps what was sent; `answers` says of each topic whether it acks, refuses, raises or stays silent."""

    messages: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    up: bool = True
    connects: int = 0
    discarded: int = 0
    room: int = 100_000  # bytes of messages that are not acknowledged
    reports: list[Callable[[], None]] = field(default_factory=list)
    silent: list[Callable[[], None]] = field(default_factory=list)

    def connect(self) -> Broker:
        if not self.up:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        self.connects += 1
        return self

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None:
        answer = self.answers.get(topic, "acks") if self.up else "silent"
        if answer == "raises":
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_TOPIC))
        if answer == "silent":
            if len(value) > self.room:
                raise BufferError("Local: Queue full")
            self.room -= len(value)
        if topic != PROBE_TOPIC:
            self.messages.append((topic, key, value))
        if answer == "silent":
            self.silent.append(lambda: on_delivery(KafkaError(KafkaError._PURGE_QUEUE), None))
            return
        error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED) if answer == "refuses" else None

        def report() -> None:
            on_delivery(error, None)

        if topic == PROBE_TOPIC:
            self.reports.append(report)
        else:
            report()

    def poll(self, timeout: float) -> int:
        if not self.reports and timeout:
            time.sleep(0.002)
        reports, self.reports = self.reports, []
        for report in reports:
            report()
        return len(reports)

    def purge(self) -> None:
        self.discarded += 1
        self.reports, self.silent = self.reports + self.silent, []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(value) for _, _, value in self.messages]


class StillPublisher(Publisher):
    """Without the serving thread: tests probe when they want to."""

    def start(self) -> None:
        if not self._probed.is_set():
            self.probe()


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def publisher(broker: Broker) -> Publisher:
    return StillPublisher(broker.connect, ack_timeout_seconds=0.05, probe_timeout_seconds=0.05)


@pytest.fixture
def front(publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Front:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    monkeypatch.setattr("api.front._GRACE_SECONDS", 0.0)
    settings = Settings(state=tmp_path, max_event_bytes=2_000, max_body_bytes=20_000, max_batch_events=50)
    events = EventMaker(CONTRACTS, settings.max_event_bytes, now=lambda: NOW)
    return make_front(settings, events, publisher)


@pytest.fixture
def app(front: Front) -> Flask:
    return front.app


class PlayerOne(FlaskClient):
    """Sends the Host header that the load tests send, unless a test says another."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["environ_overrides"] = {"HTTP_HOST": "Player 1", **kwargs.get("environ_overrides", {})}
        return super().open(*args, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.test_client_class = PlayerOne
    return app.test_client()
