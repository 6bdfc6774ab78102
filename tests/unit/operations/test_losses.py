"""What is to be accepted as lost."""

from __future__ import annotations

from lakehouse.ledger.losses import as_expected, compare
from lakehouse.ledger.offsets import Log, Loss, OffsetRange, TopicPartition

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
