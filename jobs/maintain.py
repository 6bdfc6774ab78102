"""Maintenance: compacts small files each hour.

Once a day it deletes unneeded files and compares what the servers know.
"""

from __future__ import annotations

import sys

from jobs.live.follow import follow
from jobs.runtime.job import Option, start
from jobs.upkeep import compaction
from jobs.upkeep.daily_work import do_daily_work

TASK: Option = ("--task", {"required": True, "choices": ["compact", "daily"], "help": "the hourly or the daily work"})

if __name__ == "__main__":
    with start("maintain", sys.argv[1:], TASK) as job:
        if job.options.task == "compact":
            compaction.compact(job, compaction.HOURLY_DAYS)
            follow(job)  # if Redis was down and nothing new came since
        else:
            wrong = do_daily_work(job)
            for each in wrong:
                job.say(f"PROBLEM {each}")
            job.say(f"daily maintenance is done, with {len(wrong)} problems")
            if wrong:
                sys.exit(1)
