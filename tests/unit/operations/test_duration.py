"""Lengths of time as people type them."""

from __future__ import annotations

import click
import pytest

from operations.duration import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), ("7", 7), ("0.5s", 0.5), (" 1m ", 60)]
)
def test_seconds_minutes_and_hours(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-3s", "5d", "s", "1e3", "1m30s", "x", "٣s", "9" * 400])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no length of time; write 30s, 5m or 2h"):
        Duration().convert(text, None, None)
