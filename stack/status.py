"""The state of the stack: which services run, where, with which login, and their memory."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from lakehouse.settings import Settings
from stack.environment import local_settings
from stack.java import find_java, trino_java
from stack.processes import heap_limit_bytes, memory_bytes, stack_processes
from stack.services import Machine, services
from stack.supervisor import Supervisor


@dataclass(frozen=True)
class ServiceStatus:
    """One line of `make status`."""

    service: str
    state: str  # running, starting, stopped, failing; orphaned: runs without supervisord
    address: str
    login: str
    pid: int | None
    memory_mb: int
    heap_limit_mb: int | None = None  # of a Java: it cannot hold more objects; its other memory comes on top
    memory_limit_mb: int | None = None  # of all of its memory, where the service has one


@dataclass(frozen=True)
class StackStatus:
    """The whole stack at one moment."""

    up: bool  # every service runs
    state_folder: str
    memory_mb: int
    java: dict[str, str]  # the java of the servers, and the newer one of Trino
    services: tuple[ServiceStatus, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_STATES = {"RUNNING": "running", "STARTING": "starting", "BACKOFF": "failing", "FATAL": "failing"}


def status(settings: Settings) -> StackStatus:
    settings = local_settings(settings)
    supervisor = Supervisor(settings.state)
    infos = supervisor.states() if supervisor.is_running() else {}
    processes = stack_processes(settings.state)
    lines = []
    machine = Machine(find_java(os.environ), trino_java())
    for part in services(settings, machine):
        info = infos.get(part.name, {})
        own = processes.get(part.name, [])
        state = _STATES.get(info.get("statename", ""), "stopped")
        lines.append(
            ServiceStatus(
                service=part.name,
                state="orphaned" if own and not infos else state,
                address=part.address,
                login=part.login,
                pid=info.get("pid") or None,
                memory_mb=round(memory_bytes(own) / 1e6),
                heap_limit_mb=None if (limit := heap_limit_bytes(own)) is None else round(limit / 1e6),
                memory_limit_mb=part.memory_limit_mb,
            )
        )
    rest = memory_bytes(processes.get("supervisord", []))
    return StackStatus(
        up=all(line.state == "running" for line in lines),
        state_folder=str(settings.state),
        memory_mb=sum(line.memory_mb for line in lines) + round(rest / 1e6),
        java={"servers": str(machine.java / "bin" / "java"), "trino": str(machine.trino_java / "bin" / "java")},
        services=tuple(lines),
    )
