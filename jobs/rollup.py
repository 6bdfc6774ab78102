"""Rollup: builds one day of the daily tables from the event tables, and replaces that day."""

from __future__ import annotations

import sys

from jobs.daily.rollup import build
from jobs.runtime.job import DAY, job

if __name__ == "__main__":
    with job("rollup", sys.argv[1:], DAY) as this:
        build(this, this.day)
