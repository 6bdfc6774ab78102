"""Drain: makes sure that the newest planned batch is in raw, then plans and appends more until Kafka is read."""

from __future__ import annotations

import sys

from jobs.raw.drain import drain_waiting
from jobs.runtime.job import start

if __name__ == "__main__":
    with start("drain", sys.argv[1:]) as job:
        drain_waiting(job)
