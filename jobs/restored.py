"""Restored: records by name what a restored backup lacks, and erases again who was erased since it was made."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jobs.entries import submit
from jobs.raw.losses import read_losses, record
from jobs.raw.lost import current
from jobs.runtime.job import WHO, WHY, Job, Option, start
from jobs.upkeep.erasures import list_erasures, listed_erasures
from lakehouse.erasure_list import later, read
from lakehouse.ledger.entries import Request
from lakehouse.ledger.offsets import Loss, TopicPartition
from lakehouse.ledger.vocabulary import Kind

LOST: Option = ("--lost", {"default": "[]", "help": "JSON: rows of ops.losses' ranges that the backup names"})
ERASURES: Option = ("--erasures", {"type": Path, "help": "the list of erasures; none: nobody was erased since"})


def record_losses(job: Job) -> None:
    """The end of each partition's old incarnation, from the first offset that the backup or its ledger had not read."""
    found = [*(each.loss for each in current(job)), *map(Loss.of, json.loads(job.options.lost))]
    recorded = {loss.at for loss in read_losses(job) if loss.until is None}  # by a try that was killed
    first: dict[TopicPartition, Loss] = {}
    for loss in sorted(found, key=lambda loss: (loss.at, loss.start)):
        if loss.at not in recorded:
            first.setdefault(loss.at, loss)
    if first:
        record(job, list(first.values()), job.options.who, job.options.why)
    for loss in first.values():
        job.say(f"recorded as lost: {loss}")


def erase_again(job: Job) -> None:
    """Erases all whom the list names and the restored tables do not."""
    for each in later(read(job.options.erasures), listed_erasures(job)):
        submit.carry_out(job, Request(Kind.ERASE, each.who, each.why, 0, player_hash=each.player_hash))


if __name__ == "__main__":
    with start("restored", sys.argv[1:], WHO, WHY, LOST, ERASURES) as job:
        record_losses(job)
        if job.options.erasures:
            erase_again(job)
        list_erasures(job)
