"""Asks a Trino that has just started for the overview until it is quick, so that few people wait for Java's compiler."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from lakehouse.clients.trino import QueryError
from lakehouse.texts import words_of

QUICK_SECONDS = 1.5  # an overview that takes less is quick
MOST_ROUNDS = 10  # on a slow machine it never is
LOOK_EVERY_SECONDS = 20.0  # for a new Trino
MOST_SECONDS = 600.0  # from an overview that failed to the next; from 20 on, twice as long each time
WARMED = "A new Trino took"

log = logging.getLogger(__name__)


class Warming:
    """Remembers whether the Trino that runs is warm.

    `uptime` says for how many seconds it runs, `overview` asks it all that the page asks. What they raise means «not
    yet». `clock` and `pause` are in seconds.
    """

    def __init__(
        self,
        uptime: Callable[[], float],
        overview: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._uptime = uptime
        self._overview = overview
        self._clock = clock
        self._pause = pause
        self._seen = math.inf  # the uptime at the last look; a smaller one is a new Trino's
        self._is_warm = False
        self._said = ""

    def go_on(self) -> None:
        """Looks for a new Trino again and again, as long as the process lives."""
        wait = LOOK_EVERY_SECONDS
        while True:
            wait = LOOK_EVERY_SECONDS if self.look() else min(2 * wait, MOST_SECONDS)
            self._pause(wait)

    def look(self) -> bool:
        """Warms the Trino that runs, unless it is warm. Returns whether all went well, or there is none to warm."""
        try:
            uptime = self._uptime()
        except QueryError:  # whoever looks at a page is told so by the page
            return True
        if uptime < self._seen:
            self._is_warm = False
        self._seen = uptime
        if not self._is_warm:
            try:
                self._warm_up()
            except Exception as error:  # of any kind, since nobody else would hear of it
                self._say(error)
                return False
            self._is_warm = True
        return True

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
        log.info("%s %.1f s for the first overview, %.1f s for number %d", WARMED, took[0], took[-1], len(took))

    def _say(self, error: Exception) -> None:
        """Once, not at each look; of a fault of our own also where it is."""
        words = words_of(error)
        if words != self._said:
            log.warning("Trino cannot be warmed yet: %s", words, exc_info=not isinstance(error, QueryError))
        self._said = words
