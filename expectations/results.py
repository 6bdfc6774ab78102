"""What an audit gives: the result of an expectation, the outcome of a check, and the verdict over all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from expectations.suites import PlannedExpectation

SAMPLE_ROWS = 20  # of each failed check


class AuditError(Exception):
    """A check could not be run, so that there is no verdict."""


class Outcome(StrEnum):
    """What became of one check."""

    PASSED = "passed"
    FAILED = "failed"  # a warning warns; a critical check holds the batch, or fails the day
    REFUSED = "refused"  # rows break a rule of rows: they are quarantined, the others are published
    WAIVED = "waived"  # it would be failed or refused, but a person accepted it
    SKIPPED = "skipped"  # it did not run


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    severity: str
    outcome: Outcome
    observed: str

    @property
    def success(self) -> bool:
        """Whether nothing is known to be wrong. So a check that did not run counts as a success."""
        return self.outcome in (Outcome.PASSED, Outcome.SKIPPED)


@dataclass(frozen=True)
class Audit:
    """The verdict, the critical checks that hold the rows, all checks, and the page's path under /quality/."""

    verdict: str
    failed_critical: tuple[str, ...]
    checks: tuple[Check, ...]
    page: str


@dataclass(frozen=True)
class ExpectationResult:
    """The result of one expectation.

    error: why it could not be run, else None. sample: rows that fail. rows: how many rows fail, where that is counted.
    """

    planned: PlannedExpectation
    success: bool
    observed: str
    error: str | None = None
    sample: tuple[Mapping[str, Any], ...] = ()
    rows: int = 0


def rows_fail(count: int) -> str:
    """How many rows fail, as a page says it."""
    return f"{count:,} rows fail" if count != 1 else "1 row fails"


def brief(error: object) -> str:
    """The first sentences of an error of Spark, on one line."""
    return " ".join(str(error).partition("JVM stacktrace")[0].split())[:500]
