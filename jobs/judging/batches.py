"""The evaluator over Arrow batches: from rows of the raw table to judged rows, before x-rules and rules of rows.

Runs in Spark's workers (`mapInArrow`); it knows nothing of Spark itself. Each function takes `code`, the version of the job's
judging code: a worker that has another one fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.judging import headers, version
from lakehouse.catalog.spark_sql import spark_type
from lakehouse.catalog.tables import RAW_EVENTS
from lakehouse.contract import event_id as event_ids
from lakehouse.contract import fingerprint
from lakehouse.contract.judge import JUDGED_APART, NO_EVENT, NOT_READ, UNREADABLE, Judge, Judgement, Reason
from lakehouse.contract.keywords import Schema, json_type
from lakehouse.contract.model import Contract, Contracts, Field
from lakehouse.contract.typed import FastDecoder
from lakehouse.ledger.vocabulary import Destination

COORDINATES = ("topic", "topic_id", "partition", "offset", "kafka_timestamp", "event_date", "batch_id")
UTC_TIME = pa.timestamp("us", "UTC")
_SCALARS = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
_UNREADABLE = Judgement((Reason(UNREADABLE),))
_NO_EVENT = pa.array(sorted(NO_EVENT), pa.string())
# Boolean column of raw's rows: the message repeats an event_id; true: as another event (see duplicates.find_repeats).
REUSED = "reused"

Place = tuple[str | None, int, int]  # topic id, partition, offset


def wide_name(event_type: str, field: str) -> str:
    """The column that holds one event type's field in a frame of all types."""
    return f"{event_type}__{field}"


def columns_of(contracts: Contracts, keep: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """The columns of judged rows and their Spark types, in order; `keep`: as for `BatchJudge`, with their types."""
    raw = {name: kind for name, (kind, _) in RAW_EVENTS.items()}
    return {
        **{name: raw[name] for name in COORDINATES},
        **keep,
        "value": raw["value"],
        "kafka_headers": raw["kafka_headers"],
        "event_id": "string",
        "event_type": "string",
        **{each.name: spark_type(each.schema) for each in contracts.envelope if each.name not in JUDGED_APART},
        **{
            wide_name(contract.event_type, each.name): spark_type(each.schema)
            for contract in contracts.values()
            for each in contract.fields
        },
        "unknown_fields": "array<string>",
        "contract_version": "int",
        "reason_code": "string",
        "field": "string",
        "rule": "string",
        "destination": "string",
    }


def arrow_type(schema: Schema) -> pa.DataType:
    """The type of a field's column; an object without declared properties is a map of texts."""
    kind = json_type(schema)
    if kind == "array":
        return pa.list_(arrow_type(schema["items"]))
    if kind == "object":
        properties = schema.get("properties")
        if not properties:
            return pa.map_(pa.string(), pa.string())
        return pa.struct([(name, arrow_type(each)) for name, each in properties.items()])
    return UTC_TIME if schema.get("format") == "date-time" else _SCALARS[kind]


def judge_batches(
    batches: Iterable[pa.RecordBatch],
    *,
    code: str,
    contracts: Contracts,
    max_event_bytes: int,
    header_rules: Mapping[str, str] = MappingProxyType({}),
    keep: Sequence[str] = (),
    unreadable: Collection[Place] = (),
) -> Iterator[pa.RecordBatch]:
    """As `BatchJudge`, which it makes where it runs: a `functools.partial` of it can be sent to Spark's workers.

    Raises:
        VersionError: the code that runs here is another one.
    """
    version.check(code)
    yield from BatchJudge(contracts, max_event_bytes, header_rules, keep=keep, unreadable=unreadable)(batches)


class BatchJudge:
    """Judges batches; made once a worker, since it compiles the contracts."""

    def __init__(
        self,
        contracts: Contracts,
        max_event_bytes: int,
        header_rules: Mapping[str, str] = MappingProxyType({}),
        *,
        keep: Sequence[str] = (),
        unreadable: Collection[Place] = (),
    ) -> None:
        """`header_rules`: see jobs/judging/headers.py; `keep`: further columns that are handed on; `unreadable`: messages that
        are not to be read.
        """
        self._judge = Judge(contracts, max_event_bytes)
        self._fast = FastDecoder(contracts, max_event_bytes)
        self._types = {struct: contracts[name] for name, struct in self._fast.structs.items()}
        self._kept = (*COORDINATES, *keep, "value", "kafka_headers")
        self._header_rules = header_rules
        self._unreadable = frozenset(unreadable)
        self._envelope = {each.name: each for each in contracts.envelope if each.name not in JUDGED_APART}
        self._own = {
            wide_name(contract.event_type, each.name): (contract, each)
            for contract in contracts.values()
            for each in contract.fields
        }

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The judged rows of rows of the raw table, in the columns of `columns_of`.

        Reasons and destinations are those of the message, and of the column REUSED if there is one. A batch becomes one of each
        event type that the fast way took, and one of all other rows.
        """
        for batch in batches:
            yield from self._judged(batch)

    def _judged(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        values = batch.column("value").to_pylist()
        repeats = [REUSED] if REUSED in batch.schema.names else []
        batch = batch.select([*self._kept, "event_id", *repeats])
        times = _times(batch)
        barred = self._barred(batch)
        taken: dict[type, tuple[list[int], list[Any]]] = {struct: ([], []) for struct in self._types}
        left: list[int] = []
        judgements: list[Judgement] = []
        event_of = self._fast.event
        for row, (value, time) in enumerate(zip(values, times, strict=True)):
            if row in barred:
                left.append(row)
                judgements.append(_UNREADABLE)
                continue
            event = event_of(value, time)
            if event is not None:
                rows, events = taken[type(event)]
                rows.append(row)
                events.append(event)
            else:
                left.append(row)
                judgements.append(self._judge.message(value, time))
        for struct, (rows, events) in taken.items():
            if rows:
                yield self._of_events(_rows(batch, rows), self._types[struct], events)
        if left:
            yield self._of_judgements(_rows(batch, left), judgements)

    def _barred(self, batch: pa.RecordBatch) -> set[int]:
        if not self._unreadable:
            return set()
        places = zip(*(batch.column(name).to_pylist() for name in ("topic_id", "partition", "offset")), strict=True)
        return {row for row, place in enumerate(places) if place in self._unreadable}

    def _of_events(self, batch: pa.RecordBatch, contract: Contract, events: Sequence[Any]) -> pa.RecordBatch:
        """Rows of events of one type, all of them good."""
        count = len(events)

        def column(field: Field) -> pa.Array:
            return _column(list(map(attrgetter(field.name), events)), field.schema, fast=True)

        envelope = {name: column(each) for name, each in self._envelope.items()}
        envelope["player"] = pc.coalesce(envelope["player"], envelope["host"])
        own = {
            name: column(field) if of is contract else pa.nulls(count, arrow_type(field.schema))
            for name, (of, field) in self._own.items()
        }
        return self._batch(
            batch,
            event_id=pa.array([event.event_id for event in events], pa.string()),
            event_type=_repeated(contract.event_type, count),
            envelope=envelope,
            own=own,
            unknown_fields=pa.ListArray.from_arrays(pa.array([0] * (count + 1), pa.int32()), pa.nulls(0, pa.string())),
            contract_version=_repeated(contract.version, count, pa.int32()),
            reasons=(None, None, None),
            destination=_repeated(contract.table, count),
        )

    def _of_judgements(self, batch: pa.RecordBatch, judged: Sequence[Judgement]) -> pa.RecordBatch:
        """Rows of any messages."""

        def texts(make: Callable[[Judgement], str | None]) -> pa.Array:
            return pa.array([make(each) for each in judged], pa.string())

        reasons = [each.reasons[0] if each.reasons else None for each in judged]
        players = texts(lambda each: each.player)
        envelope = {
            name: players
            if name == "player"
            else _column([each.envelope.get(name) for each in judged], field.schema, False)
            for name, field in self._envelope.items()
        }
        own = {
            name: _column(
                [each.own.get(field.name) if each.contract is of else None for each in judged], field.schema, False
            )
            for name, (of, field) in self._own.items()
        }
        return self._batch(
            batch,
            event_id=pa.array(_ids(batch, judged), pa.string()),
            event_type=texts(lambda each: each.event_type),
            envelope=envelope,
            own=own,
            unknown_fields=pa.array([each.unknown_fields for each in judged], pa.list_(pa.string())),
            contract_version=pa.array([each.contract and each.contract.version for each in judged], pa.int32()),
            reasons=tuple(pa.array([reason and reason[part] for reason in reasons], pa.string()) for part in range(3)),
            destination=texts(
                lambda each: Destination.QUARANTINE if each.reasons or not each.contract else each.contract.table
            ),
        )

    def _batch(
        self,
        batch: pa.RecordBatch,
        *,
        event_id: pa.Array,
        event_type: pa.Array,
        envelope: Mapping[str, pa.Array],
        own: Mapping[str, pa.Array],
        unknown_fields: pa.Array,
        contract_version: pa.Array,
        reasons: Sequence[pa.Array | None],
        destination: pa.Array,
    ) -> pa.RecordBatch:
        received_at = pc.coalesce(envelope["received_at"], batch.column("kafka_timestamp").cast(UTC_TIME))
        none = pa.nulls(batch.num_rows, pa.string())
        outcome = dict(zip(("reason_code", "field", "rule"), (each or none for each in reasons), strict=True))
        outcome["destination"] = destination
        if REUSED in batch.schema.names:
            outcome = _with_repeats(batch.column(REUSED), outcome)
        columns = {
            **{name: batch.column(name) for name in self._kept},
            "event_id": event_id,
            "event_type": event_type,
            **headers.apply_rules(self._header_rules, envelope),
            "received_at": received_at,
            **own,
            "unknown_fields": unknown_fields,
            "contract_version": contract_version,
            **outcome,
        }
        return pa.RecordBatch.from_pydict(columns)


def _with_repeats(reused: pa.Array, outcome: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """What becomes of messages that repeat an event_id, if they are events at all; `outcome`: reason_code to destination."""
    none = pa.scalar(None, pa.string())
    is_event = pc.invert(pc.is_in(outcome["reason_code"], value_set=_NO_EVENT))
    repeats = pc.and_(is_event, pc.is_valid(reused))
    new = {
        "reason_code": pc.if_else(reused, "event_id_reused", none),
        "field": pc.if_else(reused, "event_id", none),
        "rule": none,
        "destination": pc.if_else(reused, str(Destination.QUARANTINE), str(Destination.DUPLICATE)),
    }
    return {name: pc.if_else(repeats, new[name], column) for name, column in outcome.items()}


ARRIVAL_TYPES = {"exact": "boolean", "passes": "boolean", "fingerprint": "string"}


def arrival_batches(
    batches: Iterable[pa.RecordBatch], *, code: str, contracts: Contracts, max_event_bytes: int, keep: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """What rows of raw say as arrivals of the event_id that raw found in them: columns `keep`, then ARRIVAL_TYPES.

    `exact`: whether the message itself names that id (and not an object in it, say); only then the others are not null. They
    are those of `fingerprint.Arrival`.

    Raises:
        VersionError: the code that runs here is another one.
    """
    version.check(code)
    judge = Judge(contracts, max_event_bytes)
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in ("value", "event_id"))
        found = []
        for value, event_id, time in zip(*columns, _times(batch), strict=True):
            arrival = fingerprint.arrival(judge, value, time)
            found.append(arrival if arrival is not None and arrival.event_id == event_id else None)
        more = (
            pa.array([each is not None for each in found], pa.bool_()),
            pa.array([each and each.passes for each in found], pa.bool_()),
            pa.array([each and each.fingerprint for each in found], pa.string()),
        )
        kept = {name: batch.column(name) for name in keep}
        yield pa.RecordBatch.from_pydict({**kept, **dict(zip(ARRIVAL_TYPES, more, strict=True))})


def player_batches(
    batches: Iterable[pa.RecordBatch], *, code: str, contracts: Contracts, max_event_bytes: int, keep: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Whose each message is: columns `keep`, then `player`, null where a message says nothing of it.

    Raises:
        VersionError: the code that runs here is another one.
    """
    version.check(code)
    judge, fast = Judge(contracts, max_event_bytes), FastDecoder(contracts, max_event_bytes)
    for batch in batches:
        players = []
        for value, time in zip(batch.column("value").to_pylist(), _times(batch), strict=True):
            event = fast.event(value, time)
            if event is None:
                players.append(judge.message(value, time).player)
            else:
                players.append(event.host if event.player is None else event.player)
        kept = {name: batch.column(name) for name in keep}
        yield pa.RecordBatch.from_pydict({**kept, "player": pa.array(players, pa.string())})


def _times(batch: pa.RecordBatch) -> list[int | None]:
    """The broker's time of each row, in microseconds since 1970."""
    times: list[int | None] = batch.column("kafka_timestamp").cast(UTC_TIME).cast(pa.int64()).to_pylist()
    return times


def _rows(batch: pa.RecordBatch, rows: Sequence[int]) -> pa.RecordBatch:
    return batch if len(rows) == batch.num_rows else batch.take(pa.array(rows, pa.int64()))


def _repeated(value: Any, count: int, kind: pa.DataType | None = None) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind or pa.string()), count)


def _ids(batch: pa.RecordBatch, judged: Sequence[Judgement]) -> list[str]:
    """The id that a message says, that raw found in one which nobody reads, or one made of its coordinates."""
    found = []
    named = batch.column("event_id").to_pylist()
    places = zip(*(batch.column(name).to_pylist() for name in ("topic_id", "partition", "offset")), strict=True)
    for each, by_raw, place in zip(judged, named, places, strict=True):
        unread = bool(each.reasons) and each.reasons[0].code in NOT_READ
        said = by_raw if unread else each.event_id
        found.append(event_ids.derived(*place) if said is None else said)
    return found


def _column(values: Sequence[Any], schema: Schema, fast: bool) -> pa.Array:
    """A column of a field's values: `fast` ones are structs and times in text, others are dicts and datetimes."""
    kind = arrow_type(schema)
    if pa.types.is_map(kind):
        names = [name for value in values if value for name in value]
        texts = [text for value in values if value for text in value.values()]
        return pa.MapArray.from_arrays(_offsets(values), pa.array(names, pa.string()), pa.array(texts, pa.string()))
    if pa.types.is_list(kind):
        elements = [element for value in values if value for element in value]
        return pa.ListArray.from_arrays(_offsets(values), _column(elements, schema["items"], fast))
    if pa.types.is_struct(kind):
        member = attrgetter if fast else itemgetter
        columns = {
            name: _column([None if value is None else get(value) for value in values], each, fast)
            for name, each in schema["properties"].items()
            for get in [member(name)]
        }
        absent = pa.array([value is None for value in values], pa.bool_())
        return pa.StructArray.from_arrays(list(columns.values()), list(columns), mask=absent)
    if fast and kind == UTC_TIME:
        return pa.array(values, pa.string()).cast(UTC_TIME)
    if fast and pa.types.is_floating(kind):
        return pc.add(pa.array(values, kind), 0.0)  # a zero below zero is a zero
    return pa.array(values, kind)


def _offsets(values: Sequence[Any]) -> pa.Array:
    """Where each map or list begins among the elements of all, and where the last one ends; null for one that is null."""
    offsets: list[int | None] = []
    at = 0
    for value in values:
        if value is None:
            offsets.append(None)
        else:
            offsets.append(at)
            at += len(value)
    offsets.append(at)
    return pa.array(offsets, pa.int32())
