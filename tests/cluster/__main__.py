"""Runs the faults of the cluster: `python -m tests.cluster`. After a stop it continues where it was."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lakehouse.settings import CHECKOUT
from tests import kept
from tests.cluster import results, trial
from tests.cluster.containers import Containers
from tests.cluster.faults import BY_NAME

DOCS = CHECKOUT / "docs" / "faults"
PROJECT = "lakehouse-cluster-test"
FILES = "CLUSTER_FILES=-f docker/compose.faults.yaml"
START_SECONDS = 1800


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--only", nargs="*", metavar="FAULT", help=f"some of {', '.join(BY_NAME)}, {results.MUTATION}")
    parser.add_argument("--results", type=Path, default=DOCS / "cluster.jsonl", metavar="FILE")
    parser.add_argument("--again", action="store_true", help="run also what has passed with this code")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no fault after so many minutes")
    parser.add_argument("--running", metavar="PROJECT", help="use a cluster that runs already, and leave it running")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> list[str]:
    names = [*BY_NAME, results.MUTATION]
    wanted = [name for name in names if not options.only or name in options.only]
    done = [] if options.again else kept.read(options.results, results.Result)
    return results.left(wanted, done, kept.code_hash())


def run_all(project: str, todo: Sequence[str], options: argparse.Namespace) -> bool:
    """Runs them one by one. Each is limited by the waits that it is made of."""
    until, good = time.monotonic() + 60 * options.minutes, True
    cluster = trial.Cluster(Containers(project))
    for number, name in enumerate(todo, start=1):
        if time.monotonic() > until:
            print(f"{len(todo) - number + 1} of {len(todo)} are left; the same command goes on with them", flush=True)
            break
        result = trial.mutation(cluster) if name == results.MUTATION else trial.run(cluster, BY_NAME[name])
        kept.append(options.results, result)
        write_page(options.results)
        good = good and result.good
        print(f"[{number}/{len(todo)}] {result}", flush=True)
    return good


def make(target: str, *arguments: str) -> None:
    command = ["make", target, f"CLUSTER_PROJECT={PROJECT}", FILES, *arguments]
    subprocess.run(command, cwd=CHECKOUT, env=dict(os.environ), timeout=START_SECONDS, check=True)


def write_page(file: Path) -> None:
    """The page beside the results that are kept with the code."""
    if file.resolve() == DOCS / "cluster.jsonl":
        (DOCS / "cluster.md").write_text(results.page(kept.read(file, results.Result)))


def main(arguments: Sequence[str]) -> int:
    options = options_of(arguments)
    todo = planned(options)
    if not todo:
        print("all of it has passed with this code; --again runs it again")
        return 0
    for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
        del os.environ[name]
    if options.running:
        return 0 if run_all(options.running, todo, options) else 1
    try:
        make("cluster-up")
        return 0 if run_all(PROJECT, todo, options) else 1
    finally:
        make("cluster-down", "VOLUMES=--volumes")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
