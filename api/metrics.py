"""Prometheus metrics of the API, of all its processes with PROMETHEUS_MULTIPROC_DIR."""

from __future__ import annotations

import os
from collections.abc import Mapping

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one app, in a registry of its own."""

    def __init__(self) -> None:
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

        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # finding a series costs much

    def count_events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        """Adds the number of each (event type or unknown, accepted or rejected or unavailable) pair."""
        for (event_type, outcome), events in outcomes.items():
            self._events.labels(event_type, outcome).inc(events)

    def measure(self, rule: str | None, method: str, status: int, seconds: float) -> None:
        """Counts an answered request.

        `rule` is the URL rule of its route: there are few rules, but endlessly many paths.
        """
        route = rule or "none"
        key = (route, method if method in _METHODS else "other", status)
        answered = self._answered.get(key)
        if answered is None:
            answered = self._answered[key] = (
                self._requests.labels(route, key[1], str(status)),
                self._seconds.labels(route),
            )
        answered[0].inc()
        answered[1].observe(seconds)

    def page(self) -> Response:
        """What Prometheus scrapes."""
        registry = self.registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
