"""`lakehouse dbt` on the real servers: what it builds is what game.* holds, and a wrong table fails its tests."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT
from stack.tools.dbt import DBT, PROJECT
from tests.real import Real, event

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not DBT.exists(), reason="no .venv-dbt: `make .venv-dbt/.ready` makes it"),
]

GUILD = f"of dbt {uuid.uuid4()}"  # another one at each run on a stack that is kept
CART = {"item_type": "shield", "item": "oak", "quantity": 2}


def dbt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "operations.cli", "dbt", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def files_of_the_project() -> set[Path]:
    return {file for file in PROJECT.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def built(stack: Real) -> Real:
    """The tables of dbt/, of what the tests' stack holds and these events."""
    stack.produce(
        event(color="red", quantity=3),
        event(color="red", quantity=1, direction="reduce"),
        event("purchase_horse", size="small", speed=1, quantity=2),
        event("cart_action", action="add", items=[CART, CART | {"quantity": 5}]),
        event("cart_action", action="checkout", items=[CART]),
        event("guild_action", action="join", guild=GUILD, player="ada"),
        event("guild_action", action="join", guild=GUILD, player="bert"),
        event("guild_action", action="leave", guild=GUILD, player="bert"),
    )
    stack.ingest()
    before = files_of_the_project()
    done = dbt()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "ERROR=0" in done.stdout and "WARN=0" in done.stdout and "SKIP=0" in done.stdout
    assert files_of_the_project() == before
    return stack


def test_purchases_by_hour_and_by_item_add_up_to_those_of_the_event_tables(built: Real) -> None:
    sold = built.value("""
        select (select sum(quantity) from game.sword_purchases where direction = 'increase')
          + (select sum(quantity) from game.horse_purchases)
          + (select sum(reduce(items, bigint '0', (s, i) -> s + i.quantity, s -> s)) from game.cart_actions
             where action = 'checkout')""")
    assert sold > 0
    assert built.value("select sum(quantity) from memory.studio.purchases_by_hour") == sold
    assert built.value("select sum(quantity) from memory.studio.top_items") == sold


def test_a_guild_has_the_members_who_did_not_leave(built: Real) -> None:
    (guild,) = built.query(f"select * from memory.studio.guild_sizes where guild = '{GUILD}'", user="ada")
    assert (guild["members"], guild["joins"], guild["leaves"], guild["churn"]) == (1, 2, 1, 0.5)


def test_the_commands_words_are_dbts_own(built: Real) -> None:
    done = dbt("show", "--select", "guild_sizes")
    assert done.returncode == 0 and "members" in done.stdout, done.stdout


def test_a_checkout_is_found_after_its_cart(built: Real) -> None:
    (today,) = built.query("select * from memory.studio.cart_to_checkout order by day desc limit 1")
    assert today["players_who_added"] >= 1 and today["items_added"] >= 7 and today["items_bought"] >= 2


def test_a_table_that_does_not_add_up_fails_by_name(built: Real) -> None:
    """Anybody may write in memory; dbt's own tests say that the table is wrong."""
    built.query("insert into memory.studio.guild_sizes values ('of nobody', 1, 1, 0, 0)", user="ada")
    try:
        done = dbt("test")
        assert done.returncode == 1
        for name in ("guild_actions_are_those_of_the_source", "relationships_guild_sizes_guild"):
            assert f"FAIL 1 {name}" in done.stdout, done.stdout[-4000:]
    finally:
        assert dbt("build", "--select", "guild_sizes").returncode == 0
    assert built.query("select 1 from memory.studio.guild_sizes where guild = 'of nobody'") == []


def test_a_copy_that_names_a_player_fails_by_name(built: Real) -> None:
    built.query("create table memory.studio.mine as select player from game.guild_actions", user="ada")
    try:
        done = dbt("test", "--select", "no_copy_names_a_player")
        assert done.returncode == 1 and "FAIL 1 no_copy_names_a_player" in done.stdout
    finally:
        built.query("drop table memory.studio.mine", user="ada")
