"""Rebuild: makes a day's event tables anew from raw, by today's contracts."""

from __future__ import annotations

import sys

from jobs.entries import submit
from jobs.live.follow import follow
from jobs.runtime.job import DAY, WHO, WHY, Job, Option, start
from lakehouse.ledger.entries import Request
from lakehouse.ledger.vocabulary import Kind

TABLES: Option = ("--tables", {"default": "", "help": "event tables to rebuild, separated by commas; empty: all"})


def rebuild(job: Job) -> None:
    """Rebuilds the day of the options."""
    done = job.ledger.read().newest_done_ingest
    if done is None:
        job.say("no batch has been published yet; nothing to rebuild")
        return
    tables = tuple(sorted(name.strip() for name in job.options.tables.split(",") if name.strip())) or None
    request = Request(Kind.REBUILD, job.options.who, job.options.why, done.entry_id, day=job.day, tables=tables)
    submit.carry_out(job, request)  # an abandoned rebuild is not retried: the task `verdict` turns the run red


if __name__ == "__main__":
    with start("rebuild", sys.argv[1:], DAY, WHO, WHY, TABLES) as job:
        rebuild(job)
        follow(job)
