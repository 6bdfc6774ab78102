"""Runs the matrix of faults: `python -m tests.faults`. After a stop it continues where it was."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lakehouse.settings import CHECKOUT
from tests import kept
from tests.faults import matrix, mutations, results, stack, trial
from tests.faults.matrix import Trial
from tests.real import Real

DOCS = CHECKOUT / "docs" / "faults"
CHECK_EVERY = 10  # trials after which all invariants are checked over all that is stored


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--only",
        nargs="*",
        default=(),
        metavar="PATTERN",
        help="trials like kafka@*, or mutation@*; default: all of both",
    )
    parser.add_argument("--short", action="store_true", help="the few trials that `make test` runs")
    parser.add_argument("--seed", type=int, default=1, help="of the events and of the choices (default 1)")
    parser.add_argument("--rows", type=int, default=trial.ROWS, help="events sent before each fault")
    parser.add_argument("--results", type=Path, default=DOCS / "results.jsonl", metavar="FILE")
    parser.add_argument("--again", action="store_true", help="run also what has passed with this code")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no trial after so many minutes")
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> list[Trial]:
    """What is to be run: trials, then mutations, which spoil the tables."""
    wanted = matrix.short(options.seed) if options.short else matrix.whole(options.seed)
    proofs = [Trial(results.MUTATION, name, options.seed) for name in mutations.MUTATIONS]
    wanted = matrix.matching(wanted if options.short else wanted + proofs, options.only)
    done = [] if options.again else kept.read(options.results, results.Result)
    return results.left(wanted, done, kept.code_hash())


def run_all(real: Real, todo: Sequence[Trial], options: argparse.Namespace) -> bool:
    """Runs the trials one by one; ends at the first that is not as it must be, since what follows builds on it."""
    until, since_check = time.monotonic() + 60 * options.minutes, 0
    for number, each in enumerate(todo, start=1):
        if time.monotonic() > until:
            print(f"{len(todo) - number + 1} of {len(todo)} are left; the same command goes on with them", flush=True)
            break
        if each.fault == results.MUTATION:
            if since_check:
                real.check_invariants()  # before anything is spoiled
                since_check = 0
            if each.point not in mutations.HARMLESS:
                (real.settings.state / stack.SPOILED).touch()
            result = mutations.run(real, each.point, each.seed, options.rows)
        else:
            result, log = trial.run(real, each, options.rows)
            since_check += 1
            keep_log(real, each, log)
        kept.append(options.results, result)
        print(line(number, len(todo), result), flush=True)
        if not result.good and not result.outcome.startswith(results.SKIPPED):
            return False
        if since_check == CHECK_EVERY:
            real.check_invariants()
            since_check = 0
    if since_check:
        real.check_invariants()
    return True


def keep_log(real: Real, each: Trial, log: Sequence[str]) -> None:
    """What the jobs of the trial printed, for whoever wants to know what happened."""
    folder = real.settings.state / "logs" / "trials"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{each}.log").write_text("\n".join(log))


def line(number: int, count: int, result: results.Result) -> str:
    recovery = "" if result.recovery_seconds is None else f", recovered in {result.recovery_seconds:.1f} s"
    return (
        f"[{number:3}/{count}] {result.trial!s:42} {result.outcome}; {result.acknowledged} acknowledged, "
        f"{result.refused} refused{recovery} ({result.seconds:.1f} s) {result.note}"
    ).rstrip()


def main(arguments: Sequence[str]) -> int:
    options = options_of(arguments)
    todo = planned(options)
    if options.list or not todo:
        print("\n".join(map(str, todo)) or "all of it has passed with this code; --again runs it again")
        return 0
    good = False
    try:
        with stack.running(lambda text: print(text, flush=True)) as real:
            good = run_all(real, todo, options)
    finally:
        write_page(options.results)
    return 0 if good else 1


def write_page(file: Path) -> None:
    """The page beside the results that are kept with the code, and the totals for the screen."""
    found = results.newest(kept.read(file, results.Result))
    if found and file.resolve() == DOCS / "results.jsonl":
        (DOCS / "README.md").write_text(results.page(found))
    seconds = [result.recovery_seconds for result in found if result.recovery_seconds is not None]
    if seconds:
        print(
            f"{len(found)} results in {file}; recovery: median {statistics.median(seconds):.1f} s, "
            f"worst {max(seconds):.1f} s"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
