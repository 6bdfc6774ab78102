"""The demo's arithmetic: what the loads add to each answer, by the numbers of the documents they come from."""

from __future__ import annotations

from collections import Counter

from stack.demo import QUESTIONS, added, compare
from stack.loads import PLAYERS, SHOPS

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
    sent = Counter({("small",): 5})
    right, lost, twice = (
        compare(question, Counter({("small",): 2}), sent, Counter({("small",): n}))[0] for n in (7, 6, 8)
    )
    assert (right.equal, lost.equal, twice.equal) == (True, False, False)


def test_a_group_that_nobody_sent_is_shown_and_not_equal() -> None:
    (line,) = compare(BY_TITLE["Horses bought by size"], Counter(), Counter(), Counter({("huge",): 1}))
    assert not line.equal
