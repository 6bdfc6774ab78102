"""The processes of a stack are found and ended, and no others."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from stack import launch
from stack.environment import MARK
from stack.processes import heap_limit_bytes, kill_processes, memory_bytes, stack_processes


class Python(subprocess.Popen[str]):
    """One that a test started; `line` is the first that it printed."""

    line = ""


class Told(psutil.Process):
    """One of which only the command line is asked."""

    def __init__(self, line: list[str] | None) -> None:
        self.line = line

    def cmdline(self) -> list[str]:
        if self.line is None:
            raise psutil.NoSuchProcess(1)
        return self.line


Start = Callable[..., Python]
FOREVER = "print('there', flush=True); import time; time.sleep(300)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER
KIND = (
    "import pathlib, signal, sys; "
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path(sys.argv[1]).touch())); " + FOREVER
)
WITH_CHILD = f"""
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {FOREVER!r}], stdout=subprocess.PIPE, env={{}})
child.stdout.readline()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(child.wait()))  # a child that nobody waits for would stay listed
print(child.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python with this code, as that service; returns when it has printed its first line, kept as `.line`."""
    started: list[Python] = []

    def start(code: str, mark: str = "", *arguments: str) -> Python:
        environment = {MARK: mark} if mark else {}
        process = Python([sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        process.line = process.stdout.readline().strip()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_processes_are_those_with_the_mark_of_the_stack_and_its_supervisord(tmp_path: Path, start: Start) -> None:
    kafka, also = start(FOREVER, f"{tmp_path}#kafka"), start(FOREVER, f"{tmp_path}#kafka")
    api = start(FOREVER, f"{tmp_path}#api")
    start(FOREVER, f"{tmp_path}-2#kafka")
    start(FOREVER)
    found = stack_processes(tmp_path)
    assert {name: {each.pid for each in there} for name, there in found.items()} == {
        "kafka": {kafka.pid, also.pid},
        "api": {api.pid},
    }
    supervisord = start(FOREVER, "", "-c", str(tmp_path / "supervisord.conf"))
    (tmp_path / "supervisord.pid").write_text(f"{supervisord.pid}\n")
    assert [each.pid for each in stack_processes(tmp_path)["supervisord"]] == [supervisord.pid]
    (tmp_path / "supervisord.pid").write_text(f"{api.pid}\n")  # of an earlier supervisord: it is another's now
    assert "supervisord" not in stack_processes(tmp_path)
    (tmp_path / "supervisord.pid").write_text("none")
    assert "supervisord" not in stack_processes(tmp_path)


def test_the_process_that_looks_is_none_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from pathlib import Path; from stack.processes import stack_processes; "
        f"print(stack_processes(Path({str(tmp_path)!r})))"
    )
    environment = {**os.environ, MARK: f"{tmp_path}#kafka"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "{}\n"


def test_all_of_a_stack_are_ended_with_their_children_also_those_that_do_not_listen(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.processes._GRACE_SECONDS", 2)
    other = start(FOREVER, f"{tmp_path}-2#kafka")
    kind, deaf = start(KIND, f"{tmp_path}#kafka", str(tmp_path / "tidied up")), start(DEAF, f"{tmp_path}#api")
    parent = start(WITH_CHILD, f"{tmp_path}#airflow")
    child = psutil.Process(int(parent.line))
    assert kill_processes(tmp_path) == []
    assert not any(psutil.pid_exists(process.pid) for process in (kind, deaf, parent, child))
    assert (tmp_path / "tidied up").exists()
    assert other.poll() is None
    assert kill_processes(tmp_path) == []


def test_memory_is_that_of_those_that_are_still_there(start: Start) -> None:
    process, gone = psutil.Process(start(FOREVER).pid), start(FOREVER)
    ended = psutil.Process(gone.pid)
    gone.kill()
    gone.wait()
    own = memory_bytes([process])
    assert 10**6 < own < 10**9
    assert memory_bytes([ended, process, ended]) == pytest.approx(own, rel=0.2)
    assert memory_bytes([process, process]) == pytest.approx(2 * own, rel=0.2)
    assert memory_bytes([]) == 0


def test_what_an_earlier_server_left_is_killed_before_the_next_begins(tmp_path: Path, start: Start) -> None:
    mark = f"{tmp_path}#kafka"
    left, other = start(DEAF, mark), start(FOREVER, f"{tmp_path}#api")
    assert launch.marked_processes(f"{MARK}={mark}") == [left.pid]
    launch.clear(f"{MARK}={mark}")
    assert left.wait(10) == -9 and other.poll() is None
    assert launch.marked_processes(f"{MARK}={mark}") == []


def test_one_that_cannot_be_killed_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now, killed = [0.0], list[tuple[int, int]]()

    def kill(process: int, signal: int) -> None:
        killed.append((process, signal))
        if process == 8:
            raise ProcessLookupError

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(launch, "marked_processes", lambda mark: [8, 9])
    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(launch, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    launch.clear("a=b", limit_seconds=0.2)
    assert killed[:4] == [(8, 9), (9, 9), (8, 9), (9, 9)] and now[0] == pytest.approx(0.2)


def test_the_folder_of_a_server_is_emptied_before_each_of_its_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = tmp_path / "tmp" / "spark", tmp_path / "spark.json"
    service = {"mark": "a=b", "folder": "/", "argv": ["/bin/x"], "environment": {}, "emptied": str(folder)}
    file.write_text(json.dumps(service))
    monkeypatch.setattr(launch, "clear", lambda mark: None)
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    monkeypatch.setattr(os, "execve", lambda *given: None)
    for _ in range(2):
        launch.main(str(file))
        assert list(folder.iterdir()) == []
        (folder / "tmpdead").mkdir()
        (folder / "tmpdead" / "part-1.parquet").write_text("an event")


def test_launch_becomes_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[object] = []
    file = tmp_path / "kafka.json"
    file.write_text('{"mark": "a=b", "folder": "/", "argv": ["/bin/x", "y"], "environment": {"C": "d"}}')
    monkeypatch.setattr(launch, "clear", lambda *given: did.append(given))
    monkeypatch.setattr(os, "chdir", lambda *given: did.append(given))
    monkeypatch.setattr(resource, "setrlimit", lambda *given: did.append(given))
    monkeypatch.setattr(os, "execve", lambda *given: did.append(given))
    launch.main(str(file))
    assert did == [("a=b",), ("/",), (resource.RLIMIT_CORE, (0, 0)), ("/bin/x", ["/bin/x", "y"], {"C": "d"})]


@pytest.mark.parametrize(
    ("lines", "limit"),
    [
        ([], None),
        ([["python", "-m", "api"]], None),
        ([["java", "-Xmx384m", "kafka.Kafka"], ["python"]], 384 * 2**20),
        ([["java", "-Xmx1G", "-Xmx1500M", "x"]], 1500 * 2**20),
        ([["java", "-Xmx2g"], ["java", "-Xmx64k"], ["java", "-Xmx5"]], 2 * 2**30 + 64 * 2**10 + 5),
        ([["java", "-DXmx=-Xmx1g", "-Xmx1x"]], None),
    ],
)
def test_a_heap_limit_is_what_the_command_lines_say(lines: list[list[str]], limit: int | None) -> None:
    assert heap_limit_bytes([Told(line) for line in lines]) == limit


def test_a_process_that_is_gone_has_no_heap_limit() -> None:
    assert heap_limit_bytes([Told(None)]) is None
