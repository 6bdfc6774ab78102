"""Makes random mutants and runs the unit tests on them: `python -m tests.mutants`. After a stop it continues."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lakehouse.settings import CHECKOUT
from tests.mutants import judge, reach, sources
from tests.mutants.judge import CAUGHT, SURVIVED, Argument, Verdict
from tests.mutants.sources import Mutant
from tests.mutants.workspace import Server, Workspace

ARGUED = Path(__file__).with_name("argued.yaml")
STATE = CHECKOUT / ".mutants"


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=200, metavar="N", help="how many mutants (default 200)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="which ones (default 1)")
    parser.add_argument("--only", default="", metavar="PART", help="of modules with this in their path only")
    parser.add_argument(
        "--at-least", type=float, default=90, metavar="PERCENT", help="that must be caught (default 90)"
    )
    parser.add_argument("--again", action="store_true", help="judge also what was caught before")
    parser.add_argument("--list", action="store_true", help="only show the mutants")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Judges the sample. Returns 1 if too few are caught, or a survivor is not argued."""
    options = options_of(arguments)
    mutants = sources.sample(CHECKOUT, options.sample, options.seed, options.only)
    if options.list:
        print("\n".join(mutant.diff + "\n" for mutant in mutants))
        return 0
    STATE.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no pytest is left behind
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run would change files under the first one's tests
        workspace = Workspace(CHECKOUT, STATE / "copy", STATE)
        workspace.refresh()
        with workspace.server() as server:
            verdicts = judge_all(workspace, server, mutants, options.again)
    lines, good = summary(mutants, verdicts, judge.arguments(ARGUED), options.at_least)
    print("\n".join(lines))
    return 0 if good else 1


def judge_all(workspace: Workspace, server: Server, mutants: Sequence[Mutant], again: bool) -> dict[str, Verdict]:
    """The verdict of each mutant by its key, printed as it comes."""
    tests, imports = reach.recorded(workspace, server), reach.importers(workspace.checkout)
    digest = hashlib.sha256("".join(sorted(reach.digests(workspace.checkout).values())).encode()).hexdigest()[:16]
    kept = workspace.scratch / "verdicts.jsonl"
    known = {} if again else judge.remembered(kept, digest)
    for number, mutant in enumerate(mutants, start=1):
        if mutant.key not in known:
            chosen = reach.choose(tests, imports, mutant.path, mutant.change)
            known[mutant.key] = judge.judge(workspace, server, mutant, chosen, digest)
            judge.remember(kept, known[mutant.key])
        verdict = known[mutant.key]
        counter = f"{number:{len(str(len(mutants)))}}/{len(mutants)}"
        print(f"{counter} {verdict.outcome:8} {verdict.seconds:5.1f} s  {mutant}  ({verdict.by})", flush=True)
    return known


def summary(
    mutants: Sequence[Mutant], verdicts: dict[str, Verdict], argued: Sequence[Argument], at_least: float
) -> tuple[list[str], bool]:
    """What is printed in the end, and whether it is as it must be."""
    caught = [mutant for mutant in mutants if verdicts[mutant.key].outcome == CAUGHT]
    survivors = [mutant for mutant in mutants if verdicts[mutant.key].outcome == SURVIVED]
    why = {mutant.key: each.why for mutant in survivors for each in argued if each.fits(mutant)}
    gaps = [mutant for mutant in survivors if mutant.key not in why]
    stale = [each for each in argued for mutant in caught if each.fits(mutant)]
    lines = [""]
    for mutant in survivors:
        reason = why.get(mutant.key)
        lines += [f"{'Argued: ' + reason if reason else 'Survived: ' + verdicts[mutant.key].by}", mutant.diff, ""]
    lines += [f"Argued, but a test catches it: {each.file}: {each.becomes}" for each in stale]
    share = 100 * len(caught) / max(1, len(mutants))
    lines.append(
        f"{len(caught)} of {len(mutants)} mutants were caught ({share:.1f} %), {len(why)} survivors are argued, "
        f"{len(gaps)} are not."
    )
    return lines, share >= at_least and not gaps and not stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
