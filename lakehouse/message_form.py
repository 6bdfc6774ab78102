"""The canonical form of an event as JSON: in which order its fields stand.

The API writes events so, and Spark reads what is written so in one go (jobs/canonical.py); no promise hangs on it.
"""

from __future__ import annotations

from lakehouse.contract import Contract, Contracts, Field

# What a client may say of the envelope, as the API writes it behind the own fields; the API says the rest, last.
CLIENT_FIELDS = ("event_id", "event_type", "schema_version", "occurred_at")


def in_order(contract: Contract, contracts: Contracts) -> tuple[Field, ...]:
    """All fields that an event of this type can have: its type, its own, then those of the envelope.

    Fields that no contract knows stand between what the client and what the API says.
    """
    envelope = {field.name: field for field in contracts.envelope}
    told = [field for name, field in envelope.items() if name not in CLIENT_FIELDS]
    client = [envelope[name] for name in CLIENT_FIELDS if name != "event_type"]
    return (envelope["event_type"], *contract.fields, *client, *told)
