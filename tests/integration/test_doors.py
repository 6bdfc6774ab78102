"""Through Trino everybody reads, and writes in memory; our own user makes views. Every other statement is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from lakehouse.catalog.views import create_views, views
from lakehouse.clients.hdfs import Hdfs
from lakehouse.clients.trino import USER, QueryError
from tests.real import Real, event

pytestmark = pytest.mark.timeout(900)

USERS = ("ada", USER)
VIEW = "compat.requestors"  # no other test and no job reads it

READS = """
show catalogs
show schemas
show tables from ops
show columns from game.sword_purchases
show create table game.sword_purchases
show create view ops.batches
show create schema game
show stats for game.sword_purchases
show session
describe ops.batches
explain select * from ops.batches
explain analyze select count(*) from game.sword_purchases
select * from ops.batches order by entry_id desc limit 10
select host, count(*) from compat.valid_events group by host
select * from game.player_inventory
select * from game."sword_purchases$history"
select * from game.sword_purchases for version as of 0
select table_name from information_schema.tables where table_schema = 'game'
select query_id from system.runtime.queries
set session query_max_run_time = '1m'
use lakehouse.game
"""

WRITES = """
insert into game.sword_purchases (event_id) values ('a')
insert into ops.ledger (entry_id) values (1)
update game.sword_purchases set quantity = 2
delete from game.sword_purchases
delete from game.sword_purchases where event_date = current_date
merge into game.sword_purchases t using (values 'a') s (e) on t.event_id = s.e when matched then delete
merge into game.sword_purchases t using (values 'a') s (e) on t.event_id = s.e when not matched then insert (event_id) values (e)
truncate table game.sword_purchases
create table game.mine (n bigint)
create table game.mine as select 1 as n
create or replace table game.sword_purchases (n bigint)
create schema mine
drop schema "default"
drop schema game cascade
alter schema game rename to mine
alter schema game set authorization ada
drop table game.sword_purchases
alter table game.sword_purchases add column mine bigint
alter table game.sword_purchases drop column color
alter table game.sword_purchases rename column color to colour
alter table game.sword_purchases alter column color drop not null
alter table game.sword_purchases alter column quantity set data type double
alter table game.sword_purchases rename to game.mine
alter table game.sword_purchases set properties change_data_feed_enabled = true
alter table game.sword_purchases set authorization ada
alter table game.sword_purchases execute optimize
comment on table game.sword_purchases is 'mine'
comment on column game.sword_purchases.color is 'mine'
analyze game.sword_purchases
call lakehouse.system.register_table('game', 'mine', '{warehouse}/game/sword_purchases')
call lakehouse.system.unregister_table('game', 'sword_purchases')
call lakehouse.system.vacuum('game', 'sword_purchases', '7d')
call lakehouse.system.drop_extended_stats('game', 'sword_purchases')
call lakehouse.system.flush_metadata_cache()
call system.runtime.kill_query('20260101_000000_00000_aaaaa', 'mine')
create materialized view game.mine as select 1 as n
create function lakehouse.game.mine() returns bigint return 1
create role mine
grant select on game.sword_purchases to ada
revoke select on game.sword_purchases from ada
deny select on game.sword_purchases to ada
create catalog mine using memory
drop catalog lakehouse
create view game.mine as select 1 as n
create or replace view ops.batches as select 1 as n
alter view ops.batches rename to ops.mine
alter view ops.batches set authorization ada
comment on view ops.batches is 'mine'
comment on column ops.batches.kind is 'mine'
drop view ops.batches
"""

# In the catalog in which our own user makes views: names that are no view's, and what is no view.
BESIDE_VIEWS = """
create view views.game.mine as select 1 as n
create table views.game.mine (n bigint)
create schema views.mine
drop schema views."default"
alter view views.{view} rename to views.game.mine
alter view views.{view} set authorization ada
call views.system.unregister_table('game', 'sword_purchases')
call views.system.register_table('game', 'mine', '{warehouse}/game/sword_purchases')
"""

VIEWS = """
create or replace view views.{view} as select event_type from game.group_requests
comment on view views.{view} is 'why'
comment on column views.{view}.event_type is 'why'
drop view views.{view}
"""

# In Trino's memory, where people keep what they work out.
MEMORY = """
create schema memory.doors
create table memory.doors.mine as select event_id, quantity from game.sword_purchases
insert into memory.doors.mine values ('a', 1)
alter table memory.doors.mine rename to memory.doors.ours
create view memory.doors.mine as select player from game.sword_purchases
select * from memory.doors.mine
drop view memory.doors.mine
truncate table memory.doors.ours
drop table memory.doors.ours
drop schema memory.doors
"""

BESIDE_MEMORY = """
create function memory.default.mine() returns bigint return 1
grant select on memory.studio.top_items to ada
"""


def statements(texts: str, stack: Real) -> list[str]:
    return [line.format(warehouse=stack.settings.warehouse_uri, view=VIEW) for line in texts.split("\n") if line]


def answer(stack: Real, user: str, statement: str) -> str:
    """`ok`, or the error of Trino."""
    try:
        stack.query(statement, user)
    except QueryError as error:
        return str(error)
    return "ok"


@pytest.fixture(scope="module")
def swords(stack: Real) -> int:
    """A table with rows that Spark wrote, and how many."""
    stack.produce(*[event(color="red", quantity=1) for _ in range(3)])
    stack.ingest()
    return int(stack.value("select count(*) from game.sword_purchases"))


@pytest.fixture
def made_anew(stack: Real) -> Iterator[None]:
    yield
    create_views(stack.settings, stack.contracts)


@pytest.mark.parametrize("user", USERS)
def test_everybody_reads(stack: Real, swords: int, user: str) -> None:
    answers = {statement: answer(stack, user, statement) for statement in statements(READS, stack)}
    assert {statement: said for statement, said in answers.items() if said != "ok"} == {}


@pytest.mark.parametrize("user", USERS)
def test_nobody_changes_rows_tables_schemas_or_what_is_in_the_catalog_of_the_tables(
    stack: Real, swords: int, user: str
) -> None:
    answers = {statement: answer(stack, user, statement) for statement in statements(WRITES, stack)}
    assert {statement: said for statement, said in answers.items() if "Access Denied" not in said} == {}
    assert stack.value("select count(*) from game.sword_purchases") == swords


@pytest.mark.parametrize("user", USERS)
def test_everybody_writes_in_memory_and_changes_nothing_else_by_it(stack: Real, swords: int, user: str) -> None:
    answers = {statement: answer(stack, user, statement) for statement in statements(MEMORY, stack)}
    assert {statement: said for statement, said in answers.items() if said != "ok"} == {}
    refused = {statement: answer(stack, user, statement) for statement in statements(BESIDE_MEMORY, stack)}
    assert "ok" not in refused.values(), refused
    assert stack.value("select count(*) from game.sword_purchases") == swords


def test_our_user_makes_changes_and_drops_views(stack: Real, made_anew: None) -> None:
    assert {each: answer(stack, USER, each) for each in statements(VIEWS, stack)} == dict.fromkeys(
        statements(VIEWS, stack), "ok"
    )


def test_nobody_else_makes_changes_or_drops_views(stack: Real) -> None:
    tried = statements(VIEWS + BESIDE_VIEWS, stack)
    answers = {statement: answer(stack, "ada", statement) for statement in tried}
    assert {statement: said for statement, said in answers.items() if "Access Denied" not in said} == {}


def test_our_user_makes_nothing_but_the_views_of_the_code(stack: Real) -> None:
    answers = {statement: answer(stack, USER, statement) for statement in statements(BESIDE_VIEWS, stack)}
    assert {statement: said for statement, said in answers.items() if "Access Denied" not in said} == {}


def test_a_table_cannot_be_made_even_under_the_name_of_a_view_that_is_missing(stack: Real, made_anew: None) -> None:
    stack.query(f"drop view views.{VIEW}")
    hdfs, folder = Hdfs(stack.settings), f"{stack.settings.warehouse}/{VIEW.split('.')[0]}"
    before = hdfs.list(folder) if hdfs.exists(folder) else []
    place = f"with (location = '{stack.settings.warehouse_uri}/mine')"
    for rest in ("(n bigint)", f"(n bigint) {place}", "as select 1 as n", f"{place} as select 1 as n"):
        assert answer(stack, USER, f"create table views.{VIEW} {rest}") != "ok"
    assert "does not exist" in answer(stack, USER, f"select * from {VIEW}")
    assert (hdfs.list(folder) if hdfs.exists(folder) else []) == before
    assert not hdfs.exists(f"{stack.settings.warehouse}/mine")


def test_every_view_of_the_code_is_there_and_answers_anybody(stack: Real) -> None:
    assert {name: answer(stack, "ada", f"select * from {name} limit 1") for name in views(stack.settings)} == (
        dict.fromkeys(views(stack.settings), "ok")
    )


@pytest.mark.parametrize("user", USERS)
def test_nobody_stops_the_server_or_the_queries_of_others(stack: Real, user: str) -> None:
    url, headers = stack.settings.trino_url, {"X-Trino-User": user}
    stop = requests.put(f"{url}/v1/info/state", json="SHUTTING_DOWN", headers=headers, timeout=10)
    assert stop.status_code == 403
    (other,) = {*USERS, "bert"} - set(USERS)
    started = requests.post(f"{url}/v1/statement", data="select 1", headers={"X-Trino-User": other}, timeout=10).json()
    started = requests.get(started["nextUri"], headers={"X-Trino-User": other}, timeout=10).json()  # it is known now
    query_id = started["id"]
    killed = requests.put(f"{url}/v1/query/{query_id}/killed", data="mine", headers=headers, timeout=10)
    assert killed.status_code == 403
    assert requests.delete(started["nextUri"], headers={"X-Trino-User": other}, timeout=10).status_code == 204
