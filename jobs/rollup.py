"""Rollup: builds one day of the daily tables from the event tables, and replaces that day."""

from __future__ import annotations

import sys

from jobs.daily.rollup import build
from jobs.runtime.job import DAY, Option, start
from lakehouse.ledger.vocabulary import BuildCause

PROVISIONAL: Option = ("--provisional", {"action": "store_true", "help": "the day is not over"})

if __name__ == "__main__":
    with start("rollup", sys.argv[1:], DAY, PROVISIONAL) as job:
        build(job, job.day, BuildCause.PROVISIONAL if job.options.provisional else BuildCause.ROLLUP)
