"""The Delta tables and their columns, made from the contracts, and the metastore kept true to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs import builds, ledger, raw
from jobs.contract_sql import literal, spark_type
from lakehouse import names
from lakehouse.hdfs import Hdfs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse.contract import Contract, Contracts
    from lakehouse.settings import Settings

# Columns that queries filter or join by; statistics on others cost every commit and skip nothing.
_RAW_STATS = "batch_id,event_id,topic,partition,offset,kafka_timestamp"
_GAME_STATS = "entry_id,batch_id,event_id,player,kafka_timestamp,topic,partition,offset"

# Commits between two checkpoints of a Delta log: a checkpoint takes seconds, a log of this many small files is read in none.
CHECKPOINT_INTERVAL = 50
# Log entries that a later checkpoint covers are deleted at that age; transaction ids live on in every checkpoint.
LOG_RETENTION = "interval 7 days"

_PLACE = {name: raw.COLUMNS[name] for name in ("topic", "topic_id", "partition", "offset", "kafka_timestamp")}
_PROVENANCE = {
    **_PLACE,
    "batch_id": ("bigint", "ledger entry that brought the message"),
    "entry_id": ("bigint", "ledger entry that published this row"),
    "event_date": ("date", "day of kafka_timestamp (UTC)"),
}


@dataclass(frozen=True)
class Definition:
    """A table as it should be: columns (name -> type and comment), partition column or none, statistics columns."""

    table: names.Table
    comment: str
    columns: Mapping[str, tuple[str, str]]
    partitioned: bool
    stats: str = ""
    partition_by: str = "event_date"

    def ddl(self, path: str) -> str:
        columns = ", ".join(
            f"`{name}` {kind} comment {literal(comment)}" for name, (kind, comment) in self.columns.items()
        )
        properties = {"delta.checkpointInterval": str(CHECKPOINT_INTERVAL), "delta.logRetentionDuration": LOG_RETENTION}
        if self.stats:
            properties["delta.dataSkippingStatsColumns"] = self.stats
        listed = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
        partition = f" partitioned by ({self.partition_by})" if self.partitioned else ""
        return (
            f"create table if not exists {self.table.qualified} ({columns}) using delta{partition} "
            f"location '{path}' comment {literal(self.comment)} tblproperties ({listed})"
        )


def event_definition(contract: Contract, contracts: Contracts) -> Definition:
    """The table of one event type: the envelope, its own fields, the message as sent and where it came from."""
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
            names.RAW_EVENTS, "Kafka messages as they were sent, one row a message.", raw.COLUMNS, True, _RAW_STATS
        ),
        Definition(
            names.LEDGER,
            "Every change to raw, game and quarantine: what was planned, decided and done, append-only.",
            ledger.COLUMNS,
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
    "topic": raw.COLUMNS["topic"],
    "topic_id": raw.COLUMNS["topic_id"],
    "partition": raw.COLUMNS["partition"],
    "offset": raw.COLUMNS["offset"],
    "event_date": raw.COLUMNS["event_date"],
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
        f"array<{ledger.RANGE_DDL}>",
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
        builds.COLUMNS,
        partitioned=False,
        stats="day,built_through",
    ),
]


def create(spark: SparkSession, settings: Settings, wanted: list[Definition]) -> list[str]:
    """Makes databases and tables that are not there; adds columns and comments that are new. Returns what it changed."""
    changed = []
    for database in names.DATABASES:
        spark.sql(f"create database if not exists {database} location '{settings.warehouse_uri}/{database}'")
    present = {database: _tables(spark, database) for database in {d.table.database for d in wanted}}
    for definition in wanted:
        table, path = definition.table, definition.table.path(settings.warehouse_uri)
        if table.name not in present[table.database]:
            if is_written(settings, definition):
                # Its creation was cut short before the metastore heard of it, or the metastore lost it. The log says all.
                spark.sql(f"create table {table.qualified} using delta location '{path}'")
                changed.append(f"registered {table.qualified} again, which was not in the metastore")
            else:
                spark.sql(definition.ddl(path))
                changed.append(f"made {table.qualified}")
        changed += _follow(spark, definition)
    return changed


def is_written(settings: Settings, definition: Definition) -> bool:
    """Whether there is a Delta log with a commit where the table belongs."""
    table = definition.table
    log = Hdfs(settings).list(f"{settings.warehouse}/{table.database}/{table.name}/_delta_log")
    return any(file.name.endswith(".json") for file in log)


def _follow(spark: SparkSession, definition: Definition) -> list[str]:
    """Adds the columns that the definition has and the table lacks, and new comments."""
    table = definition.table.qualified
    fields = spark.table(table).schema.fields
    there = {field.name: (field.metadata or {}).get("comment") for field in fields}
    new = {name: column for name, column in definition.columns.items() if name not in there}
    if new:
        columns = ", ".join(f"`{name}` {kind} comment {literal(comment)}" for name, (kind, comment) in new.items())
        spark.sql(f"alter table {table} add columns ({columns})")
    stale = [name for name, (_, comment) in definition.columns.items() if name in there and there[name] != comment]
    for name in stale:
        spark.sql(f"alter table {table} alter column `{name}` comment {literal(definition.columns[name][1])}")
    return [f"added {table}.{name}" for name in new] + [f"described {table}.{name}" for name in stale]


def event_tables(spark: SparkSession) -> list[str]:
    """Names of all event tables in the metastore, those of contracts that are gone included."""
    views = {
        row["viewName"] for row in spark.sql(f"show views in {names.GAME}").collect()
    }  # Trino's: Spark cannot read them
    there = sorted(_tables(spark, names.GAME) - views)
    return [name for name in there if "raw_event" in spark.table(f"{names.GAME}.{name}").columns]


def _tables(spark: SparkSession, database: str) -> set[str]:
    return {row["tableName"] for row in spark.sql(f"show tables in {database}").collect()}
