"""`lakehouse-service`: a container's process becomes what the local stack runs, with its secrets, on a clean start."""

from __future__ import annotations

import os
import re
import resource
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import CHECKOUT, Settings
from stack.containers import service
from stack.environment import local_settings
from stack.errors import NotReady, StackError
from stack.restoring import restoring
from stack.services import Machine, Once, Service, services
from stack.steps import Step


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(service, "SECRETS", tmp_path / "secrets")
    monkeypatch.setattr(service, "find_java", lambda environment: tmp_path)
    monkeypatch.setattr(service, "trino_java", lambda: tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    return local_settings(Settings.load())


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What this process would have become."""
    calls: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    monkeypatch.setattr(resource, "setrlimit", lambda *arguments: None)
    return calls


def test_a_container_runs_the_command_of_the_local_stack(settings: Settings, became: list[Any], tmp_path: Path) -> None:
    (wanted,) = [p for p in services(settings, Machine(tmp_path, tmp_path)) if p.name == "datanode"]
    assert service.main(["datanode"]) == 0
    ((program, argv, environment),) = became
    assert (program, argv) == (wanted.argv[0], wanted.argv)
    assert environment == wanted.environment


def test_a_folder_is_prepared_once(settings: Settings, became: list[Any], tmp_path: Path) -> None:
    marker, out = tmp_path / "data" / ".made", tmp_path / "made"
    once = Once(marker, ("/bin/sh", "-c", f"echo made >> {out}"))
    part = Service("a", ("/bin/true",), {}, prepare=(once,))
    service.become(part)
    service.become(part)
    assert out.read_text() == "made\n" and marker.exists() and len(became) == 2


def test_a_folder_that_cannot_be_prepared_is_tried_again_at_the_next_start(became: list[Any], tmp_path: Path) -> None:
    part = Service("a", ("/bin/true",), {}, prepare=(Once(tmp_path / "data" / ".made", ("/bin/false",)),))
    with pytest.raises(StackError, match="the folder of a could not be prepared"):
        service.become(part)
    assert became == [] and not (tmp_path / "data" / ".made").exists()


def test_what_the_image_does_not_hold_is_named(
    settings: Settings, became: list[Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bin" / "java").unlink()
    assert service.main(["kafka"]) == 1 and became == []
    assert "bin/java, which kafka needs, is not in this image" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["kafka", "trino"], ["--check", "topics"]])
def test_a_name_that_is_none_is_refused_with_those_that_are(
    settings: Settings, became: list[Any], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert service.main(arguments) == 1 and became == []
    assert "name one of kafka, namenode, datanode" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(service.ALL_CHECKS))
def test_while_a_restore_has_not_ended_nobody_may_read_by_a_service(
    settings: Settings,
    became: list[Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Trino's worker answers to its coordinator, and nginx to no API; the others of a cluster hold no tables' rows."""
    monkeypatch.setattr(service, "become", became.append)
    marker = restoring(settings.state)
    marker.parent.mkdir(parents=True)
    marker.touch()
    refused = name.startswith("airflow-") or name in ("trino", "api", "redis", "metrics")
    assert service.main([name]) == refused and len(became) == (not refused)
    assert service.main(["--settled"]) == 1
    assert ("did not end: run the same" in capsys.readouterr().err) or not refused
    marker.unlink()
    assert service.main([name]) == service.main(["--settled"]) == 0


def test_a_command_by_hand_is_given_the_secrets(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(os, "execvp", lambda *arguments: calls.append(arguments))
    service.SECRETS.mkdir()
    (service.SECRETS / "erasure_key").write_text("key")
    assert service.main(["--run", "lakehouse", "backup", "/host/x"]) == 0
    assert calls == [("lakehouse", ["lakehouse", "backup", "/host/x"])]
    assert (settings.state / "erasure.key").read_text() == "key"
    assert service.main(["--run"]) == 1


def test_secrets_are_taken_to_where_servers_look_for_them_and_are_private_there(settings: Settings) -> None:
    service.SECRETS.mkdir()
    (service.SECRETS / "erasure_key").write_text("key")
    for _ in range(2):
        service.prepare_folders(settings)
    file = settings.state / "erasure.key"
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("key", 0o600)


def test_a_step_of_the_start_is_done_and_ends(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def run(give_up: Callable[[], bool]) -> None:
        done.append("topics")

    monkeypatch.setattr(service, "steps", lambda settings, java: [Step("topics", (), run)])
    assert service.main(["topics"]) == 0 and done == ["topics"]


def listening() -> socket.socket:
    """On a port of loopback that nobody had."""
    return socket.create_server(("127.0.0.1", 0))


def check(name: str, settings: Settings, stub: str) -> tuple[int, str]:
    """The command of the health check, with `stub` in the place of Python; its status, and what it printed."""
    program = settings.state / "python"
    program.write_text(f"#!/bin/sh\n{stub}\n")
    program.chmod(0o700)
    environment = {"PATH": f"{settings.state}:{os.environ['PATH']}", "LAKEHOUSE_STATE": str(settings.state)}
    command = [str(CHECKOUT / "docker" / "bin" / "lakehouse-service"), "--check", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def test_a_service_is_probed_until_it_has_answered_and_then_only_asked_whether_it_listens(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [NotReady("not yet"), None]

    def probe(settings: Settings) -> None:
        if error := answers.pop(0):
            raise error

    monkeypatch.setitem(service.ALL_CHECKS, "kafka", probe)
    service.prepare_folders(settings)
    with listening() as server:
        monkeypatch.setattr(service, "_port", lambda name, settings: server.getsockname()[1])
        assert service.main(["--check", "kafka"]) == 1
        assert capsys.readouterr().err == "lakehouse-service: not yet\n"
        assert check("kafka", settings, 'echo "probed by $*"') == (
            0,
            "probed by -m stack.containers.service --check kafka\n",
        )
        assert service.main(["--check", "kafka"]) == 0
        assert check("kafka", settings, "echo probed") == (0, "")
    status, printed = check("kafka", settings, "echo probed")
    assert status == 1 and re.fullmatch(r"lakehouse-service: nothing listens on port \d+\n", printed)


@pytest.mark.parametrize(
    ("name", "port"),
    [("kafka", "9092\n"), ("namenode", "9820\n"), ("postgres", "5432\n"), ("airflow-triggerer", "0\n")]
    + [("trino-worker", "8080\n"), ("nginx", "5000\n"), ("spark-worker", "0\n"), ("airflow-scheduler", "0\n")],
)
def test_where_a_service_listens_is_noted_once_it_has_answered(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, port: str
) -> None:
    monkeypatch.setitem(service.ALL_CHECKS, name, lambda settings: None)
    service.prepare_folders(settings)
    service.check_service(name, settings)
    assert (settings.state / "tmp" / "answered").read_text() == port


def test_what_listens_nowhere_is_probed_again_after_a_minute(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(service.ALL_CHECKS, "airflow-scheduler", lambda settings: None)
    service.prepare_folders(settings)
    service.check_service("airflow-scheduler", settings)
    assert check("airflow-scheduler", settings, "echo probed") == (0, "")
    answered = settings.state / "tmp" / "answered"
    os.utime(answered, (answered.stat().st_atime, answered.stat().st_mtime - 61))
    assert check("airflow-scheduler", settings, "echo probed; exit 1") == (1, "probed\n")


def test_after_a_new_start_a_service_is_probed_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(service.ALL_CHECKS, "kafka", lambda settings: None)
    service.prepare_folders(settings)
    service.check_service("kafka", settings)
    service.prepare_folders(settings)
    assert check("kafka", settings, "echo probed") == (0, "probed\n")
