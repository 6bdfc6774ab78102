"""Stages a discard: the places of quarantined messages that are given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.entries.rows import PublishesRows
from jobs.judging.batches import COORDINATES
from jobs.staging import files
from jobs.staging.files import OPEN_REASON
from jobs.staging.open_quarantine import condition_of, open_rows
from lakehouse import names
from lakehouse.ledger.entries import Decision, Entry, Snapshot
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Action, Destination, Verdict

if TYPE_CHECKING:
    from jobs.runtime.job import Job


class Discard(PublishesRows):
    """Quarantined messages that are given up."""

    action = Action.DISCARDED

    def stage(self, job: Job, entry: Entry, snapshot: Snapshot) -> Decision:
        """Stages what the request takes of what is open now; the quarantine rows themselves stay."""
        assert entry.request is not None
        taken = open_rows(job, condition_of(entry.request.selection or Selection(), entry.request.through))
        folder = names.staging_folder(job.settings.warehouse_uri, entry.entry_id, job.attempt_id)
        columns = [f"`{name}`" for name in COORDINATES]
        files.write(
            taken.selectExpr(*columns, f"reason_code as {OPEN_REASON}", f"'{Destination.DISCARDED}' as destination"),
            folder,
            1,
        )
        job.hooks.at("after_stage")
        counts = files.count(files.read(job.spark, folder))
        return Decision(job.attempt_id, job.judged_by, Verdict.PASSED, (), counts, folder if counts else "", "")
