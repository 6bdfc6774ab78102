"""Becomes one server of the stack: clears what an earlier, killed one left behind, then runs its command in its place.

Left behind are processes, and files in a temporary folder of its own.

supervisord restarts a server whose first process died, but does not know that server's other processes, which would
still hold its ports. Run as `python launch.py FILE`, with the standard library only, since it runs at every start.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path


def marked_processes(mark: str) -> list[int]:
    """The ids of all other processes that have `mark` (NAME=VALUE) in their environment."""
    wanted = mark.encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or belongs to another user
        if wanted in environment.split(b"\0"):
            found.append(int(entry.name))
    return found


def clear(mark: str, limit_seconds: float = 10.0) -> None:
    """Kills the processes that carry `mark`, and waits until they are gone."""
    until = time.monotonic() + limit_seconds
    while (left := marked_processes(mark)) and time.monotonic() < until:
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def empty(folder: str) -> None:
    """Makes the folder, without anything in it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)


def main(file: str) -> None:
    service = json.loads(Path(file).read_text())
    clear(service["mark"])
    if folder := service.get("emptied"):
        empty(folder)
    os.chdir(service["folder"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its memory holds data of players: no crash writes it to a file
    os.execve(service["argv"][0], service["argv"], service["environment"])


if __name__ == "__main__":
    main(sys.argv[1])
