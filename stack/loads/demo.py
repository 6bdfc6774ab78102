"""The demo: sends the loads, lets Airflow ingest them, and compares Trino's answers with what was sent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse.clients.airflow import FAILED, SUCCESS, AirflowApi
from lakehouse.clients.trino import query
from lakehouse.settings import Settings
from stack.loads.documents import PLAYERS, SHOPS, Load, sender
from stack.progress import EVERY_SECONDS

Answer = Counter[tuple[str, ...]]  # group -> number
RUN_SECONDS = 300.0
POLL_SECONDS = 0.5


class DemoError(Exception):
    """A step of the demo did not come to its end."""


@dataclass(frozen=True)
class Question:
    """A question, its SQL (groups first, the number last), and what one load adds to its answer."""

    title: str
    sql: str
    adds: Callable[[Load], tuple[tuple[str, ...], int] | None]


def _valid(load: Load) -> str | None:
    return {"sword_purchases": "sword_event", "guild_actions": "guild_event"}.get(load.table)


QUESTIONS = (
    Question(
        "Events in valid_events",
        "select count(*) from compat.valid_events",
        lambda load: ((), load.count) if _valid(load) else None,
    ),
    Question(
        "… by direction",
        "select direction, count(*) from compat.valid_events group by direction",
        lambda load: ((str(load.direction),), load.count) if _valid(load) else None,
    ),
    Question(
        "… by host and event type",
        "select host, event_type, count(*) from compat.valid_events group by host, event_type",
        lambda load: ((load.host, str(_valid(load))), load.count) if _valid(load) else None,
    ),
    Question(
        "Swords bought by color",
        "select color, sum(quantity) from game.sword_purchases where color is not null group by color",
        lambda load: ((load.color,), load.count * load.quantity) if load.color else None,
    ),
    Question(
        "Swords bought by color, all",
        "select sum(quantity) from game.sword_purchases where color is not null",
        lambda load: ((), load.count * load.quantity) if load.color else None,
    ),
    Question(
        "Swords bought per calendar year",
        "select cast(year(event_date) as varchar), sum(quantity) from game.sword_purchases where color is not null group by 1",
        lambda load: ((time.strftime("%Y", time.gmtime()),), load.count * load.quantity) if load.color else None,
    ),
    Question(
        "Horses bought by size",
        "select size, sum(quantity) from game.horse_purchases group by size",
        lambda load: ((load.size,), load.count * load.quantity) if load.size else None,
    ),
    Question(
        "Guild actions of user1.comcast.com",
        "select action, count(*) from game.guild_actions where host = 'user1.comcast.com' group by action",
        lambda load: (
            ((str(load.action),), load.count)
            if load.table == "guild_actions" and load.host == "user1.comcast.com"
            else None
        ),
    ),
    Question(
        "Swords and guild joins together (document 3's union)",
        "select count(*) from (select * from compat.guild_joins union all select * from compat.sword_purchases)",
        lambda load: ((), load.count) if load.direction == "increase" and _valid(load) else None,
    ),
)


def added(question: Question, loads: Iterable[Load]) -> Answer:
    """What the loads add to the question's answer."""
    answer: Answer = Counter()
    for load in loads:
        part = question.adds(load)
        if part:
            answer[part[0]] += part[1]
    return answer


def ask(settings: Settings, question: Question) -> Answer:
    """Trino's answer. Raises QueryError."""
    rows = [list(row.values()) for row in query(settings, question.sql)]
    return Counter({tuple(str(value) for value in groups): int(number or 0) for *groups, number in rows})


@dataclass(frozen=True)
class Line:
    """One line of the demo's table."""

    question: str
    group: str
    before: int
    sent: int
    answer: int

    @property
    def equal(self) -> bool:
        return self.before + self.sent == self.answer


def compare(question: Question, before: Answer, sent: Answer, after: Answer) -> list[Line]:
    """A line for every group that is in any of the three."""
    groups = sorted({*before, *sent, *after})
    return [Line(question.title, ", ".join(group), before[group], sent[group], after[group]) for group in groups]


def ingest(api: AirflowApi, say: Callable[[str], None]) -> float:
    """Triggers `ingest_events` and waits until that run has ended. Returns its seconds. Raises DemoError."""
    return run(api, "ingest_events", say)


def run(api: AirflowApi, dag_id: str, say: Callable[[str], None], conf: dict[str, Any] | None = None) -> float:
    """Triggers the DAG and waits until that run has ended. Returns its seconds.

    Raises:
        DemoError: the run failed, or did not end in time.
    """
    started = said = time.monotonic()
    run_id = api.trigger(dag_id, conf)
    while True:
        state = api.run_state(dag_id, run_id)
        seconds = time.monotonic() - started
        if state == SUCCESS:
            say(f"{dag_id} run {run_id} ended after {seconds:.0f} s")
            return seconds
        if state == FAILED:
            raise DemoError(f"{dag_id} run {run_id} failed; open it in Airflow, its log says what to do next")
        if seconds > RUN_SECONDS:
            raise DemoError(f"{dag_id} run {run_id} is still {state} after {RUN_SECONDS:.0f} s; see it in Airflow")
        if started + seconds > said + EVERY_SECONDS:
            said = started + seconds
            say(f"  … {dag_id} is {state}, {seconds:.0f} s so far")
        time.sleep(POLL_SECONDS)


def demo(settings: Settings, api: AirflowApi, say: Callable[[str], None]) -> list[Line]:
    """Runs the demo on a stack that is up. Returns all lines; the caller judges by `Line.equal`.

    Raises:
        DemoError, LoadError, QueryError, AirflowError: a step failed.
    """
    say("first run, so that what waits in Kafka is counted as «before»")
    ingest(api, say)
    before = [ask(settings, question) for question in QUESTIONS]
    loads: Sequence[Load] = (*PLAYERS, *SHOPS)
    send = sender(settings.api_url)
    started = time.monotonic()
    for load in loads:
        send(load)
        say(f"sent {load}")
    total, seconds = sum(load.count for load in loads), time.monotonic() - started
    say(f"{total} events acknowledged in {seconds:.0f} s ({total / seconds:.0f}/s)")
    ingest(api, say)
    run(api, "build_day", say, {"provisional": True})  # so that the daily tables and the inventory hold today
    after = [ask(settings, question) for question in QUESTIONS]
    return [
        line
        for question, old, new in zip(QUESTIONS, before, after, strict=True)
        for line in compare(question, old, added(question, loads), new)
    ]
