"""What is made of a request's event: the message as a whole, or the words of the rule that it breaks."""

from __future__ import annotations

import pytest

from api.events import EventMaker, explain
from api.sender import Sender
from tests.unit.api.conftest import CONTRACTS, ID, NOW


@pytest.mark.parametrize(
    ("event_type", "field", "keyword", "words"),
    [
        ("purchase_horse", "speed", "required", "speed is missing"),
        ("purchase_horse", "speed", "type", "speed must be a finite number"),
        ("purchase_horse", "quantity", "type", "quantity must be a whole number of 64 bits"),
        ("purchase_horse", "quantity", "maximum", "quantity must be at most 1000000000000"),
        ("purchase_horse", "quantity", "minimum", "quantity must be at least 0"),
        ("purchase_horse", "size", "enum", "size must be one of small, medium, large"),
        ("purchase_sword", "color", "pattern", "color must be of the pattern ^[^A-Z]*$"),
        ("message", "text", "type", "text must be a text of Unicode characters"),
        ("cart_action", "items", "type", "items must be a list"),
        ("cart_action", "items.item", "maxLength", "items.item must have at most 100 characters"),
        ("cart_action", "items.item", "minLength", "items.item must have at least 1 characters"),
    ],
)
def test_a_broken_rule_is_explained(event_type: str, field: str, keyword: str, words: str) -> None:
    assert explain(CONTRACTS[event_type], field, keyword) == words


def test_a_message_is_the_contracts_fields_in_order_then_what_the_api_says() -> None:
    events = EventMaker(CONTRACTS, 1000, now=lambda: NOW, new_id=lambda: ID)
    sender = Sender("ada", "h", "agent", "*/*", {"X-A": "1"})
    told = events.for_request(sender)({"z": None, "text": "hi", "event_type": "message", "group": "g"})
    assert (told.topic, told.key, told.event_id, told.event_type) == ("MessageHistory", b"ada", ID, "message")
    assert told.value.decode() == (
        f'{{"event_id":"{ID}","event_type":"message","group":"g","text":"hi","schema_version":1,"z":null,'
        '"received_at":"2026-11-22T10:00:00.000123Z","player":"ada","host":"h","user_agent":"agent","accept":"*/*",'
        '"http_headers":{"X-A":"1"}}'
    )
    size = len(told.value)
    exact = EventMaker(CONTRACTS, size, now=lambda: NOW, new_id=lambda: ID)
    item = {"z": None, "text": "hi", "event_type": "message", "group": "g"}
    assert len(exact.for_request(sender)(item).value) == size
