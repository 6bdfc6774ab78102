"""Tells how far a step with many files is, every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from stack.progress import EVERY_SECONDS

Say = Callable[[str], None]


class Told:
    """Counts files and bytes, from any thread."""

    def __init__(self, say: Say, what: str) -> None:
        self._say, self._what = say, what
        self._lock = threading.Lock()
        self._files = self._bytes = 0
        self._began = self._said = time.monotonic()

    def one(self, size: int) -> None:
        """One file more, of that size."""
        with self._lock:
            self.so_far(self._files + 1, self._bytes + size)

    def so_far(self, files: int, size: int) -> None:
        self._files, self._bytes = files, size
        now = time.monotonic()
        if now > self._said + EVERY_SECONDS:
            self._said = now
            self._say(f"  … {files:,} ({size / 1e6:,.1f} MB) {self._what}, {now - self._began:.0f} s so far")
