"""Drain and publish on the real servers: every message is in exactly one place, whatever stops them and whenever."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest
import requests
from click.testing import CliRunner

from lakehouse.settings import CHECKOUT
from operations.cli import main
from tests.real import Real, contracts_with, event, new_event_id

pytestmark = pytest.mark.timeout(900)

GARBAGE = [
    (b"junk", "not_json"),
    (b"", "not_json"),
    (b"[1, 2]", "not_object"),
    (b"\xff\xfe\x00", "not_utf8"),
    (None, "no_value"),
    (b"x" * (1 << 20), "too_large"),
    (b'{"event_type": "nobody_knows"}', "unknown_type"),
    (b'{"no": "type"}', "unknown_type"),
    (event(quantity="three"), "schema:quantity:type"),
    (event(quantity=-1), "schema:quantity:minimum"),
    (event("purchase_horse", size="huge", speed=1, quantity=1), "schema:size:enum"),
    (event("purchase_horse", size="small", quantity=1), "schema:speed:required"),
    (event("cart_action", action="checkout", items=[]), "rule:checkout_lists_items"),
    (event(event_id="5"), "event_id_invalid"),
]


def test_garbage_is_quarantined_by_reason_and_the_good_rows_beside_it_are_published(stack: Real) -> None:
    good = [event(), event("purchase_horse", size="small", speed=1.5, quantity=2), event("message", text="hi")]
    bad = stack.produce(*[value for value, _ in GARBAGE])
    fine = stack.produce(good[0], good[1]) + stack.produce(good[2], topic="MessageHistory")
    stack.ingest()
    places = stack.places(bad + fine)
    assert [places[place] for place in bad] == [[f"quarantine:{reason}"] for _, reason in GARBAGE]
    assert [places[place] for place in fine] == [["sword_purchases"], ["horse_purchases"], ["messages"]]
    topic, partition, offset = bad[3]  # quarantine keeps the bytes, and where they came from
    topic_id = stack.topic_ids({topic})[topic]  # an earlier topic of that name had such a place, too
    where = f"topic_id = '{topic_id}' and partition = {partition} and \"offset\" = {offset}"
    (row,) = stack.query(f"select * from ops.quarantine where {where}")
    assert bytes(row["value"]) == GARBAGE[3][0]
    assert row["entry_id"] == row["batch_id"] > 0
    assert row["event_id"]
    assert row["topic_id"]


@pytest.mark.parametrize("kill_at", ["after_plan", "after_raw"])  # tests/faults has all points
def test_a_drain_killed_at_any_point_loses_and_doubles_nothing(stack: Real, kill_at: str) -> None:
    sent = stack.produce(*[event() for _ in range(20)])
    stack.run_killed("drain", kill_at)
    later = stack.produce(event())
    stack.ingest()
    assert set(map(tuple, stack.places(sent + later).values())) == {("sword_purchases",)}


@pytest.mark.cold
@pytest.mark.parametrize("kill_at", [pytest.param("before_raw", marks=pytest.mark.extra), "after_raw"])
def test_the_same_with_a_spark_of_the_jobs_own(stack: Real, kill_at: str) -> None:
    sent = stack.produce(*[event() for _ in range(20)])
    stack.run_killed("drain", kill_at, cold=True)
    stack.ingest()
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}


def test_two_drains_at_once_commit_one_batch(stack: Real) -> None:
    sent = stack.produce(*[event() for _ in range(20)])
    entries = stack.value("select max(entry_id) from ops.ledger")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: stack.run("drain"), range(3)))
    assert stack.value("select max(entry_id) from ops.ledger") == entries + 1
    stack.run("publish")
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}


def test_rows_are_counted_by_queries_where_the_tables_logs_cannot_be_read(stack: Real) -> None:
    sent = stack.produce(*mixed())
    stack.run("drain")
    output = stack.run("publish", change=hide_logs)
    assert "the tables are counted by queries: the log is hidden" in output
    assert {len(places) for places in stack.places(sent).values()} == {1}


def hide_logs() -> None:
    """Nobody finds the commits of an entry at the ends of the tables' logs."""
    from jobs.ledger import committed

    def hidden(*_: object) -> list[committed.Added]:
        raise committed.CommitUnclear("the log is hidden")

    patch.object(committed, "added", hidden).start()


def mixed() -> list[bytes]:
    """Rows of more tables than are written at once, and of quarantine."""
    swords = [event(color="red", quantity=n) for n in range(5)]
    horses = [event("purchase_horse", size="small", speed=1, quantity=n) for n in range(5)]
    others = [event("default"), event("message", text="hello"), event("guild_action", action="join", guild="g")]
    return [*swords, *horses, *others, b"junk"]


@pytest.mark.parametrize(
    "kill_at",
    [
        pytest.param("before_decide", marks=pytest.mark.extra),
        "between_tables",
        pytest.param("before_done", marks=pytest.mark.extra),
    ],
)
def test_a_publish_killed_at_any_point_loses_and_doubles_nothing(stack: Real, kill_at: str) -> None:
    sent = stack.produce(*mixed())
    stack.run("drain")
    stack.run_killed("publish", kill_at)
    stack.run("publish")
    assert {len(places) for places in stack.places(sent).values()} == {1}


@pytest.mark.cold
def test_a_publish_killed_between_two_tables_with_a_spark_of_its_own(stack: Real) -> None:
    sent = stack.produce(*mixed())
    stack.run("drain")
    stack.run_killed("publish", "between_tables", cold=True)
    stack.run("publish")
    assert {len(places) for places in stack.places(sent).values()} == {1}


@pytest.fixture
def only_blue(tmp_path: Path) -> Path:
    """The contracts, with a rule that swords with a color are blue."""
    rule = {"name": "only_blue", "condition": "color is null or color = 'blue'", "description": "Only blue swords."}
    return contracts_with(tmp_path / "contracts", "purchase_sword", x_rules=[rule])


@pytest.mark.parametrize(
    ("kill_at", "decided"), [pytest.param("before_decide", False, marks=pytest.mark.extra), ("between_tables", True)]
)
def test_a_contract_changed_between_crash_and_retry_never_splits_a_batch(
    stack: Real, only_blue: Path, kill_at: str, decided: bool
) -> None:
    """What was decided stays; what was not is judged anew. In no case is a row in two places or in none."""
    sent = stack.produce(*mixed())
    stack.run("drain")
    stack.run_killed("publish", kill_at)
    stack.run("publish", contracts=str(only_blue))
    places = list(stack.places(sent).values())
    assert places[:5] == [["sword_purchases" if decided else "quarantine:rule:only_blue"]] * 5
    assert {len(each) for each in places} == {1}


def test_publish_run_twice_writes_nothing_more(stack: Real) -> None:
    stack.produce(*mixed())
    stack.ingest()
    tables = ["raw.events", "ops.ledger", "ops.quarantine", *[f"game.{name}" for name in stack.contracts.tables]]

    def versions() -> dict[str, int]:
        database_and_name = [table.split(".") for table in tables]
        return {f"{d}.{t}": stack.value(f'select max(version) from {d}."{t}$history"') for d, t in database_and_name}

    before = versions()
    assert min(before.values()) >= 0
    stack.run("publish")
    stack.run("drain")
    assert versions() == before


def test_the_same_event_id_40_times_at_once_is_one_row(stack: Real) -> None:
    same = new_event_id()
    body = {"event_type": "purchase_sword", "event_id": same, "color": "red", "quantity": 3}

    def send(_: int) -> int:
        url = f"{stack.settings.api_url}/v1/events"
        return requests.post(url, json=body, headers={"Host": "Player 40"}, timeout=30).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(send, range(40))) == {200}
    stack.ingest()
    assert stack.value(f"select count(*) from raw.events where event_id = '{same}'") == 40
    assert stack.query(f"select quantity from game.sword_purchases where event_id = '{same}'") == [{"quantity": 3}]
    assert stack.value(f"select count(*) from ops.quarantine where event_id = '{same}'") == 0
    stack.ingest()


def test_a_retry_in_a_later_batch_is_a_duplicate_and_another_event_of_that_id_is_not(stack: Real) -> None:
    same = new_event_id()
    first = stack.produce(event(event_id=same, quantity=1))
    stack.ingest()
    again, other = stack.produce(event(event_id=same, quantity=1)), stack.produce(event(event_id=same, quantity=2))
    stack.ingest()
    places = stack.places(first + again + other)
    assert list(places.values()) == [["sword_purchases"], [], ["quarantine:event_id_reused"]]


def test_a_row_that_breaks_a_rule_is_refused_alone_and_the_others_are_published(stack: Real) -> None:
    good = stack.produce(*[event(quantity=1) for _ in range(30)])
    impossible = stack.produce(event(quantity=1_000_000_001))
    stack.run("drain")
    said = stack.run("publish")
    assert "WARNING: 1 rows of entry" in said and "audit:quantity_possible" in said
    assert set(map(tuple, stack.places(good).values())) == {("sword_purchases",)}
    assert list(stack.places(impossible).values()) == [["quarantine:audit:quantity_possible"]]
    newest = "select entry_id, verdict, failed_checks, refused, published, quarantined from ops.batches"
    (batch,) = stack.query(f"{newest} order by entry_id desc limit 1")
    entry_id = batch.pop("entry_id")
    refused = [tuple(each) for each in batch.pop("refused")]
    assert refused == [("quantity_possible", 1)]
    assert batch == {"verdict": "passed", "failed_checks": [], "published": 30, "quarantined": 1}
    rows = stack.query(f"select rule, at_fault from ops.quarantine where entry_id = {entry_id}")
    assert rows == [{"rule": "quantity_possible", "at_fault": True}]


def test_too_many_rows_that_break_a_rule_hold_their_batch_and_let_later_ones_flow(stack: Real, tmp_path: Path) -> None:
    held = stack.produce(*[event(quantity=1_000_000_001 if n % 10 == 0 else 1) for n in range(2000)], b"junk")
    stack.ingest()
    later = stack.produce(event(quantity=1))
    stack.ingest()
    places = list(stack.places([held[0], held[1], held[-1], *later]).values())
    assert places == [["quarantine:audit:quantity_possible"]] * 2 + [["quarantine:not_json"], ["sword_purchases"]]
    (batch,) = stack.query("select entry_id, failed_checks, refused, page from ops.batches where verdict = 'failed'")
    assert (batch["failed_checks"], batch["refused"]) == (["quantity_possible"], [])
    assert batch["page"].endswith(f"/quality/batch/{batch['entry_id']}")
    results = stack.query(
        "select outcome, rows_failing, rows_checked from ops.checks "
        f"where entry_id = {batch['entry_id']} and name = 'quantity_possible'"
    )
    assert results == [{"outcome": "failed", "rows_failing": 200, "rows_checked": 2000}]
    folder = tmp_path / "data docs"
    exported = CliRunner().invoke(main, ["quality", "export", str(folder), "--entry", str(batch["entry_id"])])
    assert exported.exit_code == 0, exported.output
    assert "quantity_possible" in (folder / f"entry-{batch['entry_id']:06d}.html").read_text()
    rows = f"from ops.quarantine where entry_id = {batch['entry_id']}"
    at_fault = stack.query(f"select at_fault, count(*) as rows {rows} group by 1 order by 1")
    assert [(each["at_fault"], each["rows"]) for each in at_fault] == [(False, 1800), (True, 201)]

    mine = f'--selection={{"reason": "audit:*", "batch_id": {batch["entry_id"]}}}'
    stack.run("replay", mine, "--who", "tester", "--why", "a test")
    counted = f"select count(*) from game.sword_purchases where batch_id = {batch['entry_id']}"
    still = f"select count(*) from ops.quarantine_open where batch_id = {batch['entry_id']} and at_fault"
    assert (stack.value(counted), stack.value(still)) == (1800, 201)
    stack.run("replay", mine, "--who", "tester", "--why", "a test", "--waiver", "a gift to all")
    assert (stack.value(counted), stack.value(still)) == (2000, 1)


def test_max_events_per_batch_makes_several_batches_that_miss_nothing(stack: Real) -> None:
    sent = stack.produce(*[event() for _ in range(25)])
    newest = stack.value("select max(entry_id) from ops.ledger")
    stack.run("drain", max_events_per_batch="10")
    assert stack.value("select max(entry_id) from ops.ledger") == newest + 3
    stack.run("publish")
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}


def test_a_deleted_topic_stops_the_drain_loudly(stack: Real) -> None:
    """Names the topic and moves nothing. (The topic of this contract exists nowhere but in this test.)"""
    entries = stack.value("select max(entry_id) from ops.ledger")
    folder = stack.settings.state / "contracts-with-another-topic"
    shutil.copytree(CHECKOUT / "contracts", folder, dirs_exist_ok=True)
    file = folder / "default.yaml"
    file.write_text(file.read_text().replace("x-topic: events", "x-topic: no_such_topic"))
    process = stack.start("drain", contracts=str(folder))
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Kafka has no topic no_such_topic; nothing was moved" in output
    assert stack.value("select max(entry_id) from ops.ledger") == entries


def test_without_spark_a_job_fails_at_once_and_says_why(stack: Real) -> None:
    process = stack.start("drain", spark_remote="sc://127.0.0.1:9")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Spark Connect does not answer at sc://127.0.0.1:9" in output


def test_a_days_facts_add_up_and_an_older_build_does_not_replace_a_newer_one(stack: Real) -> None:
    name = f"player-{new_event_id()}"
    stack.produce(
        event(player=name, color="red", quantity=3),
        event(player=name, color="red", quantity=1, direction="reduce"),
        event(
            "cart_action", player=name, action="checkout", items=[{"item_type": "bow", "item": "long", "quantity": 4}]
        ),
        event("guild_action", player=name, action="join", guild="g"),
    )
    stack.ingest()
    day = str(stack.value(f"select max(event_date) from game.sword_purchases where player = '{name}'"))
    for _ in range(2):  # the second is a repetition
        stack.run("rollup", "--day", day)
    changes = stack.query(
        f"select item_type, item, change from game.player_item_changes where player = '{name}' order by item_type"
    )
    assert [tuple(row.values()) for row in changes] == [
        ("bow", "long", 4),
        ("guild membership", "g", 1),
        ("sword", "red", 2),
    ]
    inventory = stack.query(
        f"select item, quantity from game.player_inventory where player = '{name}' order by item_type"
    )
    assert [tuple(row.values()) for row in inventory] == [("long", 4), ("g", 1), ("red", 2)]
    counts = stack.query(
        f"select direction, sum(events) as n from game.daily_event_counts where player = '{name}' group by 1 order by 1"
    )
    assert [tuple(row.values()) for row in counts] == [("increase", 2), ("reduce", 1), (None, 1)]
    last = stack.value("select max(entry_id) from ops.batches")
    assert stack.query("select distinct built_through from game.daily_event_counts") == [{"built_through": last}]
    stack.run("audit_day", "--day", day)
    assert stack.query(f"select verdict from ops.audits where day = date '{day}'") == [{"verdict": "passed"}]


def test_trace_tells_each_arrival(stack: Real) -> None:
    from operations.tracing import trace

    same = new_event_id()
    stack.produce(event(event_id=same), event(event_id=same))
    stack.run("drain")
    assert [arrival.place for arrival in trace(stack.settings, stack.contracts, same)] == ["raw", "raw"]
    stack.run("publish")
    found = trace(stack.settings, stack.contracts, same)
    assert sorted(arrival.place for arrival in found) == ["duplicate", "sword_purchases"]
    assert "in game.sword_purchases, through entry" in found[0].sentence()
    assert json.dumps([arrival.as_json() for arrival in found])
    assert trace(stack.settings, stack.contracts, new_event_id()) == []


def test_after_all_of_this_everything_adds_up(stack: Real) -> None:
    """The invariants hold over every message of every test above, whatever was killed or repeated meanwhile."""
    stack.ingest()
    stack.check_invariants()
