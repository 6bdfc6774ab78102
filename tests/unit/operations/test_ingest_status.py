"""How far ingest is: by the ledger and Kafka, and what is told if one of them does not answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError

from lakehouse.clients import expiry
from lakehouse.clients.expiry import Unread
from lakehouse.clients.trino import QueryError
from lakehouse.ledger.offsets import Log, OffsetsError, TopicPartition
from lakehouse.ledger.selection import Selection
from lakehouse.settings import Settings
from operations import ingest_status as module
from operations.ingest_status import Batch, IngestStatus, OpenEntry, Partition, ingest_status

A, B = TopicPartition("events", "id", 0), TopicPartition("MessageHistory", "id2", 1)
AT = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
BATCH = {"entry_id": 7, "status": "done", "verdict": "passed", "published": 5, "quarantined": 1, "at": AT}
ENTRY = {"entry_id": 8, "kind": "replay", "status": "decided", "since": AT}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each server answers; an exception is raised instead."""
    answers: dict[str, Any] = {
        "batch": [BATCH], "entry": [ENTRY], "quarantine": {"not_json": 3},
        "reached": {A: 4}, "group": {A: 2}, "logs": [Log(A, 0, 9)],
    }  # fmt: skip

    def give(name: str) -> Any:
        if isinstance(answers[name], Exception):
            raise answers[name]
        return answers[name]

    def query(settings: Settings, sql: str) -> Any:
        return give("batch" if "ops.batches where kind = 'ingest'" in sql else "entry")

    @contextmanager
    def admin(settings: Settings) -> Iterator[str]:
        yield "client"

    def unread(settings: Settings, client: Any, logs: Any, done: Any) -> list[Unread]:
        return [Unread(A, done[A], logs[0].end, 1.5, AT), Unread(B, 3, 3)]

    fakes: dict[str, Callable[..., Any]] = {
        "query": query,
        "by_reason": lambda settings, selection: give("quarantine") if selection == Selection() else None,
        "admin": admin,
        "read_logs": lambda client, topics: give("logs"),
        "reached": lambda settings: give("reached"),
        "group_offsets": lambda client, group, places: give("group"),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(module, name, fake)
    monkeypatch.setattr(expiry, "unread", unread)
    return answers


def test_it_is_told_by_the_ledger_and_kafka(servers: dict[str, Any]) -> None:
    assert ingest_status(Settings()) == IngestStatus(
        Batch(7, "done", "passed", 5, 1, AT),
        OpenEntry(8, "replay", "decided", AT),
        {"not_json": 3},
        (Partition("MessageHistory", 1, 0, None, None), Partition("events", 0, 5, AT, 1.5)),
        (),
    )
    servers |= {"batch": [], "entry": []}
    found = ingest_status(Settings())
    assert (found.last_batch, found.open_entry) == (None, None)


def test_without_trino_the_consumer_group_tells_what_is_unread(servers: dict[str, Any]) -> None:
    servers |= dict.fromkeys(("batch", "entry", "quarantine", "reached"), QueryError("Trino does not answer"))
    found = ingest_status(Settings())
    assert (found.last_batch, found.quarantine_open, found.unknown) == (None, None, ("Trino does not answer",))
    assert found.partitions[1].unread == 7


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            KafkaConnectionError("no broker"),
            "Kafka does not answer: KafkaConnectionError: no broker",
        ),
        (OSError("refused"), "Kafka does not answer: OSError: refused"),
        (OffsetsError("Kafka has no topic x"), "Kafka has no topic x"),
    ],
)
def test_without_kafka_the_rest_is_told(servers: dict[str, Any], error: Exception, words: str) -> None:
    servers["logs"] = error
    found = ingest_status(Settings())
    assert (found.partitions, found.unknown, found.quarantine_open) == ((), (words,), {"not_json": 3})
