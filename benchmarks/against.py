"""The same work by the code of two checkouts in turn, each on a stack of its own: python -m benchmarks.against FOLDER

FOLDER is a checkout of another commit, in which `make .venv/.ready jars` was run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.__main__ import RESULTS, with_section
from benchmarks.figures import ROUNDS, Figure, Table
from lakehouse.settings import CHECKOUT

TITLE = "The last comparison with another commit"
WARM_UP_ROWS = 200_000
SECONDS = 1_800.0
MARK = "seconds: "
# Runs in either checkout, with its own code: a line is the name of some work and its rows, the answer its seconds.
DRIVER = """
import sys
from benchmarks import runs, spark_jobs
from benchmarks.stack import fill, measuring
from lakehouse.settings import Settings
try:
    from stack.airflow_login import connect
except ImportError:
    from lakehouse.airflow_api import connect

def work(settings, what, rows):
    if what == "run":
        runs.ROWS = rows
        return runs.until_visible(settings, connect(settings))
    with spark_jobs.by_hand(settings):
        fill(settings, rows)
        seconds = {job: spark_jobs.job_seconds(settings, job) for job in ("drain", "publish")}
    return seconds[what]

with measuring(beside=sys.argv[1] == "beside") as settings:
    print("seconds: 0", flush=True)
    for line in sys.stdin:
        what, rows = line.split()
        print("seconds: ", work(settings, what, int(rows)), flush=True)
"""


class Side:
    """One checkout at work."""

    def __init__(self, folder: Path, place: str) -> None:
        self._process = subprocess.Popen(
            [folder / ".venv/bin/python", "-c", DRIVER, place],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def seconds(self, what: str, rows: int) -> float:
        """Does the work. Raises RuntimeError if it failed."""
        assert self._process.stdin is not None
        print(what, rows, file=self._process.stdin, flush=True)
        return self._answer()

    def stop(self) -> None:
        """Stops its stack."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=SECONDS)

    def _answer(self) -> float:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(MARK):
                return float(line.removeprefix(MARK))
            click.echo(f"  {line.rstrip()}")
        raise RuntimeError(f"the work failed; the process ended with {self._process.wait(timeout=SECONDS)}")


def main() -> int:
    """Prints the table of ratios, ours to the other's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000, help="events of a publish (default 1,000,000)")
    parser.add_argument("--run-rows", type=int, default=10_000, help="events of a run in Airflow (default 10,000)")
    asked = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=asked.folder, capture_output=True, text=True, check=True
    ).stdout.strip()
    sides = []
    table = Table(say=click.echo)
    try:
        for folder, place in ((CHECKOUT, "first"), (asked.folder, "beside")):
            sides.append(Side(folder, place))
        works = (("publish", asked.rows, WARM_UP_ROWS, 0.75), ("run", asked.run_rows, asked.run_rows, 0.75))
        for what, rows, warm_up, wanted in works:
            for side in sides:
                for _ in range(2):
                    side.seconds(what, warm_up)
            rounds = []
            for _ in range(ROUNDS):
                rounds.append([side.seconds(what, rows) for side in sides])
                click.echo(f"{what}: {rounds[-1][0]:.1f} s, {rounds[-1][1]:.1f} s by {commit}")
            name = {"publish": f"publish of {rows:,} events", "run": f"ingest_events of {rows:,} events"}[what]
            ours, theirs = (tuple(each[at] for each in rounds) for at in (0, 1))
            table.add(Figure(name, f"commit {commit}", "s", ours, theirs, wanted=wanted, at_most=True))
    finally:
        for side in sides:
            side.stop()
    click.echo("\n" + table.markdown())
    if (asked.rows, asked.run_rows) == (parser.get_default("rows"), parser.get_default("run_rows")):
        RESULTS.write_text(with_section(RESULTS.read_text(), TITLE, table.markdown()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
