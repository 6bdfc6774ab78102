"""Personal data in messages: which values people see who did not ask for them by name, and what stands in their place."""

from __future__ import annotations

from typing import Any

import orjson

from lakehouse.contract.model import Contracts

MASK = "•••"
LONGEST_VALUE = 80  # characters of one value
LONGEST_READ = 65_536  # bytes; a longer message is not read to be shown
# Of the envelope; all other fields of it name or describe a person's request. `player` defaults to `host`.
SHOWN = ("event_type", "event_id", "schema_version", "received_at", "occurred_at")


def masked_text(text: str | None) -> str | None:
    """What stands in the place of a personal text; None stays None."""
    return None if text is None else MASK


def masked_value(value: bytes | None, contracts: Contracts) -> str:
    """A message's value as people see it: own fields that are not personal, and the harmless ones of the envelope.

    Of what is no message of a known contract, nothing but its size is shown.
    """
    if value is None:
        return "no value"
    event = _read(value)
    contract = contracts.get(str(event.get("event_type"))) if event else None
    if event is None or contract is None:
        return f"{MASK} ({len(value):,} bytes, not of a known event type)"
    own = [field.name for field in contract.fields if field.name not in contract.personal]
    shown = [f"{name}: {_short(event[name])}" for name in (*SHOWN, *own) if name in event]
    others = len(event) - len(shown)
    return "{" + ", ".join(shown) + (f", {others} more {MASK}" if others else "") + "}"


def whole_value(value: bytes | None, limit: int = 2_000) -> str:
    """A message's value for somebody who asked to see personal data; at most `limit` bytes of it."""
    if value is None:
        return "no value"
    text = value[:limit].decode("utf-8", errors="backslashreplace")
    return text if len(value) <= limit else f"{text}… ({len(value):,} bytes)"


def _read(value: bytes) -> dict[str, Any] | None:
    """The message as an object; None if it is none, or too long to be read for a page."""
    if len(value) > LONGEST_READ:
        return None
    try:
        event = orjson.loads(value)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
