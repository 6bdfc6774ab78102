"""`make bench`: measures on a stack of its own, prints a table of figures, each beside its baseline, and keeps it.

The table goes to benchmarks/results.md when all parts were run, or the history or the soak alone, in full size.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import subprocess
from collections.abc import Callable

import click

from benchmarks import api, freshness, history, runs, spark_jobs, spark_memory
from benchmarks.figures import Table
from benchmarks.stack import measuring
from lakehouse.settings import CHECKOUT, Settings

RESULTS = CHECKOUT / "benchmarks" / "results.md"
PARTS = ("api", "memory", "runs", "drain", "backlog", "freshness")
HISTORY = ("history",)  # an hour: measured if asked for
SOAK = ("spark-memory",)  # a quarter of an hour, likewise
SECTIONS = {"The last run of `make bench`": PARTS, "The last history": HISTORY, "The last soak of Spark": SOAK}


def main() -> None:
    """Starts a stack of its own, measures, prints the table, and stops it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", choices=PARTS + HISTORY + SOAK, action="append", help="this part (may be given again); default: all"
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="events a round of the drain (default 2,000,000)")
    parser.add_argument("--waiting", type=int, default=10_000_000, help="events of the backlog (default 10,000,000)")
    parser.add_argument("--minutes", type=int, default=15, help="how long freshness is measured (default 15)")
    parser.add_argument("--batches", type=int, default=1_000, help="batches of the history (default 1,000)")
    parser.add_argument("--soak", type=int, default=60, help="batches of the soak of Spark (default 60)")
    options = parser.parse_args()
    if options.soak < 30:
        parser.error("--soak must be 30 or more: the first 20 batches are not counted")
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
        "spark-memory": lambda settings: spark_memory.measure(settings, table, options.soak),
    }
    asked = [measures[part] for part in measures if part in parts]
    if asked:
        with measuring() as settings:
            for measure in asked:
                measure(settings)
    click.echo("\n" + table.markdown())
    as_wanted = all(
        getattr(options, name) == parser.get_default(name) for name in ("rows", "waiting", "minutes", "batches", "soak")
    )
    for title, whole in SECTIONS.items():
        if as_wanted and set(parts) == set(whole):
            RESULTS.write_text(with_section(RESULTS.read_text() if RESULTS.exists() else "", title, table.markdown()))
            click.echo(f"kept in {RESULTS.relative_to(CHECKOUT)}")


def with_section(page: str, title: str, table: str) -> str:
    """The page of results with this table, and where it was measured, in place of the last one of that title."""
    sections = {}
    for part in re.split(r"^# (?=The last)", page, flags=re.MULTILINE)[1:]:
        name, _, rest = part.partition("\n")
        sections[name] = rest.strip()
    sections[title] = f"{_where()}. How it is measured: README.md here.\n\n{table}".strip()
    order = [*(name for name in SECTIONS if name in sections), *(name for name in sections if name not in SECTIONS)]
    return "\n\n".join(f"# {name}\n\n{sections[name]}" for name in order) + "\n"


def _where() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, text=True, capture_output=True, check=False
    ).stdout.strip()
    cores = len(os.sched_getaffinity(0))
    return (
        f"{dt.date.today()}, commit {commit}, {cores} cores, {platform.machine()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
