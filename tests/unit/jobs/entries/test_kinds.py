"""Each kind of entry from its plan to its end, with the real judging and audits, on a ledger and tables in memory."""

from __future__ import annotations

from collections import Counter

import pytest

from jobs.entries import dry_run
from jobs.raw import drain, losses
from jobs.upkeep.erasures import hash_of
from lakehouse import names
from lakehouse.erasure_list import ErasureListError
from lakehouse.erasure_list import read as read_list
from lakehouse.ledger.entries import Entry, Request
from lakehouse.ledger.offsets import Log, Loss, OffsetsError
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Kind, Verdict
from tests.model.state import COMMITS, TABLES
from tests.unit.jobs.entries.world import AT, DAY, KEY, Crash, World, sword
from tests.unit.jobs.messages import CONTRACTS, event_id

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)


def counted(entry: Entry) -> dict[str, int]:
    """Rows by destination, as was decided, and found in the tables before the entry was closed."""
    found: Counter[str] = Counter()
    assert entry.decision is not None
    for each in entry.decision.counts:
        found[each.destination] += each.rows
    return dict(found)


def test_an_ingest_sends_each_message_to_one_place(world: World) -> None:
    same = sword()
    batch = world.arrive(sword(), b"junk", same, same, sword(quantity=-1), sword(quantity=1_000_000_000_000_0), None)
    world.close()
    entry = world.entry(batch)
    assert entry.done and entry.decision is not None and entry.decision.verdict == Verdict.PASSED
    assert world.offsets("sword_purchases") == [0, 2]
    assert world.held() == {
        1: "not_json", 4: "schema:quantity:minimum", 5: "schema:quantity:maximum", 6: "no_value",
    }  # fmt: skip
    assert counted(entry) == {"sword_purchases": 2, "quarantine": 4, "duplicate": 1}


POINTS = [
    "after_candidates",
    "after_stage",
    "before_decide",
    "after_decide",
    "before_register",
    "after_table:sword_purchases",
    "after_quarantine",
]


@pytest.mark.parametrize("point", [*POINTS, "before_done"])
def test_an_ingest_that_ended_anywhere_is_finished_by_the_next_run_once(world: World, point: str) -> None:
    batch = world.arrive(sword(), b"junk", sword(event_type="default"))
    with pytest.raises(Crash):
        world.close(crash_at=point)
    assert not world.entry(batch).done
    world.close()
    assert world.entry(batch).done
    assert (world.offsets("sword_purchases"), world.offsets("default_events"), world.held()) == (
        [0],
        [2],
        {1: "not_json"},
    )
    assert_checks_are_there_once(world, batch)


def assert_checks_are_there_once(world: World, entry_id: int) -> None:
    """Each check of the decided attempt has one row."""
    decision = world.entry(entry_id).decision
    assert decision is not None
    of_entry = world.store.read(names.CHECKS).where(f"entry_id = {entry_id}").select("name", "audited_at").collect()
    assert len(of_entry) == len({row["name"] for row in of_entry}) == decision.checks > 0
    assert len({row["audited_at"] for row in of_entry}) == 1


def test_the_results_of_checks_are_recorded_with_their_numbers_and_without_samples(world: World) -> None:
    batch = world.arrive(sword(), sword(quantity=-1), sword(event_type="default"), b"junk")
    world.close()
    rows = {row["name"]: row.asDict() for row in world.store.read(names.CHECKS).collect()}
    quantity = rows["purchase_sword.quantity:range"]
    assert {row["entry_id"] for row in rows.values()} == {batch}
    assert (quantity["outcome"], quantity["rows_checked"], quantity["rows_failing"]) == ("failed", 2, 1)
    assert (quantity["tables"], quantity["field"]) == (["sword_purchases"], "quantity")
    assert quantity["allowed"] == "0 to 1,000,000,000,000"
    skipped = rows["message_volume"]
    assert (skipped["outcome"], skipped["rows_checked"], skipped["rows_failing"]) == ("skipped", 0, None)
    possible = rows["quantity_possible"]
    assert (possible["rows_checked"], possible["rows_failing"], possible["severity"]) == (1, 0, "critical")


def test_of_two_attempts_at_an_entry_the_checks_of_the_decided_one_are_recorded(world: World) -> None:
    batch = world.arrive(sword())
    with pytest.raises(Crash):
        world.close(crash_at="before_decide")  # its results are staged, and nobody decided for them
    world.close()
    assert_checks_are_there_once(world, batch)


def test_a_dry_run_records_no_checks(world: World) -> None:
    batch = world.arrive(sword(), b"junk")
    world.close()
    dry_run.report(world.job(), Request(Kind.REPLAY, "tester", "a test's reason", batch, Selection(reason="not_json")))
    assert_checks_are_there_once(world, batch)


def test_a_repetition_in_a_later_batch_goes_nowhere(world: World) -> None:
    same = event_id()
    world.arrive(sword(event_id=same))
    world.arrive(sword(event_id=same), sword(event_id=same, quantity=7))
    world.close()
    assert world.offsets("sword_purchases") == [0]
    assert world.held() == {2: "event_id_reused"}


def test_a_replay_takes_what_its_selection_says_and_publishes_what_passes_now(world: World) -> None:
    """Held rows of a batch keep their contract: a waiver accepts them, and nothing else of quarantine is touched."""
    many = [sword() for _ in range(20)]
    bad = [sword(quantity=2_000_000_000) for _ in range(110)]  # more than a rule of rows lets through
    batch = world.arrive(*many, *bad, b"junk")
    world.close()
    decision = world.entry(batch).decision
    assert decision is not None and decision.verdict == Verdict.FAILED
    assert world.offsets("sword_purchases") == [] and len(world.held()) == 131
    (rule,) = decision.failed_checks
    replayed = world.ask(Kind.REPLAY, selection=Selection(reason=f"audit:{rule}"))
    assert counted(replayed) == {"sword_purchases": 20, "quarantine": 110}
    assert world.offsets("sword_purchases") == list(range(20)) and len(world.held()) == 111
    waived = world.ask(Kind.REPLAY, selection=Selection(reason=f"audit:{rule}"), waiver="they were sold")
    assert counted(waived) == {"sword_purchases": 110}
    assert world.offsets("sword_purchases") == list(range(130)) and world.held() == {130: "not_json"}
    again = world.ask(Kind.REPLAY, selection=Selection(reason=f"audit:{rule}"))
    assert again.done and counted(again) == {}


def test_a_discard_closes_rows_of_quarantine_and_publishes_nothing(world: World) -> None:
    world.arrive(sword(), b"junk", sword(quantity=-1))
    world.close()
    discarded = world.ask(Kind.DISCARD, selection=Selection(reason="not_json"))
    assert counted(discarded) == {"discarded": 1}
    assert world.held() == {2: "schema:quantity:minimum"} and world.offsets("sword_purchases") == [0]
    (action,) = world.store.read(names.QUARANTINE_ACTIONS).collect()
    assert (action["action"], action["offset"], action["who"], action["why"]) == (
        "discarded", 1, "tester", "a test's reason",
    )  # fmt: skip


def test_a_rebuild_puts_back_what_is_missing_and_touches_nothing_else(world: World) -> None:
    batch = world.arrive(sword(), b"junk", sword(), sword(event_type="default"))
    world.close()
    same = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert same.done and counted(same) == {}
    table = names.event_table("sword_purchases")
    world.store.delete_rows(world.store.read(table).where("`offset` = 2"), table)
    before = world.store.read(names.event_table("default_events")).collect()
    rebuilt = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert rebuilt.decision is not None
    changed = {each.destination: each.changed for each in rebuilt.decision.comparison if each.changed}
    assert changed == {"sword_purchases": 1}
    assert world.offsets("sword_purchases") == [0, 2] and world.held() == {1: "not_json"}
    assert world.store.read(names.event_table("default_events")).collect() == before


def test_a_rebuild_of_a_day_whose_raw_lacks_a_message_is_abandoned(world: World) -> None:
    batch = world.arrive(sword(), sword())
    world.close()
    raw = world.store.read(names.RAW_EVENTS)
    world.store.delete_rows(raw.where("`offset` = 1"), names.RAW_EVENTS)
    refused = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert refused.decision is not None and refused.decision.abandoned
    assert "events-0: 1 in raw, 2 counted" in refused.decision.why
    assert world.offsets("sword_purchases") == [0, 1]


def test_an_erased_player_is_in_no_table_and_does_not_come_back(world: World) -> None:
    batch = world.arrive(
        sword(player="anna"),
        sword(player="bob"),
        sword(player="anna", quantity=-1),
        b"junk",
        sword(host="anna").replace(b'"player": "p", ', b""),
        sword(player="anna", newer="x" * 10_000),
    )
    world.close()
    erased = world.ask(Kind.ERASE, player_hash=hash_of("anna", KEY.encode()))
    assert erased.done
    assert counted(erased) == {"raw": 4, "sword_purchases": 2, "quarantine": 2}
    assert world.offsets("sword_purchases") == [1] and world.held() == {3: "not_json"}
    left = [row["offset"] for row in world.store.read(names.RAW_EVENTS).orderBy("offset").collect()]
    assert left == [1, 3]
    rebuilt = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert rebuilt.done and world.offsets("sword_purchases") == [1]


def test_nobody_is_erased_without_a_line_in_the_list_outside_of_the_tables(world: World) -> None:
    world.arrive(sword(player="anna"))
    world.close()
    file = world.settings.erasure_list_file
    file.mkdir(parents=True)  # in the place of the list
    with pytest.raises(ErasureListError, match="nobody is erased without a line in it"):
        world.ask(Kind.ERASE, player_hash=hash_of("anna", KEY.encode()))
    assert world.offsets("sword_purchases") == [0]
    file.rmdir()
    world.close()
    assert world.offsets("sword_purchases") == []
    assert [each.player_hash for each in read_list(file)] == [hash_of("anna", KEY.encode())]


def in_raw(world: World) -> dict[int, list[int]]:
    """Offsets by batch."""
    found: dict[int, list[int]] = {}
    for row in world.store.read(names.RAW_EVENTS).orderBy("batch_id", "offset").collect():
        found.setdefault(row["batch_id"], []).append(row["offset"])
    return found


def test_a_drain_plans_what_waits_in_batches_and_brings_each_to_raw(world: World, kafka: list[bytes]) -> None:
    world.settings = world.settings.model_copy(update={"max_events_per_batch": 2})
    kafka += [sword() for _ in range(5)]
    assert drain.drain_waiting(world.job()) == 3
    assert in_raw(world) == {1: [0, 1], 2: [2, 3], 3: [4]}
    assert drain.drain_waiting(world.job()) == 0
    world.close()
    assert world.offsets("sword_purchases") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("point", ["before_plan", "after_plan", "before_raw", "after_raw"])
def test_a_drain_that_ended_anywhere_is_finished_by_the_next(world: World, kafka: list[bytes], point: str) -> None:
    kafka += [sword(), sword()]
    with pytest.raises(Crash):
        drain.drain_waiting(world.job(crash_at=point))
    kafka.append(sword())
    drain.drain_waiting(world.job())
    drain.drain_waiting(world.job())
    assert sorted(offset for offsets in in_raw(world).values() for offset in offsets) == [0, 1, 2]
    world.close()
    assert world.offsets("sword_purchases") == [0, 1, 2]


def test_a_drain_whose_messages_kafka_no_longer_has_moves_nothing(
    world: World, kafka: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka += [sword(), sword()]
    with pytest.raises(Crash):
        drain.drain_waiting(world.job(crash_at="after_plan"))
    monkeypatch.setattr(drain, "logs_of", lambda job, planned: [Log(AT, 1, 2)])
    with pytest.raises(OffsetsError):
        drain.drain_waiting(world.job())
    assert in_raw(world) == {} and world.job().ledger.read().last_entry_id == 1


def test_what_expired_before_anything_was_planned_can_be_given_up(
    world: World, kafka: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka += [sword(), sword()]
    monkeypatch.setattr(drain, "logs_of", lambda job, planned: [Log(AT, 1, len(kafka))])
    with pytest.raises(OffsetsError, match="offsets .0, 1. expired before they were read"):
        drain.drain_waiting(world.job())
    losses.record(world.job(), [Loss(AT, 0, 1)], "tester", "a test's reason")
    assert drain.drain_waiting(world.job()) == 1
    world.close()
    assert (in_raw(world), world.offsets("sword_purchases")) == ({1: [1]}, [1])


def steps(world: World) -> list[str]:
    """The model's name of each commit that was made, each with the kill points of the model around it.

    One game table stands for all. What the model does not have is left out: facts, the row that names an erasure, and
    results of checks.
    """
    outside = {("ops.erasures", "publish"), ("ops.checks", "publish"), *((f"game.{name}", "") for name in FACTS)}
    by_commit = {(each.table, each.app or ""): name for name, each in COMMITS.items() if name != "abandon"}
    points = {name: (each.before, each.after) for name, each in COMMITS.items()}
    found = []
    for at, (what, *rest) in enumerate(world.trace):
        if what == "point" or tuple(rest) in outside:
            continue
        table, app = rest
        stands_for = TABLES[0] if table.startswith("game.") else ""
        name = by_commit[f"game.{stands_for}" if stands_for else table, app]
        seen_before = [each[1] for each in world.trace[:at] if each[0] == "point"]
        seen_after = [each[1] for each in world.trace[at + 1 :] if each[0] == "point"]
        before, after = (point and point.replace(TABLES[0], table.removeprefix("game.")) for point in points[name])
        if before and not name.startswith("game:"):  # tables are written at once, so of two one is the first
            assert seen_before[-1] == before, (name, seen_before)
        if after:
            assert after in seen_after, (name, seen_after)
        found.append(name.split(":")[0] if name.startswith("game:") else name.replace(TABLES[0], "game"))
    world.trace.clear()
    return found


FACTS = ("daily_event_counts", "player_item_changes", "player_inventory_months")


def test_the_code_makes_the_commits_of_the_model_in_its_order(world: World, kafka: list[bytes]) -> None:
    kafka += [sword(player="anna"), b"junk", sword(player="anna", quantity=-1)]
    drain.drain_waiting(world.job())
    assert steps(world) == ["plan", "raw"]
    world.close()
    decide, *tables, done = steps(world)
    assert (decide, sorted(tables), done) == ("decide", ["game", "quarantine"], "done")
    world.ask(Kind.REPLAY, selection=Selection(reason="not_json"))
    assert steps(world) == ["plan", "decide", "quarantine", "actions", "done"]
    world.ask(Kind.DISCARD, selection=Selection(reason="not_json"))
    assert steps(world) == ["plan", "decide", "actions", "done"]
    table = names.event_table("sword_purchases")
    world.store.delete_rows(world.store.read(table), table)
    world.trace.clear()
    world.ask(Kind.REBUILD, day=DAY, through=1)
    plan, decide, *tables, actions, done = steps(world)
    assert (plan, decide, sorted(tables), actions, done) == (
        "plan",
        "decide",
        ["game", "quarantine"],
        "actions",
        "done",
    )
    world.ask(Kind.ERASE, player_hash=hash_of("anna", KEY.encode()))
    erased = ["erase:game"] * len(CONTRACTS.tables) + ["erase:quarantine", "erase:raw"]
    assert steps(world) == ["plan", "decide", *erased, "done"]
