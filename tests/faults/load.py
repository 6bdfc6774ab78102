"""A client that keeps sending events through the API, retries refused ones, and knows what was acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import requests

from tests.faults.events import Event, events

THREADS = 2
REQUEST_SECONDS = 20.0
BACK_SECONDS = 180.0  # after which a server that was killed must take events again
REPEATED = (
    0.05  # share of the acknowledged events that are sent once more all the same, as clients do whose answer was lost
)
PAUSES = (0.02, 0.7, 3.0)  # seconds between two requests of a thread: before `rows` events, before twice as many, later
NO_ANSWER = 0


class Load:
    """Sends `rows` events quickly, then some each second, and from twice as many on fewer, until it is stopped."""

    def __init__(self, url: str, player: str, seed: str, rows: int, recolored: bool = False) -> None:
        self._url = f"{url}/v1/events"
        self._player = player
        self._rows = rows
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.sent: dict[str, Event] = {}
        self.acknowledged: set[str] = set()
        self.answers: Counter[int] = Counter()  # by HTTP status, 0 for none
        self._threads = [
            threading.Thread(target=self._send_all, args=(random.Random(f"{seed} {n}"), recolored), daemon=True)
            for n in range(THREADS)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Returns when every request has had its answer, or its time."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2 * REQUEST_SECONDS)
            assert not thread.is_alive()

    def wait_for(self, more: int) -> None:
        """Until `more` further events were acknowledged."""
        goal, until = len(self.acknowledged) + more, time.monotonic() + BACK_SECONDS
        while len(self.acknowledged) < goal:
            if time.monotonic() > until:
                raise TimeoutError(f"no {more} events were acknowledged in {BACK_SECONDS:.0f} s; {dict(self.answers)}")
            time.sleep(0.05)

    def wait_for_answer(self, status: int, seconds: float = 60.0) -> None:
        """Until a request that is sent from now on was answered so."""
        goal, until = self.answers[status] + 1, time.monotonic() + seconds
        while self.answers[status] < goal:
            if time.monotonic() > until:
                raise TimeoutError(f"the API never answered {status} in {seconds:.0f} s; {dict(self.answers)}")
            time.sleep(0.05)

    def _send_all(self, rng: random.Random, recolored: bool) -> None:
        source = events(rng, recolored)
        again: list[Event] = []
        with requests.Session() as session:
            session.trust_env = False
            session.headers["X-Player-Id"] = self._player
            while not self._stop.is_set():
                batch = [*again, *self._take(source, rng.choice([1, 1, 2, 5]) - len(again))]
                taken = self._post(session, batch)
                again = [each for each in batch if each.event_id not in taken]
                if again:
                    self._stop.wait(0.2)
                    continue
                again = [each for each in batch if rng.random() < REPEATED]
                self._stop.wait(PAUSES[min(2, len(self.acknowledged) // self._rows)])

    def _take(self, source: Iterator[Event], count: int) -> list[Event]:
        new = [next(source) for _ in range(count)]
        with self._lock:
            self.sent.update({each.event_id: each for each in new})
        return new

    def _post(self, session: requests.Session, batch: list[Event]) -> set[str]:
        """The ids that the API says are accepted."""
        try:
            response = session.post(self._url, json=[each.body for each in batch], timeout=REQUEST_SECONDS)
            items = response.json()["items"] if response.ok else []
        except (requests.RequestException, ValueError):
            with self._lock:
                self.answers[NO_ANSWER] += 1
            return set()
        accepted = {item["event_id"] for item in items if item["status"] == "accepted"}
        with self._lock:
            self.answers[response.status_code] += 1
            self.acknowledged |= accepted
        return accepted
