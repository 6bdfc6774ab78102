"""Where a judged message goes: a table that a contract names, or one of the destinations here, which are none."""

from __future__ import annotations

from collections.abc import Iterable

RAW = "raw"  # in raw.events alone: an erase counts so what it deletes there, and a trace says so of what waits
QUARANTINE = "quarantine"
DUPLICATE = "duplicate"  # a repetition of another arrival
SUPPRESSED = "suppressed"  # of an erased player
DISCARDED = "discarded"  # given up by a person; its row stays in quarantine
NOT_ASKED = "not_asked"  # of a table that a rebuild leaves alone; in no ledger entry

NOWHERE = (DUPLICATE, SUPPRESSED, DISCARDED)  # an entry that counts such rows writes none of them anywhere
NOT_PUBLISHED = (RAW, QUARANTINE, *NOWHERE, NOT_ASKED)  # all that are no event table; no contract may name its table so


def sql_list(destinations: Iterable[str]) -> str:
    """`'a', 'b'`, as Spark and Trino take it behind `in`."""
    return ", ".join(f"'{name}'" for name in destinations)
