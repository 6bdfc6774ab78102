"""When unread messages expire: the arithmetic, the words and the gauges."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from unittest.mock import Mock

import pytest

from lakehouse.clients import expiry, kafka
from lakehouse.clients.expiry import (
    Unread,
    as_metrics,
    first_unread,
    hours_left,
    metrics_file,
    unread,
    warnings,
    write_metrics,
)
from lakehouse.ledger.offsets import Log, TopicPartition
from lakehouse.settings import Settings

A, B = TopicPartition("events", "id", 0), TopicPartition("events", "id", 1)
NOW = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("log", "done", "first"),
    [
        (Log(A, 0, 9), {}, 0),
        (Log(A, 0, 9), {A: 4}, 4),
        (Log(A, 6, 9), {A: 4}, 6),  # the beginning expired already; the drain says so
        (Log(A, 0, 9), {A: 9}, 9),
        (Log(A, 0, 3), {A: 9}, 3),  # made again: nothing of it counts as unread twice
        (Log(B, 5, 9), {A: 7}, 5),
    ],
)
def test_unread_begins_where_ingest_is_or_where_the_log_begins(
    log: Log, done: dict[TopicPartition, int], first: int
) -> None:
    assert first_unread([log], done) == {log.at: first}


def test_hours_left_are_those_of_the_first_message() -> None:
    two_days = 48 * 3600 * 1000
    assert hours_left(NOW - dt.timedelta(hours=47), two_days, NOW) == pytest.approx(1)
    assert hours_left(NOW - dt.timedelta(hours=50), two_days, NOW) == pytest.approx(-2)


def test_messages_that_never_expire_or_whose_time_is_unknown_have_no_hours() -> None:
    assert hours_left(NOW, -1, NOW) is None
    assert hours_left(None, 1000, NOW) is None


def test_a_batch_that_cannot_be_read_stops_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> dict[TopicPartition, dt.datetime]:
        raise ValueError("year 51432 is out of range")

    monkeypatch.setattr(kafka, "retention_ms", lambda *_: {"events": 1_000})
    monkeypatch.setattr(kafka, "first_times", damaged)
    monkeypatch.setattr(expiry, "log", log := Mock())
    assert unread(Settings.load(), Mock(), [Log(A, 0, 9)], {A: 4}) == [Unread(A, 4, 9, None)]
    assert "year 51432" in str(log.warning.call_args)


def test_a_warning_names_partition_offsets_hours_and_what_to_do() -> None:
    found = [Unread(A, 4, 9, 1.25), Unread(B, 0, 9, 25.0), Unread(B, 0, 9, None)]
    (sentence,) = warnings(found, 24)
    assert sentence.startswith("events-0: the unread offsets [4, 9) begin to expire in 1.2 hours")
    assert "ingest_events" in sentence and "retention.ms" in sentence
    (overdue,) = warnings([Unread(A, 4, 9, -0.5)], 0)
    assert "may be deleted at any moment" in overdue


def test_gauges_are_what_prometheus_reads() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    families = {
        family.name: {sample.labels["partition"]: sample.value for sample in family.samples}
        for family in text_string_to_metric_families(as_metrics([Unread(A, 4, 9, 1.5), Unread(B, 3, 3)]))
    }
    assert families == {
        "lakehouse_unread_messages": {"0": 5, "1": 0},
        "lakehouse_unread_expire_hours": {"0": 1.5},
    }


def test_the_metrics_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    write_metrics(settings, [Unread(A, 0, 1)])
    write_metrics(settings, [Unread(A, 0, 2)])
    assert metrics_file(settings).read_text() == as_metrics([Unread(A, 0, 2)])
    assert [file.name for file in (tmp_path / "metrics").iterdir()] == ["ingest.prom"]


def test_a_folder_that_cannot_be_written_is_said_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Mock()
    monkeypatch.setattr("lakehouse.clients.expiry.log", said)
    (tmp_path / "metrics").write_text("a file where the folder should be")
    write_metrics(Settings(state=tmp_path), [])
    said.warning.assert_called_once()
