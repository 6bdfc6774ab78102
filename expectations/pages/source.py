"""What pages ask Trino, kept for some seconds, so that a page that many people look at is one query."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Row = Mapping[str, Any]
Ask = Callable[[str, Sequence[Any]], Sequence[Row]]

KEPT_SECONDS = 20.0
MOST_KEPT = 500  # answers
QUERIES_AT_ONCE = 6


class Source:
    """Answers of Trino by statement and parameters; `ask` runs one statement (`?` for parameters).

    A statement that is being asked is not asked a second time: others wait for its answer.
    """

    def __init__(
        self, ask: Ask, kept_seconds: float = KEPT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._kept_seconds = kept_seconds
        self._clock = clock
        self._answers: dict[tuple[str, tuple[Any, ...]], tuple[float, Sequence[Row]]] = {}
        self._asking: dict[tuple[str, tuple[Any, ...]], threading.Lock] = {}
        self._lock = threading.Lock()

    def rows(self, sql: str, *parameters: Any) -> Sequence[Row]:
        """The rows by column name. Raises what `ask` raises."""
        key = (sql, parameters)
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            kept = self._answers.get(key)
            if kept is None or self._clock() - kept[0] > self._kept_seconds:
                rows = self._ask(sql, list(parameters))
                kept = (self._clock(), rows)  # from when it came: else who waited for a slow one would ask anew
                with self._lock:
                    self._keep(key, kept)
        return kept[1]

    def fresh(self, sql: str, *parameters: Any) -> Sequence[Row]:
        """The same, asked now and not kept: for rows that hold personal data."""
        return self._ask(sql, list(parameters))

    def all(
        self, fresh: Mapping[str, tuple[Any, ...]] | None = None, /, **questions: tuple[Any, ...]
    ) -> dict[str, Sequence[Row]]:
        """The answers to several statements, each (sql, parameters ...), asked at the same time.

        Those of `fresh` are asked now and not kept, see `fresh`.
        """
        with ThreadPoolExecutor(QUERIES_AT_ONCE) as threads:
            answers = {name: threads.submit(self.rows, *question) for name, question in questions.items()}
            answers |= {name: threads.submit(self.fresh, *question) for name, question in (fresh or {}).items()}
            return {name: answer.result() for name, answer in answers.items()}

    def _keep(self, key: tuple[str, tuple[Any, ...]], answer: tuple[float, Sequence[Row]]) -> None:
        if len(self._answers) >= MOST_KEPT:
            oldest = min(self._answers, key=lambda each: self._answers[each][0])
            self._answers.pop(oldest)
            self._asking.pop(oldest, None)
        self._answers[key] = answer


class Kept:
    """A value that is made anew once it is older than so many seconds; it is made by one thread at a time."""

    def __init__(
        self, make: Callable[[], Any], kept_seconds: float = KEPT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._kept_seconds = kept_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[float, Any] | None = None

    def get(self) -> Any:
        """The value. Raises what making it raises."""
        with self._lock:
            if self._kept is None or self._clock() - self._kept[0] > self._kept_seconds:
                made = self._make()
                self._kept = (self._clock(), made)
            return self._kept[1]
