"""The limit of nesting, for the API and for Spark, and the check of it.

JSON parsers recurse, until their stack overflows: Spark's variants at some 900 levels, which fails a whole batch. So
none of them is given a message nested deeper than MAX_DEPTH.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 64  # objects and arrays within each other; the event itself is the first
RULE = "max_depth"  # in the API's answers; the reason code of jobs is `too_deep`
_NESTING = (dict, list)  # objects and arrays in Python


def deepest_allowed(what: str) -> str:
    """The limit in words, of an event or of a field."""
    return f"{what} has more levels than the {MAX_DEPTH} that are allowed"


def too_deep_field(event: Mapping[str, Any]) -> str | None:
    """The first field that is nested deeper than MAX_DEPTH; None if there is none.

    Goes level by level, without recursion.
    """
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
