"""The oracle notices every way in which an event can be lost, doubled or misplaced, and is content otherwise."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.oracle import RAW, Batch, Row, Seen, Sent, judge
from tests.real import Place

SWORDS = frozenset({"sword_purchases"})
EITHER = frozenset({"sword_purchases", "quarantine:rule:only_blue"})


def at(offset: int) -> Place:
    return "events", 0, offset


def row(table: str, offset: int, batch: int = 5, event_id: str | None = None) -> Row:
    return Row(table, "T", at(offset), batch, event_id)


def raw(offset: int, event_id: str | None, batch: int = 5) -> Row:
    return row(RAW, offset, batch, event_id)


def batch(entry_id: int, start: int, until: int, *steps: str) -> Batch:
    done = frozenset(steps or ("planned", "decided", "done"))
    return Batch(entry_id, done, {("T", 0): (start, until)}, until - start)


SENT = Sent({"a": SWORDS, "b": SWORDS, "c": SWORDS}, frozenset({"a", "b"}), {at(12): "quarantine:not_json"})
ROWS = (
    raw(10, "a"),
    raw(11, "b"),
    raw(12, None),
    row("sword_purchases", 10),
    row("sword_purchases", 11),
    row("quarantine:not_json", 12),
)
SEEN = Seen(4, ROWS, (batch(4, 0, 10), batch(5, 10, 13)))


def kinds(seen: Seen, sent: Sent = SENT) -> set[str]:
    return {line.partition(":")[0] for line in judge(sent, seen)}


def without(*rows: Row) -> Seen:
    return replace(SEEN, rows=tuple(each for each in ROWS if each not in rows))


def with_rows(*rows: Row) -> Seen:
    """More rows in one more message."""
    return Seen(4, (*ROWS, *rows), (batch(4, 0, 10), batch(5, 10, 14)))


def test_what_is_as_it_should_be_is_passed() -> None:
    assert judge(SENT, SEEN) == []


def test_an_acknowledged_event_that_is_nowhere_is_lost() -> None:
    shorter = replace(without(ROWS[1], ROWS[4]), batches=(batch(4, 0, 10), batch(5, 10, 12)))
    assert "lost: b was acknowledged and is not in raw" in judge(SENT, shorter)


def test_an_event_that_is_in_raw_alone_is_lost() -> None:
    assert judge(SENT, without(ROWS[3])) == ["lost: a was acknowledged and is in raw but in no table"]


def test_a_message_past_the_api_is_not_forgotten() -> None:
    assert kinds(without(ROWS[5])) == {"lost"}


def test_an_event_that_was_not_acknowledged_may_be_absent_or_there_once() -> None:
    assert judge(SENT, SEEN) == []
    assert judge(SENT, with_rows(raw(13, "c"), row("sword_purchases", 13))) == []


def test_an_event_that_arrived_twice_is_shown_once_at_its_first_arrival() -> None:
    assert judge(SENT, with_rows(raw(13, "a"))) == []
    assert kinds(with_rows(raw(13, "a"), row("sword_purchases", 13))) == {"doubled", "misplaced"}
    later = tuple(each for each in ROWS if each != ROWS[3])
    seen = Seen(4, (*later, raw(13, "a"), row("sword_purchases", 13)), (batch(4, 0, 10), batch(5, 10, 14)))
    assert kinds(seen) == {"misplaced"}


def test_a_row_that_was_written_twice_is_doubled() -> None:
    assert "doubled" in kinds(replace(SEEN, rows=(*ROWS, ROWS[3])))
    assert "doubled" in kinds(replace(SEEN, rows=(*ROWS, ROWS[0])))
    assert "doubled" in kinds(replace(SEEN, rows=(*ROWS, row("quarantine:not_json", 10))))


def test_a_row_in_another_table_is_misplaced() -> None:
    rows = tuple(replace(each, table="horse_purchases") if each == ROWS[3] else each for each in ROWS)
    assert kinds(replace(SEEN, rows=rows)) == {"misplaced"}


def test_a_row_that_was_never_drained_is_misplaced() -> None:
    assert "misplaced" in kinds(replace(SEEN, rows=(*ROWS, row("sword_purchases", 99))))


def test_a_batch_is_judged_by_one_contract() -> None:
    sent = replace(SENT, events={"a": EITHER, "b": EITHER})
    assert judge(sent, SEEN) == []
    rows = tuple(replace(each, table="quarantine:rule:only_blue") if each == ROWS[3] else each for each in ROWS)
    assert judge(sent, replace(SEEN, rows=rows)) == ["split: batch 5 was judged by two contracts"]


def test_an_entry_that_is_not_done_is_stuck() -> None:
    seen = replace(SEEN, batches=(batch(4, 0, 10), batch(5, 10, 13, "planned", "decided")))
    assert judge(SENT, seen) == ["stuck: batch 5 is planned and decided, not done"]


def test_offsets_left_out_between_two_batches_are_a_gap() -> None:
    seen = replace(SEEN, batches=(batch(4, 0, 9), batch(5, 10, 13)))
    assert kinds(seen) == {"gap"}


def test_counts_that_do_not_agree_are_unbalanced() -> None:
    assert kinds(replace(SEEN, batches=(batch(4, 0, 10), replace(batch(5, 10, 13), counted=2)))) == {"unbalanced"}
    assert kinds(replace(SEEN, batches=(batch(4, 0, 10), batch(5, 10, 14)))) == {"unbalanced"}
    assert kinds(replace(SEEN, batches=(batch(4, 0, 10),))) == {"unbalanced"}
