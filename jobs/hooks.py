"""Named points in a job where a test can stop it dead; they cost nothing unless the settings name one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.settings import Settings


class Hooks:
    """`at(point)` kills this process (SIGKILL) at the point that `settings.kill_at` names, else does nothing."""

    def __init__(self, settings: Settings) -> None:
        self._kill_at = settings.kill_at

    def at(self, point: str) -> None:
        if self._kill_at != point:
            return
        parent = os.getppid()
        # a cold job's driver is the JVM of spark-submit that started us: a crash takes both
        if b"org.apache.spark.deploy.SparkSubmit" in Path(f"/proc/{parent}/cmdline").read_bytes():
            os.kill(parent, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
