"""Accept loss: records what Kafka no longer holds and nobody read, so that ingest goes on without it."""

from __future__ import annotations

import sys

from jobs.drain import logs_of
from jobs.job import WHO, WHY, Job, Option, job
from jobs.losses import read_losses, record
from lakehouse import names
from lakehouse.offsets import Mismatch, mismatches, unreadable

EXPECTED: Option = (
    "--expected",
    {"default": "", "help": "the ranges as they were shown to you; refused if others are found"},
)


def accept_loss(run: Job) -> None:
    """Records every mismatch between the ledger and Kafka that is there now."""
    found = current(run)
    text = "; ".join(str(each.loss) for each in found)
    if not found:
        run.say("Kafka holds all that the ledger expects; there is no loss to accept")
        return
    for each in found:
        run.say(f"  {each.sentence}")
    expected = run.options.expected.strip()
    if expected and expected != text:
        sys.exit(f"accept_loss: you accepted «{expected}», but now it is «{text}»; look again, nothing was recorded")
    record(run, [each.loss for each in found], run.options.who, run.options.why)
    run.say(f"recorded as lost: {text}")


def current(run: Job) -> list[Mismatch]:
    """What does not fit: the cursor, and the batches that are planned but not read yet."""
    snapshot = run.ledger.read()
    logs = logs_of(run, {at.topic for at in snapshot.cursor})
    lost = read_losses(run)
    cursor = {**{log.at: 0 for log in logs}, **snapshot.cursor}  # a partition that is new begins at 0
    found = {each.loss: each for each in mismatches(cursor, logs, lost)}
    raw = run.spark.read.format("delta").load(run.path(names.RAW_EVENTS))
    for entry in snapshot.open_entries:
        planned = unreadable(entry.ranges, logs, lost)
        if planned and not raw.where(f"batch_id = {entry.entry_id}").limit(1).collect():
            found |= {each.loss: each for each in planned}
    return [found[loss] for loss in sorted(found, key=lambda loss: (loss.at, loss.start))]


if __name__ == "__main__":
    with job("accept_loss", sys.argv[1:], WHO, WHY, EXPECTED) as this:
        accept_loss(this)
