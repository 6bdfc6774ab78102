"""What became of a message, from the rows that the tables hold of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from lakehouse.contract import fingerprint
from lakehouse.contract.judge import Judge
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from operations import tracing
from operations.cli import main
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


def test_an_arrival_is_one_whole_sentence() -> None:
    arrival = Arrival("id", "events", 1, 5, "then", 7, "quarantine", "rule:red", 8, "ingest", at_fault=False)
    where = "id (events-1 offset 5, then, batch 7): "
    held = "; it is not at fault itself, only held with its batch"
    for change, sentence in (
        ({}, f"in ops.quarantine: rule:red, through entry 8 (ingest){held}"),
        ({"at_fault": True, "kind": None}, "in ops.quarantine: rule:red, through entry 8"),
        ({"at_fault": True, "differs": "why"}, "in ops.quarantine: rule:red, through entry 8 (ingest); why"),
        ({"at_fault": None, "page": "8.html"}, "in ops.quarantine: rule:red, through entry 8 (ingest); 8.html"),
        (
            {"place": "discarded", "who": "ada", "why": "junk"},
            "given up through entry 8 (ingest) by ada: junk; it was in ops.quarantine: rule:red",
        ),
        ({"place": "duplicate"}, "a repetition of the first arrival, so not published again"),
        ({"place": "suppressed"}, "not published: its player was erased (ops.erasures)"),
        ({"place": "raw"}, "in raw.events; its batch is not published yet, the next run of ingest_events does it"),
        ({"place": "messages"}, "in game.messages, through entry 8 (ingest)"),
    ):
        assert replace(arrival, **change).sentence() == where + sentence
    assert arrival.as_json() == {
        "event_id": "id", "topic": "events", "partition": 1, "offset": 5, "kafka_timestamp": "then", "batch_id": 7,
        "place": "quarantine", "reason_code": "rule:red", "entry_id": 8, "kind": "ingest", "who": None, "why": None,
        "page": None, "at_fault": False, "differs": None,
    }  # fmt: skip


def test_the_first_arrival_comes_first_by_batch_topic_partition_and_offset() -> None:
    rows = [
        {**row("raw", offset=offset, batch_id=batch), "topic": topic, "partition": partition, "topic_id": topic}
        for batch, topic, partition, offset in (
            (2, "a", 0, 0),
            (1, "b", 0, 0),
            (1, "a", 1, 0),
            (1, "a", 0, 9),
            (1, "a", 0, 8),
        )
    ]
    places = [(each.batch_id, each.topic, each.partition, each.offset) for each in traced(*rows)]
    assert places == [(1, "a", 0, 8), (1, "a", 0, 9), (1, "a", 1, 0), (1, "b", 0, 0), (2, "a", 0, 0)]
    assert [each.place for each in traced(*rows)] == ["suppressed"] + ["duplicate"] * 3 + ["raw"]


def test_an_action_of_the_rows_own_entry_or_before_closes_nothing() -> None:
    open_row = row("quarantine", 5)
    (found,) = traced(open_row, actions=(action("discarded", 5), action("replayed", 4)))
    assert (found.place, found.entry_id, found.who) == ("quarantine", 5, None)
    (found,) = traced(open_row, actions=(action("discarded", 6), action("replayed", 4)))
    assert (found.place, found.entry_id, found.who, found.why, found.kind) == ("discarded", 6, "ada", "junk", "discard")


def test_an_event_is_looked_for_in_every_table_and_then_its_actions_and_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    there = {**row("quarantine", 5, batch_id=1), "value": None}
    hidden = {**row("raw", batch_id=3, offset=7), "value": b'{"event_id": "other"}'}
    own = {**row("raw", batch_id=1), "value": None}
    answers = iter(
        [
            [there, hidden, own],
            [action("discarded", 6)],
            [{"entry_id": 6, "kind": "discard", "status": "done", "page": "6.html"}],
        ]
    )

    def query(settings: Settings, sql: str, parameters: list[str] | None = None) -> list[dict[str, Any]]:
        asked.append((sql, parameters))
        return next(answers)

    monkeypatch.setattr(tracing, "query", query)
    contracts = load_contracts(Settings().contracts)
    (found,) = tracing.trace(Settings(), contracts, ID.upper())
    assert (found.event_id, found.place, found.entry_id, found.page) == (ID, "discarded", 6, "6.html")
    (first, parameters), (_, second), (third, nothing) = asked
    assert first.count(" union all ") == len(contracts.tables) + 1 and first.count("?") == len(contracts.tables) + 2
    assert parameters == [ID] * (len(contracts.tables) + 2) and second == [ID] and nothing is None
    assert third.endswith("where entry_id in (1, 5, 6)")
    columns = 'topic, topic_id, partition, "offset", kafka_timestamp, batch_id'
    nulls = "cast(null as varchar) as reason_code, cast(null as bigint) as entry_id, cast(null as boolean) as at_fault"
    assert first.startswith(
        f"select {columns}, 'raw' as place, {nulls}, value from raw.events where event_id = ? union all "
    )


def test_what_no_table_has_is_nowhere_and_what_is_no_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def query(settings: Settings, sql: str, parameters: object) -> list[object]:
        asked.append(sql)
        return []

    monkeypatch.setattr(tracing, "query", query)
    contracts = load_contracts(Settings().contracts)
    assert tracing.trace(Settings(), contracts, ID) == [] and len(asked) == 1
    with pytest.raises(ValueError) as raised:
        tracing.trace(Settings(), contracts, "me")
    assert str(raised.value) == "'me' is no event_id; it is a UUID, as the API answered it"


def test_the_command_says_where_an_event_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Arrival] = [Arrival("id", "events", 1, 5, "then", 7, "messages", None, 8, "ingest")]
    monkeypatch.setattr(tracing, "trace", lambda settings, contracts, event_id: found)
    result = CliRunner().invoke(main, ["trace", ID])
    assert (result.exit_code, result.output) == (0, found[0].sentence() + "\n")
    result = CliRunner().invoke(main, ["trace", ID, "--json"])
    assert (result.exit_code, json.loads(result.output)) == (0, [found[0].as_json()])
    found.clear()
    result = CliRunner().invoke(main, ["trace", ID])
    assert (result.exit_code, result.output) == (
        1,
        f"{ID}: not in the lakehouse. Either no API acknowledged it, or it still waits in Kafka for the next run of "
        "ingest_events, or its player was erased (ops.erasures), or Kafka lost it and somebody accepted that (ops.losses).\n",
    )
    result = CliRunner().invoke(main, ["trace", ID, "--json"])
    assert (result.exit_code, json.loads(result.output)) == (1, [])


def sword(**own: Any) -> bytes:
    return json.dumps({"event_id": ID, "event_type": "purchase_sword", "player": "p", **own}).encode()


@pytest.mark.parametrize(
    ("first", "later", "told"),
    [
        (sword(), sword(quantity=2, color="red"), "it differs from the first arrival in color, quantity"),
        (
            sword(quantity="1"),
            sword(quantity=1),
            "it differs from the first arrival in color, direction, event_detail, occurred_at, quantity, which does not keep "
            "its contract; a corrected event needs an id of its own",
        ),
        (sword(quantity="1"), sword(quantity="2"), "it differs from the first arrival in quantity"),
        (sword(), b"junk", None),
    ],
)
def test_of_an_id_that_is_used_again_it_is_told_what_differs(first: bytes, later: bytes, told: str | None) -> None:
    at = datetime.fromtimestamp(0x01900000_0000 / 1000, UTC)
    contracts = load_contracts(Settings().contracts)
    judge = Judge(contracts, 10_000)
    look_alike = json.dumps({"event_type": "default", "inner": {"event_id": ID}}).encode()
    rows = [
        row("raw", offset=1), row("raw", offset=2), row("messages", 1, offset=2), row("raw", offset=3),
        {**row("quarantine", 1, offset=3), "reason_code": "event_id_reused"},
    ]  # fmt: skip
    micros = int(at.timestamp() * 1_000_000)
    values = {1: look_alike, 2: first, 3: later}
    read = {("id", 0, offset): fingerprint.arrival(judge, value, micros) for offset, value in values.items()}
    found = arrivals(ID, rows, (), BATCHES, read)
    assert [each.differs for each in found] == [None, None, told]


def test_an_id_that_came_too_early_and_then_in_time_is_told() -> None:
    judge = Judge(load_contracts(Settings().contracts), 10_000)
    made = 0x01900000_0000 * 1000
    read = {
        ("id", 0, at): fingerprint.arrival(judge, sword(), time) for at, time in enumerate((made - 3_700_000_000, made))
    }
    rows = [{**row("quarantine", 1, offset=offset), "reason_code": "event_id_reused"} for offset in (0, 1)]
    told = "the first arrival does not keep its contract; a corrected event needs an id of its own"
    assert [each.differs for each in arrivals(ID, rows, (), BATCHES, read)] == [None, told]
