"""What Kafka lost: the newest plan and the recorded losses of the ledger, compared with what Kafka holds now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakehouse import names
from lakehouse.contract import load_contracts
from lakehouse.kafka_logs import admin, read_logs
from lakehouse.offsets import Log, Loss, Mismatch, OffsetRange, TopicPartition, mismatches, next_cursor, unreadable
from lakehouse.query import query
from lakehouse.settings import Settings


def discrepancies(settings: Settings) -> tuple[Mismatch, ...]:
    """Everything that keeps ingest from going on, by the tables as Trino reads them; () if nothing does.

    Raises:
        OffsetsError: a topic was never made. QueryError: Trino does not answer.
        kafka.errors.KafkaError: the broker does not answer.
    """
    plan = query(
        settings,
        f"""
        select entry_id, r.topic, r.topic_id, r.partition, r.start, r.until
        from {names.LEDGER.qualified} cross join unnest(ranges) as r(topic, topic_id, partition, start, until)
        where step = 'planned' and entry_id = (
          select max(entry_id) from {names.LEDGER.qualified} where kind = 'ingest' and step = 'planned')
        """,
    )
    ranges = [
        OffsetRange(TopicPartition(r["topic"], r["topic_id"], r["partition"]), r["start"], r["until"]) for r in plan
    ]
    lost = query(
        settings,
        f"select distinct r.topic, r.topic_id, r.partition, r.start, r.until from {names.LOSSES.qualified} "
        "cross join unnest(ranges) as r(topic, topic_id, partition, start, until)",
    )
    newest = plan[0]["entry_id"] if plan else 0
    in_raw = query(settings, "select 1 as there from raw.events where batch_id = ? limit 1", [newest])
    done = query(
        settings,
        f"select 1 as there from {names.LEDGER.qualified} where entry_id = ? and step = 'done'",
        [newest],
    )
    with admin(settings) as client:
        logs = read_logs(client, load_contracts(settings.contracts).topics, may_be_gone={r.at.topic for r in ranges})
    return compare(
        ranges,
        bool(in_raw or done),
        logs,
        [Loss(TopicPartition(r["topic"], r["topic_id"], r["partition"]), r["start"], r["until"]) for r in lost],
    )


def compare(
    newest: Sequence[OffsetRange], read: bool, logs: Sequence[Log], lost: Sequence[Loss]
) -> tuple[Mismatch, ...]:
    """What does not fit: of the cursor behind the newest plan, and of that plan's ranges unless they were `read` into raw.

    A partition that no plan knows begins at 0, so that what expired before it was ever read is found too.
    """
    cursor = {log.at: 0 for log in logs} | next_cursor(newest)
    found = {each.loss: each for each in mismatches(cursor, logs, lost)}
    if not read:
        found |= {each.loss: each for each in unreadable(newest, logs, lost)}
    return tuple(found[loss] for loss in sorted(found, key=lambda loss: (loss.at, loss.start)))


def as_expected(found: Iterable[Mismatch]) -> str:
    """The losses on one line, as the form of accept_loss takes them and its job compares them."""
    return "; ".join(str(each.loss) for each in found)
