"""Protocol: the steps of every kind of run, one remote read or one commit each, over the shared state.

How it models
* A run is one start of one job. It may stop for ever at any step (a crash; its restart is another run) or go on after
  any time (a zombie), so crashes and zombies are bounded by the number of runs only.
* Kafka: a plan may take any offsets above the cursor: messages come at any time, a batch has any size. Run K raises
  where the logs begin, at any time.
* Contracts: whoever stages may hold c0 or c1.
* Delta: a commit of an app and version does nothing if the table's stored version of that app is at least as high. In
  fine mode a commit begins and ends in two steps, and one of the same app in between refuses it; the run goes on as
  after a silent skip (a run that dies instead is one that is never scheduled again). A delete by coordinates has no
  app.
* Staging reads several tables. An attempt that is chosen read them while its entry was the lowest open one and
  undecided, and then nothing but appends of later batches to raw can come between; so one step reads them all (two in
  fine mode).
* `without` names the sentences of the protocol (see mutations.py) that are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.around import Around
from tests.model.drain import Drain
from tests.model.publish import Publish
from tests.model.rules import Step
from tests.model.state import SLOT, Local, State, commit_of


class Protocol(Drain, Publish, Around):
    """The step function of one scenario: the method `_name` yields what step `name` of a run may do."""

    def steps(self, state: State, local: Local) -> Iterator[Step]:
        """Every step that the run may take next; the first is what a run takes that nothing disturbs."""
        if local.step == "END":
            return
        commit = commit_of(local.step)
        if self.fine and commit in SLOT and local.began is None:
            yield state, local._replace(began=state.versions[SLOT[commit]]), ("begins {}", commit)
            return
        name = local.step.partition(">")[0].partition(":")[0]
        yield from getattr(self, f"_{name}")(state, local)

    def _back(self, state: State, local: Local) -> Iterator[Step]:
        """Reads back what another run planned, or which decision was first."""
        entry = state.entries[local.entry - 1]
        if local.step == "back>raw":
            yield state, self._planned_by_another(state, local, entry), ("reads back {}", entry.kind)
        else:
            for taken in self._taken(local, local.entry, entry):
                yield state, taken, ("reads back entry {}", local.entry)
