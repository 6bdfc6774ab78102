"""Rollup: builds one day of the daily tables from the event tables, and replaces that day."""

from __future__ import annotations

import sys

from jobs.daily.rollup import build
from jobs.runtime.job import DAY, start

if __name__ == "__main__":
    with start("rollup", sys.argv[1:], DAY) as job:
        build(job, job.day)
