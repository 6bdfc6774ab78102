"""Personal data in messages: which values people see who did not ask for them by name, and what stands in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from lakehouse.contract.decode import is_too_deep
from lakehouse.contract.keywords import IS_OF_TYPE, Check, Schema, breaks, json_type
from lakehouse.contract.model import Contracts

MASK = "•••"
LONGEST_VALUE = 80  # characters of one value
LONGEST_READ = 65_536  # bytes; a longer message is not read to be shown
# Of the envelope; all other fields of it name or describe a person's request. `player` defaults to `host`.
SHOWN = ("event_type", "event_id", "schema_version", "received_at", "occurred_at")
_JSON_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
_is_no_uuid = breaks(Check(("event_id",), "format", "uuid", {"type": "string"}))


def masked_text(text: str | None) -> str | None:
    """What stands in the place of a personal text; None stays None."""
    return None if text is None else MASK


def masked_event_id(event_id: str | None) -> str | None:
    """An event_id of a UUID's form as it is. Any other is anybody's text."""
    return event_id if event_id is None or not _is_no_uuid(event_id) else MASK


def masked_value(value: bytes | None, contracts: Contracts) -> str:
    """A message's value as people see it: own fields that are not personal, and the harmless ones of the envelope.

    What no schema knows is masked: other fields, members of objects that are not declared, and values of another type
    or format than declared, whose type is shown. Of what is no message of a known contract, nothing but its size is
    shown.
    """
    if value is None:
        return "no value"
    event = _read(value)
    contract = contracts.get(str(event.get("event_type"))) if event else None
    if event is None or contract is None:
        return f"{MASK} ({len(value):,} bytes, not of a known event type)"
    envelope = {field.name: field.schema for field in contracts.envelope}
    own = {field.name: field.schema for field in contract.fields if field.name not in contract.personal}
    return _members(event, {name: envelope[name] for name in SHOWN} | own)


def whole_value(value: bytes | None, limit: int = 2_000) -> str:
    """A message's value for somebody who asked to see personal data; at most `limit` bytes of it."""
    if value is None:
        return "no value"
    text = value[:limit].decode("utf-8", errors="backslashreplace")
    return text if len(value) <= limit else f"{text}… ({len(value):,} bytes)"


def _read(value: bytes) -> dict[str, Any] | None:
    """The message as an object; None if it is none, or too long or too deep to be read for a page."""
    if len(value) > LONGEST_READ or is_too_deep(value):
        return None
    try:
        event = orjson.loads(value)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _members(value: Mapping[str, Any], schemas: Mapping[str, Schema]) -> str:
    shown = [f"{name}: {_shown(value[name], schema)}" for name, schema in schemas.items() if name in value]
    others = len(value) - len(shown)
    return "{" + ", ".join(shown + ([f"{others} more {MASK}"] if others else [])) + "}"


def _shown(value: Any, schema: Schema) -> str:
    if value is None:
        return "null"
    kind = json_type(schema)
    if not IS_OF_TYPE[kind](value) or ("format" in schema and _breaks_format(value, schema)):
        return f"{MASK} ({_JSON_TYPES[type(value)]})"
    if kind == "object":
        return _members(value, schema.get("properties", {}))
    if kind == "array":
        return _elements(value, schema["items"])
    text = orjson.dumps(value).decode()
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


def _elements(values: list[Any], schema: Schema) -> str:
    """As many of them as fit, at least one."""
    shown: list[str] = []
    for value in values:
        if sum(map(len, shown)) > LONGEST_VALUE:
            return f"[{', '.join(shown)}, … of {len(values):,}]"
        shown.append(_shown(value, schema))
    return f"[{', '.join(shown)}]"


def _breaks_format(value: Any, schema: Schema) -> bool:
    return breaks(Check((), "format", schema["format"], schema))(value)
