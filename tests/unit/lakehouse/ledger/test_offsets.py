"""Planning: offset ranges, the next batch, and the guards against a log that does not fit the cursor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.ledger.offsets import (
    Log,
    Loss,
    OffsetRange,
    OffsetsError,
    TopicPartition,
    check,
    found_in,
    mismatches,
    next_cursor,
    plan_batch,
    readable,
    unreadable,
)

P0, P1 = TopicPartition("events", "id-1", 0), TopicPartition("events", "id-1", 1)


def test_the_first_plan_takes_everything_from_the_beginning() -> None:
    assert plan_batch({}, [Log(P0, 0, 5), Log(P1, 0, 0)], 100) == (OffsetRange(P0, 0, 5), OffsetRange(P1, 0, 0))


def test_nothing_new_gives_no_plan() -> None:
    assert plan_batch({P0: 5}, [Log(P0, 0, 5)], 100) == ()


def test_the_next_plan_starts_where_the_last_one_ended() -> None:
    first = plan_batch({}, [Log(P0, 0, 5), Log(P1, 0, 3)], 4)
    second = plan_batch(next_cursor(first), [Log(P0, 0, 5), Log(P1, 0, 3)], 100)
    assert [(one.until, two.start) for one, two in zip(first, second, strict=True)] == [
        (r.until, r.until) for r in first
    ]
    assert sum(map(len, first)) == 4
    assert sum(map(len, second)) == 4


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6), st.integers(1, 60))
def test_repeated_plans_take_every_offset_once(parts: list[tuple[int, int]], most: int) -> None:
    logs = [Log(TopicPartition("events", "id", n), 0, read + waiting) for n, (read, waiting) in enumerate(parts)]
    cursor = {log.at: read for log, (read, _) in zip(logs, parts, strict=True)}
    taken = 0
    while plan := plan_batch(cursor, logs, most):
        assert 0 < sum(map(len, plan)) <= most
        assert all(r.start == cursor[r.at] for r in plan)
        taken += sum(map(len, plan))
        cursor = next_cursor(plan)
    assert taken == sum(waiting for _, waiting in parts)


def test_a_new_partition_starts_at_its_beginning() -> None:
    assert plan_batch({P0: 5}, [Log(P0, 0, 5), Log(P1, 0, 2)], 100) == (OffsetRange(P0, 5, 5), OffsetRange(P1, 0, 2))


@pytest.mark.parametrize(
    ("logs", "says"),
    [
        ([Log(P0, 7, 9)], r"events-0: offsets \[5, 7\) expired"),
        ([Log(P0, 0, 4)], "events-0: the cursor 5 is ahead of the log's end 4"),
        ([], "events-0: the topic is gone"),
        ([Log(P1, 0, 0)], "events-0: the partition is gone"),
        ([Log(TopicPartition("events", "id-2", 0), 0, 9)], "deleted and made again"),
    ],
)
def test_a_log_that_does_not_fit_the_cursor_stops_the_plan(logs: list[Log], says: str) -> None:
    with pytest.raises(OffsetsError, match=says):
        plan_batch({P0: 5}, logs, 100)


def test_a_new_partition_whose_beginning_expired_is_noticed() -> None:
    with pytest.raises(OffsetsError, match=r"events-1: offsets \[0, 3\) expired"):
        plan_batch({P0: 5}, [Log(P0, 0, 5), Log(P1, 3, 8)], 100)


def test_all_that_is_wrong_is_named() -> None:
    with pytest.raises(OffsetsError, match="(?s)events-0.*events-1"):
        check(mismatches({P0: 5, P1: 5}, [Log(P0, 6, 9), Log(P1, 0, 1)]))


def test_a_range_cannot_run_backwards() -> None:
    with pytest.raises(ValueError, match="is not a range"):
        OffsetRange(P0, 5, 4)


def test_what_is_recorded_as_lost_lets_the_next_plan_go_on_without_a_gap_in_the_chain() -> None:
    logs = [Log(P0, 7, 9)]
    (found,) = mismatches({P0: 5}, logs)
    assert found.loss == Loss(P0, 5, 7)
    plan = plan_batch({P0: 5}, logs, 100, [found.loss])
    assert plan == (OffsetRange(P0, 5, 9),)
    assert readable(plan, [found.loss]) == (OffsetRange(P0, 7, 9),)


def test_a_loss_covers_no_more_than_it_says() -> None:
    with pytest.raises(OffsetsError, match=r"offsets \[7, 8\) expired"):
        plan_batch({P0: 5}, [Log(P0, 8, 9)], 100, [Loss(P0, 5, 7)])
    assert plan_batch({P0: 5}, [Log(P0, 8, 9)], 100, [Loss(P0, 5, 7), Loss(P0, 7, 8)]) != ()


def test_a_topic_made_again_is_read_from_its_beginning_once_the_old_one_is_given_up() -> None:
    again = TopicPartition("events", "id-2", 0)
    logs = [Log(again, 0, 3)]
    (found,) = mismatches({P0: 5}, logs)
    assert found.loss == Loss(P0, 5, None)
    assert plan_batch({P0: 5}, logs, 100, [found.loss]) == (OffsetRange(again, 0, 3),)
    assert readable((OffsetRange(P0, 2, 5),), [found.loss]) == (OffsetRange(P0, 5, 5),)


def test_a_cursor_ahead_waits_for_the_log_once_that_is_accepted() -> None:
    (found,) = mismatches({P0: 5}, [Log(P0, 0, 4)])
    assert found.loss == Loss(P0, 4, 5)
    assert plan_batch({P0: 5}, [Log(P0, 0, 4)], 100, [found.loss]) == ()
    assert plan_batch({P0: 5}, [Log(P0, 0, 8)], 100, [found.loss]) == (OffsetRange(P0, 5, 8),)


def test_a_planned_range_that_was_cut_off_or_expired_is_noticed_before_it_is_read() -> None:
    planned = (OffsetRange(P0, 0, 10),)
    assert unreadable(planned, [Log(P0, 0, 10)]) == ()
    (expired,) = unreadable(planned, [Log(P0, 3, 10)])
    assert expired.loss == Loss(P0, 0, 3)
    (cut,) = unreadable(planned, [Log(P0, 0, 8)])
    assert cut.loss == Loss(P0, 8, 10)
    assert unreadable(planned, [Log(P0, 3, 8)], [expired.loss, cut.loss]) == ()
    assert readable(planned, [expired.loss, cut.loss]) == (OffsetRange(P0, 3, 8),)


@pytest.mark.parametrize(
    ("gaps", "offsets", "found"),
    [
        ([], [1, 2], []),
        ([(2, 5)], [], []),
        ([(2, 5)], [0, 1, 5, 6], []),
        ([(2, 5)], [1, 2, 3, 5], [(2, 4)]),
        ([(2, 5)], [2, 4], [(2, 3), (4, 5)]),
        ([(0, 1), (3, 5), (9, 10)], [1, 3, 4, 9, 10], [(3, 5), (9, 10)]),
        ([(0, 2), (2, 4)], [1, 2], [(1, 3)]),
    ],
)
def test_offsets_that_lie_in_one_of_several_ranges_are_found_as_ranges(
    gaps: list[tuple[int, int]], offsets: list[int], found: list[tuple[int, int]]
) -> None:
    assert found_in([OffsetRange(P0, *gap) for gap in gaps], offsets) == [OffsetRange(P0, *each) for each in found]


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_offsets_found_in_ranges_are_those_of_both(inside: set[int], offsets: set[int]) -> None:
    gaps = found_in([OffsetRange(P0, 0, 41)], sorted(inside))
    found = found_in(gaps, sorted(offsets))
    assert [offset for each in found for offset in range(each.start, each.until)] == sorted(inside & offsets)


AGAIN = TopicPartition("events", "id-2", 0)


@pytest.mark.parametrize(
    ("logs", "sentence"),
    [
        ([Log(P0, 7, 9)], "events-0: offsets [5, 7) expired before they were read"),
        (
            [Log(P0, 0, 4)],
            "events-0: the cursor 5 is ahead of the log's end 4; what Kafka gives the offsets [4, 5) from now on would "
            "not be read. To lose nothing that is sent from now on, delete the topic and run `make up`: a topic made "
            "again begins at 0",
        ),
        (
            [],
            "events-0: the topic is gone (topic id id-1); what was not read of it is lost, read so far: "
            "offsets below 5",
        ),
        (
            [Log(P1, 0, 0)],
            "events-0: the partition is gone (topic id id-1); what was not read of it is lost, read so far: "
            "offsets below 5",
        ),
        (
            [Log(AGAIN, 0, 9)],
            "events-0: the topic was deleted and made again (id id-1 is now id-2); what was not read of it is lost, "
            "read so far: offsets below 5",
        ),
    ],
)
def test_a_mismatch_is_one_whole_sentence(logs: list[Log], sentence: str) -> None:
    assert [each.sentence for each in mismatches({P0: 5}, logs)] == [sentence]


def test_a_refusal_names_each_mismatch_and_the_command() -> None:
    check([])
    with pytest.raises(OffsetsError) as raised:
        check(mismatches({P0: 5, P1: 5}, [Log(P0, 6, 9), Log(P1, 6, 9)]))
    assert str(raised.value) == (
        "Kafka no longer holds what the ledger expects; nothing was moved:\n"
        "  events-0: offsets [5, 6) expired before they were read\n"
        "  events-1: offsets [5, 6) expired before they were read\n"
        "Restore the topic if you can. If what is missing is to be given up, record it, then ingest goes on:\n"
        "  lakehouse accept-loss --why '...'"
    )


def test_a_range_cut_off_is_one_whole_sentence() -> None:
    (cut,) = unreadable([OffsetRange(P0, 3, 12)], [Log(P0, 0, 8)])
    assert cut.sentence == "events-0: planned were the offsets events-0 [3, 12), but the log ends at 8: it was cut off"
    assert cut.loss == Loss(P0, 8, 12)


def test_ranges_and_losses_are_written_with_their_partition() -> None:
    assert str(OffsetRange(P1, 3, 5)) == "events-1 [3, 5)"
    assert str(Loss(P0, 3, 5)) == "events-0 [3, 5)"
    assert str(Loss(P0, 3, None)) == "events-0 [3, end of the old topic)"
    with pytest.raises(ValueError) as raised:
        OffsetRange(P0, -1, 4)
    assert str(raised.value) == "events-0: [-1, 4) is not a range of offsets"
    assert len(OffsetRange(P0, 0, 0)) == 0


def test_a_loss_elsewhere_cuts_nothing_off() -> None:
    planned = (OffsetRange(P0, 2, 10),)
    for loss in (
        Loss(P1, 5, 10),  # of another partition
        Loss(P1, 0, None),  # of all of another partition
        Loss(P0, 3, 9),  # in the middle: neither expired nor cut off
        Loss(P0, 10, 12),  # behind it
    ):
        assert readable(planned, [loss]) == planned, loss
    assert readable(planned, [Loss(P0, 2, 10)]) == (OffsetRange(P0, 10, 10),)
    assert readable(planned, [Loss(P0, 3, 10)]) == (OffsetRange(P0, 2, 3),)
    assert readable(planned, [Loss(P0, 3, 12)]) == (OffsetRange(P0, 2, 3),)
    assert readable(planned, [Loss(P0, 0, 2)]) == planned
    assert readable(planned, [Loss(P0, 0, 3), Loss(P0, 3, 4)]) == (OffsetRange(P0, 4, 10),)
    assert readable(planned, [Loss(P0, 3, 4), Loss(P0, 0, 3)]) == (OffsetRange(P0, 4, 10),)


def test_more_than_a_batch_is_taken_in_proportion_and_what_rounding_leaves_goes_to_the_first() -> None:
    p2 = TopicPartition("events", "id-1", 2)
    logs = [Log(p2, 0, 1), Log(P1, 0, 5), Log(P0, 0, 5)]
    assert plan_batch({}, logs, 7) == (OffsetRange(P0, 0, 4), OffsetRange(P1, 0, 3), OffsetRange(p2, 0, 0))
    assert plan_batch({}, logs, 11) == (OffsetRange(P0, 0, 5), OffsetRange(P1, 0, 5), OffsetRange(p2, 0, 1))
    assert plan_batch({}, logs, 2) == (OffsetRange(P0, 0, 1), OffsetRange(P1, 0, 1), OffsetRange(p2, 0, 0))
    assert plan_batch({}, logs, 1) == (OffsetRange(P0, 0, 1), OffsetRange(P1, 0, 0), OffsetRange(p2, 0, 0))


def test_a_loss_of_another_partition_covers_nothing_of_this_one() -> None:
    for loss in (Loss(P1, 0, 9), Loss(P1, 5, None)):
        assert [each.loss for each in mismatches({P0: 5}, [Log(P0, 7, 9)], [loss])] == [Loss(P0, 5, 7)]
        assert readable([OffsetRange(P0, 2, 10)], [loss]) == (OffsetRange(P0, 2, 10),)
    retired = [Loss(P0, 5, None), Loss(P0, 5, 6)]
    assert readable([OffsetRange(P0, 5, 9)], retired) == (OffsetRange(P0, 9, 9),)
