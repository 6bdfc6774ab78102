"""Messages that crash Spark's readers, on real servers: refused or quarantined, while good ones are published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lakehouse.clients.hdfs import Hdfs
from lakehouse.contract.personal import MASK
from lakehouse.ledger.selection import Selection
from lakehouse.names import markers_folder
from operations import quarantine
from operations.tracing import trace
from tests.faults.servers import Servers
from tests.real import Place, Real, contracts_with, event, new_event_id

pytestmark = pytest.mark.timeout(900)
BY = ("--who", "tester", "--why", "a test")
ARRAYS = ("[", "]")


def deep(levels: int, begin: str = '{"a":', end: str = "}") -> str:
    return begin * levels + "1" + end * levels


def cart(inner: str) -> str:
    item = f'{{"item_type":"a","item":"b","quantity":1,"x":{inner}}}'
    return f'{{"event_type":"cart_action","action":"add","items":[{item}]}}'


def poison(player: str, ids: list[str]) -> list[str]:
    """Deep messages, each of another kind; those with an event_id have one of `ids`, in that order."""
    own = f'"event_type":"default","player":"{player}","host":"{player}"'
    object_id, escaped_id, array_id = ids
    return [
        cart(deep(900)),
        cart(deep(30_000)),
        f'{{"event_id":"{object_id}",{own},"x":{deep(900)}}}',
        f'{{"event_id":"{array_id}",{own},"x":{deep(60_000, *ARRAYS)}}}',
        deep(60_000, *ARRAYS),
        f'{{{own},"http_headers":{deep(900)}}}',
        f'{{"event_id":{deep(900)},{own}}}',
        f'{{"x":"\\u0041\\u007b","y":{deep(900)},{own},"event_id":"{escaped_id}"}}',
        f'{{{own},"x":{"[" * 200_000}',
    ]


class Sent:
    """What was sent and where it is in Kafka."""

    def __init__(self, stack: Real) -> None:
        self.player, self.ids = f"Paula {new_event_id()}", [new_event_id() for _ in range(3)]
        values = [text.encode() for text in poison(self.player, self.ids)]
        mixed = [each for value in values for each in (value, event(player=self.player))]
        places = stack.produce(*mixed)
        self.bad: list[Place] = places[::2]
        self.good: list[Place] = places[1::2]


@pytest.fixture(scope="module")
def sent(stack: Real) -> Iterator[Sent]:
    sent = Sent(stack)
    stack.ingest()
    yield sent


def test_deep_messages_are_quarantined_and_the_good_ones_beside_them_published(stack: Real, sent: Sent) -> None:
    places = stack.places(sent.bad + sent.good)
    assert {tuple(places[each]) for each in sent.bad} == {("quarantine:too_deep",)}
    assert {tuple(places[each]) for each in sent.good} == {("sword_purchases",)}
    stack.check_invariants()


def test_deep_messages_are_counted_and_shown(stack: Real, sent: Sent) -> None:
    selection = Selection(reason="too_deep")
    counted = quarantine.counted(stack.settings, stack.contracts, selection)
    assert sum(each["messages"] for each in counted) >= len(sent.bad)
    shown = quarantine.rows(stack.settings, stack.contracts, selection, 10_000)
    assert {(row["topic"], row["partition"], row["offset"]) for row in shown} >= set(sent.bad)
    assert sent.player not in repr(shown) and {row["value"].split()[0] for row in shown} == {MASK}
    assert "too_deep" in stack.airflow().page("/quality/issue/too_deep")


def test_a_deep_message_is_traced_by_its_id(stack: Real, sent: Sent) -> None:
    for event_id in sent.ids[:1] + sent.ids[2:]:  # of an escaped text raw has no id
        (found,) = trace(stack.settings, stack.contracts, event_id)
        assert (found.place, found.reason_code) == ("quarantine", "too_deep")


def test_an_event_under_the_id_of_a_deep_one_is_published(stack: Real, sent: Sent) -> None:
    again = stack.produce(*[event(event_id=each) for each in sent.ids])
    stack.ingest()
    assert set(map(tuple, stack.places(again).values())) == {("sword_purchases",)}
    stack.check_invariants()


def test_the_api_refuses_what_is_too_deep_and_takes_what_is_beside_it(stack: Real) -> None:
    good = '{"event_type":"purchase_sword","color":"red"}'
    url, kind = f"{stack.settings.api_url}/v1/events", {"Content-Type": "application/json"}
    for bad, field in (
        (cart(deep(900)), "items"),
        (f'{{"event_type":"default","x":{deep(900, *ARRAYS)}}}', "x"),
        (f'{{"event_type":"default","http_headers":{deep(900)}}}', "http_headers"),
        (f'{{"event_type":"default","event_id":{deep(900)}}}', "event_id"),
        (f'{{"y":"\\u0041","event_type":"default","x":{deep(900)},"event_id":"{new_event_id()}"}}', "x"),
    ):
        answer = requests.post(url, data=f"[{bad},{good}]", headers=kind, timeout=20)
        rejected, accepted = answer.json()["items"]
        assert (rejected["status"], rejected["field"], rejected["rule"]) == ("rejected", field, "max_depth")
        assert accepted["status"] == "accepted"
    for bad in (cart(deep(30_000)), deep(60_000, *ARRAYS)):
        answer = requests.post(url, data=bad, headers=kind, timeout=20)
        assert (answer.status_code, answer.json()["rule"]) == (400, "max_depth")


def test_a_rebuild_and_a_replay_of_them_change_nothing(stack: Real, sent: Sent) -> None:
    stack.ingest()
    day = str(stack.value("select max(event_date) from raw.events"))
    before = stack.places(sent.bad + sent.good)
    stack.run("rebuild", "--day", day, *BY)
    assert stack.places(sent.bad + sent.good) == before
    stack.run("replay", "--selection", json.dumps({"reason": "too_deep"}), *BY)
    assert stack.places(sent.bad + sent.good) == before
    stack.check_invariants()


def test_an_erasure_reads_past_them(stack: Real, sent: Sent) -> None:
    stack.run("erase", *BY, erase_player=sent.player)
    places = stack.places(sent.bad + sent.good)
    assert {tuple(places[each]) for each in sent.good} == {()}
    assert {tuple(places[each]) for each in sent.bad} == {("quarantine:too_deep",)}  # nobody can tell whose they are
    fresh = stack.produce(event("default"))
    stack.ingest()
    assert list(stack.places(fresh).values()) == [["default_events"]]


PLANTED = {
    "name": "nobody_thought_of_it",
    "condition": "if(color = 'poison', cast(raise_error('planted') as boolean), true)",
    "description": "Ends whoever judges a sword of this color.",
}


@pytest.fixture
def planted(tmp_path: Path) -> str:
    return str(contracts_with(tmp_path / "contracts", "purchase_sword", x_rules=[PLANTED]))


def failed(stack: Real, job: str, *arguments: str, **settings: str) -> str:
    """What a job says that fails."""
    process = stack.start(job, *arguments, cold=False, change=None, **settings)
    output, _ = process.communicate(timeout=400)
    assert process.returncode != 0, output[-3000:]
    return output


def test_what_nobody_thought_of_ends_alone_in_quarantine(stack: Real, planted: str) -> None:
    stack.produce(event("default"))
    stack.ingest()
    same = new_event_id()
    good = [event(color="red"), event(color="blue", event_id=same), event("default"), event("message", text="hi")]
    bad, *fine = stack.produce(event(color="poison"), *good * 3)
    stack.run("drain")
    assert "planted" in failed(stack, "publish", contracts=planted)
    said = stack.run("publish", contracts=planted)
    assert "1 messages are quarantined as unreadable" in said
    places = stack.places([bad, *fine])
    assert places[bad] == ["quarantine:unreadable"]
    assert [places[each] for each in fine][:4] == [
        ["sword_purchases"],
        ["sword_purchases"],
        ["default_events"],
        ["messages"],
    ]
    assert [places[each] for each in fine][4:] == [
        []
    ] * 8  # the same ids again: none is missed for being in another part
    stack.check_invariants()

    day = str(stack.value("select max(event_date) from raw.events"))
    stack.run("rebuild", "--day", day, *BY, contracts=planted)
    stack.run("replay", "--selection", json.dumps({"event_type": "purchase_sword"}), *BY, contracts=planted)
    assert stack.places([bad])[bad] == ["quarantine:unreadable"]
    read_again = ("replay", "--selection", json.dumps({"reason": "unreadable"}), *BY)
    failed(stack, *read_again, contracts=planted)
    later = stack.produce(event(color="green"))
    stack.ingest(contracts=planted)
    assert list(stack.places([bad, *later]).values()) == [["quarantine:unreadable"], ["sword_purchases"]]
    stack.run(*read_again)
    assert stack.places([bad])[bad] == ["sword_purchases"]
    stack.check_invariants()


def test_hdfs_stopped_three_times_in_mid_staging_quarantines_nothing(stack: Real) -> None:
    stack.ingest()
    sent = stack.produce(*[event() for _ in range(20)])
    stack.run("drain")
    entry_id = stack.value("select max(entry_id) from ops.ledger")
    servers, hdfs = Servers(stack.settings), Hdfs(stack.settings)
    folder = markers_folder(stack.settings.warehouse, entry_id)
    for _ in range(3):
        before = len(hdfs.list(folder))
        process = stack.start("publish")
        while process.poll() is None and len(hdfs.list(folder)) == before:
            pass
        assert len(hdfs.list(folder)) > before, "no attempt began to stage"
        for service in ("namenode", "datanode"):
            servers.kill(service)
        process.communicate(timeout=400)
        for service in ("namenode", "datanode"):
            servers.wait_for(service)
    stack.run("publish")
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}
    assert stack.value("select count(*) from ops.quarantine_open where reason_code = 'unreadable'") == 0
