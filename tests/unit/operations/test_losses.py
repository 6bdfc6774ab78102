"""What is to be accepted as lost."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from lakehouse.contract.load import load_contracts
from lakehouse.ledger.losses import as_expected, compare
from lakehouse.ledger.offsets import Log, Loss, OffsetRange, TopicPartition
from lakehouse.settings import Settings
from operations import losses
from operations.losses import discrepancies

A, B = TopicPartition("events", "id", 0), TopicPartition("events", "id", 1)
NEWEST = [OffsetRange(A, 2, 5)]


def test_nothing_is_lost_while_kafka_holds_what_comes_next() -> None:
    assert compare(NEWEST, True, [Log(A, 5, 9)], []) == ()
    assert compare([], False, [Log(A, 0, 9)], []) == ()


def test_what_expired_behind_the_cursor_is_lost() -> None:
    found = compare(NEWEST, True, [Log(A, 7, 9)], [])
    assert [each.loss for each in found] == [Loss(A, 5, 7)]
    assert as_expected(found) == "events-0 [5, 7)"


def test_of_a_batch_that_was_not_read_in_time_its_own_offsets_are_lost_too() -> None:
    assert compare(NEWEST, True, [Log(A, 4, 9)], []) == ()
    assert [each.loss for each in compare(NEWEST, False, [Log(A, 4, 9)], [])] == [Loss(A, 2, 4)]


def test_a_partition_that_expired_before_it_was_ever_read_is_found() -> None:
    assert [each.loss for each in compare([], False, [Log(A, 3, 9)], [])] == [Loss(A, 0, 3)]
    both = compare(NEWEST, True, [Log(A, 6, 9), Log(B, 3, 9)], [])
    assert as_expected(both) == "events-0 [5, 6); events-1 [0, 3)"


def test_what_is_recorded_as_lost_is_not_found_again() -> None:
    assert compare(NEWEST, True, [Log(A, 7, 9)], [Loss(A, 5, 7)]) == ()


def test_losses_are_in_the_order_of_partitions_and_offsets() -> None:
    ranges = [OffsetRange(B, 0, 5), OffsetRange(A, 0, 5)]
    found = compare(ranges, False, [Log(B, 7, 9), Log(A, 7, 9)], [])
    assert as_expected(found) == "events-0 [0, 7); events-0 [5, 7); events-1 [0, 7); events-1 [5, 7)"


class Tables:
    """Answers the questions about the newest plan, recorded losses, raw and the ledger; keeps what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, logs: list[Log]) -> None:
        self.plan: list[dict[str, Any]] = []
        self.lost: list[dict[str, Any]] = []
        self.in_raw: list[dict[str, Any]] = []
        self.done: list[dict[str, Any]] = []
        self.asked_of_entry: list[list[int]] = []
        self.asked_of_kafka: list[tuple[object, tuple[str, ...], set[str]]] = []

        def read_logs(client: object, topics: tuple[str, ...], may_be_gone: set[str]) -> list[Log]:
            self.asked_of_kafka.append((client, topics, may_be_gone))
            return logs

        monkeypatch.setattr(losses, "query", self.query)
        monkeypatch.setattr(losses, "admin", lambda settings: nullcontext("the client"))
        monkeypatch.setattr(losses, "read_logs", read_logs)

    def query(self, settings: Settings, sql: str, parameters: list[int] | None = None) -> list[dict[str, Any]]:
        if parameters is None:
            return self.lost if "ops.losses" in sql else self.plan
        self.asked_of_entry.append(parameters)
        return self.in_raw if "raw.events" in sql else self.done


def row(start: int, until: int | None, **more: Any) -> dict[str, Any]:
    return {"topic": "events", "topic_id": "id", "partition": 0, "start": start, "until": until, **more}


@pytest.mark.parametrize(
    ("in_raw", "done", "expected"),
    [
        ([], [], "events-0 [2, 7); events-0 [5, 7)"),
        ([{"there": 1}], [], "events-0 [5, 7)"),
        ([], [{"there": 1}], "events-0 [5, 7)"),
        ([{"there": 1}], [{"there": 1}], "events-0 [5, 7)"),
    ],
)
def test_a_plan_that_is_in_raw_or_done_was_read(
    monkeypatch: pytest.MonkeyPatch, in_raw: list[dict[str, Any]], done: list[dict[str, Any]], expected: str
) -> None:
    tables = Tables(monkeypatch, [Log(A, 7, 9)])
    tables.plan, tables.in_raw, tables.done = [row(2, 5, entry_id=12)], in_raw, done
    tables.lost = [row(0, 2)]
    assert as_expected(discrepancies(Settings())) == expected
    assert tables.asked_of_entry == [[12], [12]]
    assert tables.asked_of_kafka == [("the client", load_contracts(Settings().contracts).topics, {"events"})]


def test_what_the_tables_say_is_lost_is_not_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = Tables(monkeypatch, [Log(A, 7, 9)])
    tables.plan, tables.done = [row(2, 5, entry_id=12)], [{"there": 1}]
    tables.lost = [row(5, 7)]
    assert discrepancies(Settings()) == ()
    tables.lost = [row(5, None)]
    assert discrepancies(Settings()) == ()


def test_before_the_first_plan_all_that_expired_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = Tables(monkeypatch, [Log(A, 7, 9)])
    assert as_expected(discrepancies(Settings())) == "events-0 [0, 7)"
    assert tables.asked_of_entry == [[0], [0]]
