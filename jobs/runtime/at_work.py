"""Says in a job's log, while it goes on, what takes long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from lakehouse.texts import harmless

if TYPE_CHECKING:
    from jobs.runtime.job import Job

SILENT_SECONDS = 2.0
EVERY_SECONDS = 10.0


@contextmanager
def at_work(job: Job, what: str) -> Iterator[None]:
    """Says after two seconds, and every ten from then on, that it is at `what`, and how long so far.

    As a line of level debug: it tells who watches the log, and is no message for those who read how the run ended.
    """
    began, ended = time.monotonic(), Event()

    def tell() -> None:
        seconds = SILENT_SECONDS
        while not ended.wait(seconds):
            job.log.debug(harmless(f"{what}, {time.monotonic() - began:.0f} s so far"))
            seconds = EVERY_SECONDS

    thread = Thread(target=tell, name="at_work", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
