"""Settings: which addresses are taken, how they are handed on, and what is said of those that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from redis import Redis

from lakehouse.settings import CHECKOUT, Settings, SettingsError

COMPOSE = [CHECKOUT / "docker" / f"compose{kind}.yaml" for kind in ("", ".cluster", ".ha")]
URL, PAGE = "http://host:port", "http://host:port or http://host:port/path"
LIVE = "redis://host:port/0 (or rediss://, unix:///path); empty: there is no live state"
HDFS = "hdfs://host:port or hdfs://nameservice, without a path: LAKEHOUSE_WAREHOUSE is that"
SPARK = "local[2], spark://host:port, yarn or k8s://https://host:port"


def loaded(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> Settings:
    monkeypatch.setenv(f"LAKEHOUSE_{name.upper()}", value)
    return Settings.load()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("redis_url", "127.0.0.1:6379/0", LIVE),
        ("redis_url", "http://127.0.0.1:6379", LIVE),
        ("redis_url", "redis://", LIVE),
        ("redis_url", "redis://h:port/0", LIVE),
        ("redis_url", "redis://h:6379/live", LIVE),
        ("redis_url", "redis://h:6379/0?socket_timeout=long", LIVE),
        ("redis_url", "unix:run/redis.sock", LIVE),
        ("trino_url", "127.0.0.1:8080", URL),
        ("trino_url", "trino:8080", URL),
        ("trino_url", "http:trino:8080", URL),
        ("trino_url", "http://trino:", URL),
        ("trino_url", "http://trino:99999", URL),
        ("trino_url", "http://trino:0", URL),
        ("trino_url", "http://tri no:80", URL),
        ("trino_url", "http://trino:80/path", URL),
        ("trino_url", "", URL),
        ("api_url", "127.0.0.1:5000", URL),
        ("airflow_url", "airflow", PAGE),
        ("airflow_page_url", "ftp://airflow", PAGE),
        ("trino_page_url", "trino", PAGE),
        ("api_page_url", "api", PAGE),
        ("metrics_url", "http://metrics:9464?x=1", PAGE),
        ("webhdfs_url", "namenode:9870/webhdfs/v1", PAGE),
        ("hdfs_uri", "namenode:9820", HDFS),
        ("hdfs_uri", "hdfs://namenode:9820/lakehouse", HDFS),
        ("metastore_uri", "metastore:9083", "thrift://host:port, or several with commas between"),
        ("metastore_uri", "thrift://metastore", "thrift://host:port, or several with commas between"),
        ("kafka_bootstrap", "kafka", "host:port, or several with commas between"),
        ("kafka_bootstrap", "kafka:9092,", "host:port, or several with commas between"),
        ("kafka_bootstrap", "PLAINTEXT://kafka:9092", "host:port, or several with commas between"),
        ("kafka_controllers", "kafka:0", "host:port, or several with commas between"),
        ("spark_remote", "spark:15002", "sc://host:port; empty: a session of each job's own"),
        ("spark_remote", "sc://spark:15002/path", "sc://host:port; empty: a session of each job's own"),
        ("spark_master", "spark-master:7077", SPARK),
        ("spark_master", "spark://spark-master", SPARK),
        ("database", "postgres", "host:port"),
        ("database", "", "host:port"),
        ("warehouse", "lakehouse", "an absolute path, /lakehouse"),
        ("warehouse", "/", "an absolute path, /lakehouse"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(monkeypatch, name, value)
    assert str(raised.value) == f"LAKEHOUSE_{name.upper()}={value!r}: give it as {allowed}"


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("trino_url", "https://trino.example/", "https://trino.example"),
        ("trino_url", "http://[::1]:8080", None),
        ("airflow_url", "https://studio.example/airflow/", "https://studio.example/airflow"),
        ("webhdfs_url", "http://namenode:9870/webhdfs/v1/", "http://namenode:9870/webhdfs/v1"),
        ("hdfs_uri", "hdfs://lakehouse/", "hdfs://lakehouse"),
        ("hdfs_uri", "file:", None),
        ("metastore_uri", "thrift://a:9083, thrift://b:9083", "thrift://a:9083,thrift://b:9083"),
        ("kafka_bootstrap", "a:9092, [::1]:9093", "a:9092,[::1]:9093"),
        ("spark_remote", "sc://spark:15002/;use_ssl=true", None),
        ("spark_remote", "", None),
        ("spark_master", "local[*]", None),
        ("spark_master", "local", None),
        ("spark_master", "yarn", None),
        ("spark_master", "k8s://https://10.0.0.1:6443", None),
        ("spark_master", "spark://a:7077,b:7077", None),
        ("database", "postgres:5432", None),
        ("warehouse", "/lake/house/", "/lake/house"),
        ("redis_url", "", None),
    ],
)
def test_an_address_is_handed_on_as_clients_take_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, taken: str | None
) -> None:
    assert getattr(loaded(monkeypatch, name, value), name) == (value if taken is None else taken)


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis:6379/0",
        "redis://redis",
        "rediss://ada:x@redis:6380/1",
        "unix:///run/redis.sock",
        "unix:///r?db=1",
    ],
)
def test_an_address_of_redis_that_is_taken_is_one_for_its_client(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert loaded(monkeypatch, "redis_url", url).redis_url == url
    Redis.from_url(url).close()


def test_no_login_is_shown_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^LAKEHOUSE_REDIS_URL='redis://\.\.\.@h:x/0': give it as redis://"):
        loaded(monkeypatch, "redis_url", "redis://ada:sec@ret@h:x/0")


def test_a_setting_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="^LAKEHOUSE_HEADER_RULES is no JSON: Expecting value: line 1 column 1"):
        loaded(monkeypatch, "header_rules", "drop")


def environments(node: Any) -> Iterator[dict[str, str]]:
    """Every mapping of settings in a Compose file."""
    if isinstance(node, dict):
        if found := {name: str(value) for name, value in node.items() if str(name).startswith("LAKEHOUSE_")}:
            yield found
        for each in node.values():
            yield from environments(each)


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_the_addresses_of_containers_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch, file: Any) -> None:
    seen = 0
    for environment in environments(yaml.safe_load(file.read_text())):
        with monkeypatch.context() as context:
            for name, value in environment.items():
                context.setenv(name, value)
            settings = Settings.load().model_dump(mode="json")
        for name, value in environment.items():
            field = name.removeprefix("LAKEHOUSE_").lower()
            if field.endswith(("_url", "_uri", "_bootstrap", "_controllers", "database", "_master", "_remote")):
                assert settings[field] == value
                seen += 1
    assert seen
