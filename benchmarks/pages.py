"""`python -m benchmarks.pages`: how long the quality pages take with a month of batches, one a minute.

On a stack of its own, as `make bench`. The rows of ledger, checks and quarantine are made by Spark, not by ingests: no job
can go on from them. Trino is then started anew, and no page is asked for until the API server says that it has warmed it.
Prints seconds, each page first with no answer kept, then with answers kept; nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.stack import measuring, renew
from expectations.pages.counted import Counts
from expectations.pages.site import Asked, Site
from expectations.pages.source import Source
from expectations.pages.waiting import Patient, ask_kafka
from expectations.pages.warming import WARMED
from jobs.runtime.session import spark_session
from lakehouse import names
from lakehouse.catalog.tables import CHECKS, COUNT_DDL, LEDGER, QUARANTINE, RANGE_DDL, Columns
from lakehouse.clients.trino import query
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from stack.environment import job_environment

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MONTH = 43_200  # minutes of 30 days
CHECKS_A_BATCH = 40
QUARANTINED_A_BATCH = 2
MESSAGES_A_BATCH = 1_000
ROUNDS = 5
WARM_SECONDS = 300.0


def main() -> None:
    """Makes the rows and measures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--batches", type=int, default=MONTH)
    options = parser.parse_args()
    with measuring() as settings:
        with patch.dict(os.environ, job_environment(settings)), spark(settings) as session:
            make_rows(session, settings, options.batches)
        renew_trino(settings)
        measure(settings, options.batches)


@contextmanager
def spark(settings: Settings) -> Iterator[SparkSession]:
    session = spark_session(settings, "pages")
    try:
        yield session
    finally:
        session.stop()


def make_rows(session: SparkSession, settings: Settings, batches: int) -> None:
    """Ledger, checks and quarantine of so many batches, the last one now; a file a table and day, as compaction leaves them."""
    contracts = load_contracts(settings.contracts)
    tables = contracts.tables
    entries = session.range(1, batches + 1).selectExpr(
        "id as entry_id", f"timestampadd(minute, id - {batches}, current_timestamp()) as time"
    )
    day = "cast(time as date)"
    kept = len(tables)
    counts = ", ".join(
        f"named_struct('destination', '{each}', 'topic', 'events', 'partition', 0, 'event_date', {day}, "
        f"'rows', cast({MESSAGES_A_BATCH // kept} as bigint))"
        for each in (*tables, "quarantine", "duplicate")
    )
    ranges = (
        "transform(sequence(0, 2), p -> named_struct('topic', 'events', 'topic_id', 'id', 'partition', cast(p as int), "
        f"'start', cast((entry_id - 1) * {MESSAGES_A_BATCH // 3} as bigint), "
        f"'until', cast(entry_id * {MESSAGES_A_BATCH // 3} as bigint)))"
    )
    steps = entries.selectExpr("*", "explode(array('planned', 'decided', 'done')) as step")
    decided = "step = 'decided'"
    ledger = {
        "entry_id": "entry_id", "kind": "'ingest'", "step": "step", "attempt_id": "uuid()", "time": "time",
        "ranges": f"cast(if(step = 'planned', {ranges}, null) as array<{RANGE_DDL}>)",
        "counts": f"cast(if(step <> 'planned', array({counts}), null) as array<{COUNT_DDL}>)",
        "contracts_hash": f"if({decided}, 'f00d', null)",
        "verdict": f"if({decided}, if(entry_id % 500 = 0, 'failed', 'passed'), null)",
        "failed_checks": f"if({decided} and entry_id % 500 = 0, array('quantity_possible'), array())",
        "run": "concat('ingest_events/scheduled__', entry_id)", "closed_through": "entry_id - 1",
        "checks": f"if({decided}, {CHECKS_A_BATCH}, null)",
    }  # fmt: skip
    append(rows(steps, LEDGER, ledger), settings, names.LEDGER)
    listed = ", ".join(f"'{each}'" for each in tables)
    checked = entries.selectExpr("*", f"explode(sequence(1, {CHECKS_A_BATCH})) as number")
    checks = {
        "entry_id": "entry_id", "name": "concat('check_', number)", "description": "'a check of a measurement'",
        "severity": "if(number % 4 = 0, 'critical', 'warning')", "scope": "'batch'",
        "tables": f"array(element_at(array({listed}), number % {len(tables)} + 1))", "field": "'player'",
        "outcome": "if((entry_id + number) % 97 = 0, 'failed', 'passed')", "observed": "'no row fails'",
        "allowed": "'no row'", "rows_checked": f"cast({MESSAGES_A_BATCH} as bigint)", "rows_failing": "bigint(0)",
        "audited_at": "time", "event_date": day,
    }  # fmt: skip
    append(rows(checked, CHECKS, checks), settings, names.CHECKS)
    types = ", ".join(f"'{each}'" for each in contracts)
    failed = entries.selectExpr("*", f"explode(sequence(1, {QUARANTINED_A_BATCH})) as number")
    quarantine = {
        "topic": "'events'", "topic_id": "'id'", "partition": "cast(number % 3 as int)",
        "offset": f"entry_id * {QUARANTINED_A_BATCH} + number", "kafka_timestamp": "time", "batch_id": "entry_id",
        "entry_id": "entry_id", "event_date": day, "event_id": "uuid()",
        "event_type": f"element_at(array({types}), cast(entry_id % {len(contracts)} as int) + 1)", "player": "'p'",
        "value": "cast('{}' as binary)", "reason_code": "concat('rule:', entry_id % 20)", "rule": "'rule'",
        "at_fault": "number % 2 = 0",
    }  # fmt: skip
    append(rows(failed, QUARANTINE, quarantine), settings, names.QUARANTINE)


def renew_trino(settings: Settings) -> None:
    """Returns when the new one is warm, and prints what its first overview took and how long one had to wait."""
    log = settings.state / "logs" / "airflow-api-server.log"
    warmed = log.read_text().count(WARMED)
    renew(settings, "trino")
    began = time.monotonic()
    while log.read_text().count(WARMED) == warmed:
        if time.monotonic() - began > WARM_SECONDS:
            raise RuntimeError(f"Trino was not warmed in {WARM_SECONDS:.0f} s; see {log}")
        time.sleep(1)
    said = log.read_text().rpartition(WARMED)[2].partition("[")[0]
    print(f"{WARMED}{said.rstrip()}; warm {time.monotonic() - began:.0f} s after it first answered", flush=True)


def rows(frame: DataFrame, columns: Columns, values: dict[str, str]) -> DataFrame:
    """The columns of a table: SQL of those that have values, null for the others."""
    return frame.selectExpr(
        *[f"cast({values.get(name, 'null')} as {kind}) as `{name}`" for name, (kind, _) in columns.items()]
    )


def append(frame: DataFrame, settings: Settings, table: names.Table) -> None:
    by_day = "event_date" in frame.columns
    shuffled = frame.repartition("event_date") if by_day else frame.coalesce(1)
    shuffled.write.format("delta").mode("append").save(table.path(settings.warehouse_uri))


def measure(settings: Settings, batches: int) -> None:
    contracts = load_contracts(settings.contracts)
    waiting = Patient(lambda: ask_kafka(settings, contracts.topics))

    def new_site(counts: Counts) -> Site:
        source = Source(lambda sql, parameters: query(settings, sql, parameters))
        return Site(source, counts, contracts, waiting, 1, "", "/quality")

    tables = (f"table/{contracts.tables[0]}", "table/daily_event_counts")
    pages = ("", *tables, f"batch/{batches}", f"batch/{batches // 2}", "issue/rule:1")
    print(f"{'page':<26} {'first':>7} {'no answer kept':>15} {'kept':>7}  of {batches:,} batches")
    for path in pages:
        counts = Counts()
        first = seconds(new_site(counts), path)
        again = sorted(seconds(new_site(counts), path) for _ in range(ROUNDS))[ROUNDS // 2]
        site = new_site(counts)
        seconds(site, path)
        print(f"{path or 'overview':<26} {first:>6.2f}s {again:>14.2f}s {seconds(site, path):>6.3f}s", flush=True)


def seconds(site: Site, path: str) -> float:
    """Of one answer."""
    began = time.monotonic()
    answer = site.answer(path, Asked({}))
    assert answer.status == 200, answer.html
    return time.monotonic() - began


if __name__ == "__main__":
    main()
