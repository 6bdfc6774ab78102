"""The probe of each server, and the error for one that answers wrongly or not at all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import kafka
import pytest
import requests
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed
from trino.exceptions import TrinoConnectionError

from lakehouse.settings import Settings
from stack import probes
from stack.environment import MARK, local_settings
from stack.errors import NotReady
from stack.processes import stack_processes
from stack.services import Machine, services


def refused(probe: Callable[[Settings], None], settings: Settings) -> str:
    with pytest.raises(NotReady) as raised:
        probe(settings)
    return str(raised.value)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("probe", "setting"),
    [
        (probes.probe_kafka, "kafka_port"),
        (probes.probe_datanode, "datanode_port"),
        (probes.probe_spark, "spark_connect_port"),
        (probes.probe_trino, "trino_port"),
    ],
)
def test_a_port_that_nobody_listens_on_is_said_before_a_client_waits(
    probe: Callable[[Settings], None], setting: str
) -> None:
    port = closed_port()
    ports: dict[str, Any] = {setting: port}
    assert refused(probe, Settings(**ports)) == f"port {port}: Connection refused"


class Kafka:
    """In place of kafka-python's clients: keeps what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[Any] = []
        self.made = False
        self.error: Exception | None = None
        self.back: dict[str, Any] = {"probe": ["the message"]}
        monkeypatch.setattr(kafka, "KafkaAdminClient", self.client("admin"))
        monkeypatch.setattr(kafka, "KafkaProducer", self.client("producer"))
        monkeypatch.setattr(kafka, "KafkaConsumer", self.client("consumer"))

    def client(self, name: str) -> Callable[..., Any]:
        def make(**settings: Any) -> Kafka:
            self.did.append((name, settings))
            return self

        return make

    def create_topics(self, topics: dict[str, Any]) -> None:
        self.did.append(("create", topics))
        if self.made:
            raise TopicAlreadyExistsError

    def send(self, topic: str, value: bytes) -> Kafka:
        self.did.append(("send", topic, value))
        return self

    def get(self, timeout: float) -> SimpleNamespace:
        self.did.append(("get", timeout))
        if self.error:
            raise self.error
        return SimpleNamespace(partition=0, offset=7)

    def assign(self, partitions: list[Any]) -> None:
        self.did.append(("assign", partitions))

    def seek(self, partition: Any, offset: int) -> None:
        self.did.append(("seek", partition, offset))

    def poll(self, timeout_ms: int) -> dict[str, Any]:
        self.did.append(("poll", timeout_ms))
        return self.back

    def close(self, timeout: float | None = None) -> None:
        self.did.append(("close", timeout))


@pytest.mark.parametrize("made", [False, True])
def test_kafka_is_up_when_a_message_written_is_read_back(
    monkeypatch: pytest.MonkeyPatch, port: int, made: bool
) -> None:
    broker = Kafka(monkeypatch)
    broker.made = made
    probes.probe_kafka(Settings(kafka_port=port))
    address, partition = {"bootstrap_servers": f"127.0.0.1:{port}"}, kafka.TopicPartition("probe", 0)
    configs = {"retention.ms": "60000", "segment.ms": "60000", "max.message.bytes": "1024"}
    assert broker.did == [
        ("admin", {**address, "request_timeout_ms": 5000}),
        ("create", {"probe": {"num_partitions": 1, "replication_factor": 1, "configs": configs}}),
        ("close", None),
        ("producer", {**address, "acks": "all", "max_block_ms": 5000}),
        ("send", "probe", b"probe"),
        ("get", 5.0),
        ("close", 5.0),
        ("consumer", {**address, "enable_auto_commit": False}),
        ("assign", [partition]),
        ("seek", partition, 7),
        ("poll", 5000),
        ("close", None),
    ]


def test_kafka_that_loses_or_refuses_the_message_is_not_up(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    broker, settings = Kafka(monkeypatch), Settings(kafka_port=port)
    broker.back = {}
    assert refused(probes.probe_kafka, settings) == "the message written was not read back"
    assert broker.did[-1] == ("close", None)
    broker.error = KafkaTimeoutError("late")
    assert refused(probes.probe_kafka, settings) == "KafkaTimeoutError: late"
    assert broker.did[-1] == ("close", 5.0)


class Http:
    """In place of servers that speak HTTP: answers by method and address; keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str]] = []
        self.given: list[dict[str, Any]] = []
        self.trusted: list[bool] = []
        self.closed = 0
        self.status = 200
        self.bodies: dict[str, Any] = {}
        self.error: Exception | None = None
        monkeypatch.setattr(requests.Session, "request", lambda session, *a, **k: self.answer(session, *a, **k))
        monkeypatch.setattr(requests.Session, "close", lambda session: self.close())

    def close(self) -> None:
        self.closed += 1

    def answer(self, session: requests.Session, method: str, url: str, **given: Any) -> requests.Response:
        self.asked.append((method, url))
        self.given.append(given)
        self.trusted.append(session.trust_env)
        if self.error:
            raise self.error
        response = requests.Response()
        response.status_code = self.status
        body = next((body for part, body in self.bodies.items() if part in url), b"")
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return response


@pytest.fixture
def http(monkeypatch: pytest.MonkeyPatch) -> Http:
    return Http(monkeypatch)


def test_an_answer_that_is_no_success_is_said_with_the_address_and_no_proxy_is_asked(http: Http) -> None:
    probes.probe_namenode(Settings())
    address = "http://127.0.0.1:9870/webhdfs/v1/"
    assert http.asked == [("GET", f"{address}?op=GETFILESTATUS&user.name=lakehouse")]
    assert http.given == [{"data": None, "headers": {}, "timeout": 5.0}]
    assert (http.trusted, http.closed) == ([False], 1)
    http.status, http.bodies = 403, {"": b"safe mode" + b"!" * 300}
    assert refused(probes.probe_namenode, Settings()) == f"403 from {address}: safe mode{'!' * 191}"
    http.error = requests.ConnectTimeout("late")
    assert refused(probes.probe_namenode, Settings()) == "late"
    assert http.closed == 3


def test_a_datanode_is_up_when_a_file_written_is_read_back(http: Http, port: int) -> None:
    settings = Settings(datanode_port=port)
    http.bodies = {"op=CREATE": {"Location": "http://datanode/x"}, "op=OPEN": b"probe"}
    probes.probe_datanode(settings)
    place = "http://127.0.0.1:9870/webhdfs/v1/lakehouse/_probe-127.0.0.1?user.name=lakehouse"
    assert http.asked == [
        ("PUT", f"{place}&op=CREATE&overwrite=true&noredirect=true"),
        ("PUT", "http://datanode/x"),
        ("GET", f"{place}&op=OPEN"),
        ("DELETE", f"{place}&op=DELETE"),
    ]
    binary = {"Content-Type": "application/octet-stream"}
    assert [(given["data"], given["headers"]) for given in http.given[:2]] == [(None, {}), (b"probe", binary)]
    http.bodies["op=OPEN"] = b"prob"
    assert refused(probes.probe_datanode, settings) == "the file written was not read back"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x80\x01\x00\x02...default...", None),
        (b"\x80\x01\x00\x03...default...", rb"answered b'\x80\x01\x00\x03...default...' to get_all_databases"),
        (b"\x80\x01\x00\x02" + b"." * 80, rb"answered b'\x80\x01\x00\x02" + b"." * 56 + b"' to get_all_databases"),
    ],
)
def test_a_metastore_is_up_when_it_names_its_databases(answer: bytes, words: bytes | None) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        settings = Settings(metastore_port=server.getsockname()[1])
        if words is None:
            probes.probe_metastore(settings)
        else:
            assert refused(probes.probe_metastore, settings) == words.decode()
        thread.join()
    assert asked == [b"\x80\x01\x00\x01\x00\x00\x00\x11get_all_databases\x00\x00\x00\x01\x00"]


def test_a_metastore_that_is_not_there_is_not_up() -> None:
    assert refused(probes.probe_metastore, Settings(metastore_port=closed_port())) == "[Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("output", "errors", "words"),
    [
        ("1\n", "a warning", None),
        ("", "Traceback:\n  no route\n", "SELECT 1 failed:   no route"),
        ("", "", "SELECT 1 failed: no answer"),
        ("2", "", "SELECT 1 failed: no answer"),
    ],
)
def test_spark_is_up_when_it_selects_1(
    monkeypatch: pytest.MonkeyPatch, port: int, output: str, errors: str, words: str | None
) -> None:
    calls: list[tuple[list[str], dict[str, Any]]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        calls.append((command, options))
        return subprocess.CompletedProcess(command, 0, output, errors)

    monkeypatch.setattr(subprocess, "run", run)
    settings = Settings(spark_connect_port=port, spark_remote="sc://spark:1")
    if words is None:
        probes.probe_spark(settings)
    else:
        assert refused(probes.probe_spark, settings) == words
    code = (
        "from pyspark.sql.connect.client import DefaultChannelBuilder;"
        "from pyspark.sql.connect.session import SparkSession;"
        "to = DefaultChannelBuilder('sc://spark:1', [('grpc.enable_http_proxy', 0)]);"
        "print(SparkSession.builder.channelBuilder(to).getOrCreate().sql('select 1').collect()[0][0])"
    )
    (command, options) = calls[0]
    assert command == [sys.executable, "-W", "ignore", "-c", code]
    environment = {**os.environ, "SPARK_CONNECT_MODE_ENABLED": "1"}
    assert options == {"capture_output": True, "text": True, "timeout": 60, "env": environment, "check": False}


def test_spark_that_does_not_answer_is_not_up(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    def run(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr(subprocess, "run", run)
    assert refused(probes.probe_spark, Settings(spark_connect_port=port)) == "no answer to SELECT 1 within 60 s"


def test_trino_is_up_when_it_selects_1(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    asked: list[Any] = []

    class Connection:
        def cursor(self) -> Connection:
            return self

        def execute(self, sql: str) -> Connection:
            asked.append(sql)
            return self

        def fetchall(self) -> list[list[int]]:
            return [[1]]

    def connect(**settings: Any) -> Connection:
        asked.append(settings)
        return Connection()

    monkeypatch.setattr("trino.dbapi.connect", connect)
    probes.probe_trino(Settings(trino_port=port))
    told = {"host": "127.0.0.1", "port": port, "user": "probe", "max_attempts": 1, "request_timeout": 20}
    assert asked == [told, "SELECT 1"]
    assert probes.query_trino(Settings(trino_port=port), "select 2") == [[1]]

    def refuse(**settings: Any) -> None:
        raise TrinoConnectionError("no nodes")

    monkeypatch.setattr("trino.dbapi.connect", refuse)
    assert refused(probes.probe_trino, Settings(trino_port=port)) == "no nodes"


def test_redis_is_up_when_it_takes_commands_and_is_known_as_a_process_of_the_stack(tmp_path: Path) -> None:
    port = closed_port()
    settings = Settings(state=tmp_path, redis_port=port)
    assert "refused" in refused(probes.probe_redis, settings)
    (redis,) = [
        part for part in services(local_settings(settings), Machine(tmp_path, tmp_path)) if part.name == "redis"
    ]
    environment = {**redis.environment, MARK: f"{settings.state}#redis"}
    with subprocess.Popen([*redis.argv[:-1], str(tmp_path)], env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            Retrying(
                retry=retry_if_exception_type(NotReady), stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True
            )(probes.probe_redis, settings)
            assert [each.pid for each in stack_processes(settings.state)["redis"]] == [server.pid]
        finally:
            server.kill()


def test_the_api_is_up_when_it_is_ready(http: Http) -> None:
    probes.probe_api(Settings())
    assert http.asked == [("GET", "http://127.0.0.1:5000/readyz")]


def test_metrics_are_up_when_each_part_answered(http: Http) -> None:
    answered = b'# HELP lakehouse_up x\nlakehouse_up{part="trino"} 1.0\nlakehouse_up{part="kafka"} 1.0\n'
    http.bodies = {"/metrics": answered}
    probes.probe_metrics(Settings())
    assert (http.asked, http.given[0]["timeout"]) == ([("GET", "http://127.0.0.1:9464/metrics")], 10.0)
    http.bodies = {"/metrics": answered.replace(b"1.0", b"0.0")}
    assert refused(probes.probe_metrics, Settings()) == "no metrics of trino, kafka; they did not answer"
    http.bodies = {"/metrics": b"something else"}
    assert refused(probes.probe_metrics, Settings()) == "no metrics of any part; they did not answer"


@pytest.mark.parametrize(
    ("probe", "part", "words"),
    [
        (probes.probe_airflow_api, "metadatabase", "the database of Airflow is not healthy"),
        (probes.probe_airflow_scheduler, "scheduler", "Airflow's scheduler is {}"),
        (probes.probe_airflow_dag_processor, "dag_processor", "Airflow's dag_processor is {}"),
        (probes.probe_airflow_triggerer, "triggerer", "Airflow's triggerer is {}"),
    ],
)
def test_a_part_of_airflow_is_up_when_it_is_healthy(
    http: Http, probe: Callable[[Settings], None], part: str, words: str
) -> None:
    http.bodies = {"": {part: {"status": "healthy"}}}
    probe(Settings())
    assert http.asked == [("GET", "http://127.0.0.1:8090/api/v2/monitor/health")]
    http.bodies = {"": {part: {"status": "unhealthy"}}}
    assert refused(probe, Settings()) == words.format("unhealthy")
    http.bodies = {"": {"other": {"status": "healthy"}}}
    assert refused(probe, Settings()) == words.format("None")


def test_a_service_of_somebody_elses_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = [100.0], []

    def probe(settings: Settings) -> None:
        looks.append(now[0])
        if len(looks) < 3:
            raise NotReady("not yet")

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("tenacity.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    monkeypatch.setitem(probes.PROBES, "api", probe)
    probes.await_service(Settings(), "api", 1)
    assert looks == [100.0, 100.5, 101.0]
    looks.clear()
    with pytest.raises(NotReady, match="^not yet$"):
        probes.await_service(Settings(), "api", 0.4)
    assert looks == [101.0, 101.5]


def test_each_service_is_asked_by_its_own_probe() -> None:
    assert {name: probe.__name__ for name, probe in probes.PROBES.items()} == {
        "kafka": "probe_kafka",
        "namenode": "probe_namenode",
        "datanode": "probe_datanode",
        "metastore": "probe_metastore",
        "spark": "probe_spark",
        "trino": "probe_trino",
        "redis": "probe_redis",
        "api": "probe_api",
        "metrics": "probe_metrics",
        "airflow-api-server": "probe_airflow_api",
        "airflow-scheduler": "probe_airflow_scheduler",
        "airflow-dag-processor": "probe_airflow_dag_processor",
        "airflow-triggerer": "probe_airflow_triggerer",
    }
