"""supervisord of a stack: its start, the calls to it, and the error if it does not answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xmlrpc.client import Fault

import pytest

from stack import supervisor as module
from stack.errors import StackError
from stack.supervisor import Supervisor


class Calls:
    """In place of supervisord's socket: answers, keeps what was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.called: list[Any] = []
        self.answers: dict[str, Any] = {"getState": {"statename": "RUNNING"}}
        self.error: Exception | None = None
        self.closed = 0
        calls = self

        class Transport:
            def __init__(self, user: None, password: None, url: str) -> None:
                assert (user, password) == (None, None)
                calls.called.append(url)

            def close(self) -> None:
                calls.closed += 1

        class Proxy:
            def __init__(self, url: str, transport: Transport) -> None:
                calls.called.append(url)
                self.supervisor = self

            def __getattr__(self, method: str) -> Any:
                def call(*arguments: Any) -> Any:
                    calls.called.append((method, *arguments))
                    if calls.error:
                        raise calls.error
                    return calls.answers.get(method)

                return call

        monkeypatch.setattr("supervisor.xmlrpc.SupervisorTransport", Transport)
        monkeypatch.setattr(module, "ServerProxy", Proxy)

    @property
    def deeds(self) -> list[Any]:
        return [call for call in self.called if isinstance(call, tuple)]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


def test_each_call_goes_over_the_stacks_own_socket(calls: Calls) -> None:
    supervisord = Supervisor(Path("/s"))
    supervisord.start_service("kafka")
    assert calls.called == ["unix:///s/supervisor.sock", "http://127.0.0.1", ("startProcess", "kafka", False)]
    supervisord.stop_service("kafka")
    supervisord.stop()
    calls.answers["getAllProcessInfo"] = [{"name": "kafka", "pid": 1}, {"name": "api", "pid": 2}]
    assert supervisord.states() == {"kafka": {"name": "kafka", "pid": 1}, "api": {"name": "api", "pid": 2}}
    assert calls.deeds[1:] == [("stopProcess", "kafka", True), ("shutdown",), ("getAllProcessInfo",)]
    assert calls.closed == 4


def test_it_runs_when_it_says_so(calls: Calls) -> None:
    assert Supervisor(Path("/s")).is_running() is True
    calls.answers["getState"] = {"statename": "SHUTDOWN"}
    assert Supervisor(Path("/s")).is_running() is False
    calls.error = FileNotFoundError("no socket")
    assert Supervisor(Path("/s")).is_running() is False


@pytest.mark.parametrize("error", [OSError("gone"), Fault(10, "gone")])
def test_a_call_that_fails_is_named_with_its_stack(calls: Calls, error: Exception) -> None:
    calls.error = error
    with pytest.raises(StackError) as raised:
        Supervisor(Path("/s")).stop()
    assert str(raised.value) == f"supervisord of /s (shutdown): {error}"
    assert calls.closed == 1


class Program:
    """In place of the program supervisord; its server answers after so many looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, calls: Calls, looks: int, *ended: Any) -> None:
        self.started: list[Any] = []
        self.now = 0.0

        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            self.started.append((command, options))
            return subprocess.CompletedProcess(command, *ended)

        def sleep(seconds: float) -> None:
            self.now += seconds
            if len(calls.deeds) > looks:
                calls.error = None

        calls.error = OSError("not yet")
        monkeypatch.setattr(subprocess, "run", run)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=sleep))


def test_it_is_started_in_the_background_and_waited_for(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    program = Program(monkeypatch, calls, 2, 0, "", "")
    Supervisor(Path("/s")).start()
    command = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", "/s/supervisord.conf"]
    assert program.started == [(command, {"capture_output": True, "text": True, "timeout": 30, "check": False})]
    assert program.now == pytest.approx(0.3)


@pytest.mark.parametrize(("output", "errors"), [("", " port in use\n"), ("port in use\n", "")])
def test_one_that_does_not_start_is_said(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, output: str, errors: str
) -> None:
    Program(monkeypatch, calls, 0, 2, output, errors)
    with pytest.raises(StackError) as raised:
        Supervisor(Path("/s")).start()
    assert str(raised.value) == "supervisord did not start: port in use"


def test_one_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    program = Program(monkeypatch, calls, 10**6, 0, "", "")
    with pytest.raises(StackError) as raised:
        Supervisor(Path("/s")).start()
    assert str(raised.value) == "supervisord does not answer; see /s/logs/supervisord.log"
    assert program.now == pytest.approx(15.1, abs=0.11)
