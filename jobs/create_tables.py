"""Makes the databases and tables, and updates them to the contracts and to this version. It may be repeated."""

from __future__ import annotations

import sys

from jobs.delta.tables import create_tables, register_found
from jobs.runtime.job import Job, Option, start
from jobs.upkeep.erasures import list_erasures
from lakehouse.catalog import tables
from lakehouse.catalog.stored_version import UNNOTED, NewerStateError, note_version, refuse_newer, stored_version
from lakehouse.version import VERSION

LIST_ERASURES: Option = (
    "--list-erasures",
    {"action": "store_true", "help": "also bring the list of erasures up to date"},
)


def make(job: Job) -> None:
    """Makes and updates all tables, and notes the version that they are of.

    Raises:
        NewerStateError: newer code made them.
    """
    stored = stored_version(job.settings)
    refuse_newer(stored)
    changed = create_tables(job.spark, job.settings, tables.definitions(job.contracts))
    changed += register_found(job.spark, job.settings)
    for each in changed:
        job.say(each)
    if stored != VERSION:
        note_version(job.settings)
        job.say(f"the stored state is of version {VERSION} now; it was of {stored or UNNOTED}")
    job.say(f"tables are as the contracts say ({len(changed)} changes)")


if __name__ == "__main__":
    with start("create_tables", sys.argv[1:], LIST_ERASURES) as job:
        try:
            make(job)
        except NewerStateError as error:
            sys.exit(f"create_tables: {error}")
        if job.options.list_erasures:
            list_erasures(job)
