"""What a run decided: the audits of its ledger entries or of its day, read in Trino, as a verdict with words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse import names
from lakehouse.query import query
from lakehouse.settings import Settings

FAILED = "failed"


@dataclass(frozen=True)
class Audited:
    """An audit that a run decided: what it was over, the critical checks that failed, and its page."""

    subject: str
    verdict: str
    failed: tuple[str, ...]
    page: str


def entries_of(settings: Settings, run: str) -> list[Audited]:
    """The audits of the ledger entries that this run decided or finished, lowest first."""
    ledger = names.LEDGER.qualified
    rows = query(
        settings,
        f"""
        select entry_id, kind, verdict, failed_checks, page from {ledger}
        where step = 'decided' and entry_id in (
          select entry_id from {ledger} where run = ? and step in ('decided', 'done'))
        order by entry_id
        """,
        [run],
    )
    return [_audited(f"entry {row['entry_id']} ({row['kind']})", row, row["failed_checks"]) for row in rows]


def days_of(settings: Settings, run: str) -> list[Audited]:
    """The last audit of each day that this run audited."""
    rows = query(
        settings,
        f"""
        select day, max_by(verdict, time) as verdict, max_by(failed, time) as failed, max_by(page, time) as page
        from {names.AUDITS.qualified} where run = ? group by day order by day
        """,
        [run],
    )
    return [_audited(f"day {row['day']}", row, row["failed"]) for row in rows]


def _audited(subject: str, row: Mapping[str, Any], failed: Sequence[str] | None) -> Audited:
    return Audited(subject, row["verdict"] or "", tuple(failed or ()), row["page"] or "")


def complaint(audits: Iterable[Audited], quality_url: str, what_to_do: str) -> str | None:
    """What to tell the operator about the audits that failed; None if none did."""
    lines = [
        f"{each.subject} failed its audit: {', '.join(each.failed) or 'no check is named'}. See {quality_url}{each.page}"
        for each in audits
        if each.verdict == FAILED
    ]
    return "\n".join([*lines, what_to_do]) if lines else None
