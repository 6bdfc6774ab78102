"""Which day a run builds, and what is missing of it."""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext
from typing import Any

import pytest

from lakehouse.contract.load import load_contracts
from lakehouse.ledger.offsets import Log, TopicPartition
from lakehouse.settings import Settings
from operations import completeness
from operations.completeness import DayError, day_of, lacking

DAY = dt.date(2026, 3, 4)
NOW = dt.datetime(2026, 3, 9, 1, tzinfo=dt.UTC)
A, B = TopicPartition("events", "id-1", 0), TopicPartition("events", "id-1", 1)


def test_a_day_is_complete_when_every_partition_is_done_up_to_the_next_day() -> None:
    assert lacking({A: 7, B: 3}, {A: 7, B: 2}, DAY) == []


def test_what_is_missing_is_named_with_its_offsets() -> None:
    sentences = lacking({A: 5}, {A: 7, B: 2}, DAY)
    assert [sentence.partition(" of ")[0] for sentence in sentences] == [
        "events-0: offsets [5, 7)",
        "events-1: offsets [0, 2)",
    ]


def test_ingests_of_a_deleted_topic_do_not_count_for_the_one_made_after_it() -> None:
    assert lacking({TopicPartition("events", "id-0", 0): 100}, {A: 1}, DAY)


def test_a_partition_without_messages_is_complete() -> None:
    assert lacking({}, {A: 0}, DAY) == []


def test_the_day_asked_for_comes_before_the_interval_and_that_before_yesterday() -> None:
    interval = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)
    assert day_of("2026-03-04", interval, NOW, NOW) == dt.date(2026, 3, 4)
    assert day_of(None, interval, NOW, NOW) == dt.date(2026, 3, 5)
    assert day_of(None, None, NOW, NOW) == dt.date(2026, 3, 8)


def test_an_interval_in_another_zone_is_a_day_of_utc() -> None:
    midnight_in_berlin = dt.datetime(2026, 3, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert day_of(None, midnight_in_berlin, NOW, NOW) == dt.date(2026, 3, 4)


@pytest.mark.parametrize("wanted", ["2026-03-09", "2027-01-01"])
def test_a_day_that_is_not_over_is_refused_with_the_last_that_is(wanted: str) -> None:
    with pytest.raises(DayError, match="2026-03-08"):
        day_of(wanted, None, NOW, NOW)


@pytest.mark.parametrize("wanted", ["1969-12-31", "0001-01-01"])
def test_a_day_before_kafkas_first_is_refused_with_those_that_can_be_built(wanted: str) -> None:
    assert day_of("1970-01-01", None, NOW, NOW) == dt.date(1970, 1, 1)
    with pytest.raises(DayError, match="from 1970-01-01 to 2026-03-08 can be built"):
        day_of(wanted, None, NOW, NOW)


@pytest.mark.parametrize("wanted", ["yesterday", "2026-02-30", "04.03.2026"])
def test_a_day_that_is_no_date_is_refused(wanted: str) -> None:
    with pytest.raises(DayError, match="YYYY-MM-DD"):
        day_of(wanted, None, NOW, NOW)


def refused(wanted: str) -> str:
    with pytest.raises(DayError) as raised:
        day_of(wanted, None, NOW, NOW)
    return str(raised.value)


def test_a_day_that_cannot_be_built_is_refused_in_a_whole_sentence() -> None:
    assert refused("2026-03-09") == "the day 2026-03-09 is not over (UTC); the last one that can be built is 2026-03-08"
    assert refused("1969-12-31") == (
        "the day 1969-12-31 is before 1970-01-01, from which Kafka counts its times: no message is of it. Days from "
        "1970-01-01 to 2026-03-08 can be built"
    )
    assert refused("today") == "day is 'today'; write it YYYY-MM-DD, such as 2026-03-08"
    assert lacking({A: 5}, {A: 7}, DAY) == ["events-0: offsets [5, 7) of 2026-03-04 or before are not published"]


def test_yesterday_is_yesterdays_of_utc() -> None:
    early = dt.datetime(2026, 3, 9, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert day_of(None, None, early, NOW) == dt.date(2026, 3, 7)
    assert day_of("2026-03-07", None, early, early) == dt.date(2026, 3, 7)
    with pytest.raises(DayError, match="2026-03-07"):
        day_of("2026-03-08", None, early, early)


def test_what_is_missing_is_what_lies_between_the_done_ingests_and_the_next_midnight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    logs = [Log(A, 0, 9), Log(B, 0, 9)]
    behind = {dt.date(2026, 3, 5): {A: 4, B: 0}, dt.date(2026, 3, 6): {A: 9, B: 3}}

    def read_logs(client: object, topics: tuple[str, ...]) -> list[Log]:
        asked.append((client, topics))
        return logs

    def offsets_from(client: object, given: list[Log], time: dt.datetime) -> dict[TopicPartition, int]:
        assert (client, given) == ("the client", logs)
        assert (time.time(), time.tzinfo) == (dt.time(), dt.UTC)
        return behind[time.date()]

    def query(settings: Settings, sql: str) -> list[dict[str, Any]]:
        asked.append("trino")
        return [{"topic": "events", "topic_id": "id-1", "partition": 0, "until": 4}]

    monkeypatch.setattr(completeness, "admin", lambda settings: nullcontext("the client"))
    monkeypatch.setattr(completeness, "read_logs", read_logs)
    monkeypatch.setattr(completeness, "offsets_from", offsets_from)
    monkeypatch.setattr(completeness, "query", query)
    assert completeness.missing_of(Settings(), [DAY, dt.date(2026, 3, 5)]) == {
        DAY: [],
        dt.date(2026, 3, 5): [
            "events-0: offsets [4, 9) of 2026-03-05 or before are not published",
            "events-1: offsets [0, 3) of 2026-03-05 or before are not published",
        ],
    }
    assert asked == [("the client", load_contracts(Settings().contracts).topics), "trino"]
    assert completeness.missing(Settings(), DAY) == []
