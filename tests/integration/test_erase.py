"""Erasure on the real servers: a player is gone everywhere, stays gone, and the balance says why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from expectations.pages.counted import Counts
from expectations.pages.site import Asked, Site
from expectations.pages.source import Source
from expectations.pages.waiting import Waiting
from lakehouse.clients.hdfs import Hdfs
from lakehouse.clients.trino import query
from tests.real import Real, event, new_event_id

pytestmark = pytest.mark.timeout(900)
BY = ("--who", "tester", "--why", "request 7")
FACTS = ("daily_event_counts", "player_item_changes")


def send(stack: Real, player: str) -> None:
    """Events of the player in two tables, in quarantine and twice; one of another player beside them."""
    same = new_event_id()
    stack.produce(
        event(player=player, color="red", quantity=3),
        event("purchase_horse", player=player, size="small", speed=1, quantity=1),
        event(player=player, quantity=-1),
        event("default", event_id=same, player=player),
        event("default", event_id=same, player=player),
        event(player=f"{player} junior", color="red", quantity=1),
    )


def found(stack: Real, player: str) -> dict[str, int]:
    """How many rows each table holds of the player, as Trino sees them."""
    tables = {f"game.{name}": "player" for name in [*stack.event_tables(), *FACTS]} | {"ops.quarantine": "player"}
    counts = {t: stack.value(f"select count(*) from {t} where {column} = '{player}'") for t, column in tables.items()}
    text = f'%"player": "{player}"%'
    counts["raw.events"] = stack.value(f"select count(*) from raw.events where from_utf8(value) like '{text}'")
    return {table: rows for table, rows in counts.items() if rows}


@pytest.fixture(scope="module")
def erased(stack: Real) -> str:
    player = f"Erica {new_event_id()}"
    send(stack, player)
    stack.ingest()
    day = str(stack.value("select max(event_date) from raw.events"))
    stack.run("rollup", "--day", day)
    assert set(found(stack, player)) == {
        "raw.events", "game.sword_purchases", "game.horse_purchases", "game.default_events", "ops.quarantine",
        "game.daily_event_counts", "game.player_item_changes",
    }  # fmt: skip
    stack.produce(event(player=player))  # still waits in Kafka when the erasure starts
    stack.run("erase", *BY, erase_player=player)
    return player


def all_pages(stack: Real) -> Iterator[str]:
    """Every quality page there is, with personal data where it can be shown."""
    source = Source(lambda sql, parameters: query(stack.settings, sql, parameters))
    site = Site(source, Counts(), stack.contracts, Waiting, 5, "", "/quality")
    entries = [f"batch/{row['entry_id']}" for row in stack.query("select entry_id from ops.batches")]
    reasons = stack.query("select distinct reason_code from ops.quarantine_open")
    issues = [f"issue/{row['reason_code']}" for row in reasons]
    tables = [f"table/{name}" for name in stack.contracts.tables]
    for path in ("", *entries, *issues, *tables):
        answer = site.answer(path, Asked({}, reveal=True))
        assert answer.status == 200, path
        yield answer.html


def test_the_player_is_in_no_table_page_or_staging_folder(stack: Real, erased: str) -> None:
    assert found(stack, erased) == {}
    assert found(stack, f"{erased} junior")["game.sword_purchases"] == 1
    pages = "".join(all_pages(stack))
    assert re.search(rf"{erased}(?! junior)", pages) is None
    folders = [each.name for each in Hdfs(stack.settings).list(f"{stack.settings.warehouse}/_staging")]
    assert [name for name in folders if name.startswith("entry_id=")] == []


def test_it_is_on_record_who_asked_and_why_and_that_it_happened_but_not_the_name(stack: Real, erased: str) -> None:
    (row,) = stack.query("select who, why, player_hash, erased_at, purged_at from ops.erasures")
    assert (row["who"], row["why"], row["purged_at"]) == ("tester", "request 7", None)
    assert row["erased_at"] is not None
    assert re.fullmatch("[0-9a-f]{64}", row["player_hash"])
    (entry,) = stack.query("select * from ops.batches where kind = 'erase'")
    assert entry["status"] == "done"
    assert erased not in json.dumps([row, entry], default=str)


def test_no_delta_log_of_the_erasure_names_the_player(stack: Real, erased: str) -> None:
    for table in ("raw/events", "game/sword_purchases", "ops/quarantine"):
        folder = f"{stack.settings.warehouse}/{table}/_delta_log"
        last = max(each.name for each in Hdfs(stack.settings).list(folder) if each.name.endswith(".json"))
        commit = Hdfs(stack.settings).read(f"{folder}/{last}")
        assert commit and "MERGE" in commit
        assert erased not in commit.replace(f"{erased} junior", "")


def test_a_rebuild_does_not_bring_the_player_back_and_new_events_are_new(stack: Real, erased: str) -> None:
    day = str(stack.value("select max(event_date) from raw.events"))
    said = stack.run("rebuild", "--day", day, *BY)
    assert "nothing to change" in said
    stack.run("rollup", "--day", day)
    assert found(stack, erased) == {}
    stack.produce(event(player=erased))
    stack.ingest()
    assert found(stack, erased) == {"raw.events": 1, "game.sword_purchases": 1}
    stack.check_invariants()


@pytest.mark.parametrize(
    "kill_at", ["after_erase:sword_purchases", pytest.param("after_erase:events", marks=pytest.mark.extra)]
)
def test_an_erasure_killed_at_any_point_is_finished_by_the_next_ingest(stack: Real, kill_at: str) -> None:
    player = f"Eric {new_event_id()}"
    send(stack, player)
    stack.ingest()
    stack.run_killed("erase", kill_at, *BY, erase_player=player)
    stack.ingest()
    assert found(stack, player) == {}
    stack.check_invariants()


def test_without_the_key_nothing_is_erased(stack: Real) -> None:
    process = stack.start("erase", *BY, erase_player="anyone", erasure_key_file="/nonexistent/key")
    output, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "the erasure key cannot be read" in output
