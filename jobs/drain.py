"""Drain: makes sure that the newest planned batch is in raw, then plans and appends the next ones, until Kafka is read."""

from __future__ import annotations

import sys

from jobs.raw.drain import drain_waiting
from jobs.runtime.job import job

if __name__ == "__main__":
    with job("drain", sys.argv[1:]) as this:
        drain_waiting(this)
