"""Maintenance: joins small files each hour; once a day deletes what nobody needs and compares what each server knows."""

from __future__ import annotations

import sys

from jobs.runtime.job import Option, job
from jobs.upkeep import compaction
from jobs.upkeep.daily_work import do_daily_work

TASK: Option = ("--task", {"required": True, "choices": ["compact", "daily"], "help": "the hourly or the daily work"})

if __name__ == "__main__":
    with job("maintain", sys.argv[1:], TASK) as this:
        if this.options.task == "compact":
            compaction.compact(this, compaction.HOURLY_DAYS)
        else:
            wrong = do_daily_work(this)
            for each in wrong:
                this.say(f"PROBLEM {each}")
            this.say(f"daily maintenance is done, with {len(wrong)} problems")
            if wrong:
                sys.exit(1)
