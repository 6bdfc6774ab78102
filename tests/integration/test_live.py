"""The live state on the real servers: what the API shows of a player is what the tables say, whatever happened to Redis."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from lakehouse import live
from lakehouse.clients.redis import connect, position
from stack.environment import local_settings
from stack.errors import StackError
from stack.probes import await_service
from stack.processes import stack_processes
from stack.supervisor import Supervisor
from tests.real import Real, contracts_with, event, new_event_id

pytestmark = pytest.mark.timeout(900)
BY = ("--who", "tester", "--why", "a test of the live state")
BACK_SECONDS = 60.0


def name(who: str) -> str:
    """A player whom no other test knows."""
    return f"{who}/{new_event_id()}?x=ü"


def url_of(stack: Real) -> str:
    url = local_settings(stack.settings).redis_url
    assert url
    return url


def asked(stack: Real, player: str, **headers: str) -> requests.Response:
    path = quote(player, safe="")
    return requests.get(f"{stack.settings.api_url}/players/{path}", headers=headers, timeout=30)


def shown(stack: Real, player: str) -> dict[str, Any]:
    answer = asked(stack, player)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def check(stack: Real, *players: str) -> None:
    """What is shown of the players is what the tables hold, once their day is built."""
    for row in stack.query("select distinct event_date from raw.events"):
        stack.run("rollup", "--day", str(row["event_date"]))
    last = stack.value("select max(entry_id) from ops.batches where status in ('done', 'abandoned')")
    columns = "item_type, item, quantity"
    for player in players:
        found = shown(stack, player)
        wanted = stack.query(f"select {columns} from game.player_inventory where player = '{player}'")
        assert sorted(map(str, found["inventory"])) == sorted(map(str, wanted)), player
        tables = " union all ".join(
            f"select kafka_timestamp from game.{each} where player = '{player}'" for each in stack.contracts.tables
        )
        seen = stack.value(f"select max(kafka_timestamp) from ({tables})")
        assert dt.datetime.fromisoformat(found["last_seen"]) == seen
        assert (found["player"], found["complete_through"]) == (player, last)


def restart(stack: Real) -> None:
    """Starts Redis again if it is stopped, and waits until it answers."""
    supervisor = Supervisor(stack.settings.state)
    if supervisor.states()["redis"]["statename"] not in ("RUNNING", "STARTING", "BACKOFF"):
        supervisor.start_service("redis")
    await_service(stack.settings, "redis", BACK_SECONDS)


def stop(stack: Real) -> None:
    """Stops Redis, also one that supervisord is about to start again."""
    supervisor, until = Supervisor(stack.settings.state), time.monotonic() + BACK_SECONDS
    while supervisor.states()["redis"]["statename"] != "STOPPED":
        assert time.monotonic() < until
        with contextlib.suppress(StackError):  # while it is between two states
            supervisor.stop_service("redis")


class Listener:
    """Listens to notifications, as `curl -N` does."""

    def __init__(self, stack: Real, after: str | None = None) -> None:
        headers = {} if after is None else {"Last-Event-ID": after}
        self.answer = requests.get(f"{stack.settings.api_url}/notifications", headers=headers, stream=True, timeout=60)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        self._lines = self.answer.iter_lines(chunk_size=1)
        assert next(self._lines) == b": listening"

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()

    def next_of(self, player: str) -> tuple[str, dict[str, Any]]:
        """The id and the data of the next event of the player."""
        id_ = ""
        for line in self._lines:
            kind, _, text = line.decode().partition(": ")
            if kind == "id":
                id_ = text
            if kind == "data" and json.loads(text)["player"] == player:
                return id_, json.loads(text)
        raise AssertionError("the stream ended")


@pytest.fixture(autouse=True)
def redis_is_up(stack: Real) -> Iterator[None]:
    restart(stack)
    yield
    restart(stack)


def test_a_batch_is_in_the_state_of_its_players(stack: Real) -> None:
    ann, bob = name("ann"), name("bob")
    stack.produce(
        event(player=ann, color="red", quantity=3),
        event(player=ann, color="red", quantity=1, direction="reduce"),
        event("guild_action", player=ann, action="join", guild="a"),
        event("guild_action", player=ann, action="join", guild="b"),
        event("purchase_horse", player=bob, size="small", speed=1, quantity=2),
        event("default", player=bob),
    )
    stack.ingest()
    check(stack, ann, bob)
    assert (shown(stack, ann)["guild"], shown(stack, bob)["guild"]) == ("b", None)
    stack.produce(event("guild_action", player=ann, action="leave"), event(player=ann, color="red"))
    stack.ingest()
    check(stack, ann, bob)
    assert shown(stack, ann)["guild"] is None


def test_a_player_without_events_is_not_found_and_others_machines_are_refused(stack: Real) -> None:
    stack.ingest()
    for answer, status in (
        (asked(stack, name("nobody")), 404),
        (asked(stack, "ann", Host="Player 1"), 403),
        (asked(stack, "ann", **{"X-Forwarded-For": "127.0.0.1"}), 403),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_replay_and_a_rebuild_leave_the_state_equal_to_the_tables(stack: Real, tmp_path: Path) -> None:
    ann, bob, eve = name("ann"), name("bob"), name("eve")
    stack.produce(
        event(player=ann, color="blue", quantity=1_000_000_001),  # refused, until it is waived
        event(player=bob, color="blue", quantity=5),
        event(player=eve, color="blue", quantity=7),
        event("default", player=bob),
    )
    stack.ingest()
    check(stack, bob, eve)
    assert asked(stack, ann).status_code == 404
    batch = stack.value("select max(batch_id) from game.default_events")
    stack.run("replay", "--selection", json.dumps({"batch_id": batch}), "--waiver", "seen by the owner", *BY)
    check(stack, ann, bob, eve)
    assert shown(stack, ann)["inventory"][0]["quantity"] == 1_000_000_001

    day = str(stack.value("select max(event_date) from game.default_events"))
    rule = [{"name": "small", "condition": "quantity <> 5 and quantity <> 7", "description": "Small."}]
    tight = contracts_with(tmp_path, "purchase_sword", x_rules=rule)
    stack.run("rebuild", "--day", day, *BY, contracts=str(tight))
    check(stack, ann, bob)
    assert asked(stack, eve).status_code == 404 and shown(stack, bob)["inventory"] == []
    stack.run("rebuild", "--day", day, *BY)
    check(stack, ann, bob, eve)


def test_an_erased_player_is_nowhere_in_redis(stack: Real) -> None:
    ann, bob = name("ann"), name("bob")
    stack.produce(event(player=ann, color="red"), event(player=bob, color="red"))
    stack.ingest()
    with connect(url_of(stack)) as redis:
        assert ann in everything(redis)
        stack.run("erase", *BY, erase_player=ann)
        assert ann not in everything(redis) and bob in everything(redis)
    assert asked(stack, ann).status_code == 404
    check(stack, bob)


def everything(redis: Any) -> str:
    """All keys, and all notifications, as one text."""
    keys = [key.decode() for key in redis.scan_iter(count=1000)]
    told = [fields[live.DATA].decode() for _, fields in redis.xrange(live.NOTIFICATIONS)]
    return json.dumps([keys, [json.loads(each) for each in told]], ensure_ascii=False)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_redis_that_dies_or_hangs_during_an_ingest_holds_nothing_up_and_the_next_run_repairs(
    stack: Real, sent: signal.Signals
) -> None:
    ann = name("ann")
    stack.produce(event(player=ann, color="red", quantity=3))
    stack.ingest()
    places = stack.produce(event(player=ann, color="red", quantity=4), event("default", player=ann))
    stack.run("drain")
    process = stack.start("publish")
    for each in stack_processes(stack.settings.state)["redis"]:
        each.send_signal(sent)
    try:
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output[-3000:]
        if sent == signal.SIGSTOP:  # supervisord starts a killed one again, perhaps in time
            assert "the live state is not up to date" in output
    finally:
        if sent == signal.SIGSTOP:
            for each in stack_processes(stack.settings.state)["redis"]:
                each.send_signal(signal.SIGCONT)
        restart(stack)
    assert len(stack.query(f"select 1 from game.sword_purchases where player = '{ann}'")) == 2
    assert list(stack.places(places).values()) == [["sword_purchases"], ["default_events"]]
    stack.run("publish")
    check(stack, ann)
    assert shown(stack, ann)["inventory"] == [{"item_type": "sword", "item": "red", "quantity": 7}]
    stack.check_invariants()


def test_a_notification_comes_after_its_batch_and_a_listener_goes_on_where_it_was(stack: Real) -> None:
    ann = name("ann")
    stack.ingest()
    with Listener(stack) as listener:
        stack.produce(event(player=ann, color="red"), event("default", player=ann))
        stack.ingest()
        first, data = listener.next_of(ann)
    batch = stack.value("select max(batch_id) from game.default_events")
    assert first == f"{batch}-1"
    assert (data["event_type"], data["player"]) == ("purchase_sword", ann)
    assert set(data) == {"event_id", "event_type", "player", "at"}
    stack.produce(event("purchase_horse", player=ann, size="small", speed=1, quantity=2))
    stack.ingest()  # nobody listens
    with Listener(stack, after=first) as listener:
        second, data = listener.next_of(ann)
    assert (second, data["event_type"]) == (f"{batch + 1}-1", "purchase_horse")
    with Listener(stack, after="0-0") as listener:
        assert [listener.next_of(ann)[0], listener.next_of(ann)[0]] == [first, second]


def test_while_redis_is_down_the_routes_say_so_and_events_are_taken(stack: Real) -> None:
    ann = name("ann")
    stack.produce(event(player=ann, color="red"))
    stack.ingest()
    with Listener(stack) as listener:
        stop(stack)
        assert b": listening" not in list(listener._lines)  # the stream ends
    listened = requests.get(f"{stack.settings.api_url}/notifications", timeout=30)
    for answer in (asked(stack, ann), listened):
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "retry-after" in answer.headers
    assert requests.get(f"{stack.settings.api_url}/purchase_a_sword", headers={"Host": "x"}, timeout=30).ok
    places = stack.produce(event(player=ann, color="blue"))
    stack.run("drain")
    assert "the live state is not up to date" in stack.run("publish")
    assert list(stack.places(places).values()) == [["sword_purchases"]]
    restart(stack)
    assert (asked(stack, ann).status_code, "not made yet" in asked(stack, ann).text) == (503, True)
    stack.ingest()
    check(stack, ann)


def test_a_listener_does_not_hold_up_the_stop_of_the_api(stack: Real) -> None:
    supervisor = Supervisor(stack.settings.state)
    with Listener(stack) as listener:
        began = time.monotonic()
        try:
            supervisor.stop_service("api")
            seconds = time.monotonic() - began
        finally:
            supervisor.start_service("api")
        assert b": listening" not in list(listener._lines)
    await_service(stack.settings, "api", BACK_SECONDS)
    assert seconds < 10  # supervisord would kill it after 15


def test_a_rebuild_on_request_mends_what_is_wrong(stack: Real) -> None:
    ann = name("ann")
    stack.produce(event(player=ann, color="red"))
    stack.ingest()
    with connect(url_of(stack)) as redis:
        found = position(redis)
        assert found
        redis.hset(live.player_key(found.generation, ann), live.item_field(live.ItemName("x", "y")), "[5]")
    assert len(shown(stack, ann)["inventory"]) == 2
    began = time.monotonic()
    said = stack.run("rebuild_live")
    print(f"rebuilt in {time.monotonic() - began:.1f} s")
    assert "the live state is rebuilt from the tables" in said
    check(stack, ann)
