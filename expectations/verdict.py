"""Concludes an audit: joins the results of its expectations into checks, gives the verdict, and writes the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expectations import pages
from expectations.results import SAMPLE_ROWS, Audit, AuditError, Check, ExpectationResult, Outcome, rows_fail
from expectations.rulebook import CRITICAL
from lakehouse.ledger.vocabulary import Verdict

if TYPE_CHECKING:
    from expectations.suites import PlannedExpectation
    from lakehouse.settings import Settings


@dataclass(frozen=True)
class Terms:
    """On which terms an audit is concluded.

    good_rows: how many rows could be published. held_by_rows: whether too many rows that break a rule hold all of them.
    waived: somebody accepts whatever is found. note: for the head of the page.
    """

    good_rows: int = 0
    held_by_rows: bool = True
    waived: bool = False
    note: str = ""


def conclude(
    name: str,
    planned: Sequence[PlannedExpectation],
    results: Sequence[ExpectationResult],
    settings: Settings,
    terms: Terms,
) -> Audit:
    """Joins the results of one name into one check, in the order of the plan, and writes results and page.

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
    rows = [_check(parts, terms) for parts in by_name.values()]
    critical = {outcome: [each["name"] for each in rows if _is_critical(each, outcome)] for outcome in Outcome}
    failed = critical[Outcome.WAIVED] if terms.waived else critical[Outcome.FAILED]
    verdict = Verdict.PASSED if not failed else Verdict.WAIVED if terms.waived else Verdict.FAILED
    audit = {
        "name": name,
        "verdict": verdict,
        "time": _now(),
        "failed_critical": failed,
        "refused": critical[Outcome.REFUSED],
        "note": terms.note,
        "checks": rows,
    }
    page = pages.write(settings.quality, audit)
    checks = tuple(Check(each["name"], each["severity"], each["outcome"], each["observed"]) for each in rows)
    return Audit(verdict, tuple(failed), checks, page)


def _is_critical(check: Mapping[str, Any], outcome: Outcome) -> bool:
    return bool(check["severity"] == CRITICAL and check["outcome"] == outcome)


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


def _check(parts: Sequence[ExpectationResult], terms: Terms) -> dict[str, Any]:
    """One check as the results file keeps it."""
    planned = parts[0].planned
    return {
        "name": planned.name,
        "description": planned.description,
        "severity": planned.severity,
        "scope": planned.table or planned.scope,
        "outcome": _outcome_of(parts, terms),
        "observed": _observed_of(parts),
        "expectations": [{"type": each.planned.expectation, "kwargs": dict(each.planned.kwargs)} for each in parts],
        "sample": [dict(row) for each in parts for row in each.sample][:SAMPLE_ROWS],
    }


def _observed_of(parts: Sequence[ExpectationResult]) -> str:
    """What the results of one check observed. Rows that fail are added up."""
    rows = sum(each.rows for each in parts)
    if rows and not any(each.error for each in parts):
        return rows_fail(rows)
    return "; ".join(dict.fromkeys(each.error or each.observed for each in parts))


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
