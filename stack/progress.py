"""Runs a command that takes minutes, and says every few seconds what it is at and how much it has written so far.

Run as `python3.11 progress.py COMMAND...` with the standard library only: it is used before there is an environment.
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
_SHOWN = 90  # characters of the command's own line
_DRAIN_SECONDS = 10.0  # for the last lines of a command that has ended
_TAIL = 30  # lines of a command that failed
_NOISE = re.compile(r"\x1b\[[0-9;]*m|^\[\w+\]\s*|https?://\S*/")  # colours, Maven's [INFO], the way to a file


def run(
    command: Sequence[str],
    say: Callable[[str], None],
    *,
    log: TextIO | None = None,
    limit_seconds: float = 3600.0,
    every_seconds: float = EVERY_SECONDS,
) -> deque[str]:
    """Runs the command to its good end. Returns the last lines that it printed; all of them go to `log`.

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
    written: dict[int, int] = {}  # by process: one that has ended is counted with what it had written when last seen
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
        if not reader.is_alive():  # else a daemon that left the session holds the pipe: it is left to it
            process.stdout.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output="\n".join(lines))
    return lines


def line(seconds: float, written: int, last: str) -> str:
    """One line of progress: how long, how much, and what the command said last."""
    return f"  {seconds:4.0f} s, {written / 1e6:6,.0f} MB written  {_NOISE.sub('', last)[:_SHOWN]}".rstrip()


def bytes_written(session: int) -> dict[int, int]:
    """Bytes that each process of a session has written so far, to files above all."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[3]) == session:
                found[int(folder.name)] = int(re.findall(r"wchar: (\d+)", (folder / "io").read_text())[0])
        except (OSError, IndexError):
            continue  # gone meanwhile, or somebody else's
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
