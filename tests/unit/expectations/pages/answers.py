"""What a Trino that is not there answers to the pages' questions, told by words of the statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings

NOW = dt.datetime(2026, 11, 27, 12, 30, 40, tzinfo=dt.UTC)
TODAY = NOW.date()
HOUR = NOW.replace(minute=0, second=0)
CONTRACTS = load_contracts(Settings().contracts)
ANNA = "anna <script>alert(1)</script>"
VALUE = (
    b'{"event_type": "message", "event_id": "e1", "player": "anna <script>alert(1)</script>", "group": "knights", '
    b'"text": "I am Anna", "member": "berta", "host": "anna.example", "user_agent": "annas phone", "else": "anna"}'
)


def check(name: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "description": "what it asks <b>for</b>", "severity": "warning", "scope": "batch",
        "tables": ["messages"], "field": None, "outcome": outcome, "observed": "1 row fails", "allowed": "no row",
        "rows_checked": 10, "rows_failing": 1, "audited_at": NOW, "entry_id": 7, "day": None, **more,
    }  # fmt: skip


CHECKS = [
    check("b_passed", "passed", rows_failing=0),
    check("message.text:length", "failed", field="text", observed="3 rows fail", allowed="1 to 5"),
    check("c_skipped", "skipped", rows_failing=None),
    check("a_critical", "failed", severity="critical"),
]
PLANNED = {
    "step": "planned", "kind": "ingest", "run": "ingest_events/scheduled__1", "time": NOW, "verdict": None,
    "failed_checks": None, "refused": None, "waiver": None, "who": None, "why": None, "day": None, "tables": None,
    "contracts_hash": None, "ranges": [("MessageHistory", "id", 0, 5, 15)], "counts": None, "selection": None,
    "comparison": None,
}  # fmt: skip
DECIDED = {
    **PLANNED, "step": "decided", "verdict": "failed", "failed_checks": ["a_critical"], "refused": [],
    "contracts_hash": "f00", "ranges": None,
    "counts": [("quarantine", "MessageHistory", 0, TODAY, 7), ("messages", "MessageHistory", 0, TODAY, 3)],
}  # fmt: skip
OPEN = {
    "reason_code": "audit:a_critical", "event_type": "message", "rows": 7, "held": 5, "first_seen": HOUR,
    "last_seen": NOW, "newest": 7, "before": 2,
}  # fmt: skip
SAMPLE = {
    "topic": "MessageHistory", "partition": 0, "offset": 9, "kafka_timestamp": NOW, "batch_id": 7, "entry_id": 7,
    "event_type": "message", "event_id": "e1", "player": ANNA, "field": "text", "rule": "length", "at_fault": True,
    "value": VALUE, "bytes": len(VALUE),
}  # fmt: skip


def counted(destination: str, day: dt.date, rows: int, **more: Any) -> dict[str, Any]:
    """A row of counted.ROWS."""
    row = {"destination": destination, "event_date": day, "rows": rows, "arrived": rows, "is_closed": True}
    return row | {"is_ingested": True, "last_entry_id": 7} | more


# (a word that only this statement has, its rows); the first that fits is the answer
ANSWERS: list[tuple[str, list[dict[str, Any]]]] = [
    (
        "from ops.freshness",
        [
            {
                "table_name": "game.messages", "complete_through": NOW, "lag_seconds": 4000,
            }
        ],
    ),
    (
        "c.destination, c.event_date",
        [
            counted("messages", TODAY, 3),
            counted("messages", TODAY - dt.timedelta(days=1), 8, last_entry_id=5),
            counted("quarantine", TODAY, 7),
            counted("duplicate", TODAY, 2),
        ],
    ),
    ("entry_id = batch_id", [{"event_type": "message", "event_date": TODAY, "rows": 1, "arrived": 1}]),
    ("as newest", [OPEN, {**OPEN, "reason_code": "unknown_type", "event_type": "annas own", "rows": 1, "held": 0}]),
    (
        "date_trunc('hour'",
        [
            {"hour": HOUR, "step": "decided", "verdict": "passed", "entries": 4},
            {"hour": HOUR, "step": "decided", "verdict": "failed", "entries": 1},
        ],
    ),
    ("as warnings", [{"table_name": "messages", "critical": 1, "warnings": 2}]),
    (
        "from ops.batches",
        [
            {
                "entry_id": 7, "kind": "ingest", "status": "done", "verdict": "failed", "failed_checks": ["a_critical"],
                "planned_at": NOW, "closed_at": NOW, "offsets": 12, "published": 3, "quarantined": 7, "duplicates": 2,
            }
        ],
    ),
    ("as closed_through from ops.ledger", [{"entry_id": 7, "closed_through": 6}]),
    ("from ops.ingested", [{"complete_through": NOW, "lag_seconds": 4000}]),
    ("from ops.checks", CHECKS),
    ("min(entry_id) as entry_id from ops.ledger", [
        {"contracts_hash": "f00", "time": HOUR, "entry_id": 1}, {"contracts_hash": "ba4", "time": NOW, "entry_id": 7},
    ]),
    (
        "kind <> 'ingest'",
        [
            {
                "entry_id": 6, "kind": "replay", "who": "ada", "why": "corrected", "waiver": "the owner saw it",
                "day": None, "tables": None, "time": NOW, "abandoned": False, "verdict": "waived",
            }
        ],
    ),
    ("from ops.ledger where entry_id = ?", [PLANNED, DECIDED]),
    (
        "from ops.quarantine\nwhere entry_id",
        [
            {"reason_code": "audit:a_critical", "event_type": "message", "at_fault": True, "rows": 2},
            {"reason_code": "audit:a_critical", "event_type": "message", "at_fault": False, "rows": 5},
            {"reason_code": "unknown_type", "event_type": "annas own", "at_fault": True, "rows": 1},
        ],
    ),
    (
        "join ops.quarantine_actions",
        [{"action": "waived", "entry_id": 8, "who": "ada", "why": "seen by the owner", "rows": 2}],
    ),
    ("count(*) as rows from ops.quarantine_open where entry_id", [{"rows": 5}]),
    ("substr(value", [SAMPLE]),
    (
        "as places",
        [
            {**OPEN, "level": 3, "event_type": None, "event_date": None, "batch_id": None, "rows": 4320, "places": 1},
            {**OPEN, "level": 1, "event_date": None, "batch_id": None, "places": 2},
            {**OPEN, "level": 1, "event_type": None, "event_date": None, "batch_id": None, "rows": 4313, "places": 2},
            {**OPEN, "level": 0, "event_date": TODAY, "batch_id": 7, "places": 2160},
            {**OPEN, "level": 0, "event_date": TODAY, "batch_id": 5, "rows": 1, "places": 2160},
        ],
    ),
    ("max_by(verdict", [{"day": TODAY - dt.timedelta(days=1), "verdict": "passed", "time": NOW}]),
    ("verdict, failed, run, time", [
        {"verdict": "failed", "failed": ["a_critical"], "run": "build_day/scheduled__1", "time": NOW},
    ]),
    ("cause, step", [
        {"cause": "rollup", "step": "finished", "built_through": 7, "run": "build_day/scheduled__1", "time": NOW},
    ]),
    ("from ops.day_builds", [{"day": TODAY - dt.timedelta(days=1), "time": NOW, "built_through": 7}]),
]  # fmt: skip


def answer(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of the first statement that fits. Raises AssertionError if the number of parameters is not that of the `?`."""
    assert sql.count("?") == len(parameters), sql
    return next(rows for words, rows in ANSWERS if words in sql)


def nothing(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
    """A lakehouse in which nothing has happened yet."""
    if "as closed_through" in sql:
        return [{"entry_id": None, "closed_through": None}]
    if "as places" in sql:
        return [{"level": 3, "rows": 0, "held": 0, "first_seen": None, "last_seen": None, "places": 1}]
    if "from ops.ingested" in sql:
        return [{"complete_through": None, "lag_seconds": None}]
    return [{"rows": 0}] if "count(*) as rows from ops.quarantine_open" in sql else []
