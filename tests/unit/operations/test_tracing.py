"""What became of a message, from the rows that the tables hold of it."""

from __future__ import annotations

from typing import Any

import pytest

from operations.tracing import Arrival, arrivals, may_name

ID = "01900000-0000-7000-8000-000000000000"
BATCHES: dict[int, dict[str, Any]] = {
    1: {"kind": "ingest", "status": "done", "page": None},
    2: {"kind": "ingest", "status": "planned", "page": None},
    5: {"kind": "replay", "status": "done", "page": "5.html"},
    6: {"kind": "discard", "status": "done", "page": None},
}


def row(
    place: str, entry_id: int | None = None, offset: int = 0, batch_id: int = 1, at_fault: bool | None = None
) -> dict[str, Any]:
    reason = "rule:red" if place == "quarantine" else None
    return {
        "topic": "events",
        "topic_id": "id",
        "partition": 0,
        "offset": offset,
        "kafka_timestamp": "then",
        "batch_id": batch_id,
        "place": place,
        "reason_code": reason,
        "entry_id": entry_id,
        "at_fault": at_fault,
    }


def action(name: str, entry_id: int) -> dict[str, Any]:
    place = {"topic_id": "id", "partition": 0, "offset": 0}
    return {**place, "action": name, "entry_id": entry_id, "who": "ada", "why": "junk"}


def traced(*rows: dict[str, Any], actions: tuple[dict[str, Any], ...] = ()) -> list[Arrival]:
    return arrivals(ID, rows, actions, BATCHES)


@pytest.mark.parametrize(
    ("rows", "actions", "place", "words"),
    [
        ([row("raw", batch_id=2)], (), "raw", "not published yet"),
        ([row("raw"), row("messages", 1)], (), "messages", "in game.messages, through entry 1 (ingest)"),
        ([row("raw"), row("quarantine", 1)], (), "quarantine", "rule:red, through entry 1 (ingest)"),
        ([row("raw"), row("quarantine", 1, at_fault=False)], (), "quarantine", "not at fault itself, only held"),
        (
            [row("raw"), row("quarantine", 1), row("messages", 5)],
            (action("replayed", 5),),
            "messages",
            "in game.messages, through entry 5 (replay); 5.html",
        ),
        ([row("raw"), row("quarantine", 1), row("quarantine", 5)], (action("replayed", 5),), "quarantine", "entry 5"),
        ([row("raw"), row("quarantine", 1)], (action("discarded", 6),), "discarded", "entry 6 (discard) by ada: junk"),
        ([row("raw"), row("quarantine", 1)], (action("rebuilt", 5),), "suppressed", "player was erased"),
        ([row("raw")], (), "suppressed", "player was erased"),
    ],
)
def test_the_last_entry_that_took_a_message_says_where_it_is(
    rows: list[dict[str, Any]], actions: tuple[dict[str, Any], ...], place: str, words: str
) -> None:
    (found,) = traced(*rows, actions=actions)
    assert found.place == place
    assert words in found.sentence()


def test_a_later_arrival_that_is_in_no_table_is_a_duplicate() -> None:
    found = traced(row("raw", offset=7), row("raw"), row("messages", 1))
    assert [(each.offset, each.place) for each in found] == [(0, "messages"), (7, "duplicate")]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (f'{{"event_id":"{ID}"}}', True),
        (f'{{"event_id":"{ID.upper()}","x":{{"event_id":"other"}}}}', True),
        (f'{{"x":{{"event_id":"{ID}"}}}}', False),
        (f'{{"event_id":"other","x":{{"event_id":"{ID}"}}}}', False),
        (f'{{"event_id":5,"x":{{"event_id":"{ID}"}}}}', False),
        (f'["{ID}"]', False),
        (f'{{"event_id":"{ID}"', True),
        ('{"a":' * 60_000, True),
        ('{"a":' * 60_000 + "1" + "}" * 60_000, True),
    ],
)
def test_a_message_names_an_id_itself_or_cannot_be_read(value: str, named: bool) -> None:
    assert may_name(value.encode(), ID) is named
