"""Makes the databases and tables, and updates them to the contracts. It may be repeated."""

from __future__ import annotations

import sys

from jobs.delta.tables import create_tables, register_found
from jobs.runtime.job import start
from lakehouse.catalog import tables

if __name__ == "__main__":
    with start("create_tables", sys.argv[1:]) as job:
        changed = create_tables(job.spark, job.settings, tables.definitions(job.contracts))
        changed += register_found(job.spark, job.settings)
        for each in changed:
            job.say(each)
        job.say(f"tables are as the contracts say ({len(changed)} changes)")
