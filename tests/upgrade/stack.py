"""A stack of the servers that jobs need, its Kafka and HDFS saved into a dump and filled from one."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import quote

import requests

from lakehouse.clients.hdfs import USER, Hdfs
from lakehouse.settings import CHECKOUT, Settings
from stack import bootstrap, control, downloads, preflight
from stack.control import down
from stack.environment import job_environment, local_settings
from stack.java import find_java, trino_java
from stack.probes import await_service
from stack.services import PORTS, Machine, Service, services
from stack.state.upgrade import upgrade
from stack.steps import Step, run_steps
from stack.supervisor import Supervisor, write_configuration
from tests.real import clean_environment

# A ledger names staging folders with the NameNode's port: a dump can be restored only on the ports that it was made
# with.
PORT_OFFSET = 12_000
HDFS = ("namenode", "datanode")
SERVERS = ("kafka", "metastore", "spark", "trino")
START_SECONDS = 240.0
# Kafka makes the indexes anew from the segments; of one that is written to they have 10 MB each.
LEFT_OUT = {".index", ".timeindex", ".txnindex", ".deleted", ".lock"}
_REGISTER = """
import json, sys
from jobs.runtime.session import spark_session
from lakehouse.settings import Settings
settings = Settings.load()
spark = spark_session(settings, "restore")
for table in json.loads(sys.argv[1]):
    database, name = table.split(".")
    spark.sql(f"create database if not exists {database} location '{settings.warehouse_uri}/{database}'")
    spark.sql(f"create table {table} using delta location '{settings.warehouse_uri}/{database}/{name}'")
"""


def settings_of(state: Path = CHECKOUT / ".stack-upgrade") -> Settings:
    """Settings of the stack that dumps are made on and restored on; no others of the environment."""
    clean_environment()
    return Settings(port_offset=PORT_OFFSET, state=state, ingest_every_minutes=59)


def start(settings: Settings, names: Collection[str]) -> None:
    """Starts these servers, those that need another after it, and returns when each does its work."""
    settings = local_settings(settings)
    for folder in ("logs", "tmp", "home", "services", "airflow"):
        (settings.state / folder).mkdir(parents=True, exist_ok=True)
    downloads.fetch(settings.servers, _quiet)
    hashes = (
        control._contracts_hash(settings),
        control._code_hash(),
    )  # else a start by the command would restart servers
    parts = services(settings, Machine(find_java(os.environ), trino_java(), *hashes))
    write_configuration(parts, settings.state, names)
    supervisor = Supervisor(settings.state)
    if not supervisor.is_running():
        supervisor.start()

    def run(part: Service, _: object) -> None:
        for port in PORTS[part.name]:
            problem = preflight.port_problem(settings, part.name, port)
            assert problem is None, problem
        for once in part.prepare:
            if not once.is_done():
                once.marker.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(once.argv, env=part.environment, check=True, capture_output=True, timeout=180)
                once.marker.touch()
        supervisor.start_service(part.name)
        await_service(settings, part.name, START_SECONDS)

    steps = [
        Step(part.name, tuple(set(part.needs) & set(names)), partial(run, part)) for part in parts if part.name in names
    ]
    for name, error in run_steps(steps, lambda step, seconds: None).errors.items():
        raise AssertionError(f"{name} did not start, see {settings.state}/logs: {error}") from error


def prepare(settings: Settings) -> None:
    """Makes topics, tables and views that are not there, as `lakehouse up` does."""
    settings = local_settings(settings)
    bootstrap.make_topics(settings)
    bootstrap.make_tables(settings, job_environment(settings))
    bootstrap.make_views(settings)


def empty(settings: Settings) -> None:
    """Stops the stack and deletes what it holds."""
    down(settings, _quiet)
    shutil.rmtree(settings.state, ignore_errors=True)


# ---- dumps


def save(settings: Settings, file: Path) -> None:
    """Writes Kafka's data folder, the warehouse and the erasure key to a compressed archive, while Kafka is stopped."""
    supervisor = Supervisor(settings.state)
    supervisor.stop_service("kafka")
    kafka = settings.state / "kafka"
    contents = {f"kafka/{path.relative_to(kafka)}": path.read_bytes() for path in _segments(kafka)}
    contents["erasure.key"] = (settings.state / "erasure.key").read_bytes()
    for path in _files(Hdfs(settings), settings.warehouse):
        contents["warehouse" + path.removeprefix(settings.warehouse)] = _web(settings, "get", "OPEN", path).content
    with tarfile.open(file, "w:xz") as archive:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    start(settings, ["kafka"])


def restore(settings: Settings, file: Path) -> list[str]:
    """Brings an empty stack up with what a dump holds, its tables registered as they are, then upgraded.

    Returns what the upgrade says.
    """
    empty(settings)
    dumped = settings.state / "dump"
    dumped.mkdir(parents=True)
    with tarfile.open(file) as archive:
        archive.extractall(dumped, filter="data")
    (dumped / "kafka").rename(settings.state / "kafka")
    (dumped / "erasure.key").rename(settings.state / "erasure.key")
    start(settings, HDFS)
    warehouse = dumped / "warehouse"
    paths = [path for path in warehouse.rglob("*") if path.is_file()]
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda path: _upload(settings, path, f"{settings.warehouse}/{path.relative_to(warehouse)}"), paths
            )
        )
    start(settings, SERVERS)
    _register(
        settings, sorted(".".join(log.parent.relative_to(warehouse).parts) for log in warehouse.glob("*/*/_delta_log"))
    )
    said: list[str] = []
    upgrade(settings, said.append)
    return said


def _register(settings: Settings, tables: list[str]) -> None:
    """Tells the metastore of tables as a metastore of that time knew them: with the columns that they had."""
    command = [sys.executable, "-W", "ignore", "-c", _REGISTER, json.dumps(tables)]
    environment = job_environment(local_settings(settings))
    done = subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _segments(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not LEFT_OUT & {path.suffix, path.name})


def _files(hdfs: Hdfs, folder: str) -> Iterator[str]:
    """Paths of all files below a folder."""
    for each in hdfs.list(folder):
        if each.is_folder:
            yield from _files(hdfs, f"{folder}/{each.name}")
        else:
            yield f"{folder}/{each.name}"


def _upload(settings: Settings, file: Path, path: str) -> None:
    place = _web(settings, "put", "CREATE", path, noredirect="true").json()["Location"]
    requests.put(place, data=file.read_bytes(), timeout=60).raise_for_status()


def _web(settings: Settings, method: str, operation: str, path: str, **parameters: str) -> requests.Response:
    asked = {"op": operation, "user.name": USER, **parameters}
    response = requests.request(method, settings.webhdfs_url + quote(path), params=asked, timeout=60)
    response.raise_for_status()
    return response


def _quiet(line: str) -> None:
    """Starting and stopping is told by nobody."""
