"""Drain: makes sure that the newest planned batch is in raw, then plans the next one and appends it."""

from __future__ import annotations

import sys

from jobs import raw
from jobs.job import Job, job
from jobs.kafka_logs import admin, read_logs
from jobs.ledger import INGEST, Entry
from jobs.offsets import plan_batch
from jobs.session import tune_for
from lakehouse.names import RAW_EVENTS


def drain(run: Job) -> Entry | None:
    """One batch from Kafka to raw. Returns the entry it planned (or found planned by another), None if nothing is new.

    Raises:
        OffsetsError: Kafka no longer holds what the ledger expects; nothing was moved.
    """
    snapshot = run.ledger.read()
    newest = snapshot.newest_ingest
    if newest is not None and not newest.closed:
        append(run, newest)  # an earlier run may have stopped between its plan and its append

    # The plan comes from the very snapshot whose newest ingest was just seen in raw: were the ledger read again here,
    # a batch that somebody planned meanwhile, and that is not in raw yet, would be taken for drained.
    with admin(run.settings.kafka_bootstrap) as client:
        logs = read_logs(client, run.contracts.topics)
    ranges = plan_batch(snapshot.cursor, logs, run.settings.max_events_per_batch)
    if not ranges:
        run.say("nothing new in Kafka")
        return None

    entry_id = snapshot.last_entry_id + 1
    run.hooks.at("before_plan")
    run.ledger.plan_ingest(entry_id, ranges)
    run.hooks.at("after_plan")
    entry = run.ledger.read_entry(entry_id)
    if entry.kind != INGEST:
        run.say(f"entry {entry_id} became a {entry.kind} of another run; the next run plans again")
        return None
    append(run, entry)
    return entry


def append(run: Job, entry: Entry) -> None:
    """Appends an entry's planned messages to raw; does nothing if they are there."""
    run.hooks.at("before_raw")
    tune_for(run.spark, sum(map(len, entry.ranges)))
    path = run.path(RAW_EVENTS)
    raw.append_batch(run.spark, run.settings.kafka_bootstrap, path, entry.entry_id, entry.ranges)
    run.hooks.at("after_raw")
    run.say(f"batch {entry.entry_id}: {sum(map(len, entry.ranges))} offsets are in raw")


if __name__ == "__main__":
    with job("drain", sys.argv[1:]) as this:
        drain(this)
