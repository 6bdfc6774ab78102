"""Tells the server's processes that it is about to stop. Streams never end by themselves, and would hold up the stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

VARIABLE = "API_STOPS_FD"  # the number of a file descriptor that can be read once the server is about to stop


def announce() -> None:
    """To be called in the main process, once its signal handlers are set and before it forks others."""
    file = os.eventfd(0)
    os.environ[VARIABLE] = str(file)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _first(file, signal.getsignal(number)))


def _first(file: int, then: object) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        os.eventfd_write(file, 1)
        if callable(then):
            then(number, frame)

    return handle


def when_announced(action: Callable[[], None]) -> None:
    """Has the running event loop call the action, once. Does nothing where no main process announces."""
    if VARIABLE not in os.environ:
        return
    file, loop = int(os.environ[VARIABLE]), asyncio.get_running_loop()

    def act() -> None:
        loop.remove_reader(file)  # it stays readable, for the other processes
        action()

    loop.add_reader(file, act)
