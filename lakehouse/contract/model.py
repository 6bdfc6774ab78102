"""The contract of an event type as a value, and all contracts with the envelope that their events share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PROBE_TOPIC = "probe"  # the API produces to it to check readiness; it never holds events
# Columns of every event table besides the fields of contract and envelope.
TABLE_COLUMNS = (
    "raw_event", "topic", "topic_id", "partition", "offset", "kafka_timestamp", "event_date", "batch_id", "entry_id",
)  # fmt: skip


class ContractError(ValueError):
    """A contract that cannot be used; the message names the file, the place in it and what is allowed."""


@dataclass(frozen=True)
class Field:
    """One field of an event: `type` is the JSON type name without null, `schema` the whole JSON Schema of the field."""

    name: str
    type: str
    nullable: bool
    required: bool
    default: Any
    schema: dict[str, Any]
    description: str


@dataclass(frozen=True)
class Rule:
    """A named Spark SQL condition over the own fields. A row breaks it if it is false, not if it is null."""

    name: str
    condition: str
    description: str


@dataclass(frozen=True)
class Facts:
    """What an event adds to the daily tables, as Spark SQL over the own fields.

    `direction`: increase or reduce, or none. `changes`: array of struct(item_type, item, change): what the player
    gained (or lost, below 0) by the event. `sales`: whether what was gained was sold.
    """

    direction: str | None = None
    changes: str | None = None
    sales: bool = False


@dataclass(frozen=True, eq=False)
class Contract:
    """One event type. `schema` is the JSON Schema of its own fields; all but YAML's layout changes `hash`."""

    event_type: str
    version: int
    description: str
    owner: str
    topic: str
    table: str
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]
    personal: tuple[str, ...]
    schema: dict[str, Any]
    hash: str
    facts: Facts = Facts()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and (self.event_type, self.hash) == (other.event_type, other.hash)

    def __hash__(self) -> int:
        return hash((self.event_type, self.hash))


class Contracts(Mapping[str, Contract]):
    """All contracts by event type, in alphabetical order, and the envelope that their events share."""

    def __init__(
        self, contracts: Sequence[Contract], envelope: tuple[Field, ...], envelope_schema: dict[str, Any]
    ) -> None:
        self._contracts = {each.event_type: each for each in sorted(contracts, key=lambda each: each.event_type)}
        self.envelope = envelope
        self.envelope_schema = envelope_schema
        self.topics = tuple(sorted({each.topic for each in contracts}))
        self.tables = tuple(sorted(each.table for each in contracts))
        self.hash = hash_of([envelope_schema, *((name, each.hash) for name, each in self._contracts.items())])

    def __getitem__(self, event_type: str) -> Contract:
        return self._contracts[event_type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._contracts)

    def __len__(self) -> int:
        return len(self._contracts)


def hash_of(content: Any) -> str:
    """SHA-256 of the content as compact JSON. The order of keys counts, since it is the order of columns and checks."""
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
