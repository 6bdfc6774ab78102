"""How well a table is: the worst of its freshness, its audits and its quarantine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import IntEnum

DAILY_LATE, DAILY_TOO_LATE = dt.timedelta(hours=26), dt.timedelta(hours=50)
RUNS_LATE, RUNS_TOO_LATE = 4, 20  # times that ingest should have run
LEAST = dt.timedelta(minutes=5)


class Health(IntEnum):
    """Worse is more."""

    GOOD = 0
    UNKNOWN = 1
    WARN = 2
    BAD = 3

    @property
    def word(self) -> str:
        """For the reader, and the class of its colour."""
        return {0: "good", 1: "unknown", 2: "look", 3: "bad"}[self.value]


def worst(of: Iterable[Health]) -> Health:
    return max(of, default=Health.UNKNOWN)


def of_freshness(lag: dt.timedelta | None, every_minutes: int, *, nothing_waits: bool = False) -> Health:
    """Of an event table, by how long ago it was complete; `nothing_waits`: Kafka has nothing that ingest has not read."""
    if nothing_waits:
        return Health.GOOD
    if lag is None:
        return Health.UNKNOWN
    run = dt.timedelta(minutes=every_minutes)
    if lag <= max(RUNS_LATE * run, LEAST):
        return Health.GOOD
    return Health.WARN if lag <= max(RUNS_TOO_LATE * run, 2 * LEAST) else Health.BAD


def of_daily(lag: dt.timedelta | None) -> Health:
    """Of a daily table, which is built once a day."""
    if lag is None:
        return Health.UNKNOWN
    return Health.GOOD if lag <= DAILY_LATE else Health.WARN if lag <= DAILY_TOO_LATE else Health.BAD


def of_audit(failed_critical: int, failed_warnings: int) -> Health:
    return Health.BAD if failed_critical else Health.WARN if failed_warnings else Health.GOOD


def of_quarantine(held: int, rows: int) -> Health:
    """`held`: of the open rows those that an audit holds or refuses."""
    return Health.BAD if held else Health.WARN if rows else Health.GOOD
