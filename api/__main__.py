"""Serves the API: `python -m api`, on this machine and in its container."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from api.stopping import announce
from lakehouse.settings import Settings, SettingsError

WORKERS = 2  # processes, for two cores
# The server lets through a header as long as our own limit, so that a longer one gets our problem JSON, not its own.
HTTP_BUFFER_BYTES = 2**17


def main() -> int:
    """Serves until SIGTERM, then answers the requests that are under way and ends."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    empty_metrics(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
    server = Granian(
        "api.app:create_app",
        factory=True,
        address=socket.gethostbyname(settings.bind),
        port=settings.api_port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=HTTP_BUFFER_BYTES),
        websockets=False,
        workers=WORKERS,
        respawn_failed_workers=True,
        respawn_interval=1,
        workers_kill_timeout=20,
        log_level=LogLevels.warning,
    )
    server.on_startup(announce)
    server.serve()
    return 0


def empty_metrics(folder: str | None) -> None:
    """Empties the folder in which the workers keep their counts for /metrics.

    The counts of an earlier start would be added to the new ones.
    """
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(parents=True)


if __name__ == "__main__":
    sys.exit(main())
