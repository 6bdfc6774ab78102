"""docker/compose.cluster.yaml: what it adds to compose.yaml, by the definitions of the servers and within 12 GB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.settings import CHECKOUT, Settings
from stack.containers.cluster import CLUSTER_PROBES
from stack.containers.service import ALL_CHECKS
from stack.environment import local_settings
from stack.java import heap_bytes
from stack.services import Machine, Service, services
from tests.unit.docker.test_compose import check_schema

FOLDER = CHECKOUT / "docker"
MOST_MB = 12 * 1024
STEPS = {"topics", "tables", "views", "dags"}


def read(name: str) -> dict[str, Any]:
    """Without the services that are for the single containers and are started by hand."""
    content: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    services = {each: service for each, service in content["services"].items() if "profiles" not in service}
    return content | {"services": services}


@pytest.fixture(scope="module")
def overlay() -> dict[str, Any]:
    return read("compose.cluster.yaml")


@pytest.fixture(scope="module")
def merged(overlay: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services of both files, merged as Compose merges those keys that are looked at here."""
    base = read("compose.yaml")["services"]
    found = {}
    for name in base | overlay["services"]:
        old, new = base.get(name, {}), overlay["services"].get(name, {})
        found[name] = old | new
        for key in ("environment", "depends_on", "healthcheck"):
            found[name][key] = old.get(key, {}) | new.get(key, {})
    return found


def settings_of(service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    with monkeypatch.context() as patch:
        for name, value in service["environment"].items():
            patch.setenv(name, str(value))
        return local_settings(Settings.load())


@pytest.mark.parametrize(
    "file", ["compose.cluster.yaml", "compose.faults.yaml", "compose.ha.yaml", "compose.measured.yaml"]
)
def test_files_are_valid_by_the_compose_schema(file: str) -> None:
    done = check_schema(FOLDER / file)
    assert done.returncode == 0, done.stdout


def test_every_container_runs_a_server_that_is_defined_and_is_checked_as_that(
    merged: dict[str, dict[str, Any]],
) -> None:
    for name, service in merged.items():
        (command,) = service["command"]
        if name not in STEPS:
            assert command in ALL_CHECKS, name
            assert service["healthcheck"]["test"] == ["CMD", "lakehouse-service", "--check", command], name
    assert set(CLUSTER_PROBES) <= {service["command"][0] for service in merged.values()}


def test_all_that_run_have_limits_of_memory_of_12_gb_together(merged: dict[str, dict[str, Any]]) -> None:
    limits = {name: service["mem_limit"] for name, service in merged.items() if name not in STEPS}
    assert all(limit.endswith("m") for limit in limits.values()), limits
    assert sum(int(limit[:-1]) for limit in limits.values()) <= MOST_MB


def test_no_container_logs_without_a_limit(merged: dict[str, dict[str, Any]]) -> None:
    ha = {name: each for name, each in read("compose.ha.yaml")["services"].items() if "command" in each}
    for name, service in (merged | ha).items():
        options = service["logging"]["options"]
        assert set(options) == {"max-size", "max-file"} and service["logging"]["driver"] == "json-file", name


@pytest.mark.parametrize("of", ["compose.yaml", "the cluster"])
def test_redis_is_full_before_its_container_is(of: str, merged: dict[str, dict[str, Any]]) -> None:
    """At the container's limit the kernel would end it, and the message that the runbook explains would never come."""
    redis = read("compose.yaml")["services"]["redis"] if of == "compose.yaml" else merged["redis"]
    most, limit = redis["environment"]["LAKEHOUSE_REDIS_MAX_MEMORY"], redis["mem_limit"]
    assert most.endswith("mb") and limit.endswith("m")
    assert int(most[:-2]) <= 0.75 * int(limit[:-1])


def test_each_java_of_hdfs_has_a_heap_that_fits_into_its_container(
    merged: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third of the heap more is for what Java holds beside it."""
    base, ha = read("compose.yaml")["services"], read("compose.ha.yaml")["services"]
    found = [each for services in (base, merged, ha) for each in services.values() if "mem_limit" in each]
    hdfs = [each for each in found if each.get("command") in (["namenode"], ["datanode"])]
    assert len(hdfs) == 7  # of each one, one and three, and the NameNode that stands by
    for service in hdfs:
        settings = settings_of(service, monkeypatch)
        heap = settings.namenode_heap if service["command"] == ["namenode"] else settings.datanode_heap
        limit = int(service["mem_limit"].removesuffix("m")) * 2**20
        assert 4 / 3 * heap_bytes(heap) <= limit, service


def test_every_setting_of_the_single_containers_is_a_clusters_too(overlay: dict[str, Any]) -> None:
    per_container = {"LAKEHOUSE_DATANODE_HOST"}
    assert set(read("compose.yaml")["x-settings"]) - per_container <= set(overlay["x-settings"])
    for name in overlay["x-settings"]:
        assert name.removeprefix("LAKEHOUSE_").lower() in Settings.model_fields


def test_each_broker_has_the_place_of_its_name_among_the_brokers(
    merged: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kafka", "kafka-2", "kafka-3"):
        settings = settings_of(merged[name], monkeypatch)
        (broker,) = (part for part in parts_of(settings) if part.name == "kafka")
        assert broker.environment["LAKEHOUSE_KAFKA_ADDRESS"] == f"{name}:9092"
        assert broker.environment["LAKEHOUSE_KAFKA_CONTROLLER"] == f"{name}:9093"
        (once,) = broker.prepare
        voters = once.argv[once.argv.index("--initial-controllers") + 1].split(",")
        assert [voter.split(":")[0] for voter in voters] == ["1@kafka", "2@kafka-2", "3@kafka-3"]
        assert len({voter.split(":")[2] for voter in voters}) == 3
        assert merged[name]["volumes"] == [f"{name}:/state/kafka"]


def parts_of(settings: Settings) -> tuple[Service, ...]:
    return services(settings, Machine(Path("/java"), Path("/trino-java")))


def test_who_has_a_name_of_its_own_is_found_by_it(merged: dict[str, dict[str, Any]]) -> None:
    for name, service in merged.items():
        for setting in ("LAKEHOUSE_HOST", "LAKEHOUSE_DATANODE_HOST"):
            if setting == "LAKEHOUSE_HOST" and setting in service["environment"]:
                assert service["environment"][setting] == service["hostname"] == name
    hosts = {name: merged[name]["environment"]["LAKEHOUSE_DATANODE_HOST"] for name in merged if "datanode" in name}
    assert hosts == {name: name for name in ("datanode", "datanode-2", "datanode-3")}


def test_copies_and_acknowledgements_outlive_one_of_three(overlay: dict[str, Any]) -> None:
    settings = overlay["x-settings"]
    assert settings["LAKEHOUSE_TOPIC_REPLICATION"] == settings["LAKEHOUSE_HDFS_REPLICATION"] == 3
    assert settings["LAKEHOUSE_TOPIC_MIN_INSYNC"] == 2


def test_the_driver_of_a_cluster_tells_where_it_is_and_the_local_one_does_not(
    merged: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (driver,) = (part for part in parts_of(settings_of(merged["spark"], monkeypatch)) if part.name == "spark")
    assert driver.argv[driver.argv.index("--master") + 1] == "spark://spark-master:7077"
    assert "spark.driver.host=spark" in driver.argv and driver.environment["SPARK_LOCAL_IP"] == "spark"
    (local,) = (part for part in parts_of(local_settings(Settings(state=tmp_path))) if part.name == "spark")
    assert not [part for part in local.argv if "spark.driver" in part or "spark.executor" in part]


def test_two_apis_stand_behind_one_address(overlay: dict[str, Any]) -> None:
    apis = [name for name, each in overlay["services"].items() if each.get("command") == ["api"]]
    assert apis == ["api-1", "api-2"]
    for name in apis:
        assert overlay["services"][name]["networks"] == {"default": {"aliases": ["apis"]}}
        assert not overlay["services"][name].get("ports")
    assert overlay["services"]["api"]["command"] == ["nginx"]
    assert "apis:5000" in (FOLDER / "nginx" / "nginx.conf").read_text()


def test_whoever_asks_hdfs_asks_both_namenodes(overlay: dict[str, Any]) -> None:
    """Where a second NameNode stands by, nobody is left with the settings of the single one."""
    base, ha = read("compose.yaml"), read("compose.ha.yaml")
    left = set(base["services"] | overlay["services"]) - set(ha["services"])
    assert left == {
        "api",
        "api-1",
        "api-2",
        "kafka",
        "kafka-2",
        "kafka-3",
        "postgres",
        "redis",
        "spark-master",
        "topics",
    }
    for name, service in ha["services"].items():
        assert service["environment"].items() >= ha["x-settings"].items(), name
        if command := service.get("command"):
            assert command[0] in ALL_CHECKS
            assert service["healthcheck"]["test"] == ["CMD", "lakehouse-service", "--check", command[0]], name


def test_the_names_in_hadoops_files_are_those_of_containers() -> None:
    text = (FOLDER / "hdfs-ha" / "hdfs-site.xml").read_text()
    services = read("compose.ha.yaml")["services"]
    for name in ("namenode", "namenode-2", "journal-1", "journal-2", "journal-3"):
        assert name in services and f"{name}:" in text
