"""Makes the databases and tables, and brings them up to the contracts; harmless if run again."""

from __future__ import annotations

import sys

from jobs.delta.tables import create_tables
from jobs.runtime.job import job
from lakehouse.catalog import tables

if __name__ == "__main__":
    with job("create_tables", sys.argv[1:]) as this:
        changed = create_tables(this.spark, this.settings, tables.definitions(this.contracts))
        this.say(f"tables are as the contracts say ({len(changed)} changes)")
