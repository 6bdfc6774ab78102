"""Rebuilds on the real servers: a day is made anew from raw during ingest, and is the same by the same contracts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.real import Real, contracts_with, event, new_event_id

pytestmark = pytest.mark.timeout(900)
BY = ("--who", "tester", "--why", "a test")
ONLY_BLUE = {
    "name": "blue_for_a_day",
    "condition": "color is null or color = 'blue'",
    "description": "Only blue swords.",
}


@pytest.fixture
def only_blue(tmp_path: Path) -> str:
    return str(contracts_with(tmp_path / "contracts", "purchase_sword", x_rules=[ONLY_BLUE]))


@pytest.fixture
def today(stack: Real) -> Iterator[tuple[str, ...]]:
    stack.produce(*[event(color="red", quantity=n) for n in range(3)])
    stack.ingest()
    yield ("--day", str(stack.value("select max(event_date) from raw.events")))


def versions(stack: Real) -> dict[str, int]:
    return {name: stack.value(f'select max(version) from game."{name}$history"') for name in stack.contracts.tables} | {
        name: stack.value(f'select max(version) from ops."{name}$history"')
        for name in ("quarantine", "quarantine_actions")
    }


def test_with_the_same_contracts_nothing_changes_however_often(stack: Real, today: tuple[str, ...]) -> None:
    stack.run("rebuild", *today, *BY)  # other tests left rows behind that other contracts had judged
    before = versions(stack)
    for _ in range(2):
        said = stack.run("rebuild", *today, *BY)
        assert "sword_purchases" in said
        assert "nothing to change" in said
    assert versions(stack) == before
    stack.check_invariants()


def test_a_tightened_rule_moves_rows_to_quarantine_and_a_corrected_one_brings_them_back(
    stack: Real, today: tuple[str, ...], only_blue: str
) -> None:
    red = stack.produce(event(color="red"), event(color="blue"))
    stack.ingest()
    stack.run("rebuild", *today, *BY, contracts=only_blue)
    assert list(stack.places(red).values()) == [["quarantine:rule:blue_for_a_day"], ["sword_purchases"]]
    compared = stack.query(
        "select c.before, c.after, c.changed from ops.ledger "
        "cross join unnest(comparison) as c(destination, before, after, changed) "
        "where step = 'decided' and c.destination = 'sword_purchases' order by entry_id desc limit 1"
    )
    assert compared[0]["before"] - compared[0]["after"] == compared[0]["changed"] > 0
    stack.check_invariants()
    stack.run("rebuild", *today, *BY)
    assert set(map(tuple, stack.places(red).values())) == {("sword_purchases",)}
    stack.check_invariants()


@pytest.mark.extra
@pytest.mark.parametrize("kill_at", ["after_decide", "between_tables"])
def test_a_rebuild_killed_at_any_point_is_finished_by_the_next_ingest(
    stack: Real, today: tuple[str, ...], only_blue: str, kill_at: str
) -> None:
    red = stack.produce(event(color="red"), event("default"))
    stack.ingest()
    stack.run_killed("rebuild", kill_at, *today, *BY, contracts=only_blue)
    stack.ingest(contracts=only_blue)
    assert list(stack.places(red).values()) == [["quarantine:rule:blue_for_a_day"], ["default_events"]]
    stack.run("rebuild", *today, *BY)
    assert list(stack.places(red).values()) == [["sword_purchases"], ["default_events"]]


def test_a_swap_leaves_newer_rows_alone_that_compaction_joined_with_older_ones(
    stack: Real, today: tuple[str, ...], only_blue: str
) -> None:
    """Then the commit of the rebuild holds rows of a later batch too, written anew, which are not its own."""
    old = stack.produce(event(color="red"), event(color="blue"))
    stack.ingest()
    new = stack.produce(event(color="blue"))
    stack.run("drain")
    stack.run_killed("rebuild", "after_plan", *today, *BY)  # takes batches up to the last one that is done
    stack.run_killed("publish", "after_done")
    stack.run_killed("publish", "after_decide", contracts=only_blue)
    assert "joined" in stack.run("maintain", "--task", "compact", compact_from_files="2")
    said = stack.run("publish", contracts=only_blue)
    assert "queries" not in said
    assert list(stack.places(old + new).values()) == [
        ["quarantine:rule:blue_for_a_day"], ["sword_purchases"], ["sword_purchases"],
    ]  # fmt: skip
    stack.check_invariants()
    stack.run("rebuild", *today, *BY)


def test_a_rebuild_beside_ingest_and_replay_loses_and_doubles_nothing(
    stack: Real, today: tuple[str, ...], only_blue: str
) -> None:
    held = stack.produce(*[event(color="red") for _ in range(5)])
    stack.ingest(contracts=only_blue)
    with ThreadPoolExecutor(3) as pool:
        jobs: list[Future[Any]] = [
            pool.submit(stack.run, "rebuild", *today, *BY),
            pool.submit(stack.run, "replay", '--selection={"reason": "rule:blue_for_a_day"}', *BY),
        ]
        fresh = stack.produce(*[event() for _ in range(5)])
        jobs.append(pool.submit(stack.ingest))
        for each in jobs:
            each.result(timeout=500)
    stack.ingest()
    assert set(map(tuple, stack.places(held + fresh).values())) == {("sword_purchases",)}
    stack.check_invariants()


def test_a_rebuild_honours_waivers_discards_and_what_audits_hold(stack: Real, today: tuple[str, ...]) -> None:
    waived = stack.produce(event(quantity=10**12))
    stack.ingest()
    stack.run("replay", '--selection={"reason": "audit:*"}', *BY, "--waiver", "a gift")
    held = stack.produce(event(quantity=10**12))
    stack.ingest()
    discarded = stack.produce(b"junk")
    stack.ingest()
    stack.run("discard", '--selection={"reason": "not_json"}', *BY)
    stack.run("rebuild", *today, *BY)
    places = list(stack.places(waived + held + discarded).values())
    assert places == [["sword_purchases"], ["quarantine:audit:quantity_possible"], []]


def test_a_rebuild_refuses_rows_of_a_new_rule_alone(stack: Real, today: tuple[str, ...], tmp_path: Path) -> None:
    green, blue = (stack.produce(event(color=color, player="refused later")) for color in ("green", "blue"))
    stack.ingest()
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "green.yaml").write_text(
        "rules:\n- {name: no_green, description: There are no green ones., severity: critical, scope: good, "
        "condition: \"player = 'refused later' and purchase_sword__color = 'green'\"}\n"
    )
    stack.run("rebuild", *today, *BY, rules=str(rules))
    assert list(stack.places(green + blue).values()) == [["quarantine:audit:no_green"], ["sword_purchases"]]
    stack.run("replay", '--selection={"reason": "audit:no_green"}', *BY)
    assert list(stack.places(green).values()) == [["sword_purchases"]]
    stack.check_invariants()


@pytest.mark.extra
def test_a_rebuild_whose_audit_fails_is_abandoned_and_the_day_is_as_it_was(
    stack: Real, today: tuple[str, ...], tmp_path: Path
) -> None:
    horses = stack.produce(event("purchase_horse", size="small", speed=1, quantity=1))
    stack.ingest()
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "none.yaml").write_text(
        "rules:\n- {name: no_horses, description: There are no horses., severity: critical, scope: good, "
        "condition: \"event_type = 'purchase_horse'\", held_above: {share: 0, rows: 0}}\n"
    )
    changed = contracts_with(tmp_path / "contracts", "purchase_sword", x_rules=[ONLY_BLUE])  # something to change
    said = stack.run("rebuild", *today, *BY, rules=str(rules), contracts=str(changed))
    assert "is abandoned; nothing was changed" in said
    assert "no_horses" in said
    assert list(stack.places(horses).values()) == [["horse_purchases"]]
    (last,) = stack.query("select kind, status, why from ops.batches order by entry_id desc limit 1")
    assert (last["kind"], last["status"]) == ("rebuild", "abandoned")
    stack.check_invariants()


@pytest.mark.extra
def test_one_table_alone_can_be_rebuilt(stack: Real, today: tuple[str, ...], only_blue: str) -> None:
    name = f"player-{new_event_id()}"
    sent = stack.produce(event(player=name, color="red"), event("default", player=name))
    stack.ingest()
    stack.run("rebuild", *today, *BY, "--tables", "default_events", contracts=only_blue)
    assert list(stack.places(sent).values()) == [["sword_purchases"], ["default_events"]]
    said = stack.run("rebuild", *today, *BY, "--tables", "no_such_table")
    assert "no contract has a table no_such_table; there are" in said
