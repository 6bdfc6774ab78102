"""Publish: judges, stages, audits and decides the lowest open entry of the ledger, publishes it, and so on to the last."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from functools import reduce

from jobs import delta_writes, drain, duplicates, staging, tables
from jobs.checks import DUPLICATE, QUARANTINE, judge
from jobs.job import Job, job
from jobs.kafka_logs import mirror, offsets_with_message
from jobs.ledger import FAILED, INGEST, PASSED, Count, Decision, Entry, LedgerError, Snapshot
from lakehouse import names


def publish(run: Job) -> int:
    """Closes all open entries, lowest first. Returns how many it closed."""
    closed = 0
    while True:
        snapshot = run.ledger.read()
        if not snapshot.open_entries:
            if snapshot.newest_ingest:
                mirror_end(run, snapshot.newest_ingest)  # a run that was killed after its last step left an old one
            return closed
        prepare_audit()
        close(run, snapshot.open_entries[0], snapshot)
        closed += 1
        if len(snapshot.open_entries) == 1:
            return closed  # what was planned meanwhile is the next run's


def prepare_audit() -> None:
    """Imports Great Expectations beside Spark's work: it takes seconds, and the audit comes late."""
    from expectations.audit import prepare

    threading.Thread(target=prepare, daemon=True).start()


def close(run: Job, entry: Entry, snapshot: Snapshot) -> None:
    """Brings one entry, the lowest open one, from where it is to done."""
    if entry.kind != INGEST:
        raise LedgerError(
            f"entry {entry.entry_id} is a {entry.kind}, which this version cannot finish; run a newer one"
        )
    if entry.decision is None:
        run.ledger.decide(entry.entry_id, entry.kind, stage(run, entry, snapshot))
        run.hooks.at("after_decide")
        entry = run.ledger.read_entry(entry.entry_id)  # whichever attempt was first has decided
    if entry.decision is None:
        raise LedgerError(f"entry {entry.entry_id}: the decision was refused, yet nobody made one; run again")
    publish_decided(run, entry, entry.decision)


def stage(run: Job, entry: Entry, snapshot: Snapshot) -> Decision:
    """Judges the entry's messages into a new staging folder and audits them; changes no table.

    Raises:
        BalanceError: the messages do not add up.
    """
    drain.append(run, entry)
    raw = run.spark.read.format("delta").load(run.path(names.RAW_EVENTS))
    batch = raw.where(f"batch_id = {entry.entry_id}")
    in_raw = staging.count(batch.selectExpr("'raw' as destination", "topic", "partition", "event_date"))
    check_range(run, entry, in_raw)
    if not in_raw:  # nothing but transaction markers
        return Decision(run.attempt_id, run.contracts.hash, PASSED, (), (), "", "")

    folder = names.staging_folder(run.settings.warehouse_uri, entry.entry_id, run.attempt_id)
    judged = judge(
        batch,
        duplicates.find_repeats(batch, raw),
        run.contracts,
        max_event_bytes=run.settings.max_event_bytes,
        header_rules=run.settings.header_rules,
    )
    staging.write(judged, folder, sum(each.rows for each in in_raw))
    run.hooks.at("after_stage")
    staged = staging.read(run.spark, folder)
    counts = staging.count(staged)
    staging.check_balance(in_raw, counts)

    run.hooks.at("before_audit")
    verdict, failed, page = audit(run, entry, staged, snapshot)
    run.hooks.at("before_decide")
    decided = staging.as_decided(counts, failed)
    return Decision(run.attempt_id, run.contracts.hash, verdict, failed, decided, folder, page)


def check_range(run: Job, entry: Entry, in_raw: Sequence[Count]) -> None:
    """Every planned offset is in raw or holds no message (a transaction marker, an aborted message).

    Raises:
        BalanceError: names the offsets that hold a message and are not in raw.
    """
    rows: dict[tuple[str, int], int] = {}
    for each in in_raw:
        rows[each.topic, each.partition] = rows.get((each.topic, each.partition), 0) + each.rows
    short = [r for r in entry.ranges if rows.get((r.at.topic, r.at.partition), 0) != len(r)]
    if not short:
        return
    raw = run.spark.read.format("delta").load(run.path(names.RAW_EVENTS)).where(f"batch_id = {entry.entry_id}")
    missing: list[tuple[str, int, int]] = []
    for r in short:
        here = raw.where(f"topic = '{r.at.topic}' and partition = {r.at.partition}").select("offset")
        absent = run.spark.range(r.start, r.until).selectExpr("id as offset").join(here, "offset", "left_anti")
        missing += [(r.at.topic, r.at.partition, row["offset"]) for row in absent.orderBy("offset").collect()]
    lost = offsets_with_message(run.settings.kafka_bootstrap, missing)
    if lost or any(rows.get((r.at.topic, r.at.partition), 0) > len(r) for r in short):
        raise staging.BalanceError(
            f"batch {entry.entry_id} is not what was planned, so it is not decided; planned: "
            f"{', '.join(map(str, short))}; messages that are not in raw: {lost or 'none, but rows are too many'}"
        )


def audit(run: Job, entry: Entry, staged: object, snapshot: Snapshot) -> tuple[str, tuple[str, ...], str]:
    """Runs the expectations. Returns the verdict, the names of failed critical checks, and the page."""
    from expectations.audit import audit_batch

    checked = staged.withColumn(  # type: ignore[attr-defined]
        "duplicate", _expr(f"destination = '{DUPLICATE}'")
    )
    present = [
        r["event_type"] for r in checked.where("event_type is not null").select("event_type").distinct().collect()
    ]
    history, mix = recent(run, snapshot)
    result = audit_batch(
        checked,
        name=f"ingest-{entry.entry_id:06d}",
        contracts=run.contracts,
        event_types=sorted(name for name in present if name in run.contracts),
        history=history,
        mix=mix,
        settings=run.settings,
    )
    return (PASSED if result.verdict == "passed" else FAILED), result.failed_critical, result.page


def recent(run: Job, snapshot: Snapshot) -> tuple[list[int], dict[str, float]]:
    """Sizes of the last decided batches, newest first, and the share of each event type in them."""
    sizes = [sum(c.rows for c in counts) for counts in snapshot.recent_counts]
    types = {contract.table: contract.event_type for contract in run.contracts.values()}
    published: dict[str, int] = {}
    for counts in snapshot.recent_counts:
        for each in counts:
            if each.destination in types:
                published[types[each.destination]] = published.get(types[each.destination], 0) + each.rows
    total = sum(published.values())
    return sizes, {name: rows / total for name, rows in published.items()}


def publish_decided(run: Job, entry: Entry, decision: Decision) -> None:
    """Copies what was decided from staging into the tables, reads the counts back, and closes the entry."""
    destinations = sorted({each.destination for each in decision.counts} - {DUPLICATE, QUARANTINE})
    by_table = {contract.table: contract for contract in run.contracts.values()}
    unknown = [name for name in destinations if name not in by_table]
    if unknown:
        raise LedgerError(
            f"entry {entry.entry_id} was decided for {', '.join(unknown)}, which no contract has any more; "
            "put the contract back and run again"
        )
    definitions = [tables.event_definition(by_table[name], run.contracts) for name in destinations]
    for change in tables.create(run.spark, run.settings, definitions):
        run.say(change)
    frame = staging.read(run.spark, decision.staging) if decision.counts else None
    for name in destinations:
        rows = staging.event_rows(frame, by_table[name], run.contracts, entry.entry_id)
        delta_writes.append_once(rows, run.path(names.event_table(name)), app="publish", version=entry.entry_id)
        run.hooks.at(f"after_table:{name}")
        run.hooks.at("between_tables")
    if any(each.destination == QUARANTINE for each in decision.counts):
        rows = staging.quarantine_rows(frame, decision, entry.entry_id)
        delta_writes.append_once(rows, run.path(names.QUARANTINE), app="publish", version=entry.entry_id)
    run.hooks.at("before_done")
    counts = read_back(run, entry, decision)
    run.ledger.done(entry.entry_id, entry.kind, counts, decision.page)
    run.hooks.at("after_done")
    mirror_end(run, entry)
    summary = {}
    for each in counts:
        summary[each.destination] = summary.get(each.destination, 0) + each.rows
    run.say(
        f"batch {entry.entry_id} is {decision.verdict}: " + ", ".join(f"{k} {v}" for k, v in sorted(summary.items()))
    )


def mirror_end(run: Job, entry: Entry) -> None:
    """Tells lag monitors and the cheap look how far ingest is."""
    why_not = mirror(run.settings.kafka_bootstrap, run.settings.consumer_group, entry.ranges)
    if why_not:
        run.say(
            f"Kafka did not take the hint how far ingest is ({why_not}); nothing depends on it, a later run writes it"
        )


def read_back(run: Job, entry: Entry, decision: Decision) -> tuple[Count, ...]:
    """What the tables hold of the entry, by their own word.

    Raises:
        BalanceError: it is not what was decided.
    """
    found: list[Count] = [each for each in decision.counts if each.destination == DUPLICATE]
    parts = []
    for destination in sorted({each.destination for each in decision.counts} - {DUPLICATE}):
        table = names.QUARANTINE if destination == QUARANTINE else names.event_table(destination)
        rows = run.spark.read.format("delta").load(run.path(table)).where(f"entry_id = {entry.entry_id}")
        parts.append(rows.selectExpr(f"'{destination}' as destination", "topic", "partition", "event_date"))
    if parts:
        found += staging.count(reduce(lambda one, other: one.unionAll(other), parts))
    if sorted(found) != sorted(decision.counts):
        raise staging.BalanceError(
            f"entry {entry.entry_id}: the tables hold {sorted(found)}, decided was {sorted(decision.counts)}; it stays open"
        )
    return tuple(found)


def _expr(sql: str) -> object:
    from pyspark.sql import functions

    return functions.expr(sql)


if __name__ == "__main__":
    with job("publish", sys.argv[1:]) as this:
        closed = publish(this)
        this.say(f"closed {closed} entries")
