"""When unread messages expire: the arithmetic and the words."""

from __future__ import annotations

import datetime as dt
from unittest.mock import Mock

import pytest

from lakehouse.clients import expiry, kafka
from lakehouse.clients.expiry import Unread, first_unread, hours_left, unread, warnings
from lakehouse.ledger.offsets import Log, TopicPartition
from lakehouse.settings import Settings

A, B = TopicPartition("events", "id", 0), TopicPartition("events", "id", 1)
C = TopicPartition("other", "id", 0)
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


def test_hours_of_nothing_left_are_overdue_and_those_above_the_limit_are_no_warning() -> None:
    begin = "events-0: the unread offsets [4, 9) "
    end = (
        ", and what expires unread is lost. Let ingest_events run (its last red run says what stops it), or give the "
        "topic events a longer retention.ms meanwhile"
    )
    assert warnings([Unread(A, 4, 9, 0.0)], 24) == [f"{begin}may be deleted at any moment{end}"]
    assert warnings([Unread(A, 4, 9, 0.1)], 24) == [f"{begin}begin to expire in 0.1 hours{end}"]
    assert warnings([Unread(A, 4, 9, 24.0)], 24) == [f"{begin}begin to expire in 24.0 hours{end}"]
    assert warnings([Unread(A, 4, 9, 24.1)], 24) == []


def test_a_topic_without_retention_keeps_for_ever_and_one_of_zero_deletes_at_once() -> None:
    assert hours_left(NOW, 0, NOW) == 0
    assert hours_left(NOW, 3_600_000, NOW) == 1


def test_only_partitions_with_unread_messages_are_asked_for_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def retention_ms(client: object, topics: set[str]) -> dict[str, int]:
        asked.append(topics)
        return {"events": 3_600_000_000}

    def first_times(settings: Settings, places: dict[TopicPartition, int]) -> dict[TopicPartition, dt.datetime]:
        asked.append(places)
        return {A: dt.datetime.now(dt.UTC), C: dt.datetime.now(dt.UTC)}

    monkeypatch.setattr(kafka, "retention_ms", retention_ms)
    monkeypatch.setattr(kafka, "first_times", first_times)
    found = unread(Settings(), Mock(), [Log(A, 0, 9), Log(B, 0, 9), Log(C, 3, 5)], {A: 8, B: 9})
    assert asked == [{"events", "other"}, {A: 8, C: 3}]
    assert [(each.at, each.start, each.end) for each in found] == [(A, 8, 9), (B, 9, 9), (C, 3, 5)]
    assert found[0].hours == pytest.approx(1000, abs=0.1)
    assert [each.hours for each in found[1:]] == [None, None]  # nothing is unread; a topic without retention
    assert unread(Settings(), Mock(), [Log(A, 0, 9)], {A: 9}) == [Unread(A, 9, 9, None)]
    assert len(asked) == 2
