"""How gunicorn serves the API, on this machine and in its container."""

import os
import shutil
from pathlib import Path
from typing import Any

bind = f"{os.environ.get('LAKEHOUSE_BIND', '127.0.0.1')}:{os.environ.get('LAKEHOUSE_API_PORT', '5000')}"
# Two processes for two cores; a thread waits for Kafka's acknowledgement while others take requests.
workers = 2
worker_class = "gthread"
threads = 16
backlog = 1024
timeout = 60
graceful_timeout = 20
keepalive = 5
# The API writes its own line per request.
accesslog = None
errorlog = "-"
loglevel = "warning"
# Workers beat in memory-backed files where there are any: a slow disk would look like a hung worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
# One header may be as long as the API's own limit allows; what is longer gets its problem JSON, not gunicorn's page.
limit_request_field_size = 32_768


def on_starting(server: Any) -> None:
    """Empties the folder in which the workers count for /metrics: counts of a former start would be added."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(parents=True)


def child_exit(server: Any, worker: Any) -> None:
    """Drops the gauges of a worker that ended; its counters stay."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
