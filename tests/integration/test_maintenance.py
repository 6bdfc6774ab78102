"""Maintenance on the real servers changes files and metadata, never rows; the inventory is the sum of all days."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from lakehouse.catalog.agreement import trino_columns
from lakehouse.catalog.topics import TOPIC_CONFIG
from lakehouse.clients.hdfs import Hdfs
from lakehouse.settings import CHECKOUT
from tests.real import JOB_SECONDS, Real, event, new_event_id

pytestmark = pytest.mark.timeout(900)


def files(stack: Real, table: str) -> int:
    return int(
        stack.value(
            f"select count(distinct \"$path\") from {table} where event_date >= current_date - interval '1' day"
        )
    )


def content(stack: Real, table: str) -> Any:
    """What tells two contents of a table apart, whatever files they are in."""
    return stack.value(f'select (count(*), checksum(event_id), checksum("offset"), sum(batch_id)) from {table}')


def swords(number: int) -> list[bytes]:
    return [event(color="red", quantity=n) for n in range(number)]


def test_compaction_joins_files_and_changes_no_row(stack: Real) -> None:
    for _ in range(3):
        stack.produce(*swords(5), b"junk")
        stack.ingest()
    tables = ["raw.events", "game.sword_purchases", "ops.quarantine"]
    before = {table: (files(stack, table), content(stack, table)) for table in tables}
    assert min(count for count, _ in before.values()) >= 3
    said = stack.run("maintain", "--task", "compact", compact_from_files="2")
    for table, (count, rows) in before.items():
        assert files(stack, table) < count
        assert content(stack, table) == rows
        assert f"{table} event_date = " in said
    again = stack.run("maintain", "--task", "compact", compact_from_files="2")
    assert "compacted 0 partitions" in again
    stack.check_invariants()


@pytest.mark.extra
def test_what_has_few_small_files_is_left_alone(stack: Real) -> None:
    stack.produce(*swords(2))
    stack.ingest()
    said = stack.run("maintain", "--task", "compact", compact_from_files="1000")
    assert "joined" not in said
    assert "compacted 0 partitions" in said


def test_compaction_at_the_same_time_as_ingest_loses_nothing(stack: Real) -> None:
    sent = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            sent += stack.produce(*swords(5), b"junk")
            runs: list[Future[Any]] = [
                pool.submit(stack.ingest),
                pool.submit(stack.run, "maintain", "--task", "compact", compact_from_files="2"),
            ]
            for run in runs:
                run.result()
    places = stack.places(sent)
    assert sorted(place for [place] in places.values()) == ["quarantine:not_json"] * 3 + ["sword_purchases"] * 15
    stack.check_invariants()


def test_daily_work_keeps_what_is_open_and_brings_back_what_the_metastore_lost(stack: Real) -> None:
    """Of an entry that is decided but not published, only the staging folder has the rows in the tables' form."""
    hdfs, staging = Hdfs(stack.settings), f"{stack.settings.warehouse}/_staging"
    stack.produce(*swords(3))
    stack.ingest()
    sent = stack.produce(*swords(4))
    stack.run("drain")
    stack.run_killed("publish", "after_decide")
    (waiting,) = stack.query("select entry_id from ops.batches where status = 'decided'")
    assert len(hdfs.list(staging)) > 1
    rows = content(stack, "game.sword_purchases")
    stack.spark_sql("drop table game.sword_purchases")  # the metastore's entry alone: the table is an external one
    assert "game.sword_purchases" not in trino_columns(stack.settings)

    said = stack.run("maintain", "--task", "daily")
    assert [folder.name for folder in hdfs.list(staging) if folder.name != "dry_run"] == [
        f"entry_id={waiting['entry_id']}"
    ]
    assert (
        "game.sword_purchases: repaired: registered game.sword_purchases again, which was not in the metastore" in said
    )
    assert "game.horse_purchases: Delta log, metastore and Trino agree" in said
    assert content(stack, "game.sword_purchases") == rows

    stack.run("publish")
    assert set(map(tuple, stack.places(sent).values())) == {("sword_purchases",)}
    stack.check_invariants()


def test_a_table_whose_creation_was_cut_short_is_registered_as_its_log_says(stack: Real) -> None:
    """Delta writes the table's first commit before the metastore hears of it."""
    stack.produce(*swords(2))
    stack.ingest()
    rows = content(stack, "game.sword_purchases")
    stack.spark_sql("drop table game.sword_purchases")  # what is left is what a creation leaves that was killed between
    said = stack.run("create_tables")
    assert "tables are as the contracts say (1 changes)" in said
    assert content(stack, "game.sword_purchases") == rows


@pytest.mark.extra
def test_a_table_whose_files_are_gone_fails_the_daily_work_by_name(stack: Real) -> None:
    """(A table of this test alone, made by a contract that exists nowhere else.)"""
    folder = stack.settings.state / "contracts-with-lost-table"
    shutil.copytree(CHECKOUT / "contracts", folder, dirs_exist_ok=True)
    text = (folder / "default.yaml").read_text()
    text = text.replace("title: default", "title: lost").replace("x-table: default_events", "x-table: lost_events")
    (folder / "lost.yaml").write_text(text)
    stack.run("create_tables", contracts=str(folder))
    try:
        assert Hdfs(stack.settings).delete(f"{stack.settings.warehouse}/game/lost_events")
        process = stack.start("maintain", "--task", "daily", contracts=str(folder))
        output, _ = process.communicate(timeout=JOB_SECONDS)
    finally:
        stack.spark_sql("drop table game.lost_events")
    assert process.returncode == 1, output[-3000:]
    assert "PROBLEM game.lost_events: NOT REPAIRED: the metastore has it, but there is no Delta log" in output


# ---- the inventory


def month_before(day: dt.date, months: int) -> dt.date:
    """The first day of the month that many months ago."""
    for _ in range(months):
        day = day.replace(day=1) - dt.timedelta(days=1)
    return day.replace(day=1)


@contextmanager
def producers_time(stack: Real) -> Iterator[None]:
    """Lets the producer say when the broker got a message, so that a test has events of other days."""
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType

    def alter(value: str) -> None:
        client = KafkaAdminClient(bootstrap_servers=stack.settings.kafka_bootstrap)
        try:
            configs = {"message.timestamp.type": value}
            client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "events", configs=configs)])
        finally:
            client.close()

    alter("CreateTime")
    try:
        yield
    finally:
        alter(TOPIC_CONFIG["message.timestamp.type"])


def send_as_of(stack: Real, day: dt.date, player: str, **fields: Any) -> None:
    """One sword event that the broker got at noon of `day`."""
    from kafka import KafkaProducer

    millis = int(dt.datetime.combine(day, dt.time(12), tzinfo=dt.UTC).timestamp() * 1000)
    event_id = str(
        uuid.UUID(int=millis << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62))
    )
    body = json.loads(event(player=player, color="red", event_id=event_id, **fields))
    with producers_time(stack):
        producer = KafkaProducer(bootstrap_servers=stack.settings.kafka_bootstrap, acks="all")
        try:
            sent = producer.send("events", key=b"test", value=json.dumps(body).encode(), timestamp_ms=millis)
            sent.get(timeout=30)
        finally:
            producer.close()


def stock(stack: Real, player: str) -> int | None:
    """The player's swords by the view, seen to be the plain sum."""
    answer = stack.query(f"select sum(quantity) as n from game.player_inventory where player = '{player}'")
    plain = stack.query(f"select sum(change) as n from game.player_item_changes where player = '{player}'")
    assert answer == plain
    number: int | None = answer[0]["n"]
    return number


def test_days_built_backwards_and_again_give_the_same_inventory(stack: Real) -> None:
    player, today = f"player-{new_event_id()}", dt.datetime.now(dt.UTC).date()
    first, second, third = (month_before(today, months).replace(day=20) for months in (3, 2, 1))
    send_as_of(stack, first, player, quantity=100)
    send_as_of(stack, second, player, quantity=10)
    send_as_of(stack, third, player, quantity=3, direction="reduce")
    stack.ingest()

    def held() -> dict[dt.date, int]:
        sql = f"select month, sum(quantity) as n from game.player_inventory_months where player = '{player}' group by month"
        return {row["month"]: row["n"] for row in stack.query(sql)}

    seen = []
    for day in (third, second):
        stack.run("rollup", "--day", str(day))
        seen.append(stock(stack, player))
    stack.run("maintain", "--task", "daily")  # snapshots that lack the first day
    assert held() == {second.replace(day=1): 10, third.replace(day=1): 7}
    seen.append(stock(stack, player))
    stack.run("rollup", "--day", str(first))  # built last, although no entry came between
    seen.append(stock(stack, player))
    assert seen == [-3, 7, 7, 107]

    send_as_of(stack, second, player, quantity=1000)  # came late: the day changes
    stack.ingest()
    assert stock(stack, player) == 107
    stack.run_killed("rollup", "after_build:player_item_changes", "--day", str(second))
    assert stock(stack, player) == 1107
    said = stack.run("maintain", "--task", "daily")
    assert f"the build of {second} through entry" in said and "is not finished" in said
    assert stock(stack, player) == 1107
    stack.run("rollup", "--day", str(second))
    stack.run("maintain", "--task", "daily")
    assert stock(stack, player) == 1107
    assert held() == {first.replace(day=1): 100, second.replace(day=1): 1110, third.replace(day=1): 1107}
    for day in (first, second, third):  # again, forwards: nothing changes
        stack.run("rollup", "--day", str(day))
        assert stock(stack, player) == 1107
    stack.check_invariants()
