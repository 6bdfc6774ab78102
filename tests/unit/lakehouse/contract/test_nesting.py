"""How deep an event may be nested: the event is the first level, and 64 are allowed."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse.contract.nesting import MAX_DEPTH, deepest_allowed, too_deep_field


def nested(levels: int, kind: type) -> Any:
    """An object or array of so many levels."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if kind is dict else [value]
    return value


@pytest.mark.parametrize("kind", [dict, list])
def test_64_levels_are_allowed_and_65_are_not(kind: type) -> None:
    assert MAX_DEPTH == 64
    assert too_deep_field({"a": 1, "x": nested(63, kind), "b": [{}]}) is None
    assert too_deep_field({"a": 1, "x": nested(64, kind), "b": [{}]}) == "x"


def test_a_level_counts_wherever_in_the_event_it_is() -> None:
    beside = [1, {}, [], "a", None, {"b": nested(60, list)}]
    assert too_deep_field({"x": [beside, {"c": beside}]}) == "x"
    assert too_deep_field({"x": [beside]}) is None


def test_no_depth_ends_the_stack_and_no_width_adds_a_level() -> None:
    assert too_deep_field({"x": nested(100_000, dict)}) == "x"
    assert too_deep_field({"x": [[{}, []]] * 50_000}) is None


def test_the_limit_is_said_in_words() -> None:
    assert deepest_allowed("it") == "it has more levels than the 64 that are allowed"
