"""Closes ledger entries, whatever their kind: stages and decides the lowest open one, publishes it, and so on."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial, reduce
from typing import TYPE_CHECKING

from jobs.delta import writes
from jobs.delta.tables import create_tables
from jobs.entries import discard, erase, ingest, rebuild, replay
from jobs.ledger.committed import counts_of as committed_counts
from jobs.ledger.store import (
    DISCARD,
    ERASE,
    INGEST,
    REBUILD,
    REPLAY,
    WAIVED,
    Count,
    Decision,
    Entry,
    LedgerError,
    Snapshot,
)
from jobs.raw.progress import mirror
from jobs.runtime.session import tune_for
from jobs.staging import files, last_resort
from jobs.staging.files import BalanceError, Refused
from lakehouse import names
from lakehouse.catalog import tables
from lakehouse.ledger.destinations import NOT_PUBLISHED, NOWHERE, QUARANTINE

if TYPE_CHECKING:
    from jobs.runtime.job import Job

Stage = Callable[["Job", Entry, Snapshot], Decision]
STAGES: dict[str, Stage] = {
    INGEST: ingest.stage,
    REPLAY: replay.stage,
    DISCARD: discard.stage,
    REBUILD: rebuild.stage,
    ERASE: erase.stage,
}
WRITERS = 4  # tables that are written at once


def close_all(run: Job) -> int:
    """Closes all entries that are open now, lowest first. Returns how many it closed."""
    closed = 0
    prepare_audit()
    while True:
        snapshot = run.ledger.read()
        if not snapshot.open_entries:
            if snapshot.newest_done_ingest:
                mirror_end(run, snapshot.newest_done_ingest)  # a run killed after its last step left an old one
            return closed
        close(run, snapshot.open_entries[0], snapshot)
        closed += 1
        if len(snapshot.open_entries) == 1:
            return closed  # what was planned meanwhile is the next run's


def prepare_audit() -> None:
    """Imports Great Expectations beside Spark's work: it takes seconds, and the audit comes late."""
    from expectations.audit import prepare

    threading.Thread(target=prepare, daemon=True).start()


def close(run: Job, entry: Entry, snapshot: Snapshot) -> None:
    """Brings one entry, the lowest open one, from where it is to done, or abandons it.

    An ingest is never abandoned. Anything else that is undecided is finished by whoever meets it, unless staging it fails
    (then it is abandoned with the reason, since it must not hold up ingest), attempts at it died, or nobody managed to decide it
    within `abandon_after_minutes` (it may have killed each that tried).
    """
    if entry.kind not in STAGES:
        raise LedgerError(
            f"entry {entry.entry_id} is a {entry.kind}, which this version cannot finish; run a newer one"
        )
    if entry.decision is None:
        decide(run, entry, snapshot)
        run.hooks.at("after_decide")
        entry = run.ledger.read_entry(entry.entry_id)  # whichever attempt was first has decided
    if entry.decision is None:
        raise LedgerError(f"entry {entry.entry_id}: the decision was refused, yet nobody made one; run again")
    if entry.decision.abandoned:
        run.say(f"entry {entry.entry_id} ({entry.kind}) is abandoned; nothing was changed: {entry.decision.why}")
        return
    publish_decided(run, entry, entry.decision)


def decide(run: Job, entry: Entry, snapshot: Snapshot) -> None:
    """Stages the entry and commits the decision, or abandons it."""
    limit = dt.timedelta(minutes=run.settings.abandon_after_minutes)
    failed: Exception | None = None
    if entry.kind != INGEST and entry.planned_at and dt.datetime.now(dt.UTC) - entry.planned_at > limit:
        why, page = f"nobody could decide it within {limit}", ""
    elif entry.kind != INGEST and last_resort.killed(run, entry) >= last_resort.KILLED:
        why, page = f"{last_resort.KILLED} attempts at it died without a word", ""
    else:
        try:
            with nullcontext() if entry.kind == INGEST else last_resort.noted(run, entry):
                decision = STAGES[entry.kind](run, entry, snapshot)
        except Refused as refused:
            why, page = str(refused), refused.page
        except Exception as error:
            if entry.kind == INGEST:
                raise
            from expectations.audit import brief

            failed, why, page = error, f"{type(error).__name__}: {brief(error)}", ""
        else:
            run.hooks.at("before_decide")
            run.ledger.decide(entry.entry_id, entry.kind, decision)
            return
    run.hooks.at("before_abandon")
    run.ledger.abandon(entry.entry_id, entry.kind, why, page)
    if failed is not None and entry.planned_by == run.attempt_id:
        raise failed  # its task tries again, with an entry of its own; others go on to the next entry


def publish_decided(run: Job, entry: Entry, decision: Decision) -> None:
    """Carries out what was decided, reads the counts back, and closes the entry."""
    if entry.kind == ERASE:
        erase.carry_out(run, entry, decision)
    else:
        _publish_rows(run, entry, decision)
    run.hooks.at("before_done")
    try:
        counts = erase.read_back(run, decision) if entry.kind == ERASE else read_back(run, entry, decision)
    except BalanceError:
        if not run.ledger.read_entry(entry.entry_id).closed:
            raise
        run.say(f"entry {entry.entry_id} was closed by another run, and later entries changed its rows since")
        return
    run.ledger.done(entry.entry_id, entry.kind, counts, decision.page)
    run.hooks.at("after_done")
    if entry.kind == INGEST:
        mirror_end(run, entry)
    if entry.kind == ERASE:
        erase.clean_up(run, entry)
    summary: dict[str, int] = {}
    for each in counts:
        summary[each.destination] = summary.get(each.destination, 0) + each.rows
    what = ", ".join(f"{k} {v}" for k, v in sorted(summary.items())) or "nothing to change"
    run.say(f"entry {entry.entry_id} ({entry.kind}) is {decision.verdict}: {what}")
    for refusal in decision.refused:
        run.say(
            f"WARNING: {refusal.rows} rows of entry {entry.entry_id} break the rule {refusal.rule}: they are in quarantine as "
            f"audit:{refusal.rule}, all other good rows are published"
        )


def _publish_rows(run: Job, entry: Entry, decision: Decision) -> None:
    """Copies the staged rows into the tables, each in one commit."""
    request = entry.request
    by_table = {contract.table: contract for contract in run.contracts.values()}
    swapped = {each.destination for each in decision.comparison if each.changed}
    named = {each.destination for each in decision.counts} - set(NOT_PUBLISHED)
    destinations = sorted(swapped if entry.kind == REBUILD else named)
    unknown = [name for name in destinations if name not in by_table]
    if unknown:
        raise LedgerError(
            f"entry {entry.entry_id} was decided for {', '.join(unknown)}, which no contract has any more; "
            "put the contract back and run again"
        )
    run.hooks.at("before_register")
    definitions = [tables.event_definition(by_table[name], run.contracts) for name in destinations]
    for change in create_tables(run.spark, run.settings, definitions):
        run.say(change)
        run.hooks.at("during_register")
    if not decision.staging:
        return
    rows = sum(each.rows for each in decision.counts)
    tune_for(run.spark, rows)
    frame = files.read(run.spark, decision.staging)
    if rows < files.PARTITION_FROM_ROWS:
        frame = frame.coalesce(1)  # one file a table, however many were staged
    replace_where = None
    if entry.kind == REBUILD and request:
        replace_where = f"event_date = date '{request.day}' and batch_id <= {request.through}"

    def publish_table(name: str) -> None:
        events = files.event_rows(frame, by_table[name], run.contracts, entry.entry_id, decision.verdict)
        path = run.path(names.event_table(name))
        writes.append_once(events, path, app="publish", version=entry.entry_id, replace_where=replace_where)
        run.hooks.at(f"after_table:{name}")
        run.hooks.at("between_tables")

    def publish_quarantine() -> None:
        failed = files.quarantine_rows(frame, decision, entry.entry_id)
        writes.append_once(failed, run.path(names.QUARANTINE), app="publish", version=entry.entry_id)
        run.hooks.at("after_quarantine")

    steps: list[Callable[[], None]] = [partial(publish_table, name) for name in destinations]
    if any(each.destination == QUARANTINE for each in decision.counts):
        steps.append(publish_quarantine)
    with ThreadPoolExecutor(WRITERS) as threads:  # in any order: each is a commit to a table of its own
        for step in [threads.submit(step) for step in steps]:
            step.result()
    if request:
        action = {REPLAY: "replayed", REBUILD: "rebuilt", DISCARD: "discarded"}[entry.kind]
        waived = decision.verdict == WAIVED
        actions = files.action_rows(frame, action, entry.entry_id, request, waived)
        path = run.path(names.QUARANTINE_ACTIONS)
        writes.append_once(actions, path, app="publish", version=entry.entry_id)
        run.hooks.at("after_actions")


def mirror_end(run: Job, entry: Entry) -> None:
    """Tells lag monitors and the cheap look how far ingest is."""
    why_not = mirror(run.settings, entry.ranges)
    if why_not:
        run.say(
            f"Kafka did not take the hint how far ingest is ({why_not}); nothing depends on it, a later run writes it"
        )


def read_back(run: Job, entry: Entry, decision: Decision) -> tuple[Count, ...]:
    """What the tables hold of the entry, by their own word.

    Raises:
        BalanceError: it is not what was decided.
    """
    found: list[Count] = [each for each in decision.counts if each.destination in NOWHERE]
    published = [
        (destination, names.QUARANTINE if destination == QUARANTINE else names.event_table(destination))
        for destination in sorted({each.destination for each in decision.counts} - set(NOWHERE))
    ]
    committed = committed_counts(run, published, "publish", entry.entry_id)
    found += query_counts(run, published, entry) if committed is None else committed
    if sorted(found) != sorted(decision.counts):
        raise BalanceError(
            f"entry {entry.entry_id}: the tables hold {sorted(found)}, decided was {sorted(decision.counts)}; it stays open"
        )
    return tuple(found)


def query_counts(run: Job, published: Sequence[tuple[str, names.Table]], entry: Entry) -> Sequence[Count]:
    """Rows of the entry in each table, by queries."""
    parts = []
    for destination, table in published:
        rows = run.spark.read.format("delta").load(run.path(table)).where(f"entry_id = {entry.entry_id}")
        parts.append(rows.selectExpr(f"'{destination}' as destination", "topic", "partition", "event_date"))
    return files.count(reduce(lambda one, other: one.unionAll(other), parts)) if parts else ()
