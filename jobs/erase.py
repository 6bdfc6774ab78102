"""Erase: deletes a player from raw, the event tables, the daily facts, quarantine and staging."""

from __future__ import annotations

import sys

from jobs.entries import submit
from jobs.entries.commit import close_all
from jobs.live.follow import follow
from jobs.raw.drain import drain_waiting, logs_of
from jobs.runtime.job import WHO, WHY, Job, start
from jobs.upkeep.erasures import hash_of, list_erasures, read_key
from lakehouse.ledger.entries import LedgerError, Request
from lakehouse.ledger.vocabulary import Kind

TRIES = 100  # attempts to drain all waiting messages before an erasure


def erase(job: Job) -> None:
    """Erases the player that the settings name, and the player's messages in Kafka.

    Messages sent from now on are kept.
    """
    player = job.settings.erase_player
    if not player:
        sys.exit("erase: no player is named; set LAKEHOUSE_ERASE_PLAYER")
    player_hash = hash_of(player, read_key(job.settings.erasure_key_file))
    list_erasures(job)  # a list that cannot be written stops it here, not once it is decided
    drain_everything(job)
    submit.carry_out(job, Request(Kind.ERASE, job.options.who, job.options.why, 0, player_hash=player_hash))


def drain_everything(job: Job) -> None:
    """Drains all messages that are in Kafka now and closes their batches, so that no earlier message is left out."""
    topics = {at.topic for at in job.ledger.read().cursor}
    ends = {log.at: log.end for log in logs_of(job, topics)}
    for _ in range(TRIES):  # another run may take the number of an entry; then messages are left to drain
        if all(job.ledger.read().cursor.get(at, 0) >= end for at, end in ends.items()):
            close_all(job)
            return
        drain_waiting(job)
    raise LedgerError(f"what waits in Kafka could not be drained in {TRIES} tries; nothing was erased, try again")


if __name__ == "__main__":
    with start("erase", sys.argv[1:], WHO, WHY) as job:
        erase(job)
        follow(job)
