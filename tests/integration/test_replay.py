"""Quarantine on the real servers: rows are replayed after a correction, waived or discarded, and never twice."""

from __future__ import annotations

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from operations.changed_days import changed_days
from tests.real import Place, Real, contracts_with, event, new_event_id

pytestmark = pytest.mark.timeout(900)
BY = ("--who", "tester", "--why", "a test")
ONLY_BLUE = {"name": "blue_alone", "condition": "color is null or color = 'blue'", "description": "Only blue swords."}


@pytest.fixture
def only_blue(tmp_path: Path) -> str:
    """The folder of contracts with a rule that was tightened wrongly."""
    return str(contracts_with(tmp_path / "contracts", "purchase_sword", x_rules=[ONLY_BLUE]))


def selection(**fields: object) -> str:
    return f"--selection={json.dumps(fields)}"


def held(stack: Real, only_blue: str, rows: int = 5) -> list[Place]:
    """Red swords that the tightened rule sent to quarantine."""
    sent = stack.produce(*[event(color="red", quantity=n) for n in range(rows)])
    stack.ingest(contracts=only_blue)
    assert set(map(tuple, stack.places(sent).values())) == {("quarantine:rule:blue_alone",)}
    return sent


def test_what_a_wrong_rule_held_back_is_published_once_the_rule_is_corrected(stack: Real, only_blue: str) -> None:
    sent = held(stack, only_blue)
    mine = selection(reason="rule:blue_alone")
    said = stack.run("replay", mine, "--dry-run", *BY)
    assert "would go to sword_purchases: 5" in said
    assert set(map(tuple, stack.places(sent).values())) == {("quarantine:rule:blue_alone",)}

    stack.run("replay", mine, *BY)
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}
    topic, partition, offset = sent[0]
    where = f"topic = '{topic}' and partition = {partition} and \"offset\" = {offset}"
    (row,) = stack.query(f"select batch_id, entry_id, kafka_timestamp from game.sword_purchases where {where}")
    (raw,) = stack.query(f"select batch_id, kafka_timestamp from raw.events where {where}")
    assert (row["batch_id"], row["kafka_timestamp"]) == (raw["batch_id"], raw["kafka_timestamp"])
    assert row["entry_id"] > row["batch_id"]
    (action,) = stack.query(f"select action, who, why, entry_id from ops.quarantine_actions where {where}")
    assert action == {"action": "replayed", "who": "tester", "why": "a test", "entry_id": row["entry_id"]}

    last = stack.value("select max(entry_id) from ops.ledger")
    assert "nothing to replay" in stack.run("replay", mine, *BY)
    assert stack.value("select max(entry_id) from ops.ledger") == last


def test_two_replays_at_once_publish_each_row_once(stack: Real, only_blue: str) -> None:
    sent = held(stack, only_blue)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: stack.run("replay", selection(reason="rule:blue_a*"), *BY), range(2)))
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}


@pytest.mark.parametrize(
    "kill_at",
    [
        pytest.param("before_decide", marks=pytest.mark.extra),
        "after_decide",
        pytest.param("after_quarantine", marks=pytest.mark.extra),
    ],
)
def test_a_replay_killed_at_any_point_is_finished_by_the_next_ingest(stack: Real, only_blue: str, kill_at: str) -> None:
    sent = held(stack, only_blue)
    if kill_at == "after_quarantine":  # the rule still stands: it fails again, and that is a row of its own
        stack.run_killed("replay", kill_at, selection(reason="rule:blue_alone"), *BY, contracts=only_blue)
        stack.ingest(contracts=only_blue)
        expected = ("quarantine:rule:blue_alone",)
    else:
        stack.run_killed("replay", kill_at, selection(reason="rule:blue_alone"), *BY)
        stack.ingest()
        expected = ("sword_purchases",)
    assert set(map(tuple, stack.places(sent).values())) == {expected}
    stack.run("replay", selection(reason="rule:blue_alone"), *BY)
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}


@pytest.fixture(scope="module")
def one_of_each(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with one rule of the batch: no two rows have one quantity."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "own.yaml").write_text(
        "rules:\n- {name: one_of_each, description: No quantity twice., severity: critical, scope: good, query: 'select "
        "purchase_sword__quantity from {batch} where player = ''twins'' group by 1 having count(*) > 1'}\n"
    )
    return str(folder)


def test_a_batch_that_a_check_of_all_of_it_holds_is_accepted_by_a_waiver_alone(stack: Real, one_of_each: str) -> None:
    sent = stack.produce(event(quantity=7, player="twins"), event(quantity=7, player="twins"))
    stack.ingest(rules=one_of_each)
    held_back = {("quarantine:audit:one_of_each",)}
    assert set(map(tuple, stack.places(sent).values())) == held_back
    assert stack.value("select count_if(at_fault) from ops.quarantine_open where rule = 'one_of_each'") == 0
    mine = selection(reason="audit:one_of_each")
    stack.run("replay", mine, *BY, rules=one_of_each)  # the check fails again
    assert set(map(tuple, stack.places(sent).values())) == held_back
    stack.run("replay", mine, *BY, "--waiver", "it was a gift to all", rules=one_of_each)
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}
    newest = "select verdict, waiver, who from ops.batches where waiver is not null order by entry_id desc limit 1"
    (entry,) = stack.query(newest)
    assert entry == {"verdict": "waived", "waiver": "it was a gift to all", "who": "tester"}


def test_what_is_discarded_is_open_no_more_and_stays_on_record(stack: Real) -> None:
    junk = stack.produce(b"junk to discard", event("default"))
    stack.ingest()
    topic, partition, offset = junk[0]
    batch = stack.value(
        f"select batch_id from raw.events where topic = '{topic}' and partition = {partition} and \"offset\" = {offset}"
    )
    mine = selection(reason="not_json", batch_id=batch)
    stack.run("discard", mine, "--dry-run", *BY)
    assert list(stack.places(junk).values()) == [["quarantine:not_json"], ["default_events"]]
    stack.run("discard", mine, *BY)
    assert list(stack.places(junk).values()) == [[], ["default_events"]]
    assert stack.value(f"select count(*) from ops.quarantine where batch_id = {batch}") == 1
    assert "nothing to replay" in stack.run("replay", mine, *BY)


def test_a_discard_publishes_nothing_and_makes_no_built_day_build_again(stack: Real) -> None:
    junk = stack.produce(*[b"more junk to discard"] * 3)
    stack.ingest()
    topic, partition, offset = junk[0]
    where = f"topic = '{topic}' and partition = {partition} and \"offset\" = {offset}"
    (raw,) = stack.query(f"select batch_id, event_date from raw.events where {where}")
    day, later = raw["event_date"], dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    stack.run("rollup", "--day", str(day))
    stack.run("discard", selection(reason="not_json", batch_id=raw["batch_id"]), *BY)
    newest = "select kind, status, published, quarantined from ops.batches order by entry_id desc limit 1"
    assert stack.query(newest) == [{"kind": "discard", "status": "done", "published": 0, "quarantined": 0}]
    assert (
        stack.value(
            "select sum(c.rows) from ops.ledger cross join unnest(counts) as c(destination, t, p, d, rows) "
            "where kind = 'discard' and step = 'done' and entry_id = (select max(entry_id) from ops.ledger)"
        )
        == 3
    )
    assert day not in [each.day for each in changed_days(stack.settings, later)]

    stack.produce(event())
    stack.ingest()
    assert day in [each.day for each in changed_days(stack.settings, later)]


@pytest.mark.extra
def test_a_reused_id_stays_in_quarantine_by_a_replay(stack: Real) -> None:
    same = new_event_id()
    first = stack.produce(event(event_id=same, quantity=1))
    stack.ingest()
    other = stack.produce(event(event_id=same, quantity=2))
    stack.ingest()
    stack.run("replay", selection(reason="event_id_reused"), *BY)
    assert list(stack.places(first + other).values()) == [["sword_purchases"], ["quarantine:event_id_reused"]]


def test_a_selection_that_cannot_be_read_says_what_it_may_hold(stack: Real) -> None:
    process = stack.start("replay", "--selection=reason", *BY)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "write JSON with any of" in output


def test_after_all_replays_everything_adds_up(stack: Real) -> None:
    stack.ingest()
    stack.check_invariants()
