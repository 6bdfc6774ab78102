"""Becomes one service in a container, or does one step of the start: the same definitions as the local stack's.

`lakehouse-service NAME` is this module. `--check NAME` asks the running service whether it does its work, `--settled` whether
people may read, and `--run COMMAND...` becomes a command that is given the secrets as services are.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lakehouse.settings import CHECKOUT, Settings, SettingsError
from stack.bootstrap import steps
from stack.containers.cluster import CLUSTER_PORTS, CLUSTER_PROBES, cluster_services
from stack.containers.database import NAME as DATABASE
from stack.containers.database import PORT as DATABASE_PORT
from stack.containers.database import database, probe_database
from stack.containers.standby import STANDBY_PROBES, standby_services
from stack.environment import local_settings, make_folders, secret_files, write_private
from stack.errors import NotReady, StackError
from stack.java import find_java, trino_java
from stack.probes import PROBES
from stack.restoring import JOBS, refuse_half_restored
from stack.services import PORTS, Machine, Service, services

SECRETS = Path("/run/secrets")  # where Compose puts files that not everybody may read
CHECKS = PROBES | {DATABASE: probe_database}
ALL_CHECKS = CHECKS | CLUSTER_PROBES | STANDBY_PROBES
_ABSENT = Path("/absent")


def main(arguments: list[str]) -> int:
    """Returns the exit status, unless this process has become the service."""
    try:
        settings = local_settings(Settings.load())
        match arguments:
            case ["--check", name] if name in ALL_CHECKS:
                check_service(name, settings)
            case ["--settled"]:
                refuse_half_restored(settings.state)
            case ["--run", *command] if command:
                prepare_folders(settings)
                os.execvp(command[0], command)
            case [name] if name in ALL_CHECKS:
                if name in PORTS and name not in JOBS:
                    refuse_half_restored(settings.state)
                prepare_folders(settings)
                (part,) = (each for each in _services(settings) if each.name == name)
                become(part)
            case [name] if name in (work := {step.name: step for step in steps(settings, _machine().java)}):
                prepare_folders(settings)
                work[name].run(lambda: False)
            case _:
                raise StackError(f"name one of {', '.join(ALL_CHECKS)}, or a step of the start")
    except (StackError, SettingsError, NotReady) as error:
        print(f"lakehouse-service: {error}", file=sys.stderr)
        return 1
    return 0


def become(service: Service) -> None:
    """Prepares the service's folder if nobody has, then runs its command in the place of this process."""
    if not Path(service.argv[0]).exists():
        raise StackError(f"{service.argv[0]}, which {service.name} needs, is not in this image")
    for once in service.prepare:
        if not once.is_done():
            once.marker.parent.mkdir(parents=True, exist_ok=True)
            if subprocess.run(once.argv, env=service.environment, check=False).returncode:
                raise StackError(f"the folder of {service.name} could not be prepared; what it said stands above")
            once.marker.touch()
    os.chdir(CHECKOUT)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its memory holds data of players: no crash writes it to a file
    os.execve(service.argv[0], service.argv, service.environment)


def check_service(name: str, settings: Settings) -> None:
    """Asks the service to do its work. After that docker/bin/lakehouse-service only asks whether it listens.

    One that listens nowhere (port 0) is asked to do its work again after a minute.

    Raises:
        NotReady: it does not do its work.
    """
    ALL_CHECKS[name](settings)
    (settings.state / "tmp" / "answered").write_text(f"{_port(name, settings)}\n")


def _port(name: str, settings: Settings) -> int:
    """Where the service listens; 0: nowhere."""
    if name == DATABASE:
        return DATABASE_PORT
    ports = PORTS.get(name, CLUSTER_PORTS.get(name, ()))
    return int(getattr(settings, ports[0])) if ports else 0


def _services(settings: Settings) -> tuple[Service, ...]:
    machine = _machine()
    return (
        *services(settings, machine),
        database(settings),
        *cluster_services(settings, machine),
        *standby_services(settings, machine),
    )


def prepare_folders(settings: Settings) -> None:
    """Makes the folders that servers write to, and brings the secrets to where they look for them."""
    shutil.rmtree(settings.state / "tmp", ignore_errors=True)  # what an earlier start of this container left
    make_folders(settings.state)
    for secret, file in secret_files(settings.state).items():
        if (SECRETS / secret).exists():
            write_private(file, (SECRETS / secret).read_text())


def _machine() -> Machine:
    """The Javas of this image. An image for the API alone has none, and needs none."""
    return Machine(_or_absent(lambda: find_java(os.environ), "java"), _or_absent(trino_java, "trino-java"))


def _or_absent(find: Callable[[], Path], name: str) -> Path:
    try:
        return find()
    except StackError:
        return _ABSENT / name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
