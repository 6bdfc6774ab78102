"""A command that takes minutes is never silent for long, and one that fails shows why."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack import progress

SCRIPT = Path(progress.__file__)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_it_says_how_long_how_much_and_what(tmp_path: Path) -> None:
    """The command waits until it was told of."""
    told, said = tmp_path / "told", []

    def say(line: str) -> None:
        said.append(line)
        if "3 MB" in line and "fetching b.jar" in line:
            told.touch()

    code = f"""
import pathlib, time
print("[INFO] fetching https://maven.example/org/b.jar", flush=True)
pathlib.Path(r"{tmp_path}/b.jar").write_bytes(bytes(3_000_000))
while not pathlib.Path(r"{told}").exists(): time.sleep(0.01)
"""
    log = io.StringIO()
    progress.run(python(code), say, log=log, limit_seconds=60, every_seconds=0.05)
    assert said[-1].split("  ")[-1] == "fetching b.jar"
    assert log.getvalue() == "[INFO] fetching https://maven.example/org/b.jar\n"


def test_what_its_children_write_counts_too(tmp_path: Path) -> None:
    told, said = tmp_path / "told", []

    def say(line: str) -> None:
        said.append(line)
        if "5 MB" in line:
            told.touch()

    code = f"""
import pathlib, time
pathlib.Path(r"{tmp_path}/x").write_bytes(bytes(5_000_000))
while not pathlib.Path(r"{told}").exists(): time.sleep(0.01)
"""
    child = ["sh", "-c", '"$0" "$@"; exit 0', *python(code)]
    progress.run(child, say, limit_seconds=60, every_seconds=0.05)
    assert told.exists()


def test_a_failed_command_raises_with_its_last_lines() -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        progress.run(python("print('no such package'); raise SystemExit(3)"), print)
    assert (raised.value.returncode, raised.value.output) == (3, "no such package")


def test_a_command_without_end_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    endless = f"sleep 300 & echo $! > {pid}; wait"
    with pytest.raises(subprocess.TimeoutExpired):
        progress.run(["sh", "-c", endless], lambda _: None, limit_seconds=0.5, every_seconds=0.1)
    child = int(pid.read_text())
    give_up = time.monotonic() + 30  # its pipe closes a moment before it counts as ended
    while _runs(child) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not _runs(child)


def _runs(process: int) -> bool:
    """False once it has ended, also if nobody has asked for its exit code yet."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_as_a_program_it_needs_nothing_but_python_and_passes_the_failure_on() -> None:
    command = [sys.executable, "-I", "-S", str(SCRIPT), *python("print('why'); raise SystemExit(4)")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.defpath}, check=False)
    assert (done.returncode, done.stderr) == (4, "why\n")
