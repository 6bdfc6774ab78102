"""The results of the faults on the cluster; which are left; and the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.cluster.faults import BY_NAME, FAULTS

PASSED, CAUGHT = "passed", "caught"
MUTATION = "mutation"  # one acknowledged event is dropped on purpose


@dataclass(frozen=True)
class Result:
    """One trial that ran to its end."""

    date: str
    commit: str
    code: str  # `code_hash` of what was tested
    fault: str
    hit: str  # the container
    acknowledged: int
    meanwhile: int  # acknowledged while the fault lasted
    refused: int  # requests that were not answered with 200
    runs_meanwhile: str  # how the runs of ingest ended that ended while the fault lasted
    runs_after: int  # the run after the fault that left nothing to do, 1 for the first
    seconds_after: float  # from the end of the fault until then
    outcome: str  # passed, caught, or what is wrong
    note: str = ""

    @property
    def good(self) -> bool:
        return self.outcome in (PASSED, CAUGHT)


def newest(results: Iterable[Result]) -> dict[str, Result]:
    return {result.fault: result for result in results}


def left(names: Sequence[str], results: Iterable[Result], code: str) -> list[str]:
    """The faults that have not passed with this code."""
    passed = {result.fault for result in results if result.good and result.code == code}
    return [name for name in names if name not in passed]


def page(results: Sequence[Result]) -> str:
    """The page, in Markdown; what was not run stands there as well."""
    ran = newest(results)
    trials = [result for result in ran.values() if result.fault != MUTATION]
    kinds = [kind for result in trials for kind in result.outcome.split("; ")]
    lines = [
        "# Faults on the cluster",
        "",
        "Made by `make cluster-test` from [cluster.jsonl](cluster.jsonl), the last result of each fault; do not edit.",
        "The cluster is that of `docker/compose.cluster.yaml`, all on one machine. While a client sends events through nginx",
        "and Airflow starts ingest each minute, one container is hit. Afterwards every acknowledged event must be in exactly",
        "one place, nothing twice, all counts must agree, and this within three runs of ingest after the fault.",
        "",
        f"* {len(trials)} of {len(FAULTS)} faults run, {sum(result.outcome == PASSED for result in trials)} passed",
        f"* {sum(result.acknowledged for result in trials)} events acknowledged, "
        f"{sum(kind.startswith('lost') for kind in kinds)} lost, {sum(kind.startswith('doubled') for kind in kinds)} doubled",
        f"* {_of_mutation(ran.get(MUTATION))}",
        "",
        "| fault | what happens | hit | acknowledged, of these meanwhile | runs meanwhile | runs until normal, seconds | outcome "
        "| commit |",
        "|---|---|---|---|---|---|---|---|",
        *[_line(fault.name, ran.get(fault.name)) for fault in FAULTS],
        "",
        "Not shown here: a power loss. A container that is killed loses what its process held; what the kernel holds is",
        "written all the same. Kafka acknowledges what two brokers have in memory of the kernel, HDFS what its DataNodes",
        "have; that a message survives the power loss of all of them at once is not claimed.",
    ]
    wrong = [result for result in ran.values() if not result.good]
    if wrong:
        lines += ["", "## Not passed", "", *[f"* {result.fault}: {result.outcome} {result.note}" for result in wrong]]
    return "\n".join(lines) + "\n"


def _line(name: str, result: Result | None) -> str:
    if result is None:
        cells: tuple[object, ...] = (name, BY_NAME[name].what, "", "", "", "", "not run", "")
    else:
        cells = (
            *(name, BY_NAME[name].what, result.hit, f"{result.acknowledged}, {result.meanwhile}"),
            *(result.runs_meanwhile or "none ended", f"{result.runs_after}, {result.seconds_after:.0f}"),
            *("passed" if result.good else "**not passed**", result.commit),
        )
    return "| " + " | ".join(map(str, cells)) + " |"


def _of_mutation(result: Result | None) -> str:
    if result is None:
        return "the mutation (an acknowledged event dropped on purpose) was not run"
    return f"an acknowledged event dropped on purpose: {result.outcome}; {result.note}"
