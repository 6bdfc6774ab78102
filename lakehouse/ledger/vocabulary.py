"""The words of the ledger, each spelled once: Python, Spark SQL and Trino's views use these enums.

Each is a text, as the tables hold it: `f"step = '{Step.DONE}'"` is SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

# What tells one message from all others, also in a topic that was made again under its old name.
# (A list, as Spark's joins take it.)
MESSAGE_KEY = ["topic_id", "partition", "offset"]


class Kind(StrEnum):
    """What an entry does."""

    INGEST = "ingest"  # brings new messages from Kafka
    REPLAY = "replay"  # judges quarantined messages anew
    DISCARD = "discard"  # gives up quarantined messages
    REBUILD = "rebuild"  # makes a day's event tables anew from raw
    ERASE = "erase"  # deletes a player

    @property
    def may_be_abandoned(self) -> bool:
        """Whether it may end without a change. The messages of an ingest must go somewhere."""
        return self is not Kind.INGEST


class Step(StrEnum):
    """What a row of the ledger says of its entry; each once an entry."""

    PLANNED = "planned"
    DECIDED = "decided"
    ABANDONED = "abandoned"
    DONE = "done"

    @property
    def txn_app(self) -> str:
        """The transaction id of the commit. Decided and abandoned exclude each other, so they share one."""
        return {Step.PLANNED: "plan", Step.DECIDED: "decide", Step.ABANDONED: "decide", Step.DONE: "done"}[self]


class Verdict(StrEnum):
    """What an audit says of all rows of an entry or a day."""

    PASSED = "passed"  # they are published, but for single rows that a rule of rows refuses
    FAILED = "failed"  # all are held
    WAIVED = "waived"  # it would have failed or refused, and somebody accepted it: all are published


class Destination(StrEnum):
    """Where a judged message goes if not to an event table."""

    RAW = "raw"  # in raw.events alone: an erase counts so what it deletes there, and a trace says so of what waits
    QUARANTINE = "quarantine"
    DUPLICATE = "duplicate"  # a repetition of another arrival
    SUPPRESSED = "suppressed"  # of an erased player
    DISCARDED = "discarded"  # given up by a person; its row stays in quarantine
    NOT_ASKED = "not_asked"  # of a table that a rebuild leaves alone; in no ledger entry

    @classmethod
    def is_event_table(cls, destination: str) -> bool:
        """Whether what went there is published. No contract may name its table like one of these."""
        return destination not in set(cls)


# Where an entry that counts rows writes none.
NOWHERE = (Destination.DUPLICATE, Destination.SUPPRESSED, Destination.DISCARDED)
NOT_PUBLISHED = tuple(Destination)


class Action(StrEnum):
    """What was done to a quarantined message."""

    REPLAYED = "replayed"
    WAIVED = "waived"  # accepted although the audit failed
    REBUILT = "rebuilt"
    DISCARDED = "discarded"


class BuildCause(StrEnum):
    """What changes the daily tables of a day."""

    ROLLUP = "rollup"
    ERASE = "erase"


class BuildStep(StrEnum):
    """What a row of ops.day_builds says of its build."""

    STARTED = "started"  # before the tables change
    FINISHED = "finished"  # after they have changed


def sql_list(words: Iterable[str]) -> str:
    """`'a', 'b'`, as Spark and Trino take it behind `in`."""
    return ", ".join(f"'{word}'" for word in words)
