"""The app on a broker in memory."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

with warnings.catch_warnings():  # kafka-python reads its schemas by a function that Python 3.11 calls old
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.errors import KafkaTimeoutError

from api.app import make_app
from api.events import EventMaker
from api.publish import Publisher
from lakehouse.contract import PROBE_TOPIC, load_contracts
from lakehouse.settings import CHECKOUT, Settings

NOW = datetime(2026, 11, 22, 10, 0, 0, 123, tzinfo=UTC)
CONTRACTS = load_contracts(CHECKOUT / "lakehouse" / "contracts")


@dataclass
class Future:
    """A send of the broker in memory, done at once or never."""

    error: Exception | None
    is_done: bool

    def get(self, timeout: float | None = None) -> None:
        if not self.is_done:
            raise KafkaTimeoutError("no acknowledgement")
        if self.error:
            raise self.error

    def add_callback(self, f: Callable[..., Any]) -> None:
        if self.is_done and self.error is None:
            f(None)

    def add_errback(self, f: Callable[..., Any]) -> None:
        if self.is_done and self.error is not None:
            f(self.error)


@dataclass
class Broker:
    """Keeps what was sent; `answers` says of each topic whether it acks, refuses or stays silent."""

    messages: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    up: bool = True
    connects: int = 0
    discarded: int = 0

    def connect(self) -> Broker:
        if not self.up:
            raise KafkaTimeoutError("no broker")
        self.connects += 1
        return self

    def discard(self, producer: Any) -> None:
        self.discarded += 1

    def send(self, topic: str, value: bytes, key: bytes) -> Future:
        answer = self.answers.get(topic, "acks") if self.up else "silent"
        if answer == "raises":
            raise KafkaTimeoutError("no metadata")
        if topic != PROBE_TOPIC:
            self.messages.append((topic, key, value))
        return Future(KafkaTimeoutError("refused") if answer == "refuses" else None, answer != "silent")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(value) for _, _, value in self.messages]


class StillPublisher(Publisher):
    """Without the watching thread: tests probe when they want to."""

    def start(self) -> None:
        if not self._probed.is_set():
            self.probe()


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def publisher(broker: Broker) -> Publisher:
    return StillPublisher(broker.connect, broker.discard, ack_timeout_seconds=0.05, max_pending_bytes=100_000)


@pytest.fixture
def app(publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    settings = Settings(state=tmp_path, max_event_bytes=2_000, max_body_bytes=20_000, max_batch_events=50)
    events = EventMaker(CONTRACTS, settings.max_event_bytes, now=lambda: NOW)
    return make_app(settings, events, publisher)


class PlayerOne(FlaskClient):
    """Sends the Host header that the load tests send, unless a test says another."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["environ_overrides"] = {"HTTP_HOST": "Player 1", **kwargs.get("environ_overrides", {})}
        return super().open(*args, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.test_client_class = PlayerOne
    return app.test_client()
