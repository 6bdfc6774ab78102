"""Publish: closes every open entry of the ledger, lowest first: judges, stages, audits, decides and publishes it."""

from __future__ import annotations

import sys

from jobs.entries.commit import close_all
from jobs.live.follow import follow
from jobs.runtime.job import start

if __name__ == "__main__":
    with start("publish", sys.argv[1:]) as job:
        closed = close_all(job)
        job.say(f"closed {closed} entries")
        follow(job)
