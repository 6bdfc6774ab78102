"""What of Kafka is lost at this moment, by the ledger that jobs read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.raw.drain import logs_of
from jobs.raw.losses import read_losses
from lakehouse import names
from lakehouse.ledger.losses import compare
from lakehouse.ledger.offsets import Mismatch

if TYPE_CHECKING:
    from jobs.runtime.job import Job


def current(job: Job) -> tuple[Mismatch, ...]:
    """The mismatches of the cursor, and of the newest batch unless it is in raw, as all earlier ones are."""
    newest = job.ledger.read().newest_ingest
    ranges = newest.ranges if newest else ()
    logs = logs_of(job, {r.at.topic for r in ranges})
    raw = job.store.read(names.RAW_EVENTS)
    is_read = newest is None or newest.closed or raw.where(f"batch_id = {newest.entry_id}").limit(1).collect()
    return compare(ranges, bool(is_read), logs, read_losses(job))
