"""supervisord: its configuration, its life, and the calls made to it over its unix socket."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, cast
from xmlrpc.client import Error as RpcError
from xmlrpc.client import ServerProxy

from lakehouse.settings import CHECKOUT
from stack import launch
from stack.environment import MARK, python_bin, write_private
from stack.errors import StackError
from stack.services import Service

_HEAD = """\
[unix_http_server]
file = {state}/supervisor.sock
chmod = 0700

[supervisord]
logfile = {state}/logs/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = {state}/supervisord.pid
childlogdir = {state}/logs
directory = {checkout}
minfds = 8192

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """
[program:{name}]
command = {python} {launch} {state}/services/{name}.json
autostart = false
autorestart = true
startsecs = 2
startretries = 20
stopsignal = TERM
stopwaitsecs = {stop_seconds}
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {state}/logs/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
"""


def render(services: Iterable[Service], state: Path) -> str:
    """The text of supervisord.conf. The command of a service stands in its own file, see `service_file`."""
    programs = (
        _PROGRAM.format(
            name=service.name,
            python=python_bin() / "python",
            launch=launch.__file__,
            state=state,
            stop_seconds=service.stop_seconds,
        )
        for service in services
    )
    return _HEAD.format(state=state, checkout=CHECKOUT) + "".join(programs)


def service_file(service: Service, state: Path) -> str:
    """The file that `launch` reads: the command, its environment, and the mark by which its processes are found."""
    value = f"{state}#{service.name}"
    content = {
        "argv": service.argv,
        "environment": service.environment | {MARK: value},
        "folder": str(CHECKOUT),
        "mark": f"{MARK}={value}",
        "emptied": None if service.emptied is None else str(service.emptied),
    }
    return json.dumps(content, indent=1, sort_keys=True)


def changed(services: Iterable[Service], state: Path) -> set[str]:
    """The names of the services whose file is not there, or is another one."""
    return {each.name for each in services if _written(each, state) != service_file(each, state)}


def write_configuration(services: Iterable[Service], state: Path, names: Collection[str]) -> None:
    """Writes supervisord's own file, and those of the services that are named.

    A service that runs is to be stopped before: one that is not, and has its new file, would be taken for one that was
    started from it.
    """
    services = tuple(services)
    for service in services:
        if service.name in names:
            write_private(_file(service, state), service_file(service, state))
    write_private(state / "supervisord.conf", render(services, state))


def _file(service: Service, state: Path) -> Path:
    return state / "services" / f"{service.name}.json"


def _written(service: Service, state: Path) -> str | None:
    file = _file(service, state)
    return file.read_text() if file.exists() else None


class Supervisor:
    """One stack's supervisord."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def is_running(self) -> bool:
        try:
            return str(self._call("getState")["statename"]) == "RUNNING"
        except StackError:
            return False

    def start(self, limit_seconds: float = 15.0) -> None:
        """Starts supervisord in the background, without starting a service."""
        program = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "supervisor.supervisord",
            "-c",
            str(self._state / "supervisord.conf"),
        ]
        done = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise StackError(f"supervisord did not start: {done.stderr.strip() or done.stdout.strip()}")
        until = time.monotonic() + limit_seconds
        while not self.is_running():
            if time.monotonic() > until:
                raise StackError(f"supervisord does not answer; see {self._state}/logs/supervisord.log")
            time.sleep(0.1)

    def stop(self) -> None:
        """Tells supervisord to stop all services and itself. Does not wait."""
        self._call("shutdown")

    def states(self) -> dict[str, dict[str, Any]]:
        """The state of each service as supervisord gives it: statename, pid, description, start, stop."""
        return {info["name"]: info for info in cast(list[dict[str, Any]], self._call("getAllProcessInfo"))}

    def start_service(self, name: str) -> None:
        self._call("startProcess", name, False)

    def stop_service(self, name: str) -> None:
        self._call("stopProcess", name, True)

    def _call(self, method: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._state}/supervisor.sock")
        proxy = ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, RpcError) as error:
            raise StackError(f"supervisord of {self._state} ({method}): {error}") from error
        finally:
            transport.close()
