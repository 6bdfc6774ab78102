"""The results of the trials; which trials need not be run again; and the page of results."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.matrix import FAULTS, POINTS, Trial

PASSED, SKIPPED, CAUGHT = "passed", "skipped", "caught"
MUTATION = "mutation"  # in place of a fault; the point is then the mutation's name


@dataclass(frozen=True)
class Result:
    """One trial that ran to its end."""

    date: str
    code: str  # `code_hash` of what was tested
    commit: str
    seed: int
    fault: str
    point: str
    sent: int
    acknowledged: int
    refused: int  # requests that the API did not accept
    outcome: str  # passed, caught, skipped: why, or what is wrong
    recovery_seconds: float | None  # from the end of the fault until the batch is done
    seconds: float
    note: str = ""

    @property
    def good(self) -> bool:
        return self.outcome in (PASSED, CAUGHT)

    @property
    def trial(self) -> Trial:
        return Trial(self.fault, self.point, self.seed)


def left(trials: Sequence[Trial], results: Iterable[Result], code: str) -> list[Trial]:
    """The trials that have not passed with this code."""
    passed = {result.trial for result in results if result.good and result.code == code}
    return [trial for trial in trials if trial not in passed]


def newest(results: Iterable[Result]) -> list[Result]:
    """The last result of each trial."""
    return list({result.trial: result for result in results}.values())


def page(results: Sequence[Result]) -> str:
    """The page of the results, in Markdown."""
    ran = newest(results)
    trials = [result for result in ran if result.fault != MUTATION and not result.outcome.startswith(SKIPPED)]
    mutations = [result for result in ran if result.fault == MUTATION]
    wrong = [result for result in ran if not result.good and not result.outcome.startswith(SKIPPED)]
    kinds = [kind for result in trials for kind in result.outcome.split("; ")]
    lines = [
        "# Faults",
        "",
        "Made by `make faults` from [results.jsonl](results.jsonl), the last result of each trial; do not edit.",
        "A trial is one fault at one point of a job, on the real servers, while a client sends events through the API. The",
        "job is then tried again as Airflow would. At the end every event that was acknowledged must be in exactly one place",
        "(a game table, open quarantine, or a repetition of a row that is in one), nothing twice, and all counts must agree.",
        "",
        f"* {len(trials)} trials, {sum(result.outcome == PASSED for result in trials)} passed",
        f"* {sum(result.acknowledged for result in trials)} events acknowledged, "
        f"{sum(kind.startswith('lost') for kind in kinds)} lost, {sum(kind.startswith('doubled') for kind in kinds)} doubled",
        f"* {len(mutations)} mutations, {sum(result.outcome == CAUGHT for result in mutations)} caught",
        *_dates(ran),
        "",
        *_matrix(trials),
        "",
        "## Recovery",
        "",
        "Seconds from the end of the fault until the batch is done.",
        "",
        *_recovery(trials),
        "",
        "## Mutations",
        "",
        "A safeguard is left out on purpose; the oracle, or the check behind the safeguard, must notice.",
        "",
        "| left out | outcome | what was noticed |",
        "|---|---|---|",
        *[f"| {result.point} | {result.outcome} | {result.note} |" for result in mutations],
    ]
    if wrong:
        lines += ["", "## Not passed", "", *[f"* {result.trial}: {result.outcome}" for result in wrong]]
    return "\n".join(lines) + "\n"


def _dates(ran: Sequence[Result]) -> list[str]:
    if not ran:
        return []
    dates, commits = sorted(result.date for result in ran), sorted({result.commit for result in ran})
    return [f"* run from {dates[0]} to {dates[-1]}, on commits {', '.join(commits)}"]


def _matrix(trials: Sequence[Result]) -> list[str]:
    """Points down, faults across, in each cell how many trials passed, `passed/all` if some did not."""
    cells: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for result in trials:
        cells[result.point, result.fault].append(result.outcome == PASSED)

    def cell(point: str, fault: str) -> str:
        there = cells.get((point, fault))
        if not there:
            return ""
        return str(len(there)) if all(there) else f"**{sum(there)}/{len(there)}**"

    return [
        "| point | " + " | ".join(FAULTS) + " |",
        "|---|" + "---|" * len(FAULTS),
        *[f"| {point} | " + " | ".join(cell(point, fault) for fault in FAULTS) + " |" for point in POINTS],
    ]


def _recovery(trials: Sequence[Result]) -> list[str]:
    lines = ["| fault | what happens | trials | median | worst |", "|---|---|---|---|---|"]
    for fault, what in FAULTS.items():
        there = [result for result in trials if result.fault == fault]
        seconds = [result.recovery_seconds for result in there if result.recovery_seconds is not None]
        if seconds:
            lines.append(f"| {fault} | {what} | {len(there)} | {statistics.median(seconds):.0f} | {max(seconds):.0f} |")
    return lines
