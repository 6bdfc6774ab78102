"""Waits until a restore that runs is in the middle of its copy, where a test kills it."""

from __future__ import annotations

import subprocess
import time

from lakehouse.clients.hdfs import Hdfs, HdfsError
from tests.real import Real

PAUSE = 0.05  # seconds between two looks


def wait_until_it_copies(real: Real, restoring: subprocess.Popen[str], seconds: float) -> None:
    """Until some files are in HDFS; fails if the process ends before, or after so many seconds."""
    until = time.monotonic() + seconds
    while copied(real) <= 20:
        assert restoring.poll() is None and time.monotonic() < until, restoring.communicate()[0]
        time.sleep(PAUSE)


def copied(real: Real) -> int:
    """Files of a restore that has not ended; 0 while HDFS does not answer."""
    try:
        return Hdfs(real.settings).summary(f"{real.settings.warehouse}.restoring").files
    except HdfsError:
        return 0
