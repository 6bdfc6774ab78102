"""`make bench`: measures on a stack of its own, prints a table of figures, each beside its baseline, and keeps it.

The table goes to benchmarks/results.md when all parts were run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
from collections.abc import Callable

import click

from benchmarks import api, freshness, history, runs, spark_jobs
from benchmarks.figures import Table
from benchmarks.stack import measuring
from lakehouse.settings import CHECKOUT, Settings

RESULTS = CHECKOUT / "benchmarks" / "results.md"
PARTS = ("api", "memory", "runs", "drain", "backlog", "freshness")
LONG = ("history",)  # an hour and a half: measured if asked for


def main() -> None:
    """Starts a stack of its own, measures, prints the table, and stops it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", choices=PARTS + LONG, action="append", help="this part (may be given again); default: all"
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="events a round of the drain (default 2,000,000)")
    parser.add_argument("--waiting", type=int, default=10_000_000, help="events of the backlog (default 10,000,000)")
    parser.add_argument("--minutes", type=int, default=15, help="how long freshness is measured (default 15)")
    parser.add_argument("--batches", type=int, default=1_000, help="batches of the history (default 1,000)")
    options = parser.parse_args()
    if options.minutes < 3:
        parser.error("--minutes must be 3 or more: the first third is held against the last")
    parts = options.only or PARTS
    table = Table(say=click.echo)
    if "freshness" in parts:
        with measuring(every_minutes=1) as settings:
            freshness.measure(settings, table, options.minutes)
    measures: dict[str, Callable[[Settings], None]] = {
        "runs": lambda settings: runs.measure(settings, table),
        "api": lambda settings: api.measure(settings, table),
        "memory": lambda settings: api.memory(settings, table),
        "drain": lambda settings: spark_jobs.measure(settings, table, options.rows),
        "history": lambda settings: history.measure(settings, table, options.batches),
        "backlog": lambda settings: spark_jobs.backlog(settings, table, options.waiting),
    }
    asked = [measures[part] for part in measures if part in parts]
    if asked:
        with measuring() as settings:
            for measure in asked:
                measure(settings)
    click.echo("\n" + table.markdown())
    if set(parts) == set(PARTS):
        RESULTS.write_text(page(table))
        click.echo(f"kept in {RESULTS.relative_to(CHECKOUT)}")


def page(table: Table) -> str:
    """The last run, with where it ran."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, text=True, capture_output=True, check=False
    ).stdout.strip()
    cores = len(os.sched_getaffinity(0))
    where = (
        f"{dt.date.today()}, commit {commit}, {cores} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    return f"# The last run of `make bench`\n\n{where}. How it is measured: README.md here.\n\n{table.markdown()}"


if __name__ == "__main__":
    main()
