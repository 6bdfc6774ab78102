"""Random play: what is played keeps its contract unless it is to be bad, and is what it says it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from random import Random

import pytest

from api.events import EventMaker, Rejected
from api.sender import Sender
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from stack.loads.play import CLIENTS, Becomes, Session, sessions


def numbered() -> Iterator[str]:
    return (f"id-{number}" for number in count())


def played(seed: int, number: int, bad: float = 0.1, repeated: float = 0.1) -> list[Session]:
    ids = numbered()
    return list(islice(sessions(Random(seed), 50, bad, repeated, lambda: next(ids)), number))


def test_the_api_refuses_exactly_what_is_to_be_refused() -> None:
    maker = EventMaker(load_contracts(Settings().contracts), 262_144)
    seen: Counter[tuple[Becomes, bool]] = Counter()
    for session in islice(sessions(Random(1), 50, 0.3, 0.1), 200):
        take = maker.for_request(Sender(session.player, session.host, None, None, {}))
        for each in session.events:
            try:
                accepted = take(json.loads(each.body)).event_type == each.event_type
            except Rejected:
                accepted = False
            seen[each.becomes, accepted] += 1
    assert set(seen) == {
        (Becomes.ROW, True), (Becomes.REPETITION, True), (Becomes.QUARANTINED, True), (Becomes.REFUSED, False),
    }  # fmt: skip


def test_a_repetition_is_its_event_letter_by_letter_and_a_reused_id_is_another_event() -> None:
    seen: Counter[Becomes] = Counter()
    for session in played(2, 200):
        for each in session.events:
            seen[each.becomes] += 1
            if each.after is None:
                assert each.becomes in (Becomes.ROW, Becomes.REFUSED)
                continue
            first = session.events[each.after]
            ids = [json.loads(event.body)["event_id"] for event in (first, each)]
            assert (first.becomes, first.event_type, ids[0]) == (Becomes.ROW, each.event_type, ids[1])
            assert (first.body == each.body) is (each.becomes == Becomes.REPETITION)
    assert set(seen) == set(Becomes)


def test_no_id_is_used_twice_but_on_purpose() -> None:
    new = [
        json.loads(each.body)["event_id"] for session in played(3, 100) for each in session.events if each.after is None
    ]
    assert len(set(new)) == len(new) > 500


def test_the_shares_are_what_was_asked_for() -> None:
    becomes = Counter(each.becomes for session in played(4, 2_000, bad=0.2, repeated=0.05) for each in session.events)
    rows = becomes[Becomes.ROW]
    assert becomes[Becomes.REPETITION] / rows == pytest.approx(0.05, abs=0.01)
    assert (becomes[Becomes.QUARANTINED] + becomes[Becomes.REFUSED]) / rows == pytest.approx(0.2, abs=0.02)
    none = {each.becomes for session in played(4, 50, bad=0, repeated=0) for each in session.events}
    assert none == {Becomes.ROW}


def test_the_same_seed_plays_the_same() -> None:
    assert played(5, 30) == played(5, 30) != played(6, 30)


def test_players_are_as_many_as_asked_for_on_clients_that_there_are() -> None:
    found = played(7, 1_000)
    assert {session.host for session in found} == set(CLIENTS)
    assert {session.player for session in found} == {f"player-{number:05}" for number in range(1, 51)}
    assert {json.loads(session.events[0].body)["event_type"] for session in found} == {"default"}


def test_every_event_type_there_is_is_played() -> None:
    kinds = {each.event_type for session in played(8, 300) for each in session.events if each.becomes == Becomes.ROW}
    assert kinds == set(load_contracts(Settings().contracts))
