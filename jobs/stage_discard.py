"""Stages a discard: the places of quarantined messages that are given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs import staging
from jobs.checks import COORDINATES
from jobs.ledger import PASSED, Decision, Entry, Snapshot
from jobs.quarantined import condition_of, open_rows
from jobs.staging import OPEN_REASON
from lakehouse import names
from lakehouse.destinations import DISCARDED
from lakehouse.quarantine import Selection

if TYPE_CHECKING:
    from jobs.job import Job


def stage(run: Job, entry: Entry, snapshot: Snapshot) -> Decision:
    """Stages what the request takes of what is open now; the quarantine rows themselves stay."""
    assert entry.request is not None
    taken = open_rows(run, condition_of(entry.request.selection or Selection(), entry.request.through))
    folder = names.staging_folder(run.settings.warehouse_uri, entry.entry_id, run.attempt_id)
    columns = [f"`{name}`" for name in COORDINATES]
    staging.write(
        taken.selectExpr(*columns, f"reason_code as {OPEN_REASON}", f"'{DISCARDED}' as destination"), folder, 1
    )
    run.hooks.at("after_stage")
    counts = staging.count(staging.read(run.spark, folder))
    return Decision(run.attempt_id, run.judged_by, PASSED, (), counts, folder if counts else "", "")
