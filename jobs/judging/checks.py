"""Judges every message of a batch by its contract: where it goes, and if nowhere good, for which reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from jobs.judging import canonical, message
from jobs.judging.contract_sql import LOOKED, first_broken, first_broken_rule, looked_at, value_of, wide_name
from jobs.judging.duplicates import ARRIVAL
from jobs.judging.headers import apply_rules
from lakehouse.catalog.spark_sql import literal
from lakehouse.contract.keywords import checks
from lakehouse.ledger.vocabulary import Destination

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contract, Contracts

COORDINATES = ["topic", "topic_id", "partition", "offset", "kafka_timestamp", "event_date", "batch_id"]
UNREADABLE = "unreadable"  # reason code of a message that ends whoever reads it (jobs/staging/last_resort.py)
PLAYER = "coalesce(player, host)"  # whose event it is: the host stands for the user where no player is named
# Judged apart: they decide which contract is asked, and which message is the event.
_JUDGED_APART = ("event_id", "event_type")


def judge(
    batch: DataFrame,
    repeats: DataFrame | None,
    contracts: Contracts,
    *,
    max_event_bytes: int,
    header_rules: Mapping[str, str],
    keep: Sequence[str] = (),
    unreadable: str = "false",
) -> DataFrame:
    """Judges the messages of `batch` (rows of the raw table) in one pass.

    Args:
        repeats: see `duplicates.find_repeats`.
        header_rules: see `headers.apply_rules`.
        keep: further columns of `batch` that are handed on.
        unreadable: SQL over topic_id, partition and offset: which messages are not to be read (jobs/staging/last_resort.py).

    Returns:
        One row a message: COORDINATES, value, kafka_headers, the envelope, one column a field of each event type
        (`wide_name`, defaults filled in, null in rows of other types), unknown_fields (names), contract_version,
        reason_code, field, rule (null if good), and destination: a table of the contracts, QUARANTINE or DUPLICATE.
    """
    own = {wide_name(c.event_type, f.name): (c, f) for c in contracts.values() for f in c.fields}
    envelope = [field for field in contracts.envelope if field.name not in _JUDGED_APART]
    marked = batch.selectExpr("*", "cast(null as boolean) as reused")
    if repeats is not None:
        marked = batch.join(repeats, ARRIVAL, "left")
    readable = f"(not {unreadable} and value is not null and octet_length(value) <= {max_event_bytes})"
    marked = canonical.read(marked, contracts, readable)
    marked = message.with_json(marked, readable=f"canonical is null and {readable}")
    known = {field.name: ("", field) for field in envelope} | {n: (c.event_type, f) for n, (c, f) in own.items()}

    def of_type(event_type: str, sql: str) -> str:
        return f"case when event_type = '{event_type}' then {sql} end" if event_type else sql

    asked = {
        name: of_type(event_type, sql)
        for column, (event_type, field) in known.items()
        for name, sql in looked_at(field, column).items()
    }
    looked = marked.selectExpr(
        *message.quoted([*COORDINATES, *keep]),
        "value",
        "kafka_headers",
        "json",
        "fields",
        "reused",
        "canonical",
        f"case when canonical is not null then event_id else {message.uuid('event_id')} end as readable_id",
        "event_id as named_id",
        f"coalesce(canonical, {message.text('event_type')}) as event_type",
        f"`{canonical.VALUES}`",
    ).selectExpr("*", f"case when canonical is null then {message.struct(asked)} end as {LOOKED}")
    typed = looked.selectExpr(
        "*",
        *[
            f"{_either(name, of_type(kind, value_of(field, name)))} as `{name}`"
            for name, (kind, field) in known.items()
        ],
        f"{_event_id_time()} as event_id_time",
    )
    reasoned = typed.selectExpr("*", f"{_unreadable(contracts, max_event_bytes, unreadable)} as unreadable").selectExpr(
        "*",
        f"case when unreadable is not null then unreadable when reused then 'event_id_reused' when not reused then null "
        f"when {_event_id_invalid()} then 'event_id_invalid' else {_violation(contracts)} end as reason_code",
    )
    judged = reasoned.selectExpr(
        *message.quoted([*COORDINATES, *keep]),
        "value",
        "kafka_headers",
        f"coalesce(readable_id, case when {_has_event_id()} then {message.typed('event_id', 'string')} "
        f"when json is null then named_id end, {_derived_id()}) as event_id",
        "event_type",
        "schema_version",
        "coalesce(received_at, kafka_timestamp) as received_at",
        "occurred_at",
        f"{PLAYER} as player",
        "host",
        "user_agent",
        "accept",
        "http_headers",
        *message.quoted(own),
        f"{_unknown_fields(contracts)} as unknown_fields",
        f"{_by_type(contracts, lambda c: str(c.version))} as contract_version",
        "reason_code",
        "case when reason_code like 'schema:%' then split(reason_code, ':')[1] "
        "when reason_code like 'event_id%' then 'event_id' when reason_code = 'unknown_type' then 'event_type' end as field",
        "case when reason_code rlike '^(schema|rule):' then substring_index(reason_code, ':', -1) end as rule",
        f"case when unreadable is null and reused = false then '{Destination.DUPLICATE}' "
        f"when reason_code is not null then '{Destination.QUARANTINE}' "
        f"else {_by_type(contracts, lambda c: literal(c.table))} end as destination",
    )
    return apply_rules(judged, header_rules)


def _either(name: str, looked_up: str) -> str:
    """SQL: a field of a canonical event, or what is looked up in any other message."""
    return f"case when canonical is not null then {canonical.value_at(name)} else {looked_up} end"


def _unreadable(contracts: Contracts, max_event_bytes: int, unreadable: str) -> str:
    known = ", ".join(literal(name) for name in contracts)
    return (
        f"case when canonical is not null then null when {unreadable} then '{UNREADABLE}' when value is null then 'no_value' "
        f"when octet_length(value) > {max_event_bytes} then 'too_large' "
        f"when not is_valid_utf8({message.TEXT}) then 'not_utf8' when {message.too_deep()} then 'too_deep' "
        "when json is null then 'not_json' "
        "when fields is null then 'not_object' "
        f"when event_type is null or event_type not in ({known}) then 'unknown_type' end"
    )


def _violation(contracts: Contracts) -> str:
    """SQL: the reason code of the first check of the envelope, the contract, then its rules that fails, else null."""
    schema = contracts.envelope_schema
    fields = {name: each for name, each in schema["properties"].items() if name not in _JUDGED_APART}
    required = [name for name in schema.get("required", []) if name not in _JUDGED_APART]

    def broken(contract: Contract) -> str:
        wanted = checks(contract.schema["properties"], contract.schema.get("required", ()))
        return first_broken(wanted, partial(wide_name, contract.event_type))

    own = _by_type(contracts, broken)
    rules = _by_type(contracts, first_broken_rule)
    envelope = first_broken(checks(fields, required), lambda name: name)
    schemas = f"concat('schema:', case when canonical is null then coalesce({envelope}, {own}) end)"
    return f"coalesce({schemas}, concat('rule:', {rules}))"


def _has_event_id() -> str:
    return f"(canonical is not null or coalesce({message.json_type('event_id')}, 'VOID') <> 'VOID')"


def _event_id_invalid() -> str:
    near = "between kafka_timestamp - interval 7 days and kafka_timestamp + interval 1 hour"
    return f"{_has_event_id()} and not coalesce(event_id_time {near}, false)"


def _event_id_time() -> str:
    """SQL: the time in readable_id, a UUID in lower case, if it is of version 7. A column, for `between` asks twice."""
    version_7 = "substr(readable_id, 15, 1) = '7' and substr(readable_id, 20, 1) in ('8', '9', 'a', 'b')"
    millis = "conv(replace(substr(readable_id, 1, 13), '-', ''), 16, 10)"
    return f"case when {version_7} then timestamp_millis(cast({millis} as bigint)) end"


def _derived_id() -> str:
    """SQL: a UUID of version 8 (free form) made of the coordinates: the same message gets the same id for ever."""
    digest = "sha2(concat_ws('/', topic_id, cast(partition as string), cast(offset as string)), 256)"
    return (
        f"concat_ws('-', substr({digest}, 1, 8), substr({digest}, 9, 4), concat('8', substr({digest}, 14, 3)), "
        f"concat('8', substr({digest}, 18, 3)), substr({digest}, 21, 12))"
    )


def _unknown_fields(contracts: Contracts) -> str:
    """SQL: names of an event's fields that neither its contract nor the envelope knows: accepted, and counted."""
    envelope = [field.name for field in contracts.envelope]
    known = _by_type(contracts, lambda c: f"array({', '.join(map(literal, [*envelope, *(f.name for f in c.fields)]))})")
    return (
        "case when canonical is not null then cast(array() as array<string>) "
        f"when unreadable is null then array_except(map_keys(fields), {known}) end"
    )


def _by_type(contracts: Contracts, make: object) -> str:
    cases = " ".join(f"when '{c.event_type}' then {make(c)}" for c in contracts.values())  # type: ignore[operator]
    return f"case event_type {cases} end"
