"""The order of fields in the JSON of an event as the API writes it. It saves time; no promise depends on it."""

from __future__ import annotations

from lakehouse.contract.model import Contract, Contracts, Field

# The event_id stands first, so that jobs/raw/raw_events.py finds it at a known place.
ID_BEGINS = '{"event_id":"'
ID_AT, ID_LENGTH = len(ID_BEGINS) + 1, 36  # counted from 1, as SQL does
# Fields of the envelope that a client may set. The API writes the first two before the own fields and the others after
# them. The fields that it sets itself come last.
CLIENT_FIELDS = ("event_id", "event_type", "schema_version", "occurred_at")


def in_order(contract: Contract, contracts: Contracts) -> tuple[Field, ...]:
    """All fields that an event of this type can have: id and type, own fields, then those of the envelope.

    Fields that no contract knows stand between the fields that the client and those that the API sets.
    """
    envelope = {field.name: field for field in contracts.envelope}
    event_id, event_type, *client = (envelope[name] for name in CLIENT_FIELDS)
    told = [field for name, field in envelope.items() if name not in CLIENT_FIELDS]
    return (event_id, event_type, *contract.fields, *client, *told)
