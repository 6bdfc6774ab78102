"""Stages a replay: judges quarantined messages anew, by today's contracts, from raw."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from jobs.entries.rows import PublishesRows
from jobs.judging import duplicates
from jobs.judging.judge import judge
from jobs.runtime.session import tune_for
from jobs.staging import audit, files
from jobs.staging.files import OPEN_REASON
from jobs.staging.open_quarantine import condition_of, open_rows, unreadable_places
from jobs.upkeep import erasures
from lakehouse import names
from lakehouse.catalog.tables import RAW_EVENTS
from lakehouse.contract.judge import UNREADABLE
from lakehouse.ledger.entries import Decision, Entry, Request, Snapshot
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import MESSAGE_KEY, Action, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job


class Replay(PublishesRows):
    """Quarantined messages, judged anew."""

    action = Action.REPLAYED

    def stage(self, job: Job, entry: Entry, snapshot: Snapshot) -> Decision:
        """Stages those of the replay's messages that are open in quarantine now; what fails again gets a new row there.

        Rows that break a rule of rows are refused again, however many; the others of them are published.

        Raises:
            BalanceError: a message that is open in quarantine is not in raw.
        """
        assert entry.request is not None
        folder = names.staging_folder(job.settings.warehouse_uri, entry.entry_id, job.attempt_id)
        name = f"replay-{entry.entry_id:06d}"
        decision = rejudge(job, entry.request, folder, name, entry.entry_id)
        job.hooks.at("after_stage")
        return decision


def rejudge(job: Job, request: Request, folder: str, name: str, entry_id: int | None = None) -> Decision:
    """Judges and audits what the request takes into `folder`; the audit's page is called `name`."""
    selection = request.selection or Selection()
    # Unreadable messages are read again only if the selection names their reason: they could crash this replay.
    unread = (selection.reason or "").startswith(UNREADABLE)
    taken = open_rows(job, condition_of(selection, request.through))
    if not unread:
        taken = taken.where(f"reason_code <> '{UNREADABLE}'")
    taken = taken.selectExpr(
        *[f"`{each}`" for each in MESSAGE_KEY], "event_date", "batch_id", f"reason_code as {OPEN_REASON}"
    )
    (bounds,) = taken.selectExpr(
        "count(*) as rows", "min(event_date) as first", "max(event_date) as last", "min(batch_id) as low",
        "max(batch_id) as high",
    ).collect()  # fmt: skip
    if not bounds["rows"]:
        return Decision(job.attempt_id, job.judged_by, Verdict.PASSED, (), (), "", "")
    tune_for(job.spark, bounds["rows"])
    raw = job.store.read(names.RAW_EVENTS)
    near = raw.where(
        f"event_date between date '{bounds['first']}' and date '{bounds['last']}' "
        f"and batch_id between {bounds['low']} and {bounds['high']}"
    )
    batch = near.join(taken.select(*MESSAGE_KEY, OPEN_REASON), MESSAGE_KEY, "inner")
    judged = judge_again(job, batch, raw, unread=unread)
    files.write_judged(judged, folder, bounds["rows"], job.rules, job.contracts)
    staged = files.read(job.spark, folder)
    tally = files.tally(staged)
    if tally.rows.all != bounds["rows"]:
        raise files.BalanceError(
            f"{bounds['rows']} messages are open in quarantine, {tally.rows.all} of them are in raw.events"
        )
    job.hooks.at("before_audit")
    terms = audit.Terms(held_by_rows=False, waived=bool(request.waiver))
    return audit.decide(job, name, staged, tally, folder, terms, entry_id)


def judge_again(
    job: Job,
    batch: DataFrame,
    raw: DataFrame,
    keep: Mapping[str, str] = MappingProxyType({}),
    unread: bool = False,
) -> DataFrame:
    """Judges messages again, except those of erased players.

    `batch` has OPEN_REASON and the columns `keep`, names with Spark types. `unread`: whether the messages were
    unreadable; then a later event under the same id has been published.
    """
    again = batch.drop(OPEN_REASON, *keep)
    barred = unreadable_places(job)
    if unread:
        barred = barred.join(again.select(*MESSAGE_KEY), MESSAGE_KEY, "left_anti")
    judged = judge(
        batch,
        duplicates.find_repeats(
            again,
            raw,
            duplicates.bounds_of(batch),
            job.contracts,
            job.settings.max_event_bytes,
            unreadable=barred,
            late=unread,
        ),
        job.contracts,
        max_event_bytes=job.settings.max_event_bytes,
        header_rules=job.settings.header_rules,
        keep={"key": RAW_EVENTS["key"][0], OPEN_REASON: "string", **keep},
    )
    return erasures.suppress(judged, erasures.read_erasures(job), job.settings)
