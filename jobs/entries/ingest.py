"""Stages an ingest: judges the messages of its batch into a new folder and audits them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.entries.rows import PublishesRows
from jobs.judging.duplicates import Bounds
from jobs.raw import drain
from jobs.raw.losses import read_losses
from jobs.raw.progress import mirror_end
from jobs.runtime.session import tune_for
from jobs.staging import audit, files, last_resort
from lakehouse import names
from lakehouse.clients.kafka_reader import offsets_with_message
from lakehouse.ledger.entries import Count, Decision, Entry, Snapshot
from lakehouse.ledger.offsets import OffsetRange, found_in, readable
from lakehouse.ledger.vocabulary import Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job

NAMED = 10  # ranges of missing messages that an error names


class Ingest(PublishesRows):
    """New messages from Kafka."""

    def stage(self, job: Job, entry: Entry, snapshot: Snapshot) -> Decision:
        """Judges the entry's messages into a new staging folder and audits them; changes no table but raw.

        Raises:
            BalanceError: the messages do not add up.
        """
        raw = job.store.read(names.RAW_EVENTS)
        batch = raw.where(f"batch_id = {entry.entry_id}")
        tune_for(job.spark, entry.messages)
        in_raw, bounds = count(batch, entry.entry_id)
        if sum(each.rows for each in in_raw) != entry.messages:  # a batch comes to raw whole, or not at all
            drain.append(job, entry)
            in_raw, bounds = count(batch, entry.entry_id)
        check_range(job, entry, in_raw)
        if not in_raw:  # nothing but transaction markers, or all of it recorded as lost
            return Decision(job.attempt_id, job.judged_by, Verdict.PASSED, (), (), "", "")

        rows = sum(each.rows for each in in_raw)
        folder = last_resort.stage(job, entry, last_resort.Batch(job, entry, snapshot, raw, bounds, rows))
        job.hooks.at("after_stage")
        staged = files.read(job.spark, folder)
        if rows < files.SPLIT_FROM_ROWS:
            staged = staged.coalesce(1)  # then no query over it exchanges rows between two stages
        tally = files.tally(staged)
        files.check_balance(in_raw, tally.counts)

        job.hooks.at("before_audit")
        terms = audit.Terms(*audit.recent(job, snapshot))
        return audit.decide(job, f"ingest-{entry.entry_id:06d}", staged, tally, folder, terms, entry.entry_id)

    def after(self, job: Job, entry: Entry) -> None:
        """Tells lag monitors and the cheap look how far ingest is."""
        mirror_end(job, entry)


def count(batch: DataFrame, batch_id: int) -> tuple[list[Count], Bounds | None]:
    """Rows of a batch in raw per topic, partition and day, and the bounds of its event ids, in one query."""
    from pyspark.sql import functions as F

    figures = (F.count("*").alias("rows"), F.min("event_id").alias("low"), F.max("event_id").alias("high"))
    found = batch.groupBy("topic", "partition", "event_date").agg(*figures).collect()
    counts = sorted(Count("raw", r["topic"], r["partition"], r["event_date"], r["rows"]) for r in found)
    named = [r for r in found if r["low"] is not None]
    if not named:
        return counts, None
    days = [r["event_date"] for r in named]
    ids = (min(r["low"] for r in named), max(r["high"] for r in named))
    return counts, Bounds(ids, (min(days), max(days)), (batch_id, batch_id))


def check_range(job: Job, entry: Entry, in_raw: Sequence[Count]) -> None:
    """Checks that every planned offset is in raw, recorded as lost, or without a message (a transaction marker, say).

    Raises:
        BalanceError: names the offsets that hold a message and are not in raw.
        OffsetsError: Kafka does not say what they hold.
    """
    rows: dict[tuple[str, int], int] = {}
    for each in in_raw:
        rows[each.topic, each.partition] = rows.get((each.topic, each.partition), 0) + each.rows
    if all(rows.get((r.at.topic, r.at.partition), 0) == len(r) for r in entry.ranges):
        return
    wanted = readable(entry.ranges, read_losses(job))
    short = [r for r in wanted if rows.get((r.at.topic, r.at.partition), 0) < len(r)]
    raw = job.store.read(names.RAW_EVENTS).where(f"batch_id = {entry.entry_id}")
    lost: list[OffsetRange] = []
    for gaps in gaps_of(raw, short):
        asked = OffsetRange(gaps[0].at, gaps[0].start, gaps[-1].until)
        lost += found_in(gaps, offsets_with_message(job.settings, asked))
    many = [r for r in entry.ranges if rows.get((r.at.topic, r.at.partition), 0) > len(r)]
    if lost or many:
        named = ", ".join(map(str, lost[:NAMED])) + (f" and {len(lost) - NAMED} more" if len(lost) > NAMED else "")
        raise files.BalanceError(
            f"batch {entry.entry_id} is not what was planned, so it is not decided; planned: "
            f"{', '.join(map(str, [*short, *many]))}; messages that are not in raw: {named or 'none, but rows are too many'}"
        )


def gaps_of(raw: DataFrame, wanted: Sequence[OffsetRange]) -> list[list[OffsetRange]]:
    """The gaps of each range: its parts without a row in `raw`. Ranges without a gap are left out."""
    from pyspark.sql import functions as F

    places = ["topic", "partition"]
    rows = [(r.at.topic, r.at.partition, r.start, r.until) for r in wanted]
    ranges = raw.sparkSession.createDataFrame(rows, "topic string, partition int, start bigint, until bigint")
    inside = raw.join(F.broadcast(ranges), places).where("`offset` >= start and `offset` < until")
    edges = ranges.selectExpr(*places, "explode(array(start - 1, until)) as `offset`")
    following = "lead(`offset`) over (partition by topic, partition order by `offset`)"
    gaps = (
        inside.select(*places, "offset")
        .unionAll(edges)
        .selectExpr(*places, "`offset` + 1 as start", f"{following} as until")
        .where("start < until")
    )
    found: dict[tuple[str, int], list[OffsetRange]] = {}
    ids = {(r.at.topic, r.at.partition): r.at for r in wanted}
    for row in gaps.orderBy(*places, "start").collect():
        key = (row["topic"], row["partition"])
        found.setdefault(key, []).append(OffsetRange(ids[key], row["start"], row["until"]))
    return list(found.values())
