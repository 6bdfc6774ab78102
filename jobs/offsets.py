"""Offset ranges and the plan of the next batch: pure values and functions, neither Spark nor Kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class OffsetsError(Exception):
    """Kafka's log and the ledger's cursor do not fit; nothing may move until somebody decides."""


@dataclass(frozen=True, order=True)
class TopicPartition:
    """One partition of one incarnation of a topic: a topic that is deleted and made again has another id."""

    topic: str
    topic_id: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, order=True)
class OffsetRange:
    """Half-open: `start` is the first offset of the range, `until` the first one behind it."""

    at: TopicPartition
    start: int
    until: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.until:
            raise ValueError(f"{self.at}: [{self.start}, {self.until}) is not a range of offsets")

    def __len__(self) -> int:
        return self.until - self.start

    def __str__(self) -> str:
        return f"{self.at} [{self.start}, {self.until})"


@dataclass(frozen=True)
class Log:
    """What Kafka holds of one partition now: offsets [earliest, end)."""

    at: TopicPartition
    earliest: int
    end: int


def check_logs(cursor: Mapping[TopicPartition, int], logs: Sequence[Log]) -> None:
    """Compares the ledger's cursor (the next offset of each partition) with Kafka's logs.

    Raises:
        OffsetsError: a topic was recreated, a partition is gone, offsets expired before they were read, or the cursor
            is ahead of the log. The message names each with its exact ranges; all are named, not only the first.
    """
    now = {log.at: log for log in logs}
    by_place = {(log.at.topic, log.at.partition): log.at for log in logs}
    wrong = []
    for at, next_offset in sorted(cursor.items()):
        log = now.get(at)
        if log is None:
            other = by_place.get((at.topic, at.partition))
            if other is not None:
                wrong.append(
                    f"{at}: the topic was deleted and made again (id {at.topic_id} is now {other.topic_id}); "
                    f"what was not read of the old one is gone, read so far: offsets below {next_offset}"
                )
            else:
                wrong.append(f"{at}: the partition is gone (topic id {at.topic_id}), read so far: below {next_offset}")
        elif next_offset < log.earliest:
            wrong.append(f"{at}: offsets [{next_offset}, {log.earliest}) expired before they were read")
        elif next_offset > log.end:
            wrong.append(f"{at}: the cursor {next_offset} is ahead of the log's end {log.end}")
    if wrong:
        raise OffsetsError(
            "Kafka no longer holds what the ledger expects; nothing was moved:\n  "
            + "\n  ".join(wrong)
            + "\nRestore the topic, or record the loss before ingest goes on."
        )


def plan_batch(cursor: Mapping[TopicPartition, int], logs: Sequence[Log], max_events: int) -> tuple[OffsetRange, ...]:
    """The next batch: from the cursor to the ends, at most `max_events` offsets, over all partitions in proportion.

    A partition that the cursor does not know is new and starts at its beginning: offset 0, so that what expired before
    it was ever read is noticed. Every partition is in the plan, also with an empty range: the plan is the next cursor.
    Returns () if there is nothing new.

    Raises:
        OffsetsError: see `check_logs`.
    """
    start = {log.at: cursor.get(log.at, 0) for log in logs}
    check_logs({**cursor, **start}, logs)
    waiting = {log.at: log.end - start[log.at] for log in logs}
    total = sum(waiting.values())
    if total == 0:
        return ()
    share = {at: n if total <= max_events else n * max_events // total for at, n in waiting.items()}
    left = min(total, max_events) - sum(share.values())
    for at in sorted(waiting):  # what rounding left over, one offset each
        if left > 0 and share[at] < waiting[at]:
            share[at] += 1
            left -= 1
    return tuple(OffsetRange(log.at, start[log.at], start[log.at] + share[log.at]) for log in sorted(logs, key=_place))


def next_cursor(ranges: Sequence[OffsetRange]) -> dict[TopicPartition, int]:
    """The cursor behind a planned batch."""
    return {r.at: r.until for r in ranges}


def _place(log: Log) -> TopicPartition:
    return log.at
