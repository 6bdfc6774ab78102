"""The words of the ledger, each spelled once: Python, Spark SQL and Trino's views use these enums.

Each is a text, as the tables hold it: `f"step = '{Step.DONE}'"` is SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

# The key of a message. The topic id tells topics apart that were made again under the same name. (A list, as Spark's
# joins take it.)
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
    """The step of an entry that a row of the ledger records. An entry has each step at most once."""

    PLANNED = "planned"
    DECIDED = "decided"
    ABANDONED = "abandoned"
    DONE = "done"

    @property
    def txn_app(self) -> str:
        """The transaction id of the commit. Decided and abandoned exclude each other, so they share one."""
        return {Step.PLANNED: "plan", Step.DECIDED: "decide", Step.ABANDONED: "decide", Step.DONE: "done"}[self]


class Verdict(StrEnum):
    """The result of an audit, for all rows of an entry or a day."""

    PASSED = "passed"  # published, except single rows that a rule of rows refuses
    FAILED = "failed"  # all rows are held
    WAIVED = "waived"  # would be failed or refused, but a person accepted it: all are published


class Destination(StrEnum):
    """Where a judged message goes if it does not go to an event table."""

    RAW = "raw"  # in raw.events alone: counts of an erase, and messages that wait for publish
    QUARANTINE = "quarantine"
    DUPLICATE = "duplicate"  # a repetition of another arrival
    SUPPRESSED = "suppressed"  # of an erased player
    DISCARDED = "discarded"  # given up by a person; its row stays in quarantine
    NOT_ASKED = "not_asked"  # for a table that the rebuild does not touch; in no ledger entry

    @classmethod
    def is_event_table(cls, destination: str) -> bool:
        """Whether it is an event table, so that its rows are published.

        No contract may name its table like one of these.
        """
        return destination not in set(cls)


# Destinations that an entry counts but writes nowhere.
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
    PROVISIONAL = "provisional"  # of a day that is not over; the rollup after it takes its place
    ERASE = "erase"


class BuildStep(StrEnum):
    """What a row of ops.day_builds says of its build."""

    STARTED = "started"  # before the tables change
    FINISHED = "finished"  # after they have changed


def sql_list(words: Iterable[str]) -> str:
    """`'a', 'b'`, as Spark and Trino take it behind `in`."""
    return ", ".join(f"'{word}'" for word in words)
