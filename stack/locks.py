"""Locks between the commands of one stack: who holds a file's lock is at work alone, and a killed one holds it no more."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.errors import StackError


@contextmanager
def locked(file: Path, taken: StackError) -> Iterator[None]:
    """Holds the lock of the file, which it makes, during the block.

    Raises:
        `taken`: another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise taken from None
        yield
