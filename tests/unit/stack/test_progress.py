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


def test_a_line_is_short_and_without_noise() -> None:
    said = "\x1b[1;31m[INFO]\x1b[0m Downloading https://maven.example/a/b/c.jar"
    assert progress.line(3.4, 1_234_567_890, said) == "     3 s,  1,235 MB written  [INFO] Downloading c.jar"
    assert progress.line(3.4, 0, "[INFO] x" + "y" * 100) == "     3 s,      0 MB written  x" + "y" * 89
    assert progress.line(0, 0, "") == "     0 s,      0 MB written"


def test_the_last_lines_are_given_without_blank_ones() -> None:
    code = "print('first'); print(); print('  ');\nfor n in range(40): print(n, ' ')"
    log = io.StringIO()
    assert list(progress.run(python(code), print, log=log)) == [str(n) for n in range(10, 40)]
    assert log.getvalue().startswith("first\n\n  \n0  \n")
    assert list(progress.run(python("import sys; print('a', file=sys.stderr); print('\\xff')"), print)) == ["a", "ÿ"]


def test_a_command_that_takes_too_long_says_how_long_it_may() -> None:
    with pytest.raises(subprocess.TimeoutExpired) as raised:
        progress.run(["sleep", "300"], lambda _: None, limit_seconds=0.2, every_seconds=0.05)
    assert (raised.value.cmd, raised.value.timeout) == (["sleep", "300"], 0.2)


@pytest.mark.parametrize(
    ("code", "ends"), [("pass", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 1)]
)
def test_as_a_program_it_ends_as_its_command_did(code: str, ends: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert progress.main(python(code)) == ends
    assert capfd.readouterr().err == ("" if ends == 0 else "\n")


def test_bytes_are_counted_by_process_of_the_session() -> None:
    code = "import time; print('x' * 100_000, file=open('/dev/null', 'w'), flush=True); print('there', flush=True)"
    waiting = python(f"{code}; time.sleep(60)")
    process = subprocess.Popen(waiting, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        found = progress.bytes_written(process.pid)
        assert set(found) == {process.pid} and 100_000 < found[process.pid] < 200_000
        assert process.pid not in progress.bytes_written(os.getsid(0))
    finally:
        process.kill()
        process.communicate()
