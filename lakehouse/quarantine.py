"""What is open in quarantine: the selection of a form or a command, and the questions that Trino answers about it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from lakehouse.query import query
from lakehouse.settings import Settings

BYTES_SHOWN = 120


@dataclass(frozen=True)
class Selection:
    """Which open rows: a reason (or its beginning, with `*` behind it), and others; what is None takes any.

    Times are Kafka's, [since, until), with a zone.
    """

    reason: str | None = None
    event_type: str | None = None
    batch_id: int | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """As a condition on ops.quarantine_open, with its parameters."""
        parts: list[tuple[str, Any]] = []
        if self.reason is not None and self.reason.endswith("*"):
            parts.append(("starts_with(reason_code, ?)", self.reason[:-1]))
        elif self.reason is not None:
            parts.append(("reason_code = ?", self.reason))
        if self.event_type is not None:
            parts.append(("event_type = ?", self.event_type))
        if self.batch_id is not None:
            parts.append(("batch_id = ?", self.batch_id))
        if self.since is not None:
            # the day too, which is the partition
            parts += [("kafka_timestamp >= from_iso8601_timestamp(?)", utc(self.since))]
            parts += [("event_date >= date(?)", utc(self.since)[:10])]
        if self.until is not None:
            parts += [("kafka_timestamp < from_iso8601_timestamp(?)", utc(self.until))]
            parts += [("event_date <= date(?)", utc(self.until)[:10])]
        return " and ".join(sql for sql, _ in parts) or "true", [value for _, value in parts]

    def as_conf(self) -> dict[str, Any]:
        """As the forms of replay_quarantine and discard_quarantine take it; what is None is left out."""
        conf = {
            "reason": self.reason,
            "event_type": self.event_type,
            "batch_id": self.batch_id,
            "since": utc(self.since) if self.since else None,
            "until": utc(self.until) if self.until else None,
        }
        return {name: value for name, value in conf.items() if value is not None}


def in_utc(time: dt.datetime) -> dt.datetime:
    """The time in UTC, which it is of if it has no zone. Raises OverflowError: in UTC it is not of the years 1 to 9999."""
    return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)


def utc(time: dt.datetime) -> str:
    """2026-01-02T03:04:05.000006Z."""
    return time.astimezone(dt.UTC).isoformat().removesuffix("+00:00") + "Z"


def counted(settings: Settings, selection: Selection) -> list[dict[str, Any]]:
    """Open rows by reason_code, at_fault, event_type, event_date and batch_id, newest day first. Raises QueryError."""
    condition, parameters = selection.condition()
    return query(
        settings,
        f"""
        select reason_code, at_fault, event_type, event_date, batch_id, count(*) as messages from ops.quarantine_open
        where {condition} group by 1, 2, 3, 4, 5
        order by event_date desc, batch_id desc, reason_code, at_fault desc, event_type
        """,
        parameters,
    )


def by_reason(settings: Settings, selection: Selection) -> dict[str, int]:
    """Open rows per reason code, the most frequent first. Raises QueryError."""
    condition, parameters = selection.condition()
    rows = query(
        settings,
        f"select reason_code, count(*) as messages from ops.quarantine_open where {condition} group by 1 order by 2 desc, 1",
        parameters,
    )
    return {row["reason_code"]: row["messages"] for row in rows}


def rows(settings: Settings, selection: Selection, limit: int) -> list[dict[str, Any]]:
    """The newest open rows, at most `limit`, with the first bytes of each value as text. Raises QueryError."""
    condition, parameters = selection.condition()
    return query(
        settings,
        f"""
        select topic, topic_id, partition, "offset", kafka_timestamp, batch_id, entry_id, event_type, event_id, player,
          reason_code, field, rule, at_fault, from_utf8(substr(value, 1, {BYTES_SHOWN})) as value, length(value) as bytes
        from ops.quarantine_open where {condition}
        order by kafka_timestamp desc, topic, partition, "offset" desc limit {int(limit)}
        """,
        parameters,
    )
