"""The form in which the API writes an event as JSON: in which order its fields stand. No promise hangs on it."""

from __future__ import annotations

from lakehouse.contract.model import Contract, Contracts, Field

# The event_id stands first: whoever looks for it alone (jobs/raw/raw_events.py) finds it at a known place.
ID_BEGINS = '{"event_id":"'
ID_AT, ID_LENGTH = len(ID_BEGINS) + 1, 36  # counted from 1, as SQL does
# What a client may say of the envelope. The API writes the first two ahead of the own fields, the others behind them, and
# what it says itself last.
CLIENT_FIELDS = ("event_id", "event_type", "schema_version", "occurred_at")


def in_order(contract: Contract, contracts: Contracts) -> tuple[Field, ...]:
    """All fields that an event of this type can have: its id and type, its own, then those of the envelope.

    Fields that no contract knows stand between what the client and what the API says.
    """
    envelope = {field.name: field for field in contracts.envelope}
    event_id, event_type, *client = (envelope[name] for name in CLIENT_FIELDS)
    told = [field for name, field in envelope.items() if name not in CLIENT_FIELDS]
    return (event_id, event_type, *contract.fields, *client, *told)
