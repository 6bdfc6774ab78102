"""Rebuild: makes a day's event tables anew from raw, by today's contracts."""

from __future__ import annotations

import sys

from jobs.entries import submit
from jobs.ledger.store import REBUILD, Request
from jobs.runtime.job import DAY, WHO, WHY, Job, Option, job

TABLES: Option = ("--tables", {"default": "", "help": "event tables to rebuild, separated by commas; empty: all"})


def rebuild(run: Job) -> None:
    """Rebuilds the day of the options."""
    done = run.ledger.read().newest_done_ingest
    if done is None:
        run.say("no batch has been published yet; nothing to rebuild")
        return
    tables = tuple(sorted(name.strip() for name in run.options.tables.split(",") if name.strip())) or None
    request = Request(REBUILD, run.options.who, run.options.why, done.entry_id, day=run.day, tables=tables)
    submit.carry_out(run, request)  # an abandoned one is not tried again: the task `verdict` turns the run red


if __name__ == "__main__":
    with job("rebuild", sys.argv[1:], DAY, WHO, WHY, TABLES) as this:
        rebuild(this)
