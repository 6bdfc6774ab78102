"""Drain: makes sure that the newest planned batch is in raw, then plans and appends more until Kafka is read."""

from __future__ import annotations

import time
from collections.abc import Mapping

from jobs.raw import raw_events
from jobs.raw.losses import read_losses
from jobs.runtime.at_work import at_work
from jobs.runtime.job import Job
from jobs.runtime.session import tune_for
from lakehouse.clients.kafka import admin, read_logs
from lakehouse.ledger.entries import Entry
from lakehouse.ledger.offsets import (
    Log,
    Loss,
    TopicPartition,
    check,
    mismatches,
    next_cursor,
    plan_batch,
    readable,
    unreadable,
)
from lakehouse.ledger.vocabulary import Kind
from lakehouse.names import RAW_EVENTS

FIRST_SECONDS = 600.0  # after this time a run begins no further batch, so that the drained ones are published


def drain_waiting(job: Job) -> int:
    """Drains batch by batch until one is not full, so that all waiting messages are in raw, or until the time is over.

    Returns the number of batches.

    Raises:
        OffsetsError: Kafka no longer holds what the ledger expects; nothing was moved.
    """
    until, batches = time.monotonic() + FIRST_SECONDS, 0
    snapshot = job.ledger.read()
    entry_id, cursor, newest = snapshot.last_entry_id + 1, snapshot.cursor, snapshot.newest_ingest
    if newest is not None and not newest.closed:
        append(job, newest)  # an earlier run may have stopped between its plan and its append

    # Each plan follows the newest ingest that was just seen in raw. If the ledger were read again here, a batch that
    # another run planned meanwhile, and that is not in raw yet, would count as drained.
    while (entry := plan_next(job, entry_id, cursor)) is not None:
        append(job, entry)
        batches += 1
        if entry.messages < job.settings.max_events_per_batch:
            break
        if time.monotonic() > until:
            job.say("more waits in Kafka; the next run goes on with it")
            break
        entry_id, cursor = entry.entry_id + 1, next_cursor(entry.ranges)
    return batches


def plan_next(job: Job, entry_id: int, cursor: Mapping[TopicPartition, int]) -> Entry | None:
    """Plans the messages after the cursor, the end of the newest ingest, as the entry with this number.

    Returns the ingest with this number, planned by this run or by another. None if Kafka has nothing new, or if the
    entry is of another kind.

    Raises:
        OffsetsError: Kafka no longer holds what the ledger expects.
    """
    logs = logs_of(job, {at.topic for at in cursor})
    lost: tuple[Loss, ...] = ()
    if mismatches({log.at: 0 for log in logs} | {**cursor}, logs):  # a partition that no plan names begins at 0
        lost = read_losses(job)
    ranges = plan_batch(cursor, logs, job.settings.max_events_per_batch, lost)
    if not ranges:
        job.say("nothing new in Kafka")
        return None

    job.hooks.at("before_plan")
    job.ledger.plan_ingest(entry_id, ranges)
    job.hooks.at("after_plan")
    entry = job.ledger.read_entry(entry_id)
    if entry.kind != Kind.INGEST:
        job.say(f"entry {entry_id} became a {entry.kind} of another run; the next run plans again")
        return None
    return entry


def logs_of(job: Job, planned: set[str]) -> list[Log]:
    """The logs of all topics of the contracts, and of those `planned` before that no contract names now."""
    with admin(job.settings) as client:
        return read_logs(client, job.contracts.topics, may_be_gone=planned)


def append(job: Job, entry: Entry) -> None:
    """Appends an entry's planned messages to raw, unless they are there.

    Raises:
        OffsetsError: some of them are neither in Kafka nor in raw nor recorded as lost.
    """
    job.hooks.at("before_raw")
    logs = logs_of(job, {r.at.topic for r in entry.ranges})
    lost: tuple[Loss, ...] = ()
    if unreadable(entry.ranges, logs):
        if job.store.read(RAW_EVENTS).where(f"batch_id = {entry.entry_id}").limit(1).collect():
            return  # the batch is in raw already
        lost = read_losses(job)
        check(unreadable(entry.ranges, logs, lost))
    ranges = readable(entry.ranges, lost)
    tune_for(job.spark, entry.messages)
    with at_work(job, f"batch {entry.entry_id}: {sum(map(len, ranges))} offsets are brought from Kafka into raw"):
        raw_events.append_batch(job.spark, job.store, job.settings.kafka_bootstrap, entry.entry_id, ranges)
    tune_for(job.spark, 0)  # for the query of the ledger that follows
    job.hooks.at("after_raw")
    job.say(f"batch {entry.entry_id}: {sum(map(len, ranges))} offsets are in raw")
