"""Puts the API together: the app that a server serves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface, SessionMixin

from api import batch, health, logs, named, notifications, openapi, players, problems
from api.events import EventMaker
from api.front import AsgiFront, Front, WsgiFront
from api.later import Later
from api.metrics import Metrics
from api.publish import Publisher, kafka_producer
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import PROBE_TOPIC
from lakehouse.settings import Settings


def create_app() -> AsgiFront:
    """The app as `python -m api` starts it: settings from the environment, logs to standard output, Kafka for real.

    Raises:
        SettingsError, ContractError: it cannot start; the message says what to change.
    """
    settings = Settings.load()
    logs.configure()
    # By default Python's lock changes hands every 5 ms, and the answers would wait for that.
    sys.setswitchinterval(0.0005)
    contracts = load_contracts(settings.contracts)
    publisher = Publisher(
        lambda: kafka_producer(settings, (*contracts.topics, PROBE_TOPIC)),
        ack_timeout_seconds=settings.ack_timeout_seconds,
    )
    front = make_front(settings, EventMaker(contracts, settings.max_event_bytes), publisher)
    return AsgiFront(front, publisher, settings.max_body_bytes)


def make_front(settings: Settings, events: EventMaker, publisher: Publisher) -> Front:
    """The Flask app made of these parts, inside its front."""
    app = LeanFlask("api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.session_interface = NoSession()
    app.url_map.merge_slashes = False
    metrics = Metrics()

    problems.register(app)
    named.register(app, events, publisher, metrics)
    batch.register(app, events, publisher, metrics, settings.max_batch_events)
    health.register(app, publisher)
    players.register(app, settings.redis_url)
    notifications.register(app, settings.redis_url, settings.max_listeners)
    openapi.register(app, events.contracts)
    app.add_url_rule("/metrics", "metrics", metrics.page, methods=["GET"])
    front = Front(app, publisher, metrics, settings.max_header_bytes)
    app.wsgi_app = WsgiFront(front)  # type: ignore[method-assign]
    return front


class LeanFlask(Flask):
    """Flask with views that return a `Later`, and without what no view here uses: coroutines and sessions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func

    def finalize_request(self, rv: Any, from_error_handler: bool = False) -> Any:
        return rv if isinstance(rv, Later) else super().finalize_request(rv, from_error_handler)


class NoSession(SessionInterface):
    """No cookies are read or set."""

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        return _NO_SESSION

    def is_null_session(self, obj: object) -> bool:
        return True


_NO_SESSION = NullSession()
