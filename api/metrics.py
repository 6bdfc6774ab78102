"""Prometheus metrics of the API (with PROMETHEUS_MULTIPROC_DIR set, of all its processes), and what ingest left beside."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from api import logs

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one app, in a registry of its own.

    `beside` is a file in Prometheus' text format that is shown too while it is at most `fresh_seconds` old.
    """

    def __init__(self, beside: Path | None = None, fresh_seconds: float = 0) -> None:
        self._beside = beside
        self._fresh_seconds = fresh_seconds
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "lakehouse_api_requests", "Answered requests.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "lakehouse_api_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self._events = Counter(
            "lakehouse_api_events", "Events by what became of them.", ["event_type", "outcome"], registry=self.registry
        )

    def count_events(self, outcomes: Iterable[tuple[str, str]]) -> None:
        """Counts (event type or unknown, accepted or rejected or unavailable) pairs."""
        for event_type, outcome in outcomes:
            self._events.labels(event_type, outcome).inc()

    def register(self, app: Flask) -> None:
        """Measures every request of the app."""
        app.after_request(self._measure)

    def page(self) -> Response:
        """What Prometheus scrapes."""
        registry = self.registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry) + self._from_beside(), content_type=CONTENT_TYPE_LATEST)

    def _from_beside(self) -> bytes:
        """The file's content; nothing if it is absent or old: a gauge that nobody renews would look as if all were well."""
        if self._beside is None:
            return b""
        try:
            with self._beside.open("rb") as file:
                old = time.time() - os.fstat(file.fileno()).st_mtime > self._fresh_seconds
                return b"" if old else file.read()
        except OSError:
            return b""

    def _measure(self, response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"  # of rules there are few, of paths without end
        method = request.method if request.method in _METHODS else "other"
        self._requests.labels(route, method, str(response.status_code)).inc()
        self._seconds.labels(route).observe(logs.seconds_taken())
        return response


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
