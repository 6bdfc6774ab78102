"""Puts the API together: the app that a WSGI server serves."""

from __future__ import annotations

import os

import uuid_utils
from flask import Flask, request

from api import batch, health, logs, named, openapi, problems
from api.events import EventMaker
from api.metrics import Metrics
from api.problems import Problem
from api.publish import Publisher, discard_kafka_producer, kafka_producer
from api.sender import AnyHost
from lakehouse.contract import PROBE_TOPIC, load_contracts
from lakehouse.expiry import metrics_file
from lakehouse.settings import Settings


def create_app() -> Flask:
    """The app as gunicorn starts it: settings from the environment, logs to standard output, Kafka for real.

    Nothing connects before the first request, so that it may be made before or after a fork.

    Raises:
        SettingsError, ContractError: it cannot start; the message says what to change.
    """
    settings = Settings.load()
    logs.configure()
    os.register_at_fork(after_in_child=uuid_utils.reseed_rng)  # or all workers would make the same event ids
    contracts = load_contracts(settings.contracts)
    publisher = Publisher(
        lambda: kafka_producer(settings, (*contracts.topics, PROBE_TOPIC)),
        discard_kafka_producer,
        ack_timeout_seconds=settings.ack_timeout_seconds,
    )
    return make_app(settings, EventMaker(contracts, settings.max_event_bytes), publisher)


def make_app(settings: Settings, events: EventMaker, publisher: Publisher) -> Flask:
    """The app of these parts."""
    app = Flask("api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    app.wsgi_app = AnyHost(app.wsgi_app)  # type: ignore[method-assign]
    # what the last look at Kafka left, while ingest runs on its schedule
    metrics = Metrics(metrics_file(settings), fresh_seconds=60 * (3 * settings.ingest_every_minutes + 5))

    logs.register(app)
    metrics.register(app)
    problems.register(app)
    _limit_headers(app, settings.max_header_bytes)
    named.register(app, events, publisher, metrics)
    batch.register(app, events, publisher, metrics, settings.max_batch_events)
    health.register(app, publisher)
    openapi.register(app, events.contracts)
    app.add_url_rule("/metrics", "metrics", metrics.page, methods=["GET"])
    return app


def _limit_headers(app: Flask, max_bytes: int) -> None:
    def check() -> None:
        size = sum(len(key) + len(value) for key, value in request.environ.items() if key.startswith("HTTP_"))
        if size > max_bytes:
            raise Problem(
                431, "Request Header Fields Too Large", f"The headers have {size} bytes, allowed are {max_bytes}."
            )

    app.before_request(check)
