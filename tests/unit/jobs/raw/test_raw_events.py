"""How a range of Kafka's offsets is cut into parts that several cores read."""

from __future__ import annotations

import pytest

from jobs.raw import raw_events
from lakehouse.ledger.offsets import OffsetRange, TopicPartition

AT = TopicPartition("events", "id", 0)


@pytest.mark.parametrize("rows", [50_000, 150_000, 333_333, 340_001, 1_000_000])
def test_a_large_range_is_read_in_an_even_number_of_parts(rows: int) -> None:
    parts = raw_events.parts(OffsetRange(AT, 7, 7 + rows))
    assert parts % 2 == 0
    assert rows / parts <= raw_events.ROWS_PER_PART
    assert parts == 2 or rows / (parts - 2) > raw_events.ROWS_PER_PART  # and in no more of them


def test_a_small_range_is_read_at_once() -> None:
    assert raw_events.parts(OffsetRange(AT, 0, 49_999)) == 1
