"""Rebuild of the live state: makes all players' hashes in Redis anew from the event tables."""

from __future__ import annotations

import sys

from jobs.live.follow import rebuild
from jobs.live.state import LiveState
from jobs.runtime.job import start
from lakehouse.clients.redis import connect

if __name__ == "__main__":
    with start("rebuild_live", sys.argv[1:]) as job:
        if not job.settings.redis_url:
            sys.exit("rebuild_live: there is no live state; set LAKEHOUSE_REDIS_URL")
        with connect(job.settings.redis_url) as redis:
            rebuild(job, LiveState(redis))
