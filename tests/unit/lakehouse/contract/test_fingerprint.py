"""Which arrivals are the same event, and what is said of those that are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lakehouse.contract import fingerprint
from lakehouse.contract.fingerprint import Arrival
from lakehouse.contract.judge import Judge
from tests.unit.jobs.messages import CONTRACTS, NOW, event_id

JUDGE = Judge(CONTRACTS, 10_000)
AT = int(NOW.timestamp() * 1_000_000)
ID = event_id()


def arrival(value: bytes | None) -> Arrival:
    found = fingerprint.arrival(JUDGE, value, AT)
    assert found is not None
    return found


def sword(**fields: Any) -> Arrival:
    event = {"event_type": "purchase_sword", "event_id": ID, "player": "p", **fields}
    return arrival(json.dumps(event).encode())


def test_of_an_event_type_player_own_and_unknown_fields_and_the_instant_are_compared() -> None:
    found = sword(newer=[1.0], occurred_at="2026-11-22T10:00:00+01:00", host="h", schema_version=1, color="red")
    assert found.compared == {
        "event_type": '"purchase_sword"',
        "player": '"p"',
        "occurred_at": '"2026-11-22T09:00:00+00:00"',
        "direction": '"increase"',
        "event_detail": "null",
        "color": '"red"',
        "quantity": "1",
        "newer": "[1]",
    }
    assert (found.event_id, found.is_typed, found.passes) == (ID, True, True)


def test_what_breaks_its_schema_is_compared_as_json() -> None:
    found = sword(quantity="1", host="h", newer={"b": 1.50, "a": 1e2})
    assert found.compared == {
        "event_type": '"purchase_sword"', "player": '"p"', "quantity": '"1"', "newer": '{"a":100,"b":1.5}',
    }  # fmt: skip
    assert (found.is_typed, found.passes) == (False, False)


@pytest.mark.parametrize(
    "more", [{"quantity": 2}, {"player": "q"}, {"newer": None}, {"occurred_at": "2026-11-22T10:00:00Z"}]
)
def test_whatever_else_differs_is_another_event(more: dict[str, Any]) -> None:
    first, other = sword(), sword(**more)
    assert not other.repeats(first)
    assert other.fingerprint != first.fingerprint
    assert list(other.differences(first)) == list(more)


def test_differences_say_what_both_have() -> None:
    assert sword(quantity=2, newer=1).differences(sword(color="red")) == {
        "color": ('"red"', "null"), "newer": (None, "1"), "quantity": ("1", "2"),
    }  # fmt: skip


def test_what_passes_never_repeats_what_does_not() -> None:
    value = json.dumps({"event_type": "default", "event_id": ID}).encode()
    early = fingerprint.arrival(JUDGE, value, AT - 7_200_000_000)
    now = arrival(value)
    assert early is not None and not early.passes and early.fingerprint == now.fingerprint
    assert not now.repeats(early)
    assert early.repeats(now) and early.repeats(early) and now.repeats(now)


@pytest.mark.parametrize("value", [None, b"", b"junk", b"[]", b"1", b'{"a":1}x', b"\xff"])
def test_what_is_no_object_is_no_arrival(value: bytes | None) -> None:
    assert fingerprint.arrival(JUDGE, value, AT) is None


def test_names_and_values_are_not_taken_for_each_other() -> None:
    assert sword(a="b", c="d").fingerprint != sword(a='b","c":"d').fingerprint
