"""What becomes of an event's HTTP headers on the way into the tables: keep, drop, hash or set, as configured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

# headers that have a column of their own; all others are in the map http_headers
COLUMNS = {"Host": "host", "User-Agent": "user_agent", "Accept": "accept"}
MAP = "http_headers"


def check_rules(rules: Mapping[str, str]) -> None:
    """Raises ValueError: a rule is none of the four."""
    for name, rule in rules.items():
        _new_value(name, rule)


def apply_rules(rules: Mapping[str, str], envelope: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Applies `rules` (header name as in Cache-Control -> keep, drop, hash or `set VALUE`) to the envelope's columns.

    A header without a rule is kept. `hash` keeps equal values equal (SHA-256). `set` also adds a header that was not
    sent. The raw table and raw_event keep what was sent.

    Raises:
        ValueError: a rule is none of the four.
    """
    columns = dict(envelope)
    others = {name: rule for name, rule in rules.items() if name not in COLUMNS}
    for name in rules.keys() & COLUMNS.keys():
        column, new = COLUMNS[name], _new_value(name, rules[name])
        columns[column] = pa.array([new(value) for value in columns[column].to_pylist()], pa.string())
    if others:
        kept = [_headers(dict(each) if each is not None else None, others) for each in columns[MAP].to_pylist()]
        columns[MAP] = pa.array([each if each is None else list(each.items()) for each in kept], columns[MAP].type)
    return columns


def _headers(sent: dict[str, Any] | None, rules: Mapping[str, str]) -> dict[str, Any] | None:
    """The headers without a column of their own, as the rules have them; None if there are none."""
    for name, rule in rules.items():
        if rule.startswith("set "):
            sent = {**{each: value for each, value in (sent or {}).items() if each != name}, name: rule[len("set ") :]}
        elif sent is not None and name in sent:
            if rule == "drop":
                del sent[name]
            else:
                sent[name] = _new_value(name, rule)(sent[name])
    return sent


def _new_value(name: str, rule: str) -> Callable[[str | None], str | None]:
    """What becomes of the value of the header."""
    if rule == "keep":
        return lambda value: value
    if rule == "drop":
        return lambda value: None
    if rule == "hash":
        return lambda value: None if value is None else hashlib.sha256(value.encode()).hexdigest()
    if rule.startswith("set "):
        return lambda value: rule.removeprefix("set ")
    raise ValueError(f"header rule {name!r}: {rule!r} is not keep, drop, hash or set VALUE")
