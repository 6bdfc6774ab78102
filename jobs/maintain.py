"""Maintenance: joins small files each hour; once a day deletes what nobody needs and compares what each server knows."""

from __future__ import annotations

import datetime as dt
import sys
import traceback
from collections.abc import Callable

from expectations import pages
from jobs import compaction, forgetting, housekeeping, inventory, table_health, tables
from jobs.job import Job, Option, job

TASK: Option = ("--task", {"required": True, "choices": ["compact", "daily"], "help": "the hourly or the daily work"})


def daily(run: Job) -> list[str]:
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
    part("inventory", lambda: ignore(inventory.make_months(run, dt.datetime.now(dt.UTC).date())))
    part("compaction", lambda: ignore(compaction.compact(run, compaction.DAILY_DAYS)))
    part("staging", lambda: housekeeping.clean_staging(run))
    part("properties", lambda: housekeeping.set_properties(run, definitions))
    part("vacuum", lambda: housekeeping.vacuum(run, definitions))
    part("pages", lambda: delete_pages(run))
    part("erased players", lambda: forgetting.forget(run))
    part("purged players", lambda: forgetting.note_purged(run, definitions))
    return problems


def delete_pages(run: Job) -> None:
    """Deletes data-quality pages older than the setting, but for the last ones."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=run.settings.quality_days)
    run.say(f"deleted {pages.prune(run.settings.quality, before)} data-quality pages from before {before:%Y-%m-%d}")


def ignore(_: object) -> None:
    """For a part whose result its own log lines tell."""


if __name__ == "__main__":
    with job("maintain", sys.argv[1:], TASK) as this:
        if this.options.task == "compact":
            compaction.compact(this, compaction.HOURLY_DAYS)
        else:
            wrong = daily(this)
            for each in wrong:
                this.say(f"PROBLEM {each}")
            this.say(f"daily maintenance is done, with {len(wrong)} problems")
            if wrong:
                sys.exit(1)
