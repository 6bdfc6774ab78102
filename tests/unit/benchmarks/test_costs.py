"""What a batch costs whatever its size, and what each message adds, is told apart by batches of two sizes."""

from __future__ import annotations

import pytest

from benchmarks.costs import Line, line, minus, total
from lakehouse.clients.hdfs import Summary


def test_two_sizes_give_what_is_fixed_and_what_a_message_adds() -> None:
    points = [(100, 7.0), (100, 5.0), (100, 50.0), (1_100, 17.0), (1_100, 16.0), (1_100, 90.0)]
    assert line(points, 500) == pytest.approx(Line(6.0, 0.01))


def test_what_does_not_grow_is_fixed_alone_and_nothing_is_negative() -> None:
    assert line([(100, 3.0), (1_100, 3.0)], 500) == Line(3.0, 0.0)
    assert line([(100, 3.0), (1_100, 2.0)], 500) == Line(3.0, 0.0)
    assert line([(100, 1.0), (1_100, 21.0)], 500) == pytest.approx(Line(0.0, 0.02))


def test_sizes_of_folders_are_added_and_taken_away() -> None:
    assert total([Summary(1, 2, 3), Summary(4, 5, 6)]) == Summary(5, 7, 9)
    assert total([]) == Summary(0, 0, 0)
    assert minus(Summary(5, 7, 9), Summary(4, 5, 6)) == Summary(1, 2, 3)
