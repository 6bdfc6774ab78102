"""The matrix holds every fault and every point of the code, and a run that was stopped goes on."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT
from tests import kept
from tests.faults import matrix, results
from tests.faults.matrix import Trial


def result(
    trial: Trial, outcome: str = results.PASSED, code: str = "c", recovery: float | None = 4.0
) -> results.Result:
    return results.Result(
        "2026-01-01T00:00:00Z", code, "abc", trial.seed, trial.fault, trial.point, 9, 8, 1, outcome, recovery, 20.0
    )


def test_every_fault_and_every_point_occurs() -> None:
    trials = matrix.whole(1)
    assert {trial.fault for trial in trials} == set(matrix.FAULTS) == set(matrix.PAIRS)
    assert {trial.point for trial in trials} == set(matrix.POINTS)
    assert len(set(trials)) == len(trials) >= 100
    for point in matrix.HOOKS:
        assert {trial.seed for trial in trials if (trial.fault, trial.point) == (matrix.JOB, point)} == {1, 2}


def test_the_short_selection_is_of_the_matrix() -> None:
    assert set(matrix.short(7)) < set(matrix.whole(7))


def test_hooks_are_those_of_ingest_in_the_code() -> None:
    """A point that is added to the code of an ingest has to be tried."""
    files = ("raw/drain.py", "entries/commit.py", "entries/ingest.py", "entries/rows.py", "staging/candidates.py")
    text = "".join((CHECKOUT / "jobs" / name).read_text() for name in files)
    named = set(re.findall(r'hooks\.at\("(\w+)"\)', text))
    only_of_requests = {"before_abandon", "after_actions"}
    assert named - only_of_requests == set(matrix.HOOKS)


def test_each_point_belongs_to_a_job() -> None:
    jobs = {trial.point: trial.job for trial in matrix.whole(1)}
    assert jobs["before_plan"] == jobs["raw_not_answered"] == jobs["task_drain"] == "drain"
    assert jobs["after_done"] == jobs["table_not_committed"] == jobs["task_publish"] == "publish"


def test_trials_are_selected_by_a_pattern() -> None:
    trials = matrix.whole(1)
    assert {trial.fault for trial in matrix.matching(trials, ["kafka@*"])} == {"kafka"}
    assert {trial.point for trial in matrix.matching(trials, ["before_plan"])} == {"before_plan"}
    assert {trial.fault for trial in matrix.matching(trials, ["kafka@*", "api@load*"])} == {"kafka", "api"}
    assert matrix.matching(trials, []) == trials
    with pytest.raises(ValueError, match="no trial matches 'kafak'"):
        matrix.matching(trials, ["kafka@*", "kafak"])


def test_a_run_that_was_stopped_skips_what_has_passed_with_this_code(tmp_path: Path) -> None:
    one, two, three, four = matrix.whole(1)[:4]
    file = tmp_path / "docs" / "results.jsonl"
    for each in (result(one), result(two, "lost: x"), result(three, code="older"), result(replace(four, seed=9))):
        kept.append(file, each)
    with file.open("a") as out:
        out.write('{"date": "cut off')
    assert len(kept.read(file, results.Result)) == 4
    assert results.left([one, two, three, four], kept.read(file, results.Result), "c") == [two, three, four]


def test_results_are_lines_of_json(tmp_path: Path) -> None:
    kept.append(tmp_path / "r.jsonl", result(Trial("kafka", "load", 1)))
    (line,) = (tmp_path / "r.jsonl").read_text().splitlines()
    assert json.loads(line)["recovery_seconds"] == 4.0


def test_the_page_counts_trials_losses_and_mutations() -> None:
    job = Trial(matrix.JOB, "before_plan", 1)
    page = results.page(
        [
            result(job, "lost: old"),
            result(job),  # the last result counts
            result(replace(job, seed=2), recovery=8.0),
            result(Trial("kafka", "load", 1), "lost: x was acknowledged; lost: y; doubled: z", recovery=None),
            result(Trial(matrix.KAFKA_DISK, "load", 1), "skipped: no root", recovery=None),
            result(Trial(results.MUTATION, "acks", 1), results.CAUGHT),
        ]
    )
    assert "* 3 trials, 2 passed" in page
    assert "* 24 events acknowledged, 2 lost, 1 doubled" in page
    assert "* 1 mutations, 1 caught" in page
    assert "| before_plan | 2 |" in page
    assert "**0/1**" in page
    assert "| job | kill -9 of the job | 2 | 6 | 8 |" in page
    assert "* kafka@load#1: lost: x" in page


def test_the_code_hash_changes_with_the_code_alone(tmp_path: Path) -> None:
    assert kept.code_hash() == kept.code_hash()
    assert kept.code_hash(["jobs"]) != kept.code_hash(["api"])
