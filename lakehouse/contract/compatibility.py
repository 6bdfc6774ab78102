"""Whether a contract may replace another one of the same version: it may only add fields, and ask for fewer of them."""

from __future__ import annotations

from lakehouse.contract.model import Contract


def breaking_changes(old: Contract, new: Contract) -> list[str]:
    """The changes by which an event that keeps `old` breaks `new`, or goes elsewhere. Empty if the version grew.

    `x-rules` may tighten at any time: the events that they refuse are quarantined and can be replayed.
    """
    if new.version > old.version:
        return []
    if new.version < old.version:
        return [f"{new.event_type}: version {new.version} is smaller than {old.version}"]
    wrong = [
        f"{new.event_type}: {name} changed from {getattr(old, name)} to {getattr(new, name)}"
        for name in ("topic", "table")
        if getattr(old, name) != getattr(new, name)
    ]
    fields = {field.name: field for field in new.fields}
    for field in old.fields:
        now = fields.pop(field.name, None)
        if now is None:
            wrong.append(f"{new.event_type}.{field.name} is gone")
        elif now.required and not field.required:
            wrong.append(f"{new.event_type}.{field.name} became required")
        elif _rules(now.schema) != _rules(field.schema):
            wrong.append(f"{new.event_type}.{field.name} is checked otherwise")
    wrong += [f"{new.event_type}.{field.name} is new and required" for field in fields.values() if field.required]
    return wrong


def _rules(schema: object) -> object:
    """A schema without its descriptions."""
    if isinstance(schema, dict):
        return {key: _rules(value) for key, value in schema.items() if key != "description"}
    return schema
