"""Publish: closes every open entry of the ledger, lowest first: judges, stages, audits, decides and publishes it."""

from __future__ import annotations

import sys

from jobs.entries.commit import close_all
from jobs.runtime.job import job

if __name__ == "__main__":
    with job("publish", sys.argv[1:]) as this:
        closed = close_all(this)
        this.say(f"closed {closed} entries")
