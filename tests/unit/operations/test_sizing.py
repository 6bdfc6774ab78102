"""The arithmetic of `lakehouse size`, by round costs and by hand; the costs are those of benchmarks/results.md."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from api.__main__ import WORKERS
from jobs.raw.raw_events import ROWS_PER_PART
from jobs.staging.files import ROWS_PER_FILE
from jobs.upkeep.compaction import JOINED_BYTES
from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT, Settings
from operations import sizing
from operations.size_report import needs
from operations.sizing import Costs, Deployment, Load, Measured, Sizing
from stack.environment import local_settings
from stack.java import heap_bytes
from stack.services import Machine, services

COSTS = Costs(
    value_bytes=400, kafka_bytes=500, single_events=20_000, api_together_us=10, broker_us=20, broker_read_us=10,
    broker_events=200_000, drain_us=10, publish_us=40, compaction_us=10, drain_hdfs_us=1, publish_hdfs_us=1, drain_seconds=2,
    publish_seconds=4, raw_bytes=250, game_bytes=250, staging_bytes=200, raw_kept_bytes=200, game_kept_bytes=100, log_files=30,
    ledger_files=3, checks_files=1, quarantine_files=2, ledger_rows=3, checks_rows=40,
)  # fmt: skip
RATES = (1, 50, 999, 10_000, 30_000, 30_001, 100_000, 123_456, 1_000_000, 50_000_000)


def of(rate: float, event_bytes: float = 400, days: int = 100, copies: int = 1, **there: int) -> Sizing:
    return Sizing(Load(rate, event_bytes, days, copies), Deployment(**{"interval_minutes": 5} | there), COSTS)


# ---- by hand


def test_cores_are_those_of_the_measured_cost_at_the_planned_share() -> None:
    assert of(7_000).cores(COSTS.api_alone_us) == pytest.approx(
        1.0
    )  # 2 cores for 20,000 are 100 us each, of 7,000 0.7 of a core
    assert of(70_000).cores(COSTS.api_together_us) == pytest.approx(1.0)


@pytest.mark.parametrize(("rate", "partitions"), [(1, 3), (60_000, 3), (60_001, 4), (100_000, 5), (1_000_000, 50)])
def test_partitions_follow_from_the_bytes_a_second_and_are_never_fewer_than_there_are(
    rate: int, partitions: int
) -> None:
    assert of(rate).partitions == partitions  # 500 bytes an event, 10 MB/s a partition


def test_kafka_keeps_a_week_of_every_copy() -> None:
    assert of(1_000).kafka_disk == 1_000 * 86_400 * 7 * 500
    assert of(1_000, copies=3).kafka_disk == 3 * 1_000 * 86_400 * 7 * 500
    assert of(1_000, event_bytes=800).kafka_disk == 1_000 * 86_400 * 7 * 900  # 100 bytes around a value of any size


@pytest.mark.parametrize(
    ("given", "brokers"),
    [
        (of(1_000), 1),
        (of(1_000, copies=3), 3),
        (of(100_000), 3),  # 30.2 TB of disk, 12 a machine; 50 MB/s, of 67 (335 x 200,000) 0.7: 1.07; 4.3 cores of 16
        (of(100_000, copies=3), 8),  # 90.7 TB
        (
            of(400_000, event_bytes=40, copies=1),
            5,
        ),  # 56 MB/s are 1.2, 33.9 TB 2.8, 400,000 x 30 us / 0.7 = 17.1 cores 1.07
    ],
)
def test_brokers_are_as_many_as_their_scarcest_part_asks_for(given: Sizing, brokers: int) -> None:
    asked = {
        "copies": given.load.replication,
        "disk": given.kafka_disk / 12e12,
        "cores": given.load.events_per_second * (20 * given.load.replication + 10) * given.weight / 0.7e6 / 16,
        "bytes": given.load.events_per_second * given.in_kafka * given.load.replication / (0.7 * 67e6),
    }
    assert given.brokers == max(given.load.replication, -(-max(asked.values()) // 1))


def test_spark_has_cores_for_ingest_and_compaction_beside_what_each_batch_takes_whatever_its_size() -> None:
    # an hour: 100,000 x 60 us x 3,600 = 21,600 core seconds, in 0.7 x 3,600 - 12 x 6 = 2,448 s
    assert of(100_000).spark_cores == 9
    assert of(100_000).executors == 3
    assert of(100_000, interval_minutes=1).spark_cores == 10  # 21,600 in 2,520 - 60 x 6
    assert of(1).spark_cores == 2  # as there are
    assert of(100_000).run_seconds == pytest.approx(6 + 30_000_000 * 50e-6 / 9)
    assert of(100_000).compaction_seconds == pytest.approx(3_600 * 100_000 * 10e-6 / 9)


def test_a_batch_takes_more_than_comes_in_an_interval_so_that_an_outage_is_caught_up() -> None:
    assert of(10).batch_events == 1_000_000
    assert of(10_000).batch_events == 5_000_000  # 3,000,000 / 0.7
    assert of(10_000, max_events_per_batch=7_000_000).batch_events == 7_000_000


def test_hdfs_holds_what_is_kept_what_compaction_replaced_and_a_day_of_staging() -> None:
    a_day = 1_000 * 86_400
    assert of(1_000).hdfs_disk == pytest.approx(a_day * (100 * 300 + 8 * 500 + 200))
    assert of(1_000, event_bytes=800).hdfs_disk == pytest.approx(2 * of(1_000).hdfs_disk)
    assert of(1_000, vacuum_hours=240).hdfs_disk == pytest.approx(a_day * (100 * 300 + 11 * 500 + 200))


def test_small_batches_make_files_and_large_ones_are_split() -> None:
    small, large = of(10), of(100_000)
    assert (small.raw_files, small.staged_files) == (6, 18)  # 3 partitions of 2 topics; 2 tasks of 9 event types
    assert small.files_a_day == 288 * (6 + 18 + 3 + 1 + 2 + 30 + 18)
    assert large.raw_files == pytest.approx(30_000_000 / 170_000)
    assert large.staged_files == 120 * 9
    assert of(10, interval_minutes=1).files_a_day == 5 * small.files_a_day


def test_the_namenode_holds_a_file_and_its_blocks() -> None:
    given = of(1_000, days=1_000)
    kept = 1_000 * 86_400 * 300  # bytes a day, in files of 256 MiB
    assert given.kept_files == pytest.approx(kept / 2**28)
    fresh = 288 * ((6 + 18 + 3 + 1 + 2) * 8 + 30 * 8 + 18)
    assert given.files == pytest.approx(fresh + 1_000 * kept / 2**28)
    assert given.namenode_heap == pytest.approx(150 * (2 * fresh + 1_000 * kept * 3 / 2**28))
    assert of(1, days=1_000).kept_files == 10  # a table each of raw and the nine event types


# ---- what holds of all


@pytest.mark.parametrize("name", [need.name for need in needs(of(1))])
def test_more_events_never_need_less(name: str) -> None:
    found = [{need.name: need.value for need in needs(of(rate, copies=3))}[name] for rate in RATES]
    assert found == sorted(found)


def test_each_copy_is_a_disk_more_and_no_work_for_spark() -> None:
    one, three = of(20_000), of(20_000, copies=3)
    assert three.kafka_disk == pytest.approx(3 * one.kafka_disk)
    assert three.hdfs_disk == pytest.approx(3 * one.hdfs_disk)
    assert (three.spark_cores, three.files, three.partitions) == (one.spark_cores, one.files, one.partitions)


def test_larger_events_are_more_work_and_smaller_ones_are_not_less() -> None:
    assert of(10_000, event_bytes=800).cores(100) == pytest.approx(2 * of(10_000).cores(100))
    assert of(10_000, event_bytes=100).cores(100) == of(10_000).cores(100)


# ---- what breaks


def limits(**there: int) -> dict[str, float]:
    return {each.name: each.events_per_second for each in of(1, **there).limits()}


def test_what_the_local_stack_bears() -> None:
    found = limits()
    assert found["api"] == pytest.approx(2 / 100e-6)
    assert found["spark_cores"] == pytest.approx(1 / (60e-6 / 2 + 6 / 1e6))
    assert found["batch"] == pytest.approx(1 / (50e-6 / 4 + 6 / 1e6))  # four tasks of 250,000; compaction has more
    assert found["partitions"] == pytest.approx(3 * 10e6 / 500)
    assert found["broker"] == pytest.approx(200_000 * 335 / 500)


def test_files_and_blocks_fill_half_of_the_heap_of_the_namenode_at_its_limit() -> None:
    given = of(1, days=365)
    rate = {each.name: each.events_per_second for each in given.limits()}["namenode"]
    assert of(rate, days=365).namenode_heap <= 2**30 / 2 < of(rate * 1.01, days=365).namenode_heap
    tiny = replace(given, here=replace(given.here, namenode_heap=1))
    assert {each.name: each.events_per_second for each in tiny.limits()}["namenode"] == 0


def test_what_breaks_first_is_moved_by_its_setting_until_the_next_breaks() -> None:
    there: dict[str, int] = {"namenode_heap": 2**40}
    first = []
    for change in (
        {},
        {"api_processes": 100},
        {"spark_cores": 100},
        {"max_events_per_batch": 100_000_000},
        {"topic_partitions": 90},
    ):
        there |= change
        limit = of(1_000_000, **there).first_limit()
        assert limit
        first.append(limit.name)
    assert first == ["api", "spark_cores", "batch", "partitions", "broker"]


def test_a_load_that_the_deployment_bears_breaks_nothing() -> None:
    assert of(100).first_limit() is None
    assert of(20_001, namenode_heap=2**40).first_limit() == of(1, namenode_heap=2**40).limits()[0]


# ---- where the figures are from


def measured() -> list[Measured]:
    costs = Costs()
    return [getattr(costs, field.name) for field in fields(costs)]


@pytest.mark.parametrize("cost", measured(), ids=[field.name for field in fields(Costs)])
def test_a_cost_is_what_its_row_of_the_results_says(cost: Measured) -> None:
    text = (CHECKOUT / "benchmarks" / "results.md").read_text()
    (rest,) = re.findall(rf"^\| {re.escape(cost.row)} \|(.*)$", text, re.MULTILINE)
    said = rest.rpartition(" | ")[0]  # without the last cell, a note
    numbers = [float(each.replace(",", "")) for each in re.findall(r"\d[\d,]*(?:\.\d+)?", said)]
    assert float(cost) in numbers


def test_constants_are_those_of_the_code() -> None:
    assert (sizing.PART_ROWS, sizing.FILE_ROWS, sizing.JOINED_BYTES) == (ROWS_PER_PART, ROWS_PER_FILE, JOINED_BYTES)


@pytest.mark.parametrize(("heap", "size"), [("256m", 2**28), ("640M", 640 * 2**20), ("1g", 2**30), ("12G", 12 * 2**30)])
def test_a_heap_is_read_as_java_reads_it(heap: str, size: int) -> None:
    assert heap_bytes(heap) == size


def test_the_deployment_by_default_is_the_local_stack_with_default_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LAKEHOUSE_{name.upper()}", raising=False)
    settings, there = local_settings(Settings(state=tmp_path)), Deployment()
    assert Deployment.of(settings, load_contracts(settings.contracts)) == there
    started = {service.name: service.argv for service in services(settings, Machine(Path("/java"), Path("/java")))}
    assert f"local[{there.spark_cores}]" in started["spark"]
    assert f"-Xmx{settings.namenode_heap}" in started["namenode"]
    assert there.api_processes == WORKERS
    conf = {
        file: dict(re.findall(r"^([\w.]+)[= ] *(\S+)$", (CHECKOUT / "docker" / file).read_text(), re.MULTILINE))
        for file in ("kafka/server.properties", "spark/spark-defaults.conf")
    }
    assert int(conf["kafka/server.properties"]["log.retention.hours"]) == 24 * there.kafka_days
    assert int(conf["spark/spark-defaults.conf"]["spark.sql.shuffle.partitions"]) == there.shuffle_partitions
