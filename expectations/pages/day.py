"""The page of one built day: its audits, the last one with its checks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from expectations.pages import table
from expectations.pages.source import Row, Source

AUDITS = "select verdict, failed, run, time from ops.audits where day = ? order by time desc"
CHECKS = """
select name, description, severity, scope, tables, field, outcome, observed, allowed, rows_checked, rows_failing, audited_at
from ops.checks where day = ? and event_date >= ? and audited_at = ?
"""
BUILDS = "select cause, step, built_through, run, time from ops.day_builds where day = ? order by time desc"


@dataclass(frozen=True)
class DayPage:
    """All of the page; `audits` and `builds` newest first."""

    day: dt.date
    audits: tuple[Row, ...]
    builds: tuple[Row, ...]
    checks: tuple[Row, ...]


def load(source: Source, day: dt.date) -> DayPage | None:
    """None: the day was never built or audited. Raises what the source raises."""
    found = source.all(audits=(AUDITS, day), builds=(BUILDS, day))
    if not found["audits"] and not found["builds"]:
        return None
    last = found["audits"][0]["time"] if found["audits"] else None
    checks = source.rows(CHECKS, day, last.date(), last) if last else ()
    return DayPage(day, tuple(found["audits"]), tuple(found["builds"]), table.in_order(checks))
