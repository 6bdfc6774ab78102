"""What several pages say alike: times, durations, addresses."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote

from expectations.pages.source import Row


def lag_of(freshness: Row | None) -> dt.timedelta | None:
    """Of a row of ops.freshness."""
    if freshness is None or freshness["lag_seconds"] is None:
        return None
    return dt.timedelta(seconds=freshness["lag_seconds"])


def duration(lag: dt.timedelta | None) -> str:
    """In the two largest units."""
    if lag is None:
        return "unknown"
    seconds = max(0, int(lag.total_seconds()))
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next((at for at, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def count(number: int, one: str, more: str = "") -> str:
    """A number and what it is of: `1 message`, `2 messages`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def moment(time: dt.datetime | dt.date | None) -> str:
    """A time in UTC, to the minute; a day as it is."""
    if time is None:
        return "–"
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M}" if isinstance(time, dt.datetime) else str(time)


def run_address(airflow: str, run: str | None) -> str | None:
    """Of an Airflow run, as the ledger names it (`<dag>/<run>`); None if somebody started the job by hand."""
    dag, found, run_id = (run or "").partition("/")
    return f"{airflow}/dags/{quote(dag)}/runs/{quote(run_id)}" if found else None
