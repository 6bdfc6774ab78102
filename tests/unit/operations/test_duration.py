"""Lengths of time as people type them."""

from __future__ import annotations

import click
import pytest

from operations.duration import Duration, told


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), ("7", 7), ("0.5s", 0.5), (" 1m ", 60)]
)
def test_seconds_minutes_and_hours(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-3s", "5d", "s", "1e3", "1m30s", "x", "٣s", "9" * 400])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no length of time; write 30s, 5m or 2h"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"), (0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2.0 h"),
        (172_799, "48.0 h"), (172_800, "2.0 days"), (596_160, "6.9 days"),
    ],
)  # fmt: skip
def test_a_length_is_told_in_one_unit(seconds: float, words: str) -> None:
    assert told(seconds) == words
