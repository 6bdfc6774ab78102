"""What workers stage themselves is what Spark would have staged: same rows, and only files that a task has named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from expectations.results import AuditError
from expectations.rulebook import Rule
from jobs.judging import duplicates, version
from jobs.judging.judge import judge
from jobs.staging import candidates, files
from jobs.staging.candidates import Messages
from lakehouse.clients.files import LocalFiles
from lakehouse.ledger.vocabulary import Destination
from lakehouse.settings import Settings
from tests.agreement.messages import Messages as RandomMessages
from tests.unit.jobs.entries.world import World
from tests.unit.jobs.messages import CONTRACTS, batch_of, event_id

MAX_BYTES = 10_000
HEADER_RULES = {"Host": "set moe", "X-Secret": "drop"}


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path) -> World:
    world = World(spark, tmp_path)
    world.settings = Settings(**{**world.settings.model_dump(), "header_rules": HEADER_RULES})
    return world


def message(event_type: str = "purchase_sword", **fields: Any) -> bytes:
    event = {"event_type": event_type, "event_id": event_id(), "player": "p", "host": "h", **fields}
    return json.dumps(event).encode()


def repeats_of(batch: DataFrame) -> DataFrame | None:
    return duplicates.find_repeats(batch, batch, duplicates.bounds_of(batch), CONTRACTS, MAX_BYTES)


def staged_by_workers(world: World, batch: DataFrame, folder: str, **job_fields: Any) -> DataFrame:
    job = world.job()
    job.__dict__.update(job_fields)
    rows = batch.count()
    has_marks = candidates.stage(job, Messages(batch, repeats_of(batch)), folder, rows)
    return files.read(world.spark, files.settle(job.files, folder, has_marks))


def staged_by_spark(world: World, batch: DataFrame, folder: str) -> DataFrame:
    job = world.job()
    judged = judge(
        batch, repeats_of(batch), CONTRACTS, max_event_bytes=MAX_BYTES, header_rules=world.settings.header_rules
    )
    files.write_judged(judged, folder, 1, job.rules, CONTRACTS)
    return files.read(world.spark, folder)


def rows_of(staged: DataFrame) -> list[Row]:
    """In the order of the offsets; client's times and maps as texts, which PySpark's client gives as they are."""
    columns = sorted(set(staged.columns) - {"staged_as", "occurred_at", "received_at", "kafka_timestamp"})
    times = [f"cast({name} as string) as {name}" for name in ("occurred_at", "received_at", "kafka_timestamp")]
    return staged.selectExpr(*[f"`{name}`" for name in columns], *times).orderBy("offset").collect()


def test_random_messages_are_staged_as_by_spark(world: World) -> None:
    values: list[bytes | None] = list(RandomMessages(11, MAX_BYTES).take(2_000))
    same = message()
    values += [same, same, message("cart_action", action="checkout", items=[]), message(http_headers={"X-Secret": "a"})]
    batch = batch_of(world.spark, values)
    folder = f"{world.settings.warehouse_uri}/staged"
    ours, sparks = (
        rows_of(stage(world, batch, f"{folder}-{stage.__name__}")) for stage in (staged_by_workers, staged_by_spark)
    )
    assert len(ours) == len(values)
    for one, other in zip(ours, sparks, strict=True):
        assert one.asDict(recursive=True) == other.asDict(recursive=True)
    assert {row.destination for row in ours} > {Destination.QUARANTINE, Destination.DUPLICATE}
    assert [row.reason_code for row in ours if row.rule == "checkout_lists_items"] != []


def rule(name: str, condition: str) -> Rule:
    return Rule(name, "d", "critical", "good", condition=condition)


def test_rows_that_break_a_rule_are_marked_and_others_stay(world: World) -> None:
    odd = rule("odd", "purchase_sword__quantity % 2 = 1")
    batch = batch_of(world.spark, [message(quantity=each) for each in (1, 2, 3)] + [b"junk"])
    staged = staged_by_workers(world, batch, f"{world.settings.warehouse_uri}/s", rules=(odd,))
    found = [(row.offset, row.destination, row.broken_rules) for row in rows_of(staged)]
    assert found == [
        (0, "refused:sword_purchases", ["odd"]),
        (1, "sword_purchases", None),
        (2, "refused:sword_purchases", ["odd"]),
        (3, "quarantine", None),
    ]
    contract = CONTRACTS["purchase_sword"]
    assert [row.offset for row in files.event_rows(staged, contract, CONTRACTS, 1).collect()] == [1]


def test_a_rule_that_spark_cannot_read_is_named(world: World) -> None:
    batch = batch_of(world.spark, [message()])
    with pytest.raises(AuditError, match="the critical rule strange could not be run"):
        staged_by_workers(world, batch, f"{world.settings.warehouse_uri}/s", rules=(rule("strange", "nothing > 1"),))


def test_without_broken_rules_there_are_no_marks(world: World) -> None:
    job = world.job()
    folder = f"{world.settings.warehouse_uri}/s"
    assert not candidates.stage(job, Messages(batch_of(world.spark, [message(), b"junk"]), None), folder, 2)
    assert files.settle(job.files, folder, False) == folder


def test_a_second_attempt_of_a_task_leaves_files_that_nobody_reads(world: World, tmp_path: Path) -> None:
    job = world.job()
    batch = batch_of(world.spark, [message(), b"junk"])
    folder = f"{world.settings.warehouse_uri}/s"
    first = attempt(batch, folder)  # it was given up for slow, and ends all the same
    candidates.stage(job, Messages(batch, None), folder, 2)
    late = attempt(batch, folder)
    left = sorted(path.name for path in Path(tmp_path / "warehouse" / "s-candidates").iterdir())
    assert left == sorted(Path(each).name for each in (*first, *late))
    assert sorted(row.offset for row in files.read(world.spark, folder).collect()) == [0, 1]


def attempt(batch: DataFrame, folder: str, store: LocalFiles | None = None, parts: int = 1) -> list[str]:
    """One task's attempt, which names its files to nobody; its rows come in so many parts."""
    rows = batch.drop("key").toArrow()
    written = candidates.stage_batches(
        rows.to_batches(max_chunksize=-(-rows.num_rows // parts)),
        code=version.code_hash(),
        contracts=CONTRACTS,
        max_event_bytes=MAX_BYTES,
        header_rules={},
        unreadable=(),
        store=store or LocalFiles(),
        folder=f"{folder}-candidates",
    )
    return [address for each in written for address in each.column("address").to_pylist()]


def test_an_attempt_that_dies_in_between_names_nothing(world: World, tmp_path: Path) -> None:
    class Full(LocalFiles):
        def put(self, local: Path, address: str) -> None:
            super().put(local, address)
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        attempt(batch_of(world.spark, [message()]), f"file:{tmp_path}/s", Full())


def test_a_large_batch_has_several_row_groups(monkeypatch: pytest.MonkeyPatch, world: World, tmp_path: Path) -> None:
    from pyarrow import parquet

    monkeypatch.setattr(candidates, "BYTES_PER_ROW_GROUP", 1_000)
    batch = batch_of(world.spark, [message() for _ in range(40)])
    (address,) = attempt(batch, f"file:{tmp_path}/s", parts=2)
    file = parquet.ParquetFile(address.removeprefix("file:"))
    assert (file.num_row_groups, file.metadata.num_rows) == (2, 40)
