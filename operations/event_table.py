"""Renders the contracts as the README's table of event types."""

from __future__ import annotations

from typing import Any

from lakehouse.contract.model import Contracts, Field


def markdown(contracts: Contracts) -> str:
    """One row for each event type, in the order of their names; ends with a newline."""
    lines = ["| event type | what happened | own fields | topic | table |", "|---|---|---|---|---|"]
    for each in contracts.values():
        fields = "<br>".join(_field(field) for field in each.fields) or "-"
        cells = (f"`{each.event_type}`", each.description, fields, f"`{each.topic}`", f"`game.{each.table}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _field(field: Field) -> str:
    schema = field.schema
    limits = [text.replace("?", _written(schema[keyword])) for keyword, text in _LIMITS.items() if keyword in schema]
    needed = "required" if field.required else "optional" if field.default is None else f"default `{field.default}`"
    return f"`{field.name}`: {', '.join([_type(schema), *limits, needed])}"


def _written(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "items" in schema:
        of = schema["items"].get("properties")
        return f"list of {{{', '.join(of)}}}" if of else f"list of {_type(schema['items'])}"
    return str(schema["type"] if isinstance(schema["type"], str) else " or ".join(schema["type"]))


_LIMITS = {"minimum": "≥ ?", "maximum": "≤ ?", "format": "?", "pattern": "`?`"}
