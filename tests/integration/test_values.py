"""Texts and values at the limits of readers, on real servers: kept exactly, refused, or still readable."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from lakehouse.settings import CHECKOUT
from tests.real import Place, Real, contracts_with, event, new_event_id

pytestmark = pytest.mark.timeout(900)
HOSTILE = "[/b] [red]x[/red] :smile: ${env:HOME} \\ ' \x1b[31m"
SHOWN = "[/b] [red]x[/red] :smile: ${env:HOME} \\ ' \\x1b[31m"
WHY = "costs ${env:HOME} [/b] :smile: \\ ' \" ${spark.app.name} ü"
LARGEST = 2**63 - 1


def lakehouse(*arguments: str) -> str:
    """What the command prints, which ends well; a terminal obeys nothing of it."""
    done = subprocess.run(
        [sys.executable, "-m", "operations.cli", *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.replace("\t", " ").split("\n")  # tabs stand between columns
    assert all(line.isprintable() for line in lines)
    return done.stdout


def at(place: Place) -> str:
    topic, partition, offset = place
    return f"topic = '{topic}' and partition = {partition} and \"offset\" = {offset}"


def test_hostile_texts_are_shown_as_texts_and_a_reason_is_recorded_letter_by_letter(stack: Real) -> None:
    event_id = new_event_id()
    (odd, _) = stack.produce(event(HOSTILE, event_id=event_id, player=HOSTILE), HOSTILE.encode())
    stack.ingest()
    batch = stack.value(f"select batch_id from raw.events where {at(odd)}")
    listed = lakehouse("quarantine", "list", "--batch", str(batch))
    assert "•••" in listed and SHOWN not in listed and "2 messages" in listed  # a type that no contract names
    assert SHOWN not in lakehouse("quarantine", "show", "--batch", str(batch))  # it may name a person
    shown = lakehouse("quarantine", "show", "--batch", str(batch), "--personal")
    assert f"  {SHOWN}  (" in shown and f", {SHOWN}, {event_id}" in shown
    statement = f"select event_type, player from ops.quarantine where {at(odd)}"
    assert lakehouse("sql", statement).count(SHOWN) == 2
    assert json.loads(lakehouse("sql", "--format", "json", statement)) == [{"event_type": HOSTILE, "player": HOSTILE}]

    mine = json.dumps({"event_type": HOSTILE, "batch_id": batch})
    stack.run("discard", f"--selection={mine}", "--who=${env:USER}", f"--why=  {WHY} ")
    (action,) = stack.query(f"select who, why, entry_id from ops.quarantine_actions where {at(odd)}")
    assert (action["who"], action["why"]) == ("${env:USER}", WHY)
    (entry,) = stack.query(f"select who, why from ops.batches where entry_id = {action['entry_id']}")
    assert entry == {"who": "${env:USER}", "why": WHY}
    assert f"by ${{env:USER}}: {WHY}; it was in ops.quarantine" in lakehouse("trace", event_id)
    assert stack.value(f"select count(*) from ops.quarantine_open where batch_id = {batch}") == 1


@pytest.mark.parametrize("why", ["     ", "two\nlines", "esc\x1b[31m"])
def test_a_reason_that_cannot_be_recorded_ends_the_job_with_2_before_anything_is_done(stack: Real, why: str) -> None:
    process = stack.start("discard", "--who=tester", f"--why={why}")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2 and "error: argument --why: " in output and "Traceback" not in output


def test_a_time_that_a_reader_cannot_hold_is_quarantined_and_the_last_ones_are_read(stack: Real) -> None:
    bad = ["9999-12-31T23:59:59.999999999-18:00", "0001-01-01T00:00:00+18:00"]
    good = [
        "9999-12-31T23:59:59.999999999Z",
        "9999-12-31T23:59:59+18:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00-18:00",
    ]
    sent = stack.produce(*[event("default", occurred_at=time) for time in (*bad, *good)])
    stack.ingest()
    assert (
        list(stack.places(sent).values()) == [["quarantine:schema:occurred_at:format"]] * 2 + [["default_events"]] * 4
    )
    places = " or ".join(f"({at(place)})" for place in sent[2:])
    years = [
        row["occurred_at"].year
        for row in stack.query(f'select occurred_at from game.default_events where {places} order by "offset"')
    ]
    assert years == [9999, 9999, 1, 1]


def test_values_that_python_does_not_hold_are_read_as_texts(stack: Real) -> None:
    columns = {
        "late": "timestamp '+10000-01-01 17:59:59.999 UTC'",
        "early": "cast(timestamp '0001-01-01 00:00:00 UTC' - interval '18' hour as timestamp(3) with time zone)",
        "day": "date '+10000-01-01'",
        "many": "array[timestamp '+10000-01-01 00:00:00 UTC', null]",
        "bytes": "x'00ff'",
        "nothing": "cast(null as varbinary)",
        "n": "bigint '9223372036854775807'",
    }
    statement = f"select {', '.join(f'{sql} as {name}' for name, sql in columns.items())}"
    (row,) = stack.query(statement)
    assert row["late"] == "+10000-01-01 17:59:59.999 UTC" and row["day"] == "+10000-01-01", row
    assert row["early"].startswith("0000-12-31 06:00:00"), row
    assert (row["bytes"], row["nothing"], row["n"]) == (b"\x00\xff", None, LARGEST)
    assert "+10000-01-01 17:59:59.999 UTC" in lakehouse("sql", statement)
    (doubles,) = json.loads(
        lakehouse("sql", "--format", "json", "select nan() as a, infinity() as b, -infinity() as c, 1e0 as d")
    )
    assert doubles == {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": 1.0}


def test_a_sum_too_big_is_an_error_that_a_rebuild_of_the_day_ends(stack: Real, tmp_path: Path) -> None:
    cart: dict[str, Any] = yaml.safe_load((CHECKOUT / "contracts" / "cart_action.yaml").read_text())
    properties = cart["properties"]
    del properties["items"]["items"]["properties"]["quantity"]["maximum"]  # as it was in version 1
    older = str(contracts_with(tmp_path / "contracts", "cart_action", properties=properties, x_version=1))
    player, today = f"player {new_event_id()}", str(dt.datetime.now(dt.UTC).date())
    items = [{"item_type": "sword", "item": "oak", "quantity": LARGEST}]
    checkout = event("cart_action", player=player, action="checkout", items=items)
    again = event("cart_action", player=player, action="checkout", items=items)
    sent = stack.produce(checkout, again)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "none.yaml").write_text("rules: []\n")  # nor was there a rule of it
    stack.ingest(contracts=older, rules=str(rules))
    assert set(map(tuple, stack.places(sent).values())) == {("cart_actions",)}

    process = stack.start("rollup", "--day", today)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 1
    words = f"SumError: day {today}, player {player}, item_type sword, item oak: the sum of change is {2 * LARGEST}"
    assert words in output and f"lakehouse backfill --from {today} --to {today} --reprocess --rebuild" in output
    assert stack.query(f"select * from game.player_item_changes where player = '{player}'") == []

    stack.run("rebuild", "--day", today, "--who=tester", "--why=too much of it", "--tables=cart_actions")
    assert set(map(tuple, stack.places(sent).values())) == {("quarantine:schema:items.quantity:maximum",)}
    stack.run("rollup", "--day", today)
    assert stack.query(f"select * from game.player_item_changes where player = '{player}'") == []
    assert stack.query("select * from game.player_inventory where quantity is null") == []


@pytest.mark.parametrize("twice", ["Host: a", "X-Player-Id: a", "Content-Type: application/json"])
def test_who_sends_is_said_once(stack: Real, twice: str) -> None:
    url = urlsplit(stack.settings.api_url)
    once = [line for line in ("Host: a", "Content-Type: application/json") if line != twice]
    body = '{"event_type":"default"}'
    lines = [
        "POST /v1/events HTTP/1.1",
        *once,
        twice,
        twice,
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        body,
    ]
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode())
        answer = connection.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 400 "), answer
    assert "was sent more than once" in answer


def test_after_all_of_it_everything_adds_up(stack: Real) -> None:
    stack.ingest()
    stack.check_invariants()
