"""What `make up` says before it starts anything."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from stack import preflight
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


@pytest.mark.parametrize("folder", ["/a folder/.stack", "/a:b/.stack", "/" + "x" * 90])
def test_a_folder_that_servers_cannot_work_in_is_said(folder: str) -> None:
    assert folder in (preflight.path_problem(Path(folder)) or "")


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
