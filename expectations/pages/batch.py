"""The page of one ledger entry: what went in and out, its checks, who is at fault, and what was done since."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.pages import table
from expectations.pages.source import Row, Source
from lakehouse.contract.model import Contracts
from lakehouse.ledger.vocabulary import Destination, Step

CHECKS = """
select name, description, severity, scope, tables, field, outcome, observed, allowed, rows_checked, rows_failing, audited_at
from ops.checks where event_date between ? and ? and entry_id = ?
"""
ENTRY = """
select step, kind, run, time, verdict, failed_checks, refused, waiver, who, why, day, tables, contracts_hash, ranges, counts,
  selection, comparison
from ops.ledger where entry_id = ?
"""
FAULTS = """
select reason_code, event_type, at_fault, count(*) as rows from ops.quarantine
where entry_id = ? group by 1, 2, 3 order by 4 desc, 1
"""
SINCE = """
select a.action, a.entry_id, a.who, a.why, count(*) as rows from ops.quarantine q
join ops.quarantine_actions a on a.topic_id = q.topic_id and a.partition = q.partition and a."offset" = q."offset"
  and a.entry_id > q.entry_id
where q.entry_id = ? group by 1, 2, 3, 4 order by 2
"""
STILL_OPEN = "select count(*) as rows from ops.quarantine_open where entry_id = ?"


@dataclass(frozen=True)
class Fault:
    """Quarantined rows of the entry of one reason and type."""

    reason: str
    event_type: str | None
    owner: str
    at_fault: int
    held: int
    unknown: int


@dataclass(frozen=True)
class Went:
    """Rows of one destination."""

    destination: str
    rows: int
    is_table: bool


@dataclass(frozen=True)
class BatchPage:
    """All of the page."""

    entry_id: int
    kind: str
    status: str
    verdict: str
    steps: tuple[Row, ...]
    who: str | None
    why: str | None
    waiver: str | None
    abandoned_because: str | None
    day: dt.date | None
    run: str | None
    offsets: int
    went: tuple[Went, ...]
    failed_checks: tuple[str, ...]
    refused: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]
    checks: tuple[Row, ...]
    since: tuple[Row, ...]
    still_open: int
    contracts_hash: str

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.went)


def load(source: Source, contracts: Contracts, entry_id: int) -> BatchPage | None:
    """None: there is no such entry. Raises what the source raises."""
    steps = source.rows(ENTRY, entry_id)
    if not any(row["step"] == Step.PLANNED for row in steps):
        return None
    decided = next((row["time"] for row in steps if row["step"] == Step.DECIDED), None)
    nearby = dt.timedelta(days=1)  # results are dated by the audit, which is just before the decision
    questions: dict[str, tuple[Any, ...]] = {
        "faults": (FAULTS, entry_id),
        "since": (SINCE, entry_id),
        "open": (STILL_OPEN, entry_id),
    }
    if decided:
        questions["checks"] = (CHECKS, decided.date() - nearby, decided.date(), entry_id)
    return build(entry_id, contracts, {"checks": (), **source.all(**questions), "steps": steps})


def build(entry_id: int, contracts: Contracts, found: Mapping[str, Sequence[Row]]) -> BatchPage:
    """The page out of the answers."""
    steps = {row["step"]: row for row in found["steps"]}
    planned = steps[Step.PLANNED]
    decided = steps.get(Step.DECIDED)
    last = next(steps[step] for step in (Step.DONE, Step.ABANDONED, Step.DECIDED, Step.PLANNED) if step in steps)
    counted: Counter[str] = Counter()
    for each in (steps.get(Step.DONE) or decided or {}).get("counts") or ():
        counted[each[0]] += each[4]
    abandoned = steps.get(Step.ABANDONED)
    return BatchPage(
        entry_id=entry_id,
        kind=planned["kind"],
        status=last["step"],
        verdict=(decided["verdict"] if decided else "") or "",
        steps=tuple(sorted(found["steps"], key=lambda row: row["time"])),
        who=planned["who"],
        why=planned["why"],
        waiver=planned["waiver"],
        abandoned_because=abandoned["why"] if abandoned else None,
        day=planned["day"],
        run=last["run"],
        offsets=sum(each[4] - each[3] for each in planned["ranges"] or ()),
        went=tuple(
            Went(name, rows, Destination.is_event_table(name))
            for name, rows in sorted(
                counted.items(), key=lambda each: (not Destination.is_event_table(each[0]), -each[1])
            )
        ),
        failed_checks=tuple((decided or {}).get("failed_checks") or ()),
        refused=tuple((str(each[0]), int(each[1])) for each in (decided or {}).get("refused") or ()),
        faults=_faults(found["faults"], contracts),
        checks=table.in_order(found["checks"]),
        since=tuple(found["since"]),
        still_open=found["open"][0]["rows"] if found["open"] else 0,
        contracts_hash=(decided["contracts_hash"] if decided else "") or "",
    )


def _faults(found: Sequence[Row], contracts: Contracts) -> tuple[Fault, ...]:
    groups: dict[tuple[str, str | None], Counter[bool | None]] = {}
    for row in found:
        groups.setdefault((row["reason_code"], row["event_type"]), Counter())[row["at_fault"]] += row["rows"]
    known = {name: each.owner for name, each in contracts.items()}
    return tuple(
        Fault(
            reason,
            event_type if event_type in known else None,
            known.get(event_type or "", "nobody's contract"),
            rows[True],
            rows[False],
            rows[None],
        )
        for (reason, event_type), rows in groups.items()
    )
