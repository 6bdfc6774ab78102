"""Checks before anything is started. Each failed check gives one line that says what to do."""

from __future__ import annotations

import re
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lakehouse.settings import CHECKOUT, Settings
from stack.errors import StackError
from stack.java import find_java

NEEDED_MEMORY_GB = 6.0
NEEDED_DISK_GB = 5.0
_GB = 1024**3
_LONGEST_SOCKET_PATH = 100  # Linux allows 107, and supervisord adds a suffix
# What supervisord, a class path, a list of folders, a database's address or a template may take for more than a letter.
_NO_PLAIN_LETTER = re.compile("[^A-Za-z0-9._/+@=~-]")


def problems(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    ports: Iterable[tuple[str, str]],
    memory_gb: float | None = None,
    disk_gb: float | None = None,
    python: tuple[int, int] = (sys.version_info[0], sys.version_info[1]),
) -> list[str]:
    """One line for each problem that would make the start fail.

    `ports`: service and setting of each port that must be free, without those of running services. Memory and disk are
    measured if they are not given.
    """
    found = [
        python_problem(python),
        java_problem(environment),
        maven_problem(environment, settings.servers),
        *path_problems(settings),
        length_problem(settings.state),
        memory_problem(available_memory_gb() if memory_gb is None else memory_gb),
        disk_problem(free_disk_gb(settings.state) if disk_gb is None else disk_gb, settings.state),
        *(port_problem(settings, service, setting) for service, setting in ports),
    ]
    return [line for line in found if line is not None]


def python_problem(version: tuple[int, int]) -> str | None:
    if version == (3, 11):
        return None
    return f"Python 3.11 is needed, this is {version[0]}.{version[1]}: run `make`, which makes .venv with python3.11."


def java_problem(environment: Mapping[str, str]) -> str | None:
    try:
        find_java(environment)
    except StackError as error:
        return str(error)
    return None


def maven_problem(environment: Mapping[str, str], servers: Path) -> str | None:
    """The problem of a missing Maven, which is needed until the servers' jars are there."""
    from stack.downloads import is_complete

    if is_complete(servers) or shutil.which("mvn", path=environment.get("PATH")):
        return None
    return "Maven is needed to fetch the servers and there is no mvn on PATH: install Maven 3.8 or newer."


def path_problems(settings: Settings) -> Iterator[str]:
    """One line for each folder whose path a server would take for something else, as `,` for the end of a folder's name.

    A folder below one that was told is not told again.
    """
    told: list[Path] = []
    for name, folder, remedy in (
        ("checkout", CHECKOUT, "Move the checkout to"),
        ("Python environment", Path(sys.prefix), "Make the environment anew in"),
        ("servers' jars", settings.servers, "Set LAKEHOUSE_SERVERS to"),
        ("stack", settings.state, "Set LAKEHOUSE_STATE to"),
    ):
        path = folder.absolute()
        letters = dict.fromkeys(_NO_PLAIN_LETTER.findall(str(path)))
        if letters and not any(path.is_relative_to(each) for each in told):
            told.append(path)
            yield (
                f"The servers cannot work with {str(path)!r}, the folder of the {name}: it has "
                f"{' and '.join(map(repr, letters))} in its path. {remedy} a path of A-Z a-z 0-9 . _ / + @ = ~ - only."
            )


def length_problem(state: Path) -> str | None:
    path = str(state.absolute())
    if len(path) + len("/supervisor.sock") > _LONGEST_SOCKET_PATH:
        return f"The path of the folder {path} is too long for a unix socket: use a shorter one (LAKEHOUSE_STATE)."
    return None


def memory_problem(available_gb: float) -> str | None:
    if available_gb >= NEEDED_MEMORY_GB:
        return None
    return (
        f"The stack needs {NEEDED_MEMORY_GB:.0f} GB of free memory, {available_gb:.1f} GB are available: "
        "stop other programs, or another stack."
    )


def disk_problem(free_gb: float, folder: Path) -> str | None:
    if free_gb >= NEEDED_DISK_GB:
        return None
    return f"The stack needs {NEEDED_DISK_GB:.0f} GB of free disk under {folder}, {free_gb:.1f} GB are free: make room."


def port_problem(settings: Settings, service: str, setting: str) -> str | None:
    port = int(getattr(settings, setting))
    if port_is_free(settings.bind, port):
        return None
    return (
        f"Port {port}, which {service} needs, is in use{_holder(port)}: stop that program, or set "
        f"LAKEHOUSE_{setting.upper()} (or LAKEHOUSE_PORT_OFFSET, which moves all ports)."
    )


def port_is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def available_memory_gb() -> float:
    """The memory that is available without swapping, within the limit of a container if there is one."""
    import psutil

    available = float(psutil.virtual_memory().available)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
        available = min(available, float(text) - float(used.read_text()))
    return available / _GB


def free_disk_gb(folder: Path) -> float:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / _GB


def _holder(port: int) -> str:
    """The process that listens on a port, if this user may see it."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", None) == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        return ""
    return ""
