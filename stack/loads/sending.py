"""Sends loads and play at a set rate until they end or are stopped, and counts what became of every single event."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from stack.loads.documents import Load, Pause
from stack.loads.game_client import Answer, GameClient, NoAnswer, NotSent
from stack.loads.play import Becomes, Session

Step = Load | Pause | Session
TOLD_SECONDS = 0.2  # between two looks at how far it is
WAIT_SECONDS = 0.05  # of a thread, before it looks whether all is to stop
AGAIN_SECONDS = 0.5  # after which a request that found nobody is sent again
GIVE_UP_SECONDS = 15.0  # without anybody to send to


@dataclass(frozen=True)
class Request:
    """One request with one event."""

    method: str
    path: str
    headers: Mapping[str, str]
    event_type: str
    host: str
    body: bytes = b""
    becomes: Becomes = Becomes.ROW
    after: int | None = None  # number of the request in its job that must have been acknowledged


@dataclass
class Tally:
    """What became of the events that were sent; counts of one moment, or of all once the sending has ended."""

    acknowledged: Counter[tuple[str, str, Becomes]] = field(
        default_factory=Counter
    )  # event type, host, what it becomes
    refused: Counter[str] = field(default_factory=Counter)  # by status and reason; nothing of them is in Kafka
    unexpected: int = 0  # of the refused: those that follow their contract
    uncertain: Counter[str] = field(default_factory=Counter)  # by reason: they may or may not be in Kafka
    seconds: float = 0.0
    stopped: bool = False  # before its end, or the end of its time
    failure: str = ""  # why it gave up

    @property
    def events(self) -> int:
        """How many were acknowledged."""
        return self.acknowledged.total()

    @property
    def answered(self) -> int:
        return self.events + self.refused.total() + self.uncertain.total()

    @property
    def good(self) -> bool:
        """Whether all became of the events what was meant to."""
        return not (self.unexpected or self.uncertain or self.failure)

    def becoming(self, becomes: Becomes) -> int:
        return sum(number for (_, _, each), number in self.acknowledged.items() if each == becomes)

    def groups(self) -> list[dict[str, Any]]:
        """By event type and host: how many were acknowledged, and of those how many are to be rows, and what else."""
        found: dict[tuple[str, str], Counter[Becomes]] = {}
        for (event_type, host, becomes), number in sorted(self.acknowledged.items()):
            found.setdefault((event_type, host), Counter())[becomes] += number
        return [
            {
                "event_type": event_type,
                "host": host,
                "acknowledged": counts.total(),
                "rows": counts[Becomes.ROW],
                "repeated": counts[Becomes.REPETITION],
                "to_quarantine": counts[Becomes.QUARANTINED],
            }
            for (event_type, host), counts in found.items()
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "acknowledged": self.groups(),
            "refused": dict(self.refused),
            "uncertain": dict(self.uncertain),
            "seconds": round(self.seconds, 3),
            "stopped": self.stopped,
            "failure": self.failure,
        }


class Sending:
    """One sending: a thread that hands out jobs, some that send, and the caller's, which waits and can stop them.

    A job is requests that are sent one after another. A load's requests are jobs of their own; all of a load are answered
    before the next step begins. Sessions run side by side.
    """

    def __init__(
        self, api_url: str, event_types: Mapping[str, str], rate: float | None = None, concurrency: int = 8
    ) -> None:
        """`event_types`: by table. `rate`: events a second, as fast as they are answered if None."""
        self._api_url = api_url
        self._event_types = event_types
        self._rate = rate
        self._concurrency = concurrency
        self._jobs: queue.Queue[tuple[Request, ...]] = queue.Queue(maxsize=concurrency)
        self._stop = threading.Event()
        self._fed = threading.Event()
        self._changed = threading.Condition()
        self._open = 0  # jobs that were handed out and have not ended
        self._flying: Counter[int] = Counter()  # by thread: requests that wait for their answer
        self._due = 0.0  # when the next request may be sent
        self._answered_at = 0.0
        self._unsent: NotSent | None = None  # why nothing could be sent, since the last answer
        self.tally = Tally()

    def run(
        self, steps: Iterable[Step], seconds: float | None = None, told: Callable[[Tally], None] = lambda _: None
    ) -> Tally:
        """Sends until the steps end, `seconds` have passed, or Ctrl-C; what was sent by then is waited for.

        A second Ctrl-C ends the wait for answers: those events count as uncertain.
        """
        began = self._answered_at = time.monotonic()
        feeder = threading.Thread(target=self._feed, args=(steps,), daemon=True)
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(self._concurrency)]
        for thread in (feeder, *workers):
            thread.start()
        try:
            while any(worker.is_alive() for worker in workers):
                self._tell(began, told)
                left = TOLD_SECONDS if seconds is None else min(TOLD_SECONDS, began + seconds - time.monotonic())
                if left <= 0 or self._stop.is_set():
                    break
                with self._changed:
                    if self._changed.wait_for(lambda: self._fed.is_set() and not self._open, left):
                        break
        except KeyboardInterrupt:
            self.tally.stopped = True
        self._stop.set()
        try:
            for worker in workers:
                worker.join()
        except KeyboardInterrupt:
            self.tally.uncertain["no answer was waited for"] += self._flying.total()
        if self._unsent and not self.tally.answered and not self.tally.failure and not self.tally.stopped:
            self.tally.failure = f"nobody has answered at {self._api_url}: {self._unsent}"
        self._tell(began, told)
        return self.tally

    def _tell(self, began: float, told: Callable[[Tally], None]) -> None:
        self.tally.seconds = time.monotonic() - began
        told(self.tally)

    # ---- handing out

    def _feed(self, steps: Iterable[Step]) -> None:
        try:
            for step in steps:
                match step:
                    case Pause():
                        self._stop.wait(step.seconds)
                    case Load():
                        for _ in range(step.count):
                            self._hand_out((self._of_load(step),))
                        self._await_all()
                    case Session():
                        self._hand_out(_of_session(step))
                if self._stop.is_set():
                    return
        finally:
            with self._changed:
                self._fed.set()
                self._changed.notify_all()

    def _hand_out(self, job: tuple[Request, ...]) -> None:
        with self._changed:
            self._open += 1
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._jobs.put(job, timeout=WAIT_SECONDS)
                return

    def _await_all(self) -> None:
        with self._changed:
            while self._open and not self._stop.is_set():
                self._changed.wait(WAIT_SECONDS)

    def _of_load(self, load: Load) -> Request:
        return Request(load.method, load.path, load.headers, self._event_types[load.table], load.host)

    # ---- sending

    def _work(self) -> None:
        with GameClient(self._api_url) as client:
            while not self._stop.is_set() and not (self._fed.is_set() and self._jobs.empty()):
                try:
                    job = self._jobs.get(timeout=WAIT_SECONDS)
                except queue.Empty:
                    continue
                acknowledged: dict[int, bool] = {}
                for number, request in enumerate(job):
                    if request.after is None or acknowledged.get(request.after):
                        acknowledged[number] = self._send(client, request)
                with self._changed:
                    self._open -= 1
                    self._changed.notify_all()

    def _send(self, client: GameClient, request: Request) -> bool:
        """Sends a request when it is its turn, unless all is stopped before. Returns whether it was acknowledged."""
        thread = threading.get_ident()
        self._await_turn()
        while not self._stop.is_set():
            try:
                self._flying[thread] = 1
                answer = client.send(request.method, request.path, request.headers, request.body)
            except NotSent as error:
                self._flying[thread] = 0
                self._unsent = error
                self._give_up_after(error)
                self._stop.wait(AGAIN_SECONDS)
                continue
            except NoAnswer as error:
                self._flying[thread] = 0
                with self._changed:
                    self.tally.uncertain[f"no answer ({error})"] += 1
                return False
            self._flying[thread] = 0
            return self._count(request, answer)
        return False

    def _await_turn(self) -> None:
        if self._rate is None:
            return
        with self._changed:
            now = time.monotonic()
            at = max(self._due, now)
            self._due = at + 1 / self._rate
        self._stop.wait(at - now)

    def _give_up_after(self, error: NotSent) -> None:
        with self._changed:
            if time.monotonic() - self._answered_at > GIVE_UP_SECONDS and not self._stop.is_set():
                self.tally.failure = f"nobody has answered at {self._api_url} for {GIVE_UP_SECONDS:.0f} s: {error}"
                self._stop.set()

    def _count(self, request: Request, answer: Answer) -> bool:
        good = _accepted(answer)
        with self._changed:
            self._answered_at, self._unsent = time.monotonic(), None
            if good:
                self.tally.acknowledged[request.event_type, request.host, request.becomes] += 1
            elif answer.status >= 500:
                self.tally.uncertain[_reason(answer)] += 1
            else:
                self.tally.refused[_reason(answer)] += 1
                self.tally.unexpected += request.becomes != Becomes.REFUSED
        return good


def _of_session(session: Session) -> tuple[Request, ...]:
    headers = {
        "Host": session.host,
        "X-Player-Id": session.player,
        "User-Agent": "lakehouse-play",
        "Accept": "*/*",
        "Content-Type": "application/json",
    }
    return tuple(
        Request("POST", "/v1/events", headers, each.event_type, session.host, each.body, each.becomes, each.after)
        for each in session.events
    )


def _accepted(answer: Answer) -> bool:
    """Whether the one event of a request was acknowledged."""
    return answer.good and all(item.get("status") == "accepted" for item in _items(answer))


def _reason(answer: Answer) -> str:
    """Status, and what the problem document says: field and rule if it names them, else its title."""
    problem = next(iter(_items(answer)), None) or _json(answer)
    named = ": ".join(str(problem[name]) for name in ("field", "rule") if problem.get(name))
    return f"{answer.status} {named or problem.get('title') or 'without a reason'}"


def _items(answer: Answer) -> list[dict[str, Any]]:
    """What /v1/events says of each event; nothing of an answer of another route."""
    items: list[dict[str, Any]] = _json(answer).get("items", [])
    return items


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
