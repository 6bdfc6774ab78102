"""The servers that only a cluster has: what each is started as, and when it counts as up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import Settings
from stack.containers import cluster, standby
from stack.environment import DOCKER, local_settings
from stack.errors import NotReady, StackError
from stack.services import Machine, Service, services

MACHINE = Machine(Path("/java"), Path("/trino-java"))
SPARK: dict[str, Any] = {"host": "spark-worker", "spark_master": "spark://spark-master:7077"}


def part(name: str, **settings: Any) -> Service:
    found = cluster.cluster_services(local_settings(Settings(**settings)), MACHINE)
    return next(each for each in found if each.name == name)


def test_master_and_worker_of_spark_are_found_by_their_names() -> None:
    master = part("spark-master", host="spark-master", spark_master="spark://spark-master:7077")
    assert " ".join(master.argv).endswith("Master --host spark-master --port 7077 --webui-port 8080")
    worker = part("spark-worker", **SPARK)
    assert "--host spark-worker" in " ".join(worker.argv) and worker.argv[-1] == "spark://spark-master:7077"
    assert worker.environment["SPARK_LOCAL_IP"] == "spark-worker"


def test_a_worker_has_the_python_and_the_code_that_jobs_need() -> None:
    worker = part("spark-worker", **SPARK)
    (driver,) = (each for each in services(local_settings(Settings(**SPARK)), MACHINE) if each.name == "spark")
    for name in ("PYSPARK_PYTHON", "PYTHONPATH", "SPARK_DIST_CLASSPATH", "HADOOP_CONF_DIR", "LAKEHOUSE_HDFS_URI"):
        assert worker.environment[name] == driver.environment[name]


def test_what_the_driver_asks_for_is_what_a_worker_has() -> None:
    worker, (driver,) = (
        part("spark-worker", **SPARK),
        (each for each in services(local_settings(Settings(**SPARK)), MACHINE) if each.name == "spark"),
    )
    memory, cores = (worker.argv[worker.argv.index(option) + 1] for option in ("--memory", "--cores"))
    assert f"spark.executor.memory={memory}" in driver.argv and f"spark.executor.cores={cores}" in driver.argv


def test_trinos_worker_is_the_coordinator_with_another_file_and_id() -> None:
    settings = local_settings(Settings(host="trino-worker"))
    (coordinator,) = (each for each in services(settings, MACHINE) if each.name == "trino")
    worker = part("trino-worker", host="trino-worker")
    assert {a: b for a, b in zip(coordinator.argv, worker.argv, strict=True) if a != b} == {
        f"-Dconfig={DOCKER}/trino/config.properties": f"-Dconfig={DOCKER}/trino/worker.properties",
        "-Dnode.id=trino-1": "-Dnode.id=trino-worker",
    }


def test_a_broker_that_no_address_is_given_for_is_refused() -> None:
    with pytest.raises(StackError, match="LAKEHOUSE_KAFKA_NODE=2, but"):
        services(local_settings(Settings(kafka_node=2)), MACHINE)


class Page:
    def __init__(self, **content: Any) -> None:
        self.json = lambda: content


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        ([{"host": "spark-worker", "state": "DEAD"}, {"host": "spark-worker", "state": "ALIVE"}], None),
        ([{"host": "spark-worker", "state": "DEAD"}], "as .'DEAD'."),
        ([{"host": "spark-worker-2", "state": "ALIVE"}], "as nothing"),
    ],
)
def test_a_worker_is_up_when_the_master_counts_on_it(
    monkeypatch: pytest.MonkeyPatch, workers: list[dict[str, str]], words: str | None
) -> None:
    asked: list[str] = []

    def http(method: str, url: str) -> Page:
        asked.append(url)
        return Page(workers=workers)

    monkeypatch.setattr(cluster, "http", http)
    if words is None:
        cluster.probe_spark_worker(Settings(**SPARK))
    else:
        with pytest.raises(NotReady, match=words):
            cluster.probe_spark_worker(Settings(**SPARK))
    assert asked == ["http://spark-master:8080/json/"]


def test_a_master_that_stands_by_is_not_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "http", lambda method, url: Page(status="STANDBY"))
    with pytest.raises(NotReady, match="is STANDBY"):
        cluster.probe_spark_master(Settings(**SPARK))
    monkeypatch.setattr(cluster, "http", lambda method, url: Page(status="ALIVE"))
    cluster.probe_spark_master(Settings(**SPARK))


def test_a_worker_of_trino_that_starts_is_not_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "port_open", lambda port: None)
    monkeypatch.setattr(cluster, "http", lambda method, url: Page(starting=True))
    with pytest.raises(NotReady, match="is starting"):
        cluster.probe_trino_worker(Settings())
    monkeypatch.setattr(cluster, "http", lambda method, url: Page(starting=False))
    cluster.probe_trino_worker(Settings())


def of_standby(name: str, **settings: Any) -> Service:
    found = standby.standby_services(local_settings(Settings(**settings)), MACHINE)
    return next(each for each in found if each.name == name)


def test_one_watcher_alone_makes_their_place_in_zookeeper() -> None:
    (once,) = of_standby("namenode-watcher").prepare
    assert once.argv[-3:] == ("-formatZK", "-force", "-nonInteractive")
    assert of_standby("namenode-watcher", hdfs_node="nn2").prepare == ()


def test_the_second_namenode_begins_with_what_the_first_one_has() -> None:
    for node, options in {
        "nn1": ("-format", "-force", "-nonInteractive"),
        "nn2": ("-bootstrapStandby", "-force"),
    }.items():
        parts = services(local_settings(Settings(hdfs_node=node)), MACHINE)
        (once,) = next(part for part in parts if part.name == "namenode").prepare
        assert once.argv[-len(options) :] == options


def test_all_servers_of_hdfs_and_its_clients_read_the_folder_that_is_set() -> None:
    settings = local_settings(Settings(hadoop_conf=Path("/ha")))
    parts = {part.name: part for part in services(settings, MACHINE)}
    for name in ("namenode", "datanode", "metastore"):
        assert "/ha:" in parts[name].argv[parts[name].argv.index("-cp") + 1], name
    assert {part.environment["HADOOP_CONF_DIR"] for part in parts.values()} == {"/ha"}
    assert of_standby("journalnode", hadoop_conf=Path("/ha")).environment["LAKEHOUSE_HADOOP_CONF"] == "/ha"
