"""In place of the servers that the exporter asks, and what Prometheus reads of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from operations import metrics
from operations.ingest_status import Batch, OpenEntry, Partition
from operations.metrics import Exporter

AGO = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)


def answering(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is found out by each question; an exception is raised instead."""
    answers: dict[str, Any] = {
        "last_batch": Batch(7, "done", "failed", 5, 1, AGO),
        "open_entry": OpenEntry(8, "replay", "planned", AGO),
        "quarantine_open": {"rule:red": 3, "not_json": 1},
        "partitions": (Partition("events", 0, 5, AGO, 1.5), Partition("events", 1, 0, None, None)),
        "decided": [{"verdict": "passed", "batches": 6}],
        "fresh": [{"table_name": "game.messages", "complete_through": AGO, "lag_seconds": 600}],
        "processes": {"spark": ["java", "worker"]},
        "spark": None,
    }

    def give(name: str) -> Callable[..., Any]:
        def answer(*_: Any, **__: Any) -> Any:
            if isinstance(answers[name], Exception):
                raise answers[name]
            return answers[name]

        return answer

    for name in ("last_batch", "open_entry", "quarantine_open", "partitions"):
        monkeypatch.setattr(metrics, name, give(name))
    monkeypatch.setattr(
        metrics, "query", lambda settings, sql: give("fresh" if "ops.freshness" in sql else "decided")()
    )
    monkeypatch.setattr(metrics, "stack_processes", give("processes"))
    monkeypatch.setattr(metrics, "memory_bytes", lambda processes: 1_000 * len(processes))
    monkeypatch.setattr(metrics, "check_answers", give("spark"))
    return answers


def scraped(collector: Exporter) -> dict[str, dict[tuple[str, ...], float]]:
    """What Prometheus reads: by name of the series, the value by its labels' values, in the order of their names."""
    registry = CollectorRegistry()
    registry.register(collector)
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found
