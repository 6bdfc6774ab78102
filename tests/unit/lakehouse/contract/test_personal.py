"""What people see of a message who did not ask for personal data: what the schemas know, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lakehouse.contract.load import load_contracts
from lakehouse.contract.personal import LONGEST_VALUE, masked_event_id, masked_value
from lakehouse.settings import Settings

CONTRACTS = load_contracts(Settings().contracts)
ID = "0190163d-8694-739b-aea5-966c26f8ad91"
ITEM = {"item_type": "sword", "item": "oak", "quantity": 2}


def shown(**event: Any) -> str:
    return masked_value(json.dumps(event).encode(), CONTRACTS)


def test_own_fields_and_the_harmless_ones_of_the_envelope_are_shown() -> None:
    event = {"event_id": ID, "event_type": "cart_action", "schema_version": 2, "action": "add", "items": [ITEM]}
    assert shown(**event, received_at="2026-01-01T00:00:00Z", player="ada", host="ada.example", note="ada") == (
        f'{{event_type: "cart_action", event_id: "{ID}", schema_version: 2, received_at: "2026-01-01T00:00:00Z", '
        'action: "add", items: [{item_type: "sword", item: "oak", quantity: 2}], 3 more •••}'
    )


def test_what_the_contract_declares_personal_is_not_shown() -> None:
    assert shown(event_type="message", group="a", text="I am Ada") == '{event_type: "message", group: "a", 1 more •••}'


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ({"items": [ITEM | {"note": "Ada"}]}, 'items: [{item_type: "sword", item: "oak", quantity: 2, 1 more •••}]'),
        ({"items": [["Ada"]]}, "items: [••• (array)]"),
        ({"items": {"name": "Ada"}}, "items: ••• (object)"),
        ({"items": [ITEM | {"quantity": "Ada"}]}, 'items: [{item_type: "sword", item: "oak", quantity: ••• (string)}]'),
        ({"action": {"mail": "Ada"}}, "action: ••• (object)"),
        ({"action": 1}, "action: ••• (number)"),
        ({"action": True}, "action: ••• (boolean)"),
        ({"action": None}, "action: null"),
        ({"occurred_at": "Ada"}, "occurred_at: ••• (string)"),
        ({"event_id": "Ada"}, "event_id: ••• (string)"),
        ({"schema_version": "Ada"}, "schema_version: ••• (string)"),
    ],
)
def test_what_no_schema_knows_is_masked(event: dict[str, Any], what: str) -> None:
    assert shown(event_type="cart_action", **event) == f'{{event_type: "cart_action", {what}}}'


def test_a_wrong_value_of_the_right_type_is_shown_since_it_says_what_is_wrong() -> None:
    assert shown(event_type="cart_action", action="steal") == '{event_type: "cart_action", action: "steal"}'


def test_what_is_long_is_cut() -> None:
    text = shown(event_type="cart_action", action="a" * 1_000, items=[ITEM] * 1_000)
    assert f'action: "{"a" * (LONGEST_VALUE - 1)}…' in text
    assert text.endswith("quantity: 2}, … of 1,000]}") and len(text) < 500


@pytest.mark.parametrize("depth", [64, 65, 255, 1_000, 2_000])
def test_however_deep_a_message_is_it_is_shown_or_said_to_be_unknown(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for field in ("items", "event_id", "note"):
        text = masked_value(f'{{"event_type":"cart_action","{field}":{deep}}}'.encode(), CONTRACTS)
        assert text.startswith("{event_type") if depth < 64 else "•••" in text


@pytest.mark.parametrize("value", [b"Ada", b'["Ada"]', b'{"event_type":"Ada"}', b"\xff", b'{"event_type":["Ada"]}'])
def test_of_what_is_no_message_of_a_known_type_only_its_size_is_shown(value: bytes) -> None:
    assert masked_value(value, CONTRACTS) == f"••• ({len(value)} bytes, not of a known event type)"
    assert masked_value(None, CONTRACTS) == "no value"


def test_an_event_id_that_is_no_uuid_is_anybodys_text() -> None:
    assert [masked_event_id(each) for each in (ID, "ada@example.com", "", None)] == [ID, "•••", "•••", None]
