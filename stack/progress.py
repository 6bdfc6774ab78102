"""Runs a command that takes minutes. Reports every few seconds its last line and how much it has written.

Run as `python3.11 progress.py COMMAND...`. It uses the standard library only, since it runs before .venv exists.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

EVERY_SECONDS = 5.0
_SHOWN = 90  # characters of the command's last line
_DRAIN_SECONDS = 10.0  # for the last lines of a command that has ended
_TAIL = 30  # lines of a command that failed
_NOISE = re.compile(r"\x1b\[[0-9;]*m|^\[\w+\]\s*|https?://\S*/")  # colours, Maven's [INFO], the folders of an address


def run(
    command: Sequence[str],
    say: Callable[[str], None],
    *,
    log: TextIO | None = None,
    limit_seconds: float = 3600.0,
    every_seconds: float = EVERY_SECONDS,
) -> deque[str]:
    """Runs the command until it succeeds or fails. Returns the last lines that it printed; all lines go to `log`.

    Raises:
        subprocess.CalledProcessError: it failed; its `output` are those last lines.
        subprocess.TimeoutExpired: it took longer than `limit_seconds`, and was killed.
    """
    began = time.monotonic()
    lines: deque[str] = deque(maxlen=_TAIL)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    )
    assert process.stdout is not None, "it is a pipe"
    reader = threading.Thread(target=_keep, args=(process.stdout, lines, log), daemon=True)
    reader.start()
    written: dict[int, int] = {}  # by process; one that has ended keeps its last count
    try:
        while True:
            try:
                process.wait(timeout=every_seconds)
                break
            except subprocess.TimeoutExpired:
                seconds = time.monotonic() - began
                if seconds > limit_seconds:
                    raise subprocess.TimeoutExpired(command, limit_seconds) from None
                written |= bytes_written(process.pid)
                say(line(seconds, sum(written.values()), lines[-1] if lines else ""))
    finally:
        if process.poll() is None:
            _kill_session(process)
        reader.join(timeout=_DRAIN_SECONDS)
        if not reader.is_alive():  # else a daemon that left the session still holds the pipe
            process.stdout.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output="\n".join(lines))
    return lines


def line(seconds: float, written: int, last: str) -> str:
    """One line of progress: the time, the amount written, and the command's last line."""
    return f"  {seconds:4.0f} s, {written / 1e6:6,.0f} MB written  {_NOISE.sub('', last)[:_SHOWN]}".rstrip()


def bytes_written(session: int) -> dict[int, int]:
    """The bytes that each process of a session has written so far, mostly to files."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[3]) == session:
                found[int(folder.name)] = int(re.findall(r"wchar: (\d+)", (folder / "io").read_text())[0])
        except (OSError, IndexError):
            continue  # it has ended, or belongs to another user
    return found


def _keep(stream: TextIO, lines: deque[str], log: TextIO | None) -> None:
    for text in stream:
        if log:
            log.write(text)
        if text.strip():
            lines.append(text.rstrip())


def _kill_session(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended
    process.wait()


def main(command: Sequence[str]) -> int:
    try:
        run(command, lambda text: print(text, flush=True))
    except subprocess.CalledProcessError as error:
        print(error.output, file=sys.stderr)
        return error.returncode if error.returncode > 0 else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
