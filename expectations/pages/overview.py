"""The overview: every table with its health, and above it what is decided, open and waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from expectations.pages import counted, health, shared
from expectations.pages.counted import Counts
from expectations.pages.health import Health
from expectations.pages.source import Row, Source
from expectations.pages.waiting import Waiting
from expectations.results import Outcome
from expectations.rulebook import CRITICAL
from lakehouse.catalog.views import DAILY_TABLES
from lakehouse.contract.model import Contract, Contracts
from lakehouse.ledger.vocabulary import (
    BuildCause,
    BuildStep,
    Destination,
    Step,
    Verdict,
    sql_list,
)

DAYS = 30
HOURS = 48
LAST_BATCHES = 12
# What a check of a view says stands with the table that the view adds up.
VIEWS = {"player_inventory": "player_item_changes"}
WHOLE_BATCH = ""  # stands for the tables of a check that is about all of its batch

INGESTED = "select complete_through, lag_seconds from ops.ingested"
BUILT = f"""
select day, max(built_through) as built_through from ops.day_builds
where step = '{BuildStep.FINISHED}' and cause = '{BuildCause.ROLLUP}' group by 1
"""
QUARANTINED = """
select event_type, event_date, count(*) as rows from ops.quarantine
where event_date >= ? and entry_id = batch_id group by 1, 2
"""
OPEN = """
select reason_code, event_type, count(*) as rows, count_if(at_fault = false) as held,
  min(kafka_timestamp) as first_seen, max(kafka_timestamp) as last_seen,
  count_if(kafka_timestamp >= ?) as newest, count_if(kafka_timestamp >= ? and kafka_timestamp < ?) as before
from ops.quarantine_open group by 1, 2
"""
DECIDED = f"""
select date_trunc('hour', time) as hour, step, verdict, count(*) as entries from ops.ledger
where step in ('{Step.DECIDED}', '{Step.ABANDONED}') and time >= ? group by 1, 2, 3
"""
LAST = """
select entry_id, kind, status, verdict, failed_checks, planned_at, closed_at, offsets, published, quarantined, duplicates
from ops.batches where entry_id > ? order by entry_id desc
"""
FAILING = f"""
select t.name as table_name, count_if(severity = '{CRITICAL}' and outcome = '{Outcome.FAILED}') as critical,
  count_if(severity <> '{CRITICAL}' or outcome <> '{Outcome.FAILED}') as warnings
from ops.checks cross join unnest(if(cardinality(tables) = 0, array['{WHOLE_BATCH}'], tables)) as t(name)
where event_date >= ? and audited_at >= ? and outcome in ({sql_list((Outcome.FAILED, Outcome.REFUSED))}) group by 1
"""


@dataclass(frozen=True)
class TableRow:
    """One table. `rows`, `pass_rates`: a value a day, oldest first; a rate is 0 to 1, None on a day without messages."""

    name: str
    owner: str
    health: Health
    why: str
    complete_through: dt.datetime | None
    lag: dt.timedelta | None
    last_entry: int | None
    rows: tuple[int, ...]
    pass_rates: tuple[float | None, ...]
    open_rows: int


@dataclass(frozen=True)
class Issue:
    """What is open in quarantine for one reason."""

    reason: str
    rows: int
    held: int
    first_seen: dt.datetime
    last_seen: dt.datetime
    trend: str
    event_types: tuple[str, ...]


@dataclass(frozen=True)
class Decided:
    """How many entries were decided in one stretch of time."""

    label: str
    good: int
    bad: int


@dataclass(frozen=True)
class Overview:
    """All of the page. `volume`: messages a day, oldest first; `banners`: what somebody should do something about now."""

    now: dt.datetime
    banners: tuple[str, ...]
    tables: tuple[TableRow, ...]
    issues: tuple[Issue, ...]
    batches: tuple[Row, ...]
    by_hour: tuple[Decided, ...]
    by_day: tuple[Decided, ...]
    days: tuple[dt.date, ...]
    volume: tuple[int, ...]
    published: int
    quarantined: int
    duplicates: int
    duplicates_today: int

    @property
    def open_rows(self) -> int:
        return sum(each.rows for each in self.issues)


def load(
    source: Source,
    counts: Counts,
    contracts: Contracts,
    waiting: Callable[[], Waiting],
    every_minutes: int,
    now: dt.datetime,
) -> Overview:
    """Asks for everything at once. Raises what the source raises."""
    now = now.replace(second=0, microsecond=0)  # so that answers are kept
    day = dt.timedelta(days=1)
    since = now.date() - (DAYS - 1) * day
    threads = ThreadPoolExecutor(3)
    waits = threads.submit(waiting)  # beside what Trino is asked
    rows = threads.submit(counts.rows, source)
    last = threads.submit(_last, source)
    threads.shutdown(wait=False)
    found = source.all(
        ingested=(INGESTED,),
        built=(BUILT,),
        quarantined=(QUARANTINED, since),
        open=(OPEN, now - day, now - 2 * day, now - day),
        failing=(FAILING, now.date() - day, now - day),
        decided=(DECIDED, now - DAYS * day),
    )
    found |= {"last": last.result(), "rows": rows.result()}
    return build(found, contracts, waits.result(), every_minutes, now)


def _last(source: Source) -> Sequence[Row]:
    """The last entries. With the number of the newest Trino finds them without reading all of the ledger."""
    newest = source.rows(counted.NEWEST)[0]["entry_id"] or 0
    return source.rows(LAST, max(0, newest - LAST_BATCHES))


def build(
    found: Mapping[str, Sequence[Row]], contracts: Contracts, waiting: Waiting, every_minutes: int, now: dt.datetime
) -> Overview:
    """The page out of the answers."""
    days = tuple(now.date() - dt.timedelta(days=ago) for ago in range(DAYS - 1, -1, -1))
    rows = {(row["destination"], row["event_date"]): row["rows"] for row in found["rows"]}
    by_destination = {name: _per_day(rows, name, days) for name in {each["destination"] for each in found["rows"]}}
    tables = _tables(found, contracts, waiting, every_minutes, days, rows, now)
    nothing = (0,) * len(days)
    published = [sum(by_destination.get(each, nothing)[at] for each in contracts.tables) for at in range(len(days))]
    quarantined = by_destination.get(Destination.QUARANTINE, nothing)
    duplicates = by_destination.get(Destination.DUPLICATE, nothing)
    return Overview(
        now=now,
        banners=_banners(waiting, tables),
        tables=tables,
        issues=_issues(found["open"], contracts),
        batches=tuple(found["last"]),
        by_hour=_decided(
            found["decided"], [now.replace(minute=0) - dt.timedelta(hours=ago) for ago in range(HOURS)][::-1]
        ),
        by_day=_by_day(found["decided"], days),
        days=days,
        volume=tuple(sum(row["arrived"] for row in found["rows"] if row["event_date"] == day) for day in days),
        published=sum(published),
        quarantined=sum(quarantined),
        duplicates=sum(duplicates),
        duplicates_today=duplicates[-1],
    )


def _per_day(rows: Mapping[tuple[str, dt.date], int], name: str, days: Sequence[dt.date]) -> tuple[int, ...]:
    return tuple(rows.get((name, day), 0) for day in days)


def _tables(
    found: Mapping[str, Sequence[Row]],
    contracts: Contracts,
    waiting: Waiting,
    every_minutes: int,
    days: Sequence[dt.date],
    rows: Mapping[tuple[str, dt.date], int],
    now: dt.datetime,
) -> tuple[TableRow, ...]:
    failing = _failing(found["failing"], contracts)
    bad = {(row["event_type"], row["event_date"]): row["rows"] for row in found["quarantined"]}
    arrived = {(row["destination"], row["event_date"]): row["arrived"] for row in found["rows"]}
    # All event tables are complete alike, also one that has no row yet.
    complete = next(iter(found["ingested"]), None)
    last = _last_entries(found["rows"])
    tables = [
        _event_table(contract, complete, last, failing, found["open"], waiting, every_minutes, days, rows, arrived, bad)
        for contract in contracts.values()
    ]
    built = max((row["built_through"] for row in found["built"]), default=None)
    through = complete_day(
        {row["event_date"] for row in found["rows"] if row["is_ingested"] and row["event_date"]},
        {row["day"] for row in found["built"]},
    )
    tables += [_daily_table(name, through, built, failing.get(name, Health.GOOD), now) for name in DAILY_TABLES]
    return tuple(sorted(tables, key=lambda each: (-each.health, each.name)))


def _last_entries(rows: Sequence[Row]) -> dict[str, int]:
    """The newest entry that wrote into each destination."""
    last: dict[str, int] = {}
    for row in rows:
        last[row["destination"]] = max(row["last_entry_id"], last.get(row["destination"], 0))
    return last


def complete_day(with_events: Set[dt.date], built: Set[dt.date]) -> dt.date | None:
    """The day through which daily tables are complete, as ops.freshness says it: the first with events that is not built.

    Days before the first that was ever built do not count; None if none was.
    """
    if not built:
        return None
    left = [day for day in with_events - built if min(built) < day <= max(built)]
    return min(left, default=max(built) + dt.timedelta(days=1))


def _event_table(
    contract: Contract,
    complete: Row | None,
    last: Mapping[str, int],
    failing: Mapping[str, Health],
    opened: Sequence[Row],
    waiting: Waiting,
    every_minutes: int,
    days: Sequence[dt.date],
    rows: Mapping[tuple[str, dt.date], int],
    arrived: Mapping[tuple[str, dt.date], int],
    bad: Mapping[tuple[str, dt.date], int],
) -> TableRow:
    name = contract.table
    own = [row for row in opened if row["event_type"] == contract.event_type]
    held = sum(row["rows"] for row in own if row["reason_code"].startswith("audit:"))
    open_rows = sum(row["rows"] for row in own)
    lag = shared.lag_of(complete)
    parts = {
        "freshness": health.of_freshness(lag, every_minutes, nothing_waits=waiting.nothing),
        "audit": failing.get(name, Health.GOOD),
        "quarantine": health.of_quarantine(held, open_rows),
    }
    return TableRow(
        name=name,
        owner=contract.owner,
        health=health.worst(parts.values()),
        why=_why(parts),
        complete_through=complete["complete_through"] if complete else None,
        lag=lag,
        last_entry=last.get(name),
        rows=_per_day(rows, name, days),
        pass_rates=tuple(rate(arrived.get((name, day), 0), bad.get((contract.event_type, day), 0)) for day in days),
        open_rows=open_rows,
    )


def _daily_table(
    name: str, through: dt.date | None, last_entry: int | None, audit: Health, now: dt.datetime
) -> TableRow:
    complete = dt.datetime.combine(through, dt.time(), dt.UTC) if through else None
    lag = now - complete if complete else None
    parts = {"freshness": health.of_daily(lag), "audit": audit}
    return TableRow(
        name=name,
        owner="lakehouse",
        health=health.worst(parts.values()),
        why=_why(parts),
        complete_through=complete,
        lag=lag,
        last_entry=last_entry,
        rows=(),
        pass_rates=(),
        open_rows=0,
    )


def _failing(found: Sequence[Row], contracts: Contracts) -> dict[str, Health]:
    """How the audits were of each table. What holds a whole batch is bad for every event table; what only warns is of none."""
    audits: dict[str, Health] = {}
    for row in found:
        about = str(row["table_name"])
        whole = about == WHOLE_BATCH
        names = tuple(contracts.tables) if whole else (VIEWS.get(about, about),)
        of = health.of_audit(row["critical"], 0 if whole else row["warnings"])
        audits |= {name: health.worst((of, audits.get(name, Health.GOOD))) for name in names}
    return audits


def _why(parts: Mapping[str, Health]) -> str:
    """What makes it so; empty if all is good."""
    worst = health.worst(parts.values())
    return ", ".join(name for name, each in parts.items() if each == worst) if worst else ""


def rate(good: int, bad: int) -> float | None:
    """The share that passed as it arrived, whatever was replayed later; None of nothing."""
    return good / (good + bad) if good + bad else None


def _issues(opened: Sequence[Row], contracts: Contracts) -> tuple[Issue, ...]:
    by_reason: dict[str, list[Row]] = {}
    for row in opened:
        by_reason.setdefault(row["reason_code"], []).append(row)
    issues = [
        Issue(
            reason=reason,
            rows=sum(row["rows"] for row in rows),
            held=sum(row["held"] for row in rows),
            first_seen=min(row["first_seen"] for row in rows),
            last_seen=max(row["last_seen"] for row in rows),
            trend=_trend(sum(row["newest"] for row in rows), sum(row["before"] for row in rows)),
            event_types=tuple(sorted({_known(row["event_type"], contracts) for row in rows})),
        )
        for reason, rows in by_reason.items()
    ]
    return tuple(sorted(issues, key=lambda each: (-each.rows, each.reason)))


def _known(event_type: str | None, contracts: Contracts) -> str:
    """What no contract names is anybody's text, and not shown."""
    return event_type if event_type is not None and event_type in contracts else "unknown type"


def _trend(newest: int, before: int) -> str:
    """The last 24 hours beside the 24 hours before them."""
    if newest == before:
        return "none new" if not newest else f"→ {newest:,} in 24 h"
    return f"{'↑' if newest > before else '↓'} {newest:,} in 24 h, {before:,} before"


def _decided(found: Sequence[Row], hours: Sequence[dt.datetime]) -> tuple[Decided, ...]:
    sums: dict[dt.datetime, list[int]] = {hour: [0, 0] for hour in hours}
    for row in found:
        if row["hour"] in sums:
            sums[row["hour"]][_is_bad(row)] += row["entries"]
    return tuple(Decided(f"{hour:%H:00}", *numbers) for hour, numbers in sums.items())


def _by_day(found: Sequence[Row], days: Sequence[dt.date]) -> tuple[Decided, ...]:
    sums: dict[dt.date, list[int]] = {day: [0, 0] for day in days}
    for row in found:
        if row["hour"].date() in sums:
            sums[row["hour"].date()][_is_bad(row)] += row["entries"]
    return tuple(Decided(f"{day:%d %b}", *numbers) for day, numbers in sums.items())


def _is_bad(row: Row) -> bool:
    return bool(row["step"] == Step.ABANDONED or row["verdict"] == Verdict.FAILED)


def _banners(waiting: Waiting, tables: Sequence[TableRow]) -> tuple[str, ...]:
    lags = [each.lag for each in tables if each.rows and each.lag is not None and "freshness" in each.why]
    late = (
        (f"Ingest lags: the event tables are complete through {shared.duration(max(lags))} ago.",)
        if lags and not waiting.nothing
        else ()
    )
    return (*waiting.sentences, *late)
