"""What an audit gives: the result of an expectation, the outcome of a check, and the verdict over all checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from expectations.rulebook import BATCH, GOOD

if TYPE_CHECKING:
    from expectations.suites import PlannedExpectation


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
    """What one check found.

    scope: batch, good or day. event_types, field: of events, those that it is about; table: of a day's check.
    rows_checked: None: not known. rows_failing: None: it did not run, or counts no rows.
    """

    name: str
    description: str
    severity: str
    scope: str
    outcome: Outcome
    observed: str
    allowed: str
    event_types: tuple[str, ...] = ()
    field: str | None = None
    table: str | None = None
    rows_checked: int | None = None
    rows_failing: int | None = None

    @property
    def success(self) -> bool:
        """Whether nothing is known to be wrong. So a check that did not run counts as a success."""
        return self.outcome in (Outcome.PASSED, Outcome.SKIPPED)


@dataclass(frozen=True)
class RowCounts:
    """How many rows an audit looks at: all, and those that could be published; by event type."""

    all: int = 0
    good: int = 0
    all_of: Mapping[str, int] = dataclasses.field(default_factory=dict)
    good_of: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def of(self, scope: str, event_types: Sequence[str]) -> int | None:
        """Those that a check of the scope looks at, of these event types or, if none is named, of all. None: not known."""
        if not self.all or scope not in (BATCH, GOOD):
            return None
        total, by_type = (self.all, self.all_of) if scope == BATCH else (self.good, self.good_of)
        return sum(by_type.get(each, 0) for each in event_types) if event_types else total


NOT_COUNTED = RowCounts()


@dataclass(frozen=True)
class Audit:
    """The verdict, the critical checks that hold the rows, all checks, and those by which single rows are refused."""

    verdict: str
    failed_critical: tuple[str, ...]
    checks: tuple[Check, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExpectationResult:
    """The result of one expectation.

    error: why it could not be run, else None. rows: how many rows fail, where that is counted.
    """

    planned: PlannedExpectation
    success: bool
    observed: str
    error: str | None = None
    rows: int = 0


def rows_fail(count: int) -> str:
    """How many rows fail, as a page says it."""
    return f"{count:,} rows fail" if count != 1 else "1 row fails"


def brief(error: object) -> str:
    """The first sentences of an error of Spark, on one line."""
    return " ".join(str(error).partition("JVM stacktrace")[0].split())[:500]
