"""Through Kafka: a corrected event under the id of the wrong one, and retries whose JSON is written differently."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operations.tracing import trace
from tests.real import Real, event, new_event_id

pytestmark = pytest.mark.timeout(900)
ITEMS = [{"item_type": "a", "item": "b", "quantity": 1}]
# Type, what came first, what came then, and what differs: but for the last each first one is wrong.
CORRECTIONS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("purchase_sword", {"quantity": "1"}, {"quantity": 1}, "quantity"),
    ("cart_action", {"action": "add", "items": json.dumps(ITEMS)}, {"action": "add", "items": ITEMS}, "items"),
    ("default", {"occurred_at": "yesterday"}, {"occurred_at": "2026-11-22T09:00:00Z"}, "occurred_at"),
    ("purchase_sword", {"quantity": -1}, {"quantity": 1}, "quantity"),
    ("purchase_sword", {"quantity": 1}, {"quantity": 2}, "quantity"),
]


def test_a_corrected_event_has_a_home_and_trace_says_what_differs(stack: Real) -> None:
    ids = [new_event_id() for _ in CORRECTIONS]
    pairs = [
        (event(kind, event_id=each, **first), event(kind, event_id=each, **then))
        for each, (kind, first, then, _) in zip(ids, CORRECTIONS, strict=True)
    ]
    sent = stack.produce(*[value for pair in pairs for value in pair])
    stack.run("drain")
    stack.run("publish")
    places = stack.places(sent)
    assert [places[place] for place in sent[1::2]] == [["quarantine:event_id_reused"]] * len(pairs)
    assert all(places[place][0].startswith("quarantine:schema:") for place in sent[:-2:2])
    assert places[sent[-2]] == ["sword_purchases"]
    for each, (_, _, _, field) in zip(ids, CORRECTIONS, strict=True):
        wrong, right = trace(stack.settings, stack.contracts, each)
        assert wrong.differs is None
        assert right.differs is not None and f" {field}" in right.differs
        assert ("a corrected event needs an id of its own" in right.differs) is (wrong.place == "quarantine")
        assert right.differs in right.sentence()
    stack.check_invariants()


def test_forty_retries_written_otherwise_are_one_row(stack: Real) -> None:
    base: dict[str, Any] = {"event_id": new_event_id(), "action": "add", "items": ITEMS, "newer": {"a": 1, "b": 2.5}}
    ways: list[dict[str, Any]] = [
        base,
        {**base, "newer": {"b": 2.50, "a": 1.0}},
        {**base, "items": [{"quantity": 1.0, "item": "b", "item_type": "a"}]},
        {**base, "host": "another", "schema_version": 1, "http_headers": {"X-Retry": "1"}},
        {**base, "event_id": base["event_id"].upper()},
    ]
    first = stack.produce(*[event("cart_action", **way) for way in ways * 4])
    stack.run("drain")
    later = stack.produce(*[event("cart_action", **way) for way in ways * 4], spread=True)
    stack.run("publish")
    stack.run("drain")
    stack.run("publish")
    found = list(stack.places(first + later).values())
    assert sorted(found) == [[]] * 39 + [["cart_actions"]]
    stack.check_invariants()
