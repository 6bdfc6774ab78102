"""Probes: each asks a server to do its work once.

A server has started when the answer is right, not when a port is open.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from lakehouse.clients import direct
from lakehouse.clients.spark import PAST_PROXIES
from lakehouse.settings import Settings
from lakehouse.texts import words_of
from stack.errors import NotReady

_SECONDS = 5.0  # that one probe may take


def probe_kafka(settings: Settings) -> None:
    """Writes a message to the probe topic and reads it back."""
    port_open(settings.kafka_port)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.errors import KafkaError, TopicAlreadyExistsError

    from lakehouse.catalog.topics import PROBE_CONFIG
    from lakehouse.contract.model import PROBE_TOPIC

    address = {"bootstrap_servers": settings.kafka_bootstrap}
    try:
        admin = KafkaAdminClient(**address, request_timeout_ms=5_000)
        try:
            admin.create_topics(
                {
                    PROBE_TOPIC: {
                        "num_partitions": 1,
                        "replication_factor": settings.topic_replication,
                        "configs": PROBE_CONFIG,
                    }
                }
            )
        except TopicAlreadyExistsError:
            pass
        finally:
            admin.close()
        producer = KafkaProducer(**address, acks="all", max_block_ms=5_000)
        try:
            sent = producer.send(PROBE_TOPIC, b"probe").get(timeout=_SECONDS)
        finally:
            producer.close(timeout=_SECONDS)
        consumer = KafkaConsumer(**address, enable_auto_commit=False)
        try:
            partition = TopicPartition(PROBE_TOPIC, sent.partition)
            consumer.assign([partition])
            consumer.seek(partition, sent.offset)
            if not consumer.poll(timeout_ms=int(_SECONDS * 1000)):
                raise NotReady("the message written was not read back")
        finally:
            consumer.close()
    except KafkaError as error:
        raise NotReady(words_of(error)) from error


def probe_namenode(settings: Settings) -> None:
    """Gets the status of the root folder."""
    http("GET", f"{settings.webhdfs_url}/?op=GETFILESTATUS&user.name=lakehouse")


def probe_datanode(settings: Settings) -> None:
    """Writes a file through WebHDFS, which needs a NameNode out of safe mode and a DataNode that takes blocks."""
    port_open(settings.datanode_port)
    place = f"{settings.webhdfs_url}{settings.warehouse}/_probe-{settings.datanode_host}?user.name=lakehouse"
    asked = http("PUT", f"{place}&op=CREATE&overwrite=true&noredirect=true")
    http("PUT", asked.json()["Location"], data=b"probe")
    if http("GET", f"{place}&op=OPEN").content != b"probe":
        raise NotReady("the file written was not read back")
    http("DELETE", f"{place}&op=DELETE")


def probe_metastore(settings: Settings) -> None:
    """Calls get_all_databases over thrift (binary protocol, one strict call without arguments)."""
    name = b"get_all_databases"
    call = b"\x80\x01\x00\x01" + len(name).to_bytes(4, "big") + name + b"\x00\x00\x00\x01\x00"
    try:
        with socket.create_connection(("127.0.0.1", settings.metastore_port), timeout=_SECONDS) as connection:
            connection.settimeout(_SECONDS)
            connection.sendall(call)
            answer = connection.recv(4096)
    except OSError as error:
        raise NotReady(str(error)) from error
    if answer[:4] != b"\x80\x01\x00\x02" or b"default" not in answer:
        raise NotReady(f"answered {answer[:60]!r} to get_all_databases")


def probe_spark(settings: Settings) -> None:
    """Runs SELECT 1, in a process of its own with a time limit: the client would retry for many minutes."""
    port_open(settings.spark_connect_port)
    import os
    import subprocess
    import sys

    code = (
        "from pyspark.sql.connect.client import DefaultChannelBuilder;"
        "from pyspark.sql.connect.session import SparkSession;"
        f"to = DefaultChannelBuilder({settings.spark_remote!r}, {PAST_PROXIES});"
        "print(SparkSession.builder.channelBuilder(to).getOrCreate().sql('select 1').collect()[0][0])"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    environment = os.environ | {"SPARK_CONNECT_MODE_ENABLED": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise NotReady("no answer to SELECT 1 within 60 s") from None
    if done.stdout.strip() != "1":
        raise NotReady(f"SELECT 1 failed: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}")


def probe_trino(settings: Settings) -> None:
    """Runs SELECT 1."""
    port_open(settings.trino_port)
    query_trino(settings, "SELECT 1")


def query_trino(settings: Settings, sql: str) -> list[list[Any]]:
    from trino.dbapi import connect
    from trino.exceptions import Error, TrinoConnectionError

    try:
        connection = connect(
            host="127.0.0.1", port=settings.trino_port, user="probe", max_attempts=1, request_timeout=20
        )
        return list(connection.cursor().execute(sql).fetchall())
    except (Error, TrinoConnectionError, OSError) as error:
        raise NotReady(str(error)) from error


def probe_redis(settings: Settings) -> None:
    """Asks whether it takes commands."""
    from redis import RedisError

    from lakehouse.clients.redis import connect

    try:
        with connect(f"redis://127.0.0.1:{settings.redis_port}/0") as redis:
            redis.ping()
    except RedisError as error:
        raise NotReady(str(error)) from error


def probe_api(settings: Settings) -> None:
    """Asks whether the API can produce."""
    http("GET", f"{settings.api_url}/readyz")


def probe_metrics(settings: Settings) -> None:
    """Asks what Prometheus asks: each part must have answered."""
    told = http("GET", f"{settings.metrics_url}/metrics", seconds=2 * _SECONDS).text
    down = re.findall(r'^lakehouse_up\{part="(\w+)"\} 0', told, re.MULTILINE)
    if down or "lakehouse_up" not in told:
        raise NotReady(f"no metrics of {', '.join(down) or 'any part'}; they did not answer")


def probe_airflow_api(settings: Settings) -> None:
    """Asks Airflow for the health of its database."""
    if airflow_health(settings).get("metadatabase", {}).get("status") != "healthy":
        raise NotReady("the database of Airflow is not healthy")


def probe_airflow_scheduler(settings: Settings) -> None:
    _airflow_part(settings, "scheduler")


def probe_airflow_dag_processor(settings: Settings) -> None:
    _airflow_part(settings, "dag_processor")


def probe_airflow_triggerer(settings: Settings) -> None:
    _airflow_part(settings, "triggerer")


def airflow_health(settings: Settings) -> dict[str, Any]:
    health: dict[str, Any] = http("GET", f"{settings.airflow_url}/api/v2/monitor/health").json()
    return health


PROBES: dict[str, Callable[[Settings], None]] = {
    "kafka": probe_kafka,
    "namenode": probe_namenode,
    "datanode": probe_datanode,
    "metastore": probe_metastore,
    "spark": probe_spark,
    "trino": probe_trino,
    "redis": probe_redis,
    "api": probe_api,
    "metrics": probe_metrics,
    "airflow-api-server": probe_airflow_api,
    "airflow-scheduler": probe_airflow_scheduler,
    "airflow-dag-processor": probe_airflow_dag_processor,
    "airflow-triggerer": probe_airflow_triggerer,
}


def await_service(settings: Settings, service: str, seconds: float) -> None:
    """Waits until a service does its work that something else started.

    Raises:
        NotReady: it does not do its work after so many seconds; the message says what is wrong.
    """
    Retrying(
        retry=retry_if_exception_type(NotReady), stop=stop_after_delay(seconds), wait=wait_fixed(0.5), reraise=True
    )(PROBES[service], settings)


def _airflow_part(settings: Settings, part: str) -> None:
    status = airflow_health(settings).get(part, {}).get("status")
    if status != "healthy":
        raise NotReady(f"Airflow's {part} is {status}")


def port_open(port: int) -> None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as error:
        raise NotReady(f"port {port}: {error.strerror or error}") from error


def http(method: str, url: str, data: bytes | None = None, seconds: float = _SECONDS) -> Any:
    """A request that ignores proxies and must be answered with 2xx."""
    import requests

    headers = {"Content-Type": "application/octet-stream"} if data is not None else {}
    try:
        response = direct.request(method, url, data=data, headers=headers, timeout=seconds)
    except requests.RequestException as error:
        raise NotReady(str(error)) from error
    if not response.ok:
        raise NotReady(f"{response.status_code} from {url.partition('?')[0]}: {response.text[:200]}")
    return response
