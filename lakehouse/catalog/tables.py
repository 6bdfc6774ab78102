"""The definition of every table: columns with comments, and partitions.

Those of event tables follow from the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse import names
from lakehouse.catalog.spark_sql import literal, spark_type
from lakehouse.contract.model import Contract, Contracts

Columns = Mapping[str, tuple[str, str]]  # name -> Spark type and comment, in the order of the table

# Delta keeps statistics of the columns that queries filter or join by. Others would cost every commit and skip no file.
_RAW_STATS = "batch_id,event_id,topic,partition,offset,kafka_timestamp"
_GAME_STATS = "entry_id,batch_id,event_id,player,kafka_timestamp,topic,partition,offset"

# Commits between two checkpoints of a Delta log. A checkpoint takes seconds; so many small files are read at once.
CHECKPOINT_INTERVAL = 50
# The age at which log entries are deleted that a later checkpoint covers. Every checkpoint keeps the transaction ids.
LOG_RETENTION = "interval 7 days"

RAW_EVENTS = {
    "topic": ("string", "Kafka topic"),
    "topic_id": ("string", "Kafka's id of the topic; a topic made again has another"),
    "partition": ("int", "Kafka partition"),
    "offset": ("bigint", "Kafka offset"),
    "kafka_timestamp": ("timestamp", "when the broker appended the message (UTC)"),
    "key": ("binary", "message key as sent"),
    "value": ("binary", "message value as sent; null if the message has none"),
    "kafka_headers": ("array<struct<key: string, value: binary>>", "Kafka message headers as sent"),
    "event_id": (
        "string",
        "UUID that the value names event_id, lower-case; publish judges whether the value is an event",
    ),
    "batch_id": ("bigint", "ledger entry that brought the message"),
    "event_date": ("date", "day of kafka_timestamp (UTC)"),
}
RANGE_DDL = "struct<topic: string, topic_id: string, partition: int, start: bigint, until: bigint>"
COUNT_DDL = "struct<destination: string, topic: string, partition: int, event_date: date, rows: bigint>"
SELECTION_DDL = "struct<reason: string, event_type: string, batch_id: bigint, since: timestamp, until: timestamp>"
REFUSED_DDL = "struct<rule: string, rows: bigint>"
COMPARISON_DDL = "struct<destination: string, before: bigint, after: bigint, changed: bigint>"
LEDGER = {
    "entry_id": ("bigint", "dense number of the entry; of an ingest it is also the batch_id"),
    "kind": ("string", "ingest, replay, discard, rebuild or erase"),
    "step": ("string", "planned, decided, abandoned or done; each once an entry"),
    "attempt_id": ("string", "the attempt that wrote this row"),
    "ranges": (f"array<{RANGE_DDL}>", "planned: offsets [start, until) per topic, topic_id and partition"),
    "counts": (f"array<{COUNT_DDL}>", "decided: rows staged; done: rows read back; per destination, partition and day"),
    "contracts_hash": ("string", "decided: hash of the contracts, rules and code that judged the rows"),
    "verdict": ("string", "decided: passed, failed, or waived (failed, and accepted all the same)"),
    "failed_checks": ("array<string>", "decided: names of the critical checks that hold the rows"),
    "refused": (
        f"array<{REFUSED_DDL}>",
        "decided: rows that a rule of rows refused, by the first rule that they break",
    ),
    "waiver": ("string", "planned, of a replay: why a failed audit is accepted; none: it is not"),
    "staging": ("string", "decided: folder that holds what is published"),
    "checks": ("int", "decided: how many results of checks are staged there for ops.checks; null or 0: none"),
    "page": ("string", "data-quality page of the audit"),
    "run": ("string", "Airflow run that wrote this row"),
    "closed_through": ("bigint", "an entry up to which all were closed when this row was written; bounds later reads"),
    "time": ("timestamp", "when this row was written (UTC)"),
    "selection": (SELECTION_DDL, "planned, of a replay or discard: which quarantined messages; none of a field: any"),
    "through": ("bigint", "planned: the last entry (replay, discard) or batch (rebuild, erase) that it looks at"),
    "day": ("date", "planned, of a rebuild: the day"),
    "tables": ("array<string>", "planned, of a rebuild: the tables; none: all"),
    "player_hash": ("string", "planned, of an erase: keyed hash of the player"),
    "who": ("string", "planned: who asked for it"),
    "why": ("string", "planned: the reason given; abandoned: why"),
    "comparison": (f"array<{COMPARISON_DDL}>", "decided, of a rebuild: rows before, after and changed, per table"),
}
DAY_BUILDS = {
    "day": ("date", "day that is built (UTC)"),
    "built_through": ("bigint", "last ledger entry with all up to it closed; of an erase, its own entry"),
    "cause": ("string", "rollup, provisional (of a day that is not over), or erase: what changes the daily tables"),
    "step": ("string", "started (before the tables change) or finished (after)"),
    "run": ("string", "Airflow run that wrote this row"),
    "time": ("timestamp", "when this row was written (UTC)"),
}
_PLACE = {name: RAW_EVENTS[name] for name in ("topic", "topic_id", "partition", "offset", "kafka_timestamp")}
_PROVENANCE = {
    **_PLACE,
    "batch_id": ("bigint", "ledger entry that brought the message"),
    "entry_id": ("bigint", "ledger entry that published this row"),
    "event_date": ("date", "day of kafka_timestamp (UTC)"),
}


def schema_of(columns: Columns) -> str:
    """The names and types as Spark's DDL text, for `createDataFrame`."""
    return ", ".join(f"`{name}` {kind}" for name, (kind, _) in columns.items())


def columns_of(columns: Columns) -> str:
    """The names, types and comments as a `create table` or an `alter table` takes them."""
    return ", ".join(f"`{name}` {kind} comment {literal(comment)}" for name, (kind, comment) in columns.items())


@dataclass(frozen=True)
class Definition:
    """A table as it should be.

    stats: the columns that Delta keeps statistics of, joined by commas; none: Delta's own choice.
    partition_by: joined by commas; only of a table that is `partitioned`.
    """

    table: names.Table
    comment: str
    columns: Columns
    partitioned: bool
    stats: str = ""
    partition_by: str = "event_date"

    def ddl(self, path: str) -> str:
        """The statement that makes the table in the folder `path`, if it is not there."""
        properties = {"delta.checkpointInterval": str(CHECKPOINT_INTERVAL), "delta.logRetentionDuration": LOG_RETENTION}
        if self.stats:
            properties["delta.dataSkippingStatsColumns"] = self.stats
        listed = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
        partition = f" partitioned by ({self.partition_by})" if self.partitioned else ""
        return (
            f"create table if not exists {self.table.qualified} ({columns_of(self.columns)}) using delta{partition} "
            f"location '{path}' comment {literal(self.comment)} tblproperties ({listed})"
        )


def event_definition(contract: Contract, contracts: Contracts) -> Definition:
    """The table of one event type: the envelope, the own fields, the message as sent, and its coordinates."""
    envelope = {f.name: (spark_type(f.schema), f.description) for f in contracts.envelope}
    own = {f.name: (spark_type(f.schema), f.description) for f in contract.fields}
    sent = {"raw_event": ("string", "the message as it was sent")}
    return Definition(
        names.event_table(contract.table),
        f"{contract.description} (event type {contract.event_type}, owner {contract.owner})",
        {**envelope, **own, **sent, **_PROVENANCE},
        partitioned=True,
        stats=_GAME_STATS,
    )


def definitions(contracts: Contracts) -> list[Definition]:
    """Every table of the lakehouse."""
    return [
        Definition(
            names.RAW_EVENTS,
            "Kafka messages as they were sent, one row a message.",
            RAW_EVENTS,
            True,
            _RAW_STATS,
        ),
        Definition(
            names.LEDGER,
            "Every change to raw, game and quarantine: what was planned, decided and done, append-only.",
            LEDGER,
            partitioned=False,
            stats="entry_id,time",
        ),
        Definition(
            names.QUARANTINE,
            "Messages that failed, one row a failure, append-only.",
            QUARANTINE,
            True,
            "entry_id,batch_id,event_id,reason_code",
        ),
        Definition(
            names.QUARANTINE_ACTIONS, "What was done to quarantined messages, append-only.", ACTIONS, partitioned=False
        ),
        Definition(names.LOSSES, "Losses that somebody accepted, append-only.", LOSSES, partitioned=False),
        Definition(names.ERASURES, "Players that were erased, append-only.", ERASURES, partitioned=False),
        Definition(names.AUDITS, "Audits of built days.", AUDITS, partitioned=False),
        Definition(
            names.CHECKS,
            "Results of the checks of decided entries and built days, one row a check, append-only; no samples.",
            CHECKS,
            partitioned=True,
            stats="entry_id,audited_at",
        ),
        *DAILY,
        *[event_definition(contract, contracts) for contract in contracts.values()],
    ]


QUARANTINE = {
    **_PROVENANCE,
    "event_id": (
        "string",
        "event_id if it could be read or was found in what cannot be read, else one made of the coordinates",
    ),
    "event_type": ("string", "event type if it could be read"),
    "player": ("string", "player if it could be read"),
    "value": ("binary", "message value as sent"),
    "kafka_headers": ("array<struct<key: string, value: binary>>", "Kafka message headers as sent"),
    "reason_code": ("string", "why it is here, such as schema:size:enum"),
    "field": ("string", "field that failed"),
    "rule": ("string", "keyword or rule that failed"),
    "contract_version": ("int", "version of the contract that judged it"),
    "at_fault": (
        "boolean",
        "whether this message breaks its contract or a rule of rows; false: it is only held with its batch; null: not known",
    ),
}
ACTIONS = {
    "topic": RAW_EVENTS["topic"],
    "topic_id": RAW_EVENTS["topic_id"],
    "partition": RAW_EVENTS["partition"],
    "offset": RAW_EVENTS["offset"],
    "event_date": RAW_EVENTS["event_date"],
    "action": ("string", "replayed, waived (accepted although the audit failed), rebuilt or discarded"),
    "entry_id": ("bigint", "ledger entry that did it; it closes quarantine rows of smaller entries only"),
    "who": ("string", "who asked for it"),
    "why": ("string", "reason given"),
}
LOSSES = {
    "loss_id": ("bigint", "dense number of the decision"),
    "who": ("string", "who accepted the loss"),
    "why": ("string", "reason given"),
    "ranges": (
        f"array<{RANGE_DDL}>",
        "offsets [start, until) that will never be read; no until: all the rest of the topic",
    ),
    "time": ("timestamp", "when (UTC)"),
}
ERASURES = {
    "who": ("string", "who asked for it"),
    "why": ("string", "reason given"),
    "player_hash": ("string", "keyed hash of the player"),
    "entry_id": ("bigint", "ledger entry that erased"),
    "through": (
        "bigint",
        "the last batch whose messages were erased; rebuilds and replays leave the player out of them",
    ),
    "erased_at": ("timestamp", "when the rows were deleted (UTC)"),
    "purged_at": ("timestamp", "when the last old file and log entry were gone (UTC)"),
}
AUDITS = {
    "name": ("string", "audit"),
    "day": ("date", "day that was built"),
    "run": ("string", "Airflow run"),
    "verdict": ("string", "passed or failed"),
    "failed": ("array<string>", "critical checks that failed"),
    "page": ("string", "data-quality page"),
    "time": ("timestamp", "when (UTC)"),
}
CHECKS = {
    "entry_id": ("bigint", "ledger entry whose rows were audited; null: a built day was"),
    "day": ("date", "built day that was audited; null: an entry was"),
    "name": ("string", "check: <event type>.<field>:<keyword> of a contract, or the name of a rule"),
    "description": ("string", "what the check asks for"),
    "severity": ("string", "critical or warning"),
    "scope": ("string", "what it looks at: batch (all messages), good (those that could be published) or day"),
    "tables": ("array<string>", "tables that it is about; none: all of the batch"),
    "field": ("string", "field that it is about, of a contract's check"),
    "outcome": (
        "string",
        "passed, failed, refused (single rows are quarantined), waived (accepted by a waiver) or skipped (it did not run)",
    ),
    "observed": ("string", "what was observed, in words"),
    "allowed": ("string", "what is allowed, in words"),
    "rows_checked": ("bigint", "rows that it looked at; null: not known"),
    "rows_failing": ("bigint", "rows that fail it; null: it did not run, or counts no rows"),
    "audited_at": ("timestamp", "when the audit was made (UTC); of a day the same as ops.audits.time"),
    "event_date": ("date", "day of audited_at (UTC)"),
}
_BUILT = {
    "built_through": ("bigint", "last ledger entry with all up to it closed when this day was built"),
    "event_date": ("date", "day (UTC, by the broker's clock)"),
}
DAILY = [
    Definition(
        names.DAILY_EVENT_COUNTS,
        "Events per day, player, host, event type and direction.",
        {
            "player": ("string", "player"),
            "host": ("string", "host that stands for the user"),
            "event_type": ("string", "event type"),
            "direction": ("string", "increase or reduce, where the event type has a direction"),
            "events": ("bigint", "number of events"),
            **_BUILT,
        },
        partitioned=True,
    ),
    Definition(
        names.DAILY_ITEM_SALES,
        "Items sold per day.",
        {
            "item_type": ("string", "kind of item"),
            "item": ("string", "item within its kind"),
            "quantity": ("bigint", "how many were sold"),
            **_BUILT,
        },
        partitioned=True,
    ),
    Definition(
        names.PLAYER_ITEM_CHANGES,
        "What each player gained or lost per day; the sum over days is the player's inventory.",
        {
            "player": ("string", "player"),
            "item_type": ("string", "kind of item"),
            "item": ("string", "item within its kind"),
            "change": ("bigint", "gained minus lost"),
            **_BUILT,
        },
        partitioned=True,
    ),
    Definition(
        names.PLAYER_INVENTORY_MONTHS,
        "What each player had at the end of a month; the view player_inventory starts from the newest month that is valid.",
        {
            "player": ("string", "player"),
            "item_type": ("string", "kind of item"),
            "item": ("string", "item within its kind"),
            "quantity": ("bigint", "sum of the changes of all days up to the end of the month"),
            "month": ("date", "first day of the month"),
            "builds": (
                "bigint",
                "how many builds of those days it contains; valid while ops.day_builds has no other of them",
            ),
        },
        partitioned=True,
        partition_by="month, builds",
    ),
    Definition(
        names.DAY_BUILDS,
        "Builds of the daily tables, each started before they change and finished after, append-only.",
        DAY_BUILDS,
        partitioned=False,
        stats="day,built_through",
    ),
]
