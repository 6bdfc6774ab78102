"""Stages a discard: the places of quarantined messages that are given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.judging.checks import COORDINATES
from jobs.ledger.store import PASSED, Decision, Entry, Snapshot
from jobs.staging import files
from jobs.staging.files import OPEN_REASON
from jobs.staging.open_quarantine import condition_of, open_rows
from lakehouse import names
from lakehouse.ledger.destinations import DISCARDED
from lakehouse.ledger.selection import Selection

if TYPE_CHECKING:
    from jobs.runtime.job import Job


def stage(run: Job, entry: Entry, snapshot: Snapshot) -> Decision:
    """Stages what the request takes of what is open now; the quarantine rows themselves stay."""
    assert entry.request is not None
    taken = open_rows(run, condition_of(entry.request.selection or Selection(), entry.request.through))
    folder = names.staging_folder(run.settings.warehouse_uri, entry.entry_id, run.attempt_id)
    columns = [f"`{name}`" for name in COORDINATES]
    files.write(taken.selectExpr(*columns, f"reason_code as {OPEN_REASON}", f"'{DISCARDED}' as destination"), folder, 1)
    run.hooks.at("after_stage")
    counts = files.count(files.read(run.spark, folder))
    return Decision(run.attempt_id, run.judged_by, PASSED, (), counts, folder if counts else "", "")
