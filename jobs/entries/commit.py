"""Closes ledger entries, whatever their kind: stages and decides the lowest open one, publishes it, and so on."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

from jobs.entries import discard, erase, ingest, rebuild, replay
from jobs.entries.kind import EntryKind
from jobs.runtime.at_work import at_work
from jobs.staging import last_resort
from jobs.staging.files import BalanceError, Refused
from lakehouse.ledger.entries import Decision, Entry, LedgerError, Snapshot
from lakehouse.ledger.vocabulary import Kind

if TYPE_CHECKING:
    from jobs.runtime.job import Job

KINDS: Mapping[str, EntryKind] = {
    Kind.INGEST: ingest.Ingest(),
    Kind.REPLAY: replay.Replay(),
    Kind.DISCARD: discard.Discard(),
    Kind.REBUILD: rebuild.Rebuild(),
    Kind.ERASE: erase.Erase(),
}


def close_all(job: Job) -> int:
    """Closes all entries that are open now, lowest first. Returns how many it closed."""
    closed = 0
    prepare_audit()
    while True:
        snapshot = job.ledger.read()
        if not snapshot.open_entries:
            if snapshot.newest_done_ingest:
                last = snapshot.newest_done_ingest
                KINDS[last.kind].after(job, last)  # in case the run before was killed after its last step
            return closed
        close(job, snapshot.open_entries[0], snapshot)
        closed += 1
        if len(snapshot.open_entries) == 1:
            return closed  # entries planned meanwhile are left to the next run


def prepare_audit() -> None:
    """Imports Great Expectations while Spark works: the import takes seconds, and the audit comes late."""
    from expectations.validation import prepare

    threading.Thread(target=prepare, daemon=True).start()


def close(job: Job, entry: Entry, snapshot: Snapshot) -> None:
    """Brings the lowest open entry from its present step to done, or abandons it.

    An ingest is never abandoned. An undecided entry of another kind must not hold up ingest. It is abandoned if staging
    it fails, with the reason; if attempts at it died; or if no run decided it within `abandon_after_minutes`, since it
    may have killed each run that tried. Otherwise any run finishes it.
    """
    if entry.kind not in KINDS:
        raise LedgerError(
            f"entry {entry.entry_id} is a {entry.kind}, which this version cannot finish; run a newer one"
        )
    if entry.decision is None:
        decide(job, entry, snapshot)
        job.hooks.at("after_decide")
        entry = job.ledger.read_entry(entry.entry_id)  # the first attempt to commit has decided
    if entry.decision is None:
        raise LedgerError(f"entry {entry.entry_id}: the decision was refused, yet nobody made one; run again")
    if entry.decision.abandoned:
        job.say(f"entry {entry.entry_id} ({entry.kind}) is abandoned; nothing was changed: {entry.decision.why}")
        return
    publish_decided(job, entry, entry.decision)


def decide(job: Job, entry: Entry, snapshot: Snapshot) -> None:
    """Stages the entry and commits the decision, or abandons it."""
    limit = dt.timedelta(minutes=job.settings.abandon_after_minutes)
    may_be_abandoned = Kind(entry.kind).may_be_abandoned
    failed: Exception | None = None
    if may_be_abandoned and entry.planned_at and dt.datetime.now(dt.UTC) - entry.planned_at > limit:
        why, page = f"nobody could decide it within {limit}", ""
    elif may_be_abandoned and last_resort.killed(job, entry) >= last_resort.KILLED:
        why, page = f"{last_resort.KILLED} attempts at it died without a word", ""
    else:
        try:
            with (
                last_resort.noted(job, entry) if may_be_abandoned else nullcontext(),
                at_work(job, f"entry {entry.entry_id} ({entry.kind}) is judged, staged and audited"),
            ):
                decision = KINDS[entry.kind].stage(job, entry, snapshot)
        except Refused as refused:
            why, page = str(refused), refused.page
        except Exception as error:
            if not may_be_abandoned:
                raise
            from expectations.results import brief

            failed, why, page = error, f"{type(error).__name__}: {brief(error)}", ""
        else:
            job.hooks.at("before_decide")
            job.ledger.decide(entry.entry_id, entry.kind, decision)
            return
    job.hooks.at("before_abandon")
    job.ledger.abandon(entry.entry_id, entry.kind, why, page)
    if failed is not None and entry.planned_by == job.attempt_id:
        raise failed  # the task that planned it retries with a new entry; other runs go on to the next entry


def publish_decided(job: Job, entry: Entry, decision: Decision) -> None:
    """Carries out what was decided, reads the counts back, and closes the entry."""
    kind, what = KINDS[entry.kind], f"entry {entry.entry_id} ({entry.kind})"
    with at_work(job, f"{what}, {decision.verdict}, is published"):
        kind.publish(job, entry, decision)
    job.hooks.at("before_done")
    try:
        with at_work(job, f"{what} is counted in the tables"):
            counts = kind.read_back(job, entry, decision)
    except BalanceError:
        if not job.ledger.read_entry(entry.entry_id).closed:
            raise
        job.say(f"entry {entry.entry_id} was closed by another run, and later entries changed its rows since")
        return
    job.ledger.done(entry.entry_id, entry.kind, counts, decision.page)
    job.hooks.at("after_done")
    kind.after(job, entry)
    summary: dict[str, int] = {}
    for each in counts:
        summary[each.destination] = summary.get(each.destination, 0) + each.rows
    rows = ", ".join(f"{k} {v}" for k, v in sorted(summary.items())) or "nothing to change"
    job.say(f"{what} is {decision.verdict}: {rows}")
    for refusal in decision.refused:
        job.warn(
            f"{refusal.rows} rows of entry {entry.entry_id} break the rule {refusal.rule}: they are in quarantine as "
            f"audit:{refusal.rule}, all other good rows are published"
        )
