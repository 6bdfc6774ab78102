"""The page of one table: its contract, its last checks by column, its days, and what happened to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from expectations.pages import overview, shared
from expectations.pages.counted import Counts
from expectations.pages.source import Row, Source
from expectations.results import Outcome
from lakehouse.catalog import tables as catalog
from lakehouse.contract.model import Contract, Contracts
from lakehouse.ledger.vocabulary import BuildStep, Kind, Step, Verdict

DAYS = overview.DAYS  # so that both pages ask the same
LATELY = dt.timedelta(days=1)  # in which the last audit most probably was
LAST_EVENTS = 40
LEAST_RATE = 0.95  # of a day that needs no look
ORDER = tuple(map(str, (Outcome.FAILED, Outcome.REFUSED, Outcome.WAIVED, Outcome.PASSED, Outcome.SKIPPED)))

FRESHNESS = "select table_name, complete_through, lag_seconds from ops.freshness"
# A check of no table is about all of its batch.
LAST_CHECKS = """
select name, description, severity, scope, tables, field, outcome, observed, allowed, rows_checked, rows_failing, audited_at,
  entry_id, day
from ops.checks where event_date >= ? and (cardinality(tables) = 0 or arrays_overlap(tables, array[?, ?]))
  and {of} in (select max({of}) from ops.checks where event_date >= ? and arrays_overlap(tables, array[?, ?]))
"""
OF_ENTRY, OF_DAY = LAST_CHECKS.format(of="entry_id"), LAST_CHECKS.format(of="day")
DAY_AUDITS = """
select day, max_by(verdict, time) as verdict, max(time) as time from ops.audits where day >= ? group by day
"""
BUILDS = f"""
select day, max(time) as time, max(built_through) as built_through from ops.day_builds
where day >= ? and step = '{BuildStep.FINISHED}' group by day
"""
CHANGES = f"""
select entry_id, any_value(kind) as kind, max(who) filter (where step = '{Step.PLANNED}') as who,
  max(why) filter (where step = '{Step.PLANNED}') as why, max(waiver) as waiver, max(day) as day,
  any_value(tables) filter (where step = '{Step.PLANNED}') as tables, max(time) as time,
  bool_or(step = '{Step.ABANDONED}') as abandoned, max(verdict) as verdict
from ops.ledger where kind <> '{Kind.INGEST}' and time >= ? group by entry_id order by entry_id desc
"""
CONTRACTS = f"""
select contracts_hash, min(time) as time, min(entry_id) as entry_id from ops.ledger
where step = '{Step.DECIDED}' and time >= ? group by contracts_hash order by time
"""


@dataclass(frozen=True)
class Column:
    """One column with its last checks, failed ones first."""

    name: str
    kind: str
    comment: str
    personal: bool
    checks: tuple[Row, ...]


@dataclass(frozen=True)
class Day:
    """One day of a table: of an event table what was published and quarantined, of a daily table its build and audit."""

    day: dt.date
    rows: int
    quarantined: int
    rate: float | None
    verdict: str
    built: dt.datetime | None

    @property
    def needs_look(self) -> bool:
        """Whether its audit failed, or many of its messages went to quarantine."""
        return self.verdict == Verdict.FAILED or (self.rate is not None and self.rate < LEAST_RATE)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of it."""
        return not (self.rows or self.quarantined or self.built or self.verdict)


@dataclass(frozen=True)
class Event:
    """Something that happened to the table."""

    time: dt.datetime
    what: str
    words: str
    entry_id: int | None


@dataclass(frozen=True)
class TablePage:
    """All of the page."""

    name: str
    description: str
    owner: str
    event_type: str | None
    topic: str | None
    version: int | None
    complete_through: dt.datetime | None
    lag: dt.timedelta | None
    columns: tuple[Column, ...]
    whole: tuple[Row, ...]
    days: tuple[Day, ...]
    events: tuple[Event, ...]
    audited_entry: int | None
    audited_day: dt.date | None


def load(source: Source, counts: Counts, contracts: Contracts, name: str, now: dt.datetime) -> TablePage | None:
    """None: there is no such table. Raises what the source raises."""
    definition = next((each for each in catalog.definitions(contracts) if each.table.name == name), None)
    if definition is None or definition.table.database != "game":
        return None
    contract = next((each for each in contracts.values() if each.table == name), None)
    now = now.replace(second=0, microsecond=0)
    since = now.date() - dt.timedelta(days=DAYS - 1)
    nothing: dict[str, Sequence[Row]] = dict.fromkeys(("rows", "quarantined", "audits", "builds", "contracts"), ())
    with ThreadPoolExecutor(1) as beside:
        rows = beside.submit(counts.rows, source) if contract else None
        found = nothing | source.all(**_questions(name, contract, since, now.date() - LATELY))
    if rows:
        found["rows"] = rows.result()
    checks = found["checks"] or source.rows(*_last_checks(name, contract, since))
    if not contract and checks:  # a day that was built twice was audited twice
        newest = max(row["audited_at"] for row in checks)
        checks = [row for row in checks if row["audited_at"] == newest]
    return build(definition, contract, found, checks, since, now)


def _questions(name: str, contract: Contract | None, since: dt.date, lately: dt.date) -> dict[str, tuple[Any, ...]]:
    """An event table is complete as all of them are, which is answered sooner than how each table is.

    Days are built and audited of daily tables; contracts judge the rows of event tables.
    """
    start = dt.datetime.combine(since, dt.time(), dt.UTC)
    questions = {"checks": _last_checks(name, contract, lately), "changes": (CHANGES, start)}
    if contract is None:
        return questions | {
            "freshness": (FRESHNESS,),
            "audits": (DAY_AUDITS, since),
            "builds": (BUILDS, since),
        }
    return questions | {
        "quarantined": (overview.QUARANTINED, since),
        "ingested": (overview.INGESTED,),
        "contracts": (CONTRACTS, start),
    }


def _last_checks(name: str, contract: Contract | None, since: dt.date) -> tuple[Any, ...]:
    about = (name, next((view for view, table in overview.VIEWS.items() if table == name), name))
    return (OF_ENTRY if contract else OF_DAY, since, *about, since, *about)


def build(
    definition: catalog.Definition,
    contract: Contract | None,
    found: Mapping[str, Sequence[Row]],
    checks: Sequence[Row],
    since: dt.date,
    now: dt.datetime,
) -> TablePage:
    """The page out of the answers."""
    name = definition.table.name
    fresh = found["ingested"] if contract else found["freshness"]
    there = next((row for row in fresh if contract or row["table_name"] == f"game.{name}"), None)
    columns = tuple(
        Column(
            column,
            kind,
            comment,
            contract is not None and (column in contract.personal or column in PERSONAL),
            in_order(row for row in checks if row["field"] == column),
        )
        for column, (kind, comment) in definition.columns.items()
    )
    by_column = {each.name for each in columns}
    return TablePage(
        name=name,
        description=definition.comment,
        owner=contract.owner if contract else "lakehouse",
        event_type=contract.event_type if contract else None,
        topic=contract.topic if contract else None,
        version=contract.version if contract else None,
        complete_through=there["complete_through"] if there else None,
        lag=shared.lag_of(there),
        columns=columns,
        whole=in_order(row for row in checks if row["field"] not in by_column),
        days=_days(name, contract, found, since, now.date()),
        events=_events(name, found),
        audited_entry=next((row["entry_id"] for row in checks), None),
        audited_day=next((row["day"] for row in checks), None),
    )


PERSONAL = ("player", "host", "user_agent", "accept", "http_headers", "raw_event")


def in_order(checks: object) -> tuple[Row, ...]:
    """Failed first, critical before warnings."""
    rows: list[Row] = list(checks)  # type: ignore[call-overload]
    return tuple(sorted(rows, key=lambda row: (ORDER.index(row["outcome"]), row["severity"], row["name"])))


def _days(
    name: str, contract: Contract | None, found: Mapping[str, Sequence[Row]], since: dt.date, until: dt.date
) -> tuple[Day, ...]:
    own = [row for row in found["rows"] if row["destination"] == name]
    rows = {row["event_date"]: row["rows"] for row in own}
    arrived = {row["event_date"]: row["arrived"] for row in own}
    event_type = contract.event_type if contract else None
    bad = {row["event_date"]: row["rows"] for row in found["quarantined"] if row["event_type"] == event_type}
    verdicts = {row["day"]: row["verdict"] for row in found["audits"]}
    built = {row["day"]: row["time"] for row in found["builds"]}
    days = [since + dt.timedelta(days=at) for at in range((until - since).days + 1)]
    return tuple(
        Day(
            day,
            rows.get(day, 0),
            bad.get(day, 0),
            overview.rate(arrived.get(day, 0), bad.get(day, 0)),
            verdicts.get(day, ""),
            built.get(day),
        )
        for day in reversed(days)
    )


def _events(name: str, found: Mapping[str, Sequence[Row]]) -> tuple[Event, ...]:
    """Rebuilds, waivers, discards and erasures, builds of days, and other contracts, newest first."""
    events = []
    for row in found["changes"]:
        if row["tables"] and name not in row["tables"]:
            continue
        waived = row["verdict"] == Verdict.WAIVED
        what = "waiver" if waived else row["kind"]
        told = f"{row['who'] or 'somebody'}: {(row['waiver'] if waived else row['why']) or 'no reason is recorded'}"
        day = f"day {row['day']}, " if row["day"] else ""
        events.append(
            Event(row["time"], f"{what} abandoned" if row["abandoned"] else what, f"{day}{told}", row["entry_id"])
        )
    events += [
        Event(row["time"], "build", f"day {row['day']} through entry {row['built_through']}", None)
        for row in found["builds"]
    ]
    events += [
        Event(row["time"], "contracts", f"judged by {row['contracts_hash'][:12]} from here on", row["entry_id"])
        for row in found["contracts"][1:]
        if row["contracts_hash"]
    ]
    return tuple(sorted(events, key=lambda each: each.time, reverse=True)[:LAST_EVENTS])
