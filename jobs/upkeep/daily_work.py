"""The daily work: deletes what nobody needs, compares what each server knows, and goes on whatever becomes of a part."""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Callable

from expectations import pages
from jobs.daily import inventory
from jobs.runtime.job import Job
from jobs.upkeep import compaction, housekeeping, purge, table_health
from lakehouse.catalog import tables


def do_daily_work(run: Job) -> list[str]:
    """The daily work, each part whatever became of the others. Returns what went wrong, a sentence each.

    The tables come first: what the metastore has lost is there again for the parts after it.
    """
    definitions = tables.definitions(run.contracts)
    problems: list[str] = []

    def part(name: str, work: Callable[[], list[str] | None]) -> None:
        try:
            problems.extend(work() or [])
        except Exception as error:  # the other parts must not wait for this one; the job fails at its end
            traceback.print_exc()
            problems.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:500]}")
        run.hooks.at(f"after_part:{name}")

    part("tables", lambda: [str(each) for each in table_health.check(run, definitions) if each.broken])
    part("inventory", lambda: _ignore(inventory.make_months(run, dt.datetime.now(dt.UTC).date())))
    part("compaction", lambda: _ignore(compaction.compact(run, compaction.DAILY_DAYS)))
    part("staging", lambda: housekeeping.clean_staging(run))
    part("properties", lambda: housekeeping.set_properties(run, definitions))
    part("vacuum", lambda: housekeeping.vacuum(run, definitions))
    part("pages", lambda: _delete_pages(run))
    part("erased players", lambda: purge.forget(run))
    part("purged players", lambda: purge.note_purged(run, definitions))
    return problems


def _delete_pages(run: Job) -> None:
    """Deletes data-quality pages older than the setting, but for the last ones."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=run.settings.quality_days)
    run.say(f"deleted {pages.prune(run.settings.quality, before)} data-quality pages from before {before:%Y-%m-%d}")


def _ignore(_: object) -> None:
    """For a part whose result its own log lines tell."""
