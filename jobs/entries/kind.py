"""The interface of a kind of entry, which the loop that closes entries calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lakehouse.ledger.entries import Count, Decision, Entry, Snapshot

if TYPE_CHECKING:
    from jobs.runtime.job import Job


class EntryKind(Protocol):
    """A kind of entry. Any step may be repeated, by other processes too, and may find what an earlier attempt left."""

    def stage(self, job: Job, entry: Entry, snapshot: Snapshot) -> Decision:
        """Writes what the entry would publish into a folder of this attempt's own, and says what that decides.

        Raises:
            Refused: it must not be done; the entry is abandoned with these words. (An ingest never is.)
        """

    def publish(self, job: Job, entry: Entry, decision: Decision) -> None:
        """Brings exactly what was decided into the tables, or out of them."""

    def read_back(self, job: Job, entry: Entry, decision: Decision) -> tuple[Count, ...]:
        """What the tables hold of it by their own word.

        Raises:
            BalanceError: it is not what was decided.
        """

    def after(self, job: Job, entry: Entry) -> None:
        """What follows once the entry is done, and is made good by a later run if this one dies before."""
