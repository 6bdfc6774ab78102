"""Faults of the servers: killed, frozen, a NameNode in safe mode, a full HDFS, a full disk under Kafka."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import requests

from lakehouse.clients.hdfs import USER
from lakehouse.settings import Settings
from stack.environment import MARK, local_settings
from stack.errors import NotReady
from stack.probes import await_service
from stack.processes import stack_processes

BACK_SECONDS = 240.0
WORKER_DAEMON = "jobs.runtime.worker_daemon"
DISK = "192m"  # the file system under Kafka


class Servers:
    """The servers of one stack."""

    def __init__(self, settings: Settings) -> None:
        self._settings = local_settings(settings)

    # ---- processes

    def processes(self, service: str) -> list[psutil.Process]:
        """All processes of a service; the scheduler's tasks are among its own."""
        found = stack_processes(self._settings.state).get(service, [])
        assert found, f"{service} has no process"
        return found

    def kill(self, service: str) -> None:
        """kill -9 of every process of the service; sees that they die. supervisord starts it again."""
        kill(self.processes(service))

    def kill_workers(self) -> None:
        """kill -9 of Spark's Python workers, which their daemon forks; sees that they die."""
        daemons = [each for each in self.processes("spark") if WORKER_DAEMON in " ".join(each.cmdline())]
        workers = [each for each in daemons if each.ppid() in {daemon.pid for daemon in daemons}]
        assert workers, "Spark has no Python worker"
        kill(workers)

    def freeze(self, service: str) -> list[psutil.Process]:
        """SIGSTOP to every process of the service: connections stay open, nothing answers."""
        found = self.processes(service)
        send(found, signal.SIGSTOP)
        return found

    def wait_for(self, service: str) -> None:
        """Until the service does its work again.

        Raises:
            TimeoutError: it does not, within the time that it may take.
        """
        try:
            await_service(self._settings, service, BACK_SECONDS)
        except NotReady as error:
            raise TimeoutError(f"{service} is not back after {BACK_SECONDS:.0f} s: {error}") from None

    # ---- HDFS

    @contextmanager
    def safe_mode(self) -> Iterator[None]:
        """The NameNode refuses every change; reads go on."""
        self._dfsadmin("-safemode", "enter")
        try:
            yield
        finally:
            self._dfsadmin("-safemode", "leave")

    @contextmanager
    def full_hdfs(self) -> Iterator[None]:
        """No block can be written below the warehouse: its space quota is used up."""
        self._set_quota(1)
        try:
            yield
        finally:
            self._set_quota(-1)

    def _set_quota(self, size: int) -> None:
        """Sets the quota in bytes of all replicas below the warehouse; -1 removes it. (The quota of names stays.)"""
        url = f"{self._settings.webhdfs_url}{self._settings.warehouse}"
        parameters: dict[str, str | int] = {
            "op": "SETQUOTA",
            "user.name": USER,
            "namespacequota": 2**63 - 1,
            "storagespacequota": size,
        }
        requests.put(url, params=parameters, timeout=30).raise_for_status()

    def _dfsadmin(self, *arguments: str) -> None:
        """Runs HDFS' administration command as the NameNode is run."""
        service = json.loads((self._settings.state / "services" / "namenode.json").read_text())
        environment = {name: value for name, value in service["environment"].items() if name != MARK}
        command = [*service["argv"][:-1], "org.apache.hadoop.hdfs.tools.DFSAdmin", *arguments]
        done = subprocess.run(
            command, env=environment, cwd=service["folder"], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"dfsadmin {arguments}: {done.stdout} {done.stderr}"

    # ---- Kafka's disk

    @property
    def kafka_folder(self) -> Path:
        return self._settings.state / "kafka"

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Nothing more can be written to the file system under Kafka; it must be one of its own (`mount_disk`)."""
        ballast = self.kafka_folder / "ballast"
        try:
            with open(ballast, "wb", buffering=0) as out, suppress(OSError):
                while out.write(bytes(1 << 20)):
                    pass
            assert shutil.disk_usage(self.kafka_folder).free == 0
            yield
        finally:
            ballast.unlink(missing_ok=True)


def mount_disk(folder: Path) -> bool:
    """Mounts a small file system for Kafka, before the stack's first start. Returns whether it could (as root)."""
    if os.path.ismount(folder):
        return True
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount_disk(folder: Path) -> None:
    """Takes it away again, with all that is in it."""
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


def send(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Sends a signal to each that still lives."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def kill(processes: list[psutil.Process]) -> None:
    """kill -9; returns when all are gone."""
    send(processes, signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive, f"kill -9 did not end {alive}"
