"""The demo's arithmetic: what the loads add to each answer, by the numbers of the documents they come from."""

from __future__ import annotations

import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.clients.airflow import AirflowApi
from lakehouse.settings import Settings
from stack.loads import demo as demo_module
from stack.loads.demo import QUESTIONS, DemoError, Line, added, ask, compare, demo, ingest
from stack.loads.documents import PLAYERS, SHOPS, Load

Groups = Counter[tuple[str, ...]]
BY_TITLE = {question.title: question for question in QUESTIONS}


def test_the_first_load_adds_500_then_11111_events() -> None:
    total = BY_TITLE["Events in valid_events"]
    assert added(total, PLAYERS[:5]) == {(): 500}
    assert added(total, PLAYERS[5:]) == {(): 11_111}


def test_the_shops_sell_2130_swords_and_the_horses_of_the_documents() -> None:
    assert added(BY_TITLE["Swords bought by color, all"], SHOPS) == {(): 2_130}
    assert added(BY_TITLE["Horses bought by size"], SHOPS) == {("small",): 800, ("medium",): 1_100, ("large",): 600}


def test_user1_joins_200_times_and_leaves_100_times() -> None:
    assert added(BY_TITLE["Guild actions of user1.comcast.com"], SHOPS) == {("join",): 200, ("leave",): 100}


def test_a_missing_or_doubled_answer_is_not_equal() -> None:
    question = BY_TITLE["Horses bought by size"]
    before, sent, *after = (Groups({("small",): n}) for n in (2, 5, 7, 6, 8))
    right, lost, twice = (compare(question, before, sent, each)[0] for each in after)
    assert (right.equal, lost.equal, twice.equal) == (True, False, False)


def test_a_group_that_nobody_sent_is_shown_and_not_equal() -> None:
    (line,) = compare(BY_TITLE["Horses bought by size"], Counter(), Counter(), Counter({("huge",): 1}))
    assert not line.equal


def test_all_that_is_sent_adds_this_to_each_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "gmtime", lambda: (2026, 3, 4, 0, 0, 0, 2, 63, 0))
    user1, user2, user3 = (f"user{number}.comcast.com" for number in (1, 2, 3))
    assert {question.title: dict(added(question, (*PLAYERS, *SHOPS))) for question in QUESTIONS} == {
        "Events in valid_events": {(): 13_521},
        "… by direction": {("increase",): 13_421, ("reduce",): 100},
        "… by host and event type": {
            ("Player 1", "sword_event"): 100,
            ("Player 2", "sword_event"): 100,
            ("Player 3", "sword_event"): 100,
            ("Player 3", "guild_event"): 100,
            ("Player 2", "guild_event"): 100,
            ("Jordan Meyer", "guild_event"): 11_111,
            (user1, "sword_event"): 600,
            (user2, "sword_event"): 400,
            (user3, "sword_event"): 610,
            (user1, "guild_event"): 300,
        },
        "Swords bought by color": {("red",): 1_000, ("blue",): 630, ("green",): 500},
        "Swords bought by color, all": {(): 2_130},
        "Swords bought per calendar year": {("2026",): 2_130},
        "Horses bought by size": {("small",): 800, ("medium",): 1_100, ("large",): 600},
        "Guild actions of user1.comcast.com": {("join",): 200, ("leave",): 100},
        "Swords and guild joins together (document 3's union)": {(): 13_421},
    }


def test_an_answer_is_the_number_behind_its_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"a": "join", "b": 7, "c": 3}, {"a": "leave", "b": None, "c": None}]
    monkeypatch.setattr(demo_module, "query", lambda settings, sql: rows)
    assert ask(Settings(), QUESTIONS[0]) == {("join", "7"): 3, ("leave", "None"): 0}


def test_lines_are_sorted_and_joined_by_group() -> None:
    before, sent, after = (Groups(each) for each in ({("b", "x"): 1}, {("a", "y"): 2}, {("a", "y"): 2, ("b", "x"): 1}))
    title = QUESTIONS[0].title
    assert compare(QUESTIONS[0], before, sent, after) == [Line(title, "a, y", 0, 2, 2), Line(title, "b, x", 1, 0, 1)]


class Airflow(AirflowApi):
    """One whose run has these states, one a look; each look takes a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *states: str) -> None:
        self.states, self.now = list(states), 1000.0
        monkeypatch.setattr(demo_module, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep))
        self.slept: list[float] = []
        self.triggered: list[tuple[str, dict[str, Any] | None]] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        self.triggered.append((dag_id, conf))
        return "r1"

    def run_state(self, dag_id: str, run_id: str) -> str:
        assert (dag_id, run_id) == (self.triggered[-1][0], "r1")
        self.now += 1
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def test_a_run_is_waited_for_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow, said = Airflow(monkeypatch, "queued", "running", "success"), list[str]()
    assert ingest(airflow, said.append) == 3
    assert airflow.triggered == [("ingest_events", None)]
    assert said == ["ingest_events run r1 ended after 3 s"] and airflow.slept == [0.5, 0.5]


def test_a_run_that_fails_or_does_not_end_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DemoError) as raised:
        ingest(Airflow(monkeypatch, "failed"), print)
    assert str(raised.value) == "ingest_events run r1 failed; open it in Airflow, its log says what to do next"
    endless = Airflow(monkeypatch, "running")
    with pytest.raises(DemoError) as raised:
        ingest(endless, print)
    assert str(raised.value) == "ingest_events run r1 is still running after 300 s; see it in Airflow"
    assert len(endless.slept) == 300


def test_while_a_run_is_waited_for_it_is_said_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow, said = Airflow(monkeypatch, *["queued"] * 7, *["running"] * 7, "success"), list[str]()
    ingest(airflow, said.append)
    assert said == [
        "  … ingest_events is queued, 6 s so far",
        "  … ingest_events is running, 12 s so far",
        "ingest_events run r1 ended after 15 s",
    ]


def test_the_demo_holds_what_was_sent_between_two_ingests_beside_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow, said, sent = Airflow(monkeypatch, "success"), list[str](), list[Load]()
    loads = (Load(5, "ada", "GET", "/", "sword_purchases", direction="increase"),)
    answers = iter([Counter({(): 1}), Counter({(): 6})])

    def send(load: Load) -> None:
        sent.append(load)
        airflow.now += 2

    monkeypatch.setattr(demo_module, "PLAYERS", loads)
    monkeypatch.setattr(demo_module, "SHOPS", loads)
    monkeypatch.setattr(demo_module, "QUESTIONS", QUESTIONS[:1])
    monkeypatch.setattr(demo_module, "ask", lambda settings, question: next(answers))
    monkeypatch.setattr(demo_module, "sender", lambda url: send if url == "http://127.0.0.1:5000" else None)
    (line,) = demo(Settings(), airflow, said.append)
    assert line == Line("Events in valid_events", "", 1, 10, 6) and not line.equal
    assert sent == [*loads, *loads]
    assert said == [
        "first run, so that what waits in Kafka is counted as «before»",
        "ingest_events run r1 ended after 1 s",
        "sent      5 x GET  /  as ada",
        "sent      5 x GET  /  as ada",
        "10 events acknowledged in 4 s (2/s)",
        "ingest_events run r1 ended after 1 s",
        "build_day run r1 ended after 1 s",
    ]
    assert airflow.triggered[-1] == ("build_day", {"provisional": True})
