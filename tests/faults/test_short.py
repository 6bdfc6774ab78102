"""A few faults of the matrix on real servers, and two proofs that the oracle notices a loss. `make faults` runs all."""

from __future__ import annotations

import pytest

from tests.faults import matrix, mutations, results, trial
from tests.real import Real

pytestmark = pytest.mark.timeout(600)
ROWS = 60


@pytest.mark.parametrize("each", matrix.short(1), ids=str)
def test_nothing_is_lost_and_nothing_doubled(stack: Real, each: matrix.Trial) -> None:
    result, log = trial.run(stack, each, ROWS)
    assert result.outcome == results.PASSED, "\n".join(log)[-6000:]
    assert result.acknowledged >= ROWS


@pytest.mark.parametrize("name", mutations.HARMLESS)
def test_a_safeguard_left_out_is_noticed(stack: Real, name: str) -> None:
    assert mutations.run(stack, name, seed=1, rows=ROWS).outcome == results.CAUGHT


def test_after_these_faults_everything_adds_up(stack: Real) -> None:
    stack.check_invariants()
