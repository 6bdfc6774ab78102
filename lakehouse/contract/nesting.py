"""How deep an event may be nested, and whether one is nested deeper: one limit for the API and for Spark.

Readers of JSON go down with what they read, each until its stack ends: Spark's variants at some 900 levels, and then with all
of a batch. So what is deeper than MAX_DEPTH is handed to none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 64  # objects and arrays within each other; the event itself is the first
RULE = "max_depth"  # as the API answers it; Spark's reason code is `too_deep`
_NESTING = (dict, list)  # what a reader of JSON makes of them


def deepest_allowed(what: str) -> str:
    """The rule in words, of an event or of a field."""
    return f"{what} has more levels than the {MAX_DEPTH} that are allowed"


def too_deep_field(event: Mapping[str, Any]) -> str | None:
    """The first field that goes deeper than MAX_DEPTH; None if the event keeps to it. Goes level by level, not down."""
    for name, value in event.items():
        if type(value) in _NESTING and _depth_exceeds(value, MAX_DEPTH - 1):
            return name
    return None


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTING
        ]
        if not level:
            return False
    return True
