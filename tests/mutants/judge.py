"""Whether the unit tests notice a mutant. Keeps the answers, so that a stopped run can continue."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.mutants.reach import UnitTest
from tests.mutants.sources import Mutant
from tests.mutants.workspace import Server, Workspace

CAUGHT, SURVIVED = "caught", "survived"
MOST_SECONDS = 30.0  # of tests for one mutant, as long as they took when they were recorded; the rest is not run
START_SECONDS = 60.0  # what pytest may need beside the tests on a busy machine
NOTHING_RAN = 5  # exit status of pytest


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant: `by` is the test that noticed it, or why none did."""

    key: str
    outcome: str
    by: str
    seconds: float
    tests: str  # digest of the unit tests that were asked


@dataclass(frozen=True)
class Argument:
    """A survivor that is no gap in the tests, and why. Files move, so that a module is known by its last name."""

    file: str
    was: str
    becomes: str
    why: str

    def fits(self, mutant: Mutant) -> bool:
        return (self.file, self.was, self.becomes) == (Path(mutant.path).name, mutant.was, mutant.becomes)


def judge(workspace: Workspace, server: Server, mutant: Mutant, tests: Sequence[UnitTest], digest: str) -> Verdict:
    """Runs the tests, in their order, on the mutant until one fails."""
    began = time.monotonic()
    asked, expected = within(tests, MOST_SECONDS)
    if not asked:
        return Verdict(mutant.key, SURVIVED, "no test reaches it", 0.0, digest)
    with workspace.changed(mutant.path, mutant.text):
        ended = server.pytest([test.name for test in asked], ["-x"], START_SECONDS + 5 * expected, {})
    seconds = round(time.monotonic() - began, 1)
    if ended.status is None:
        return Verdict(mutant.key, CAUGHT, "it does not come to an end", seconds, digest)
    if ended.status in (0, NOTHING_RAN):
        left = f", {len(tests) - len(asked)} slow ones were not asked" if len(asked) < len(tests) else ""
        return Verdict(mutant.key, SURVIVED, f"{len(asked)} tests pass{left}", seconds, digest)
    return Verdict(mutant.key, CAUGHT, failed_in(ended.output), seconds, digest)


def within(tests: Sequence[UnitTest], seconds: float) -> tuple[list[UnitTest], float]:
    """The first tests that take no longer together, and how long they take."""
    chosen, total = [], 0.0
    for test in tests:
        if total + test.seconds <= seconds:
            chosen.append(test)
            total += test.seconds
    return chosen, total


def failed_in(output: str) -> str:
    """The test that failed, by the output of pytest; a module that cannot be imported fails before any test."""
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return found[1] if found else "it cannot be imported"


def remembered(file: Path, digest: str) -> dict[str, Verdict]:
    """Verdicts that still hold, by the mutant's key: what was caught stays so, what survived only the same tests."""
    if not file.exists():
        return {}
    found = []
    for line in file.read_text().splitlines():
        with contextlib.suppress(ValueError):  # cut off, since a run was killed while it wrote
            found.append(Verdict(**json.loads(line)))
    return {each.key: each for each in found if each.outcome == CAUGHT or each.tests == digest}


def remember(file: Path, verdict: Verdict) -> None:
    with file.open("a") as out:
        out.write("\n" + json.dumps(asdict(verdict)))  # behind whatever a killed run left of a line


def arguments(file: Path) -> list[Argument]:
    """The survivors that are argued, as the file lists them."""
    listed: list[dict[str, Any]] = yaml.safe_load(file.read_text()) or []
    return [Argument(**{name: str(value).strip() for name, value in each.items()}) for each in listed]
