"""Entries that publish rows: copies their staged rows into event tables and quarantine, each in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from typing import TYPE_CHECKING

from jobs.ledger.committed import counts_of as committed_counts
from jobs.runtime.session import tune_for
from jobs.staging import checks, files
from jobs.staging.files import BalanceError
from lakehouse import names
from lakehouse.catalog import tables
from lakehouse.ledger.entries import Count, Decision, Entry, LedgerError
from lakehouse.ledger.vocabulary import NOWHERE, Action, Destination, Verdict

if TYPE_CHECKING:
    from jobs.runtime.job import Job

WRITERS = 4  # tables that are written at once


class PublishesRows:
    """The common part of all kinds that publish rows.

    `action`: what the entry does to quarantined messages, if anything.
    """

    action: Action | None = None

    def tables_of(self, decision: Decision) -> set[str]:
        """The event tables that are written."""
        return {each.destination for each in decision.counts if Destination.is_event_table(each.destination)}

    def replaces(self, entry: Entry) -> str | None:
        """SQL: which rows of a table the entry's rows take the place of; None: they are added."""
        return None

    def publish(self, job: Job, entry: Entry, decision: Decision) -> None:
        """Copies the staged rows into the tables, each in one commit."""
        request = entry.request
        by_table = {contract.table: contract for contract in job.contracts.values()}
        destinations = sorted(self.tables_of(decision))
        unknown = [name for name in destinations if name not in by_table]
        if unknown:
            raise LedgerError(
                f"entry {entry.entry_id} was decided for {', '.join(unknown)}, which no contract has any more; "
                "put the contract back and run again"
            )
        job.hooks.at("before_register")
        definitions = [tables.event_definition(by_table[name], job.contracts) for name in destinations]
        for change in job.store.create(definitions):
            job.say(change)
            job.hooks.at("during_register")
        if not decision.staging:
            return
        rows = sum(each.rows for each in decision.counts)
        tune_for(job.spark, rows)
        frame = files.read(job.spark, decision.staging)
        if rows < files.PARTITION_FROM_ROWS:
            frame = frame.coalesce(1)  # one file a table, however many were staged
        replace_where = self.replaces(entry)

        def publish_table(name: str) -> None:
            events = files.event_rows(frame, by_table[name], job.contracts, entry.entry_id, decision.verdict)
            table = names.event_table(name)
            job.store.append_once(events, table, app="publish", version=entry.entry_id, replace_where=replace_where)
            job.hooks.at(f"after_table:{name}")
            job.hooks.at("between_tables")

        def publish_quarantine() -> None:
            failed = files.quarantine_rows(frame, decision, entry.entry_id)
            job.store.append_once(failed, names.QUARANTINE, app="publish", version=entry.entry_id)
            job.hooks.at("after_quarantine")

        def publish_checks() -> None:
            found = checks.staged(job, decision.staging)
            job.store.append_once(found, names.CHECKS, app="publish", version=entry.entry_id)

        steps: list[Callable[[], None]] = [partial(publish_table, name) for name in destinations]
        if decision.checks:
            steps.append(publish_checks)
        if any(each.destination == Destination.QUARANTINE for each in decision.counts):
            steps.append(publish_quarantine)
        with ThreadPoolExecutor(WRITERS) as threads:  # in any order, since each is a commit to a table of its own
            for step in [threads.submit(step) for step in steps]:
                step.result()
        if self.action and request:
            waived = decision.verdict == Verdict.WAIVED
            actions = files.action_rows(frame, self.action, entry.entry_id, request, waived)
            job.store.append_once(actions, names.QUARANTINE_ACTIONS, app="publish", version=entry.entry_id)
            job.hooks.at("after_actions")

    def read_back(self, job: Job, entry: Entry, decision: Decision) -> tuple[Count, ...]:
        """What the tables hold of the entry, by their own word.

        Raises:
            BalanceError: it is not what was decided.
        """
        found: list[Count] = [each for each in decision.counts if each.destination in NOWHERE]
        published = [
            (destination, names.QUARANTINE if destination == Destination.QUARANTINE else names.event_table(destination))
            for destination in sorted({each.destination for each in decision.counts} - set(NOWHERE))
        ]
        committed = committed_counts(job, published, "publish", entry.entry_id)
        found += query_counts(job, published, entry) if committed is None else committed
        if sorted(found) != sorted(decision.counts):
            raise BalanceError(
                f"entry {entry.entry_id}: the tables hold {sorted(found)}, decided was {sorted(decision.counts)}; it stays open"
            )
        return tuple(found)

    def after(self, job: Job, entry: Entry) -> None:
        """Nothing is left to do."""


def query_counts(job: Job, published: Sequence[tuple[str, names.Table]], entry: Entry) -> Sequence[Count]:
    """Rows of the entry in each table, by queries."""
    parts = []
    for destination, table in published:
        rows = job.store.read(table).where(f"entry_id = {entry.entry_id}")
        parts.append(rows.selectExpr(f"'{destination}' as destination", "topic", "partition", "event_date"))
    return files.count(reduce(lambda one, other: one.unionAll(other), parts)) if parts else ()
