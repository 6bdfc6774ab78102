"""The page of one issue: what is open in quarantine for one reason, a masked sample, and how to replay it."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import dataclass

from expectations.pages.source import Row, Source
from lakehouse.contract.model import Contracts
from lakehouse.contract.personal import masked_event_id, masked_text, masked_value, whole_value

SAMPLE_ROWS = 10
SAMPLE_BYTES = 65_536  # of a value, that are read

PLACES = 100  # that are listed
ALL, TYPE, PLACE = 3, 1, 0  # levels of COUNTS

# All of it, each event type, and the newest places, in one pass.
COUNTS = f"""
select * from (
  select grouping(event_type, batch_id) as level, event_date, batch_id, event_type, count(*) as rows,
    count_if(at_fault = false) as held, min(kafka_timestamp) as first_seen, max(kafka_timestamp) as last_seen,
    count(*) over (partition by grouping(event_type, batch_id)) as places,
    row_number() over (partition by grouping(event_type, batch_id) order by event_date desc, batch_id desc, event_type) as place
  from ops.quarantine_open where reason_code = ? {{and_batch}}
  group by grouping sets ((), (event_type), (event_date, batch_id, event_type)))
where place <= {PLACES} order by level desc, place
"""
SAMPLE = f"""
select topic, partition, "offset", kafka_timestamp, batch_id, entry_id, event_type, event_id, player, field, rule, at_fault,
  substr(value, 1, {SAMPLE_BYTES}) as value, length(value) as bytes
from ops.quarantine_open where reason_code = ? {{and_batch}} order by kafka_timestamp desc limit {SAMPLE_ROWS}
"""


@dataclass(frozen=True)
class Sampled:
    """One message of the sample. `player` and `value` are masked unless somebody asked for them by name."""

    place: str
    time: dt.datetime
    batch_id: int
    event_type: str | None
    event_id: str | None
    at: str
    at_fault: bool | None
    player: str | None
    value: str


@dataclass(frozen=True)
class IssuePage:
    """All of the page. `batch_id`: the only one that is looked at, if it is one. `where`: the newest of so many `places`."""

    reason: str
    batch_id: int | None
    revealed: bool
    rows: int
    held: int
    first_seen: dt.datetime | None
    last_seen: dt.datetime | None
    where: tuple[Row, ...]
    places: int
    owners: tuple[str, ...]
    sample: tuple[Sampled, ...]
    query: str
    command: str


def load(source: Source, contracts: Contracts, reason: str, batch_id: int | None, revealed: bool) -> IssuePage:
    """A reason of which nothing is open has an empty page. Raises what the source raises."""
    and_batch = "" if batch_id is None else "and batch_id = ?"
    chosen = () if batch_id is None else (batch_id,)
    found = source.all(
        {"sample": (SAMPLE.format(and_batch=and_batch), reason, *chosen)},
        counts=(COUNTS.format(and_batch=and_batch), reason, *chosen),
    )
    total = next(row for row in found["counts"] if row["level"] == ALL)
    types = {row["event_type"] for row in found["counts"] if row["level"] == TYPE}
    where = [row for row in found["counts"] if row["level"] == PLACE]
    only_batch = "" if batch_id is None else f" and batch_id = {batch_id}"
    batch_option = "" if batch_id is None else f" --batch {batch_id}"
    return IssuePage(
        reason=reason,
        batch_id=batch_id,
        revealed=revealed,
        rows=total["rows"],
        held=total["held"],
        first_seen=total["first_seen"],
        last_seen=total["last_seen"],
        where=tuple({**row, "event_type": _known(row["event_type"], contracts)} for row in where),
        places=where[0]["places"] if where else 0,
        owners=tuple(sorted({contracts[each].owner for each in types if each in contracts})),
        sample=tuple(_sampled(row, contracts, revealed) for row in found["sample"]),
        query="select * from ops.quarantine_open where reason_code = "
        + "'"
        + reason.replace("'", "''")
        + "'"
        + only_batch
        + " order by kafka_timestamp desc limit 20",
        command=f"lakehouse quarantine replay --reason {shlex.quote(reason)}{batch_option} --why 'what was corrected' --dry-run",
    )


def _known(event_type: str | None, contracts: Contracts) -> str | None:
    """None of a type that no contract names: it is anybody's text."""
    return event_type if event_type in contracts else None


def _sampled(row: Row, contracts: Contracts, revealed: bool) -> Sampled:
    value = row["value"]
    cut = value is not None and (row["bytes"] or 0) > len(value)
    return Sampled(
        place=f"{row['topic']}-{row['partition']} @ {row['offset']}",
        time=row["kafka_timestamp"],
        batch_id=row["batch_id"],
        event_type=_known(row["event_type"], contracts),
        event_id=row["event_id"] if revealed else masked_event_id(row["event_id"]),
        at=", ".join(f"{name} {row[name]}" for name in ("field", "rule") if row[name]),
        at_fault=row["at_fault"],
        player=row["player"] if revealed else masked_text(row["player"]),
        value=whole_value(value) if revealed else masked_value(value, contracts) + ("…" if cut else ""),
    )
