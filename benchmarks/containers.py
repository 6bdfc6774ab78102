"""What containers hold, as `docker stats` says it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

_MEBIBYTES = {"B": 1 / 2**20, "KiB": 1 / 2**10, "MiB": 1, "GiB": 2**10}


def memory_mb(containers: Iterable[str]) -> list[float]:
    """MiB of each of these containers, given by their ids."""
    shown = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *containers)
    used = re.findall(r"(?m)^([\d.]+)(\w+) /", shown)
    return [float(number) * _MEBIBYTES[unit] for number, unit in used]


def docker(*arguments: str) -> str:
    """Runs a command of Docker, and returns its output."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=True).stdout
