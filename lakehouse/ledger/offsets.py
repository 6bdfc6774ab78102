"""Offset ranges and the plan of the next batch, as pure values and functions without Spark and Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self


class Columns(Protocol):
    """A row of a table, as a mapping or as Spark gives it."""

    def __getitem__(self, name: str, /) -> Any: ...


class OffsetsError(Exception):
    """Kafka's log does not fit the ledger's cursor. Nothing may move until a person decides."""


@dataclass(frozen=True, order=True)
class TopicPartition:
    """One partition of one incarnation of a topic: a topic that is deleted and made again has another id."""

    topic: str
    topic_id: str
    partition: int

    @classmethod
    def of(cls, row: Columns) -> Self:
        return cls(row["topic"], row["topic_id"], row["partition"])

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, order=True)
class OffsetRange:
    """A half-open range: `start` is its first offset, `until` the first one after it."""

    at: TopicPartition
    start: int
    until: int

    @classmethod
    def of(cls, row: Columns) -> Self:
        return cls(TopicPartition.of(row), row["start"], row["until"])

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


@dataclass(frozen=True, order=True)
class Loss:
    """Offsets [start, until) that will never be read.

    Without `until`: all the rest of that incarnation of the topic.
    """

    at: TopicPartition
    start: int
    until: int | None

    @classmethod
    def of(cls, row: Columns) -> Self:
        return cls(TopicPartition.of(row), row["start"], row["until"])

    def __str__(self) -> str:
        return f"{self.at} [{self.start}, {'end of the old topic' if self.until is None else self.until})"


@dataclass(frozen=True)
class Mismatch:
    """A partition whose log does not fit the cursor: what happened, and the loss that going on would accept."""

    sentence: str
    loss: Loss


def mismatches(
    cursor: Mapping[TopicPartition, int], logs: Sequence[Log], lost: Sequence[Loss] = ()
) -> tuple[Mismatch, ...]:
    """Compares the next offset of each partition with Kafka's logs. Recorded losses (`lost`) are not reported again.

    Finds: a topic that is gone or was made again, a partition that is gone, offsets that expired before they were read,
    and a cursor ahead of the log.
    """
    now = {log.at: log for log in logs}
    by_place = {(log.at.topic, log.at.partition): log.at for log in logs}
    topics = {log.at.topic for log in logs}
    found = []
    for at, next_offset in sorted(living(cursor, lost).items()):
        log = now.get(at)
        other = by_place.get((at.topic, at.partition))
        if log is None:
            if other is not None:
                what = f"the topic was deleted and made again (id {at.topic_id} is now {other.topic_id})"
            else:
                what = f"the {'partition' if at.topic in topics else 'topic'} is gone (topic id {at.topic_id})"
            sentence = f"{at}: {what}; what was not read of it is lost, read so far: offsets below {next_offset}"
            found.append(Mismatch(sentence, Loss(at, next_offset, None)))
        elif (first := _behind(at, next_offset, lost)) < log.earliest:
            found.append(
                Mismatch(
                    f"{at}: offsets [{first}, {log.earliest}) expired before they were read",
                    Loss(at, first, log.earliest),
                )
            )
        elif next_offset > log.end and _behind(at, log.end, lost) < next_offset:
            found.append(
                Mismatch(
                    f"{at}: the cursor {next_offset} is ahead of the log's end {log.end}; what Kafka gives the offsets "
                    f"[{log.end}, {next_offset}) from now on would not be read. To lose nothing that is sent from now on, "
                    "delete the topic and run `make up`: a topic made again begins at 0",
                    Loss(at, log.end, next_offset),
                )
            )
    return tuple(found)


def unreadable(ranges: Sequence[OffsetRange], logs: Sequence[Log], lost: Sequence[Loss] = ()) -> tuple[Mismatch, ...]:
    """As `mismatches`, for planned ranges that are not read yet: the parts of them that Kafka no longer holds."""
    wanted = [r for r in readable(ranges, lost) if len(r)]
    found = mismatches({r.at: r.start for r in wanted}, logs, lost)
    broken, ends = {each.loss.at for each in found}, {log.at: log.end for log in logs}
    return found + tuple(
        Mismatch(
            f"{r.at}: planned were the offsets {r}, but the log ends at {ends[r.at]}: it was cut off",
            Loss(r.at, max(r.start, ends[r.at]), r.until),
        )
        for r in wanted
        if r.at not in broken and ends[r.at] < r.until
    )


def check(found: Sequence[Mismatch]) -> None:
    """Refuses to go on if there is a mismatch.

    Raises:
        OffsetsError: names every mismatch with its exact range, and the command that records it.
    """
    if found:
        raise OffsetsError(
            "Kafka no longer holds what the ledger expects; nothing was moved:\n  "
            + "\n  ".join(each.sentence for each in found)
            + "\nRestore the topic if you can. If what is missing is to be given up, record it, then ingest goes on:\n"
            "  lakehouse accept-loss --why '...'"
        )


def living(cursor: Mapping[TopicPartition, int], lost: Sequence[Loss]) -> dict[TopicPartition, int]:
    """The cursor without the incarnations of topics that were given up as a whole."""
    retired = {loss.at for loss in lost if loss.until is None}
    return {at: offset for at, offset in cursor.items() if at not in retired}


def readable(ranges: Sequence[OffsetRange], lost: Sequence[Loss]) -> tuple[OffsetRange, ...]:
    """The planned ranges without their recorded losses.

    A loss is the beginning of a range (expired) or its end (cut off).
    """
    retired = {loss.at for loss in lost if loss.until is None}
    left = []
    for r in ranges:
        cut = [
            x.start for x in lost if x.at == r.at and x.until is not None and x.start > r.start and x.until >= r.until
        ]
        until = min([r.until, *cut])
        start = until if r.at in retired else min(until, _behind(r.at, r.start, lost))
        left.append(OffsetRange(r.at, start, until))
    return tuple(left)


def plan_batch(
    cursor: Mapping[TopicPartition, int], logs: Sequence[Log], max_events: int, lost: Sequence[Loss] = ()
) -> tuple[OffsetRange, ...]:
    """The next batch: from the cursor to the ends of the logs, at most `max_events` offsets, shared out in proportion.

    A partition that the cursor does not name is new. It starts at offset 0, so that messages which expired before the
    first read are noticed. Every partition is in the plan, even with an empty range: the plan is the next cursor. A
    range begins where the one before it ended, even if its beginning is recorded as lost (see `readable`). Returns ()
    if there is nothing new.

    Raises:
        OffsetsError: see `check`.
    """
    known = living(cursor, lost)
    start = {log.at: known.get(log.at, 0) for log in logs}
    check(mismatches({**known, **start}, logs, lost))
    waiting = {log.at: max(0, log.end - start[log.at]) for log in logs}
    total = sum(waiting.values())
    if total == 0:
        return ()
    share = {at: n if total <= max_events else n * max_events // total for at, n in waiting.items()}
    left = min(total, max_events) - sum(share.values())
    for at in sorted(waiting):  # the remainder of rounding, one offset each
        if left > 0 and share[at] < waiting[at]:
            share[at] += 1
            left -= 1
    return tuple(OffsetRange(log.at, start[log.at], start[log.at] + share[log.at]) for log in sorted(logs, key=_place))


def next_cursor(ranges: Sequence[OffsetRange]) -> dict[TopicPartition, int]:
    """The cursor after a planned batch."""
    return {r.at: r.until for r in ranges}


def found_in(ranges: Sequence[OffsetRange], offsets: Iterable[int]) -> list[OffsetRange]:
    """Those of `offsets` that lie in one of the ranges, neighbours joined.

    Both are of one partition, in ascending order.
    """
    found: list[OffsetRange] = []
    left = iter(ranges)
    now = next(left, None)
    for offset in offsets:
        while now is not None and now.until <= offset:
            now = next(left, None)
        if now is None:
            break
        if offset < now.start:
            continue
        if found and found[-1].until == offset:
            found[-1] = OffsetRange(now.at, found[-1].start, offset + 1)
        else:
            found.append(OffsetRange(now.at, offset, offset + 1))
    return found


def _place(log: Log) -> TopicPartition:
    return log.at


def _behind(at: TopicPartition, offset: int, lost: Sequence[Loss]) -> int:
    """The first offset from `offset` on that is not recorded as lost."""
    for loss in sorted(loss for loss in lost if loss.at == at and loss.until is not None):
        if loss.until is not None and loss.start <= offset < loss.until:
            offset = loss.until
    return offset
