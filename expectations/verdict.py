"""Concludes an audit: joins the results of its expectations into checks and gives the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.allowed import allowed
from expectations.results import (
    NOT_COUNTED,
    Audit,
    AuditError,
    Check,
    ExpectationResult,
    Outcome,
    RowCounts,
    rows_fail,
)
from expectations.rulebook import CRITICAL
from lakehouse.ledger.vocabulary import Verdict

if TYPE_CHECKING:
    from expectations.suites import PlannedExpectation
    from lakehouse.settings import Settings


@dataclass(frozen=True)
class Terms:
    """On which terms an audit is concluded.

    good_rows: how many rows could be published. held_by_rows: whether too many rows that break a rule hold all of them.
    waived: somebody accepts whatever is found. rows: what the checks look at.
    """

    good_rows: int = 0
    held_by_rows: bool = True
    waived: bool = False
    rows: RowCounts = NOT_COUNTED


def conclude(
    name: str,
    planned: Sequence[PlannedExpectation],
    results: Sequence[ExpectationResult],
    settings: Settings,
    terms: Terms,
) -> Audit:
    """Joins the results of one name into one check, in the order of the plan, and concludes.

    Raises:
        AuditError: a critical check could not be run.
    """
    by_name: dict[str, list[ExpectationResult]] = {each.name: [] for each in planned}
    skipped = [ExpectationResult(each, True, each.skipped) for each in planned if each.skipped]
    for result in (*results, *skipped):
        by_name[result.planned.name].append(result)
    broken = [each for each in results if each.error and each.planned.severity == CRITICAL]
    if broken:
        raise AuditError(
            f"{name}: critical checks could not be run, so there is no verdict: "
            + "; ".join(f"{each.planned.name}: {each.error}" for each in broken)
            + f". Correct the rule in {settings.rules} and run again."
        )
    checks = tuple(_check(parts, terms) for parts in by_name.values())
    critical = {
        outcome: tuple(each.name for each in checks if each.severity == CRITICAL and each.outcome == outcome)
        for outcome in Outcome
    }
    failed = critical[Outcome.WAIVED] if terms.waived else critical[Outcome.FAILED]
    verdict = Verdict.PASSED if not failed else Verdict.WAIVED if terms.waived else Verdict.FAILED
    return Audit(verdict, failed, checks, critical[Outcome.REFUSED])


def _outcome_of(parts: Sequence[ExpectationResult], terms: Terms) -> Outcome:
    """What the results of one check come to."""
    planned = parts[0].planned
    if all(each.planned.skipped for each in parts):
        return Outcome.SKIPPED
    if all(each.success for each in parts):
        return Outcome.PASSED
    if planned.severity == CRITICAL and terms.waived:
        return Outcome.WAIVED
    if planned.limits is None:
        return Outcome.FAILED
    too_many = planned.limits.exceeded(sum(each.rows for each in parts), terms.good_rows)
    return Outcome.FAILED if terms.held_by_rows and too_many else Outcome.REFUSED


def _check(parts: Sequence[ExpectationResult], terms: Terms) -> Check:
    """One check with its numbers."""
    planned, outcome = parts[0].planned, _outcome_of(parts, terms)
    event_types = tuple(dict.fromkeys(each.planned.event_type for each in parts if each.planned.event_type))
    skipped = outcome == Outcome.SKIPPED
    return Check(
        name=planned.name,
        description=planned.description,
        severity=planned.severity,
        scope=planned.scope,
        outcome=outcome,
        observed=_observed_of(parts),
        allowed=allowed(planned),
        event_types=event_types,
        field=planned.field,
        table=planned.table,
        rows_checked=0 if skipped else terms.rows.of(planned.scope, event_types),
        rows_failing=None if skipped else _rows_failing(parts),
    )


def _rows_failing(parts: Sequence[ExpectationResult]) -> int | None:
    """Of all results of a check; None if one failed that counts no rows."""
    if any(not each.success and not each.rows for each in parts):
        return None
    return sum(each.rows for each in parts)


def _observed_of(parts: Sequence[ExpectationResult]) -> str:
    """What the results of one check observed. Rows that fail are added up."""
    rows = sum(each.rows for each in parts)
    if rows and not any(each.error for each in parts):
        return rows_fail(rows)
    return "; ".join(dict.fromkeys(each.error or each.observed for each in parts))
