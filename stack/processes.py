"""Finds the processes of a stack by the mark in their environment, whatever their parent is now."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import psutil

from stack.environment import MARK
from stack.java import heap_bytes

_GRACE_SECONDS = 15.0
_HEAP = re.compile(r"-Xmx(\d+[kmgKMG]?)")


def stack_processes(state: Path) -> dict[str, list[psutil.Process]]:
    """The stack's processes by service. supervisord has no mark; it is found by its pid file."""
    found: dict[str, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter():
        try:
            folder, _, service = process.environ().get(MARK, "").rpartition("#")
        except psutil.Error:
            continue  # it has ended, or belongs to another user
        if folder == str(state) and process.pid != os.getpid():
            found[service].append(process)
    if supervisor := _supervisord(state):
        found["supervisord"].append(supervisor)
    return dict(found)


def kill_processes(state: Path) -> list[int]:
    """Ends every process of the stack: by SIGTERM, then by SIGKILL. Returns the ids of those that still run."""
    processes = _with_children(state)
    for process in processes:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    alive = list({*alive, *_with_children(state)})
    for process in alive:
        _quietly(process.kill)
    _, alive = psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
    return [process.pid for process in alive]


def memory_bytes(processes: list[psutil.Process]) -> int:
    """The memory of the processes, in bytes. Memory that forked processes share counts once (proportional set size)."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def heap_limit_bytes(processes: list[psutil.Process]) -> int | None:
    """How large the heaps of these processes may become, by their own command lines; None if no Java is among them."""
    limits = []
    for process in processes:
        try:
            given = [found for each in process.cmdline() if (found := _HEAP.fullmatch(each))]
        except psutil.Error:
            continue
        if given:  # of several the last one counts
            limits.append(heap_bytes(given[-1][1]))
    return sum(limits) if limits else None


def _with_children(state: Path) -> list[psutil.Process]:
    found: set[psutil.Process] = set()
    for processes in stack_processes(state).values():
        for process in processes:
            found.add(process)
            try:
                found.update(process.children(recursive=True))
            except psutil.Error:
                continue
    return [process for process in found if process.pid != os.getpid()]


def _supervisord(state: Path) -> psutil.Process | None:
    """The process of the pid file, if it is this stack's supervisord and not a later process with the same id."""
    try:
        process = psutil.Process(int((state / "supervisord.pid").read_text()))
        return process if str(state / "supervisord.conf") in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def _quietly(action: Callable[[], None]) -> None:
    """Calls terminate or kill. It is no error if the process has ended already."""
    try:
        action()
    except psutil.NoSuchProcess:
        return
