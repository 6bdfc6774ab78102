"""Asks a Trino that has just started for the overview until it is quick, so that no person waits for Java's compiler."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from lakehouse.texts import words_of

QUICK_SECONDS = 1.5  # an overview that takes less is quick
MOST_ROUNDS = 10  # on a slow machine it never is
LOOK_EVERY_SECONDS = 20.0  # for a new Trino
# The id of each query ends with a word that Trino makes up at its start.
A_QUERY = "select query_id from system.runtime.queries limit 1"

log = logging.getLogger(__name__)


class Warming:
    """Remembers which Trino is warm. `trino` names the one that runs now, `overview` asks it all that the page asks.

    Whatever they raise means «not yet». `clock` and `pause` are in seconds.
    """

    def __init__(
        self,
        trino: Callable[[], str],
        overview: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._trino = trino
        self._overview = overview
        self._clock = clock
        self._pause = pause
        self._warm: str | None = None

    def go_on(self) -> None:
        """Looks for a new Trino again and again, as long as the process lives."""
        while True:
            self.look()
            self._pause(LOOK_EVERY_SECONDS)

    def look(self) -> None:
        """Warms the Trino that runs, unless it is warm. One that does not answer yet is for the next look."""
        try:
            running = self._trino()
            if running != self._warm:
                self._warm_up()
                self._warm = running
        except Exception as error:  # of any kind, since nobody else would hear of it
            log.info("Trino cannot be warmed yet: %s", words_of(error))

    def _warm_up(self) -> None:
        """After each round as long a pause, so that others have at least half of the machine."""
        took: list[float] = []
        while len(took) < MOST_ROUNDS:
            began = self._clock()
            self._overview()
            took.append(self._clock() - began)
            if took[-1] < QUICK_SECONDS:
                break
            self._pause(took[-1])
        log.info("A new Trino took %.1f s for the first overview, %.1f s for number %d", took[0], took[-1], len(took))


def name_of(query_id: str) -> str:
    """Which start of Trino a query ran in."""
    return query_id.rpartition("_")[2]
