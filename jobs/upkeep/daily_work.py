"""The daily work: deletes unneeded files and compares what the servers know.

A part that fails does not stop the others.
"""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Callable

from jobs.daily import inventory
from jobs.runtime.job import Job
from jobs.upkeep import compaction, erasures, housekeeping, purge, snapshots, table_health
from lakehouse.catalog import tables
from lakehouse.texts import words_of


def do_daily_work(job: Job) -> list[str]:
    """Does each part, even if others fail. Returns a sentence for each problem.

    The tables come first: later parts need the tables that the metastore may have lost.
    """
    definitions = tables.definitions(job.contracts)
    problems: list[str] = []

    def part(name: str, work: Callable[[], list[str] | None]) -> bool:
        try:
            problems.extend(work() or [])
            done = True
        except Exception as error:  # the other parts still run; the job fails at its end
            traceback.print_exc()
            problems.append(f"{name}: {words_of(error)[:500]}")
            done = False
        job.hooks.at(f"after_part:{name}")
        return done

    part("tables", lambda: [str(each) for each in table_health.check(job, definitions) if each.broken])
    part("inventory", lambda: _ignore(inventory.make_months(job, dt.datetime.now(dt.UTC).date())))
    part("compaction", lambda: _ignore(compaction.compact(job, compaction.DAILY_DAYS)))
    part("staging", lambda: housekeeping.clean_staging(job))
    part("snapshots", lambda: snapshots.delete_left(job))
    part("properties", lambda: housekeeping.set_properties(job, definitions))
    deleted = (
        part("vacuum", lambda: housekeeping.vacuum(job, definitions)),
        part("pages", lambda: purge.delete_former_pages(job)),
        part("erased players", lambda: purge.purge_erased(job)),
    )
    part("list of erasures", lambda: erasures.list_erasures(job))
    if all(deleted):  # else something old may be left
        part("purged players", lambda: purge.note_purged(job, definitions))
    return problems


def _ignore(_: object) -> None:
    """For a part that logs its own result."""
