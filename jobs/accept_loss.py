"""Accept loss: records the unread messages that Kafka no longer holds, so that ingest goes on without them."""

from __future__ import annotations

import sys

from jobs.raw.losses import record
from jobs.raw.lost import current
from jobs.runtime.job import WHO, WHY, Job, Option, start
from lakehouse.ledger.losses import as_expected

EXPECTED: Option = (
    "--expected",
    {"default": "", "help": "the ranges as they were shown to you; refused if others are found"},
)


def accept_loss(job: Job) -> None:
    """Records every mismatch between the ledger and Kafka at this moment."""
    found = current(job)
    text = as_expected(found)
    if not found:
        job.say("Kafka holds all that the ledger expects; there is no loss to accept")
        return
    for each in found:
        job.say(f"  {each.sentence}")
    expected = job.options.expected.strip()
    if expected and expected != text:
        sys.exit(f"accept_loss: you accepted «{expected}», but now it is «{text}»; look again, nothing was recorded")
    record(job, [each.loss for each in found], job.options.who, job.options.why)
    job.say(f"recorded as lost: {text}")


if __name__ == "__main__":
    with start("accept_loss", sys.argv[1:], WHO, WHY, EXPECTED) as job:
        accept_loss(job)
