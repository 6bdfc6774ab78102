"""The selection of open messages in quarantine by a form, a command or an entry of the ledger."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Selection:
    """Which open rows. A field that is None selects any; a reason may end with `*` for any rest.

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
            # the day too, since the table is partitioned by it
            parts += [("kafka_timestamp >= from_iso8601_timestamp(?)", utc(self.since))]
            parts += [("event_date >= date(?)", utc(self.since)[:10])]
        if self.until is not None:
            parts += [("kafka_timestamp < from_iso8601_timestamp(?)", utc(self.until))]
            parts += [("event_date <= date(?)", utc(self.until)[:10])]
        return " and ".join(sql for sql, _ in parts) or "true", [value for _, value in parts]

    def as_conf(self) -> dict[str, Any]:
        """The fields of the forms of replay_quarantine and discard_quarantine. Those that are None are left out."""
        conf = {
            "reason": self.reason,
            "event_type": self.event_type,
            "batch_id": self.batch_id,
            "since": utc(self.since) if self.since else None,
            "until": utc(self.until) if self.until else None,
        }
        return {name: value for name, value in conf.items() if value is not None}


def in_utc(time: dt.datetime) -> dt.datetime:
    """The time in UTC. One without a zone is in UTC already. Raises OverflowError outside of the years 1 to 9999."""
    return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)


def utc(time: dt.datetime) -> str:
    """2026-01-02T03:04:05.000006Z."""
    return time.astimezone(dt.UTC).isoformat().removesuffix("+00:00") + "Z"
