"""Named points in a job at which a test can kill or stop it. They cost nothing unless the settings name one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.settings import Settings


class Hooks:
    """`at(point)` kills or stops this process at the point that `kill_at` or `stop_at` names, else does nothing."""

    def __init__(self, settings: Settings) -> None:
        self._signals = {settings.kill_at: signal.SIGKILL, settings.stop_at: signal.SIGSTOP}
        self._signals.pop(None, None)

    def at(self, point: str) -> None:
        # only once, even if the point is passed again, or by two threads
        sent = self._signals.pop(point, None)
        if sent is None:
            return
        parent = os.getppid()
        # the driver of a cold job is the JVM of spark-submit, our parent: a crash ends both
        if b"org.apache.spark.deploy.SparkSubmit" in Path(f"/proc/{parent}/cmdline").read_bytes():
            os.kill(parent, sent)
        os.kill(os.getpid(), sent)
