"""Runs pytest repeatedly, each time in a process forked from this one, which has imported the slow libraries.

Started in the copy as `python -m tests.mutants.server`. It imports libraries only: the modules under test are read by
each process itself. One line of JSON in (arguments, environment, log, seconds) gives one line of JSON out: the exit
status of pytest, null if it took too long.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

LIBRARIES = (
    "click.testing", "confluent_kafka", "flask.testing", "granian", "hypothesis", "jsonschema", "kafka", "orjson",
    "prometheus_client", "psutil", "pydantic_settings", "pyspark.sql", "requests", "rich.table", "supervisor.xmlrpc",
    "trino", "uuid_utils", "yaml",
)  # fmt: skip
_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # of plugins that are imported already
_POLL_SECONDS = 0.02


def run(request: dict[str, Any]) -> int | None:
    """Runs pytest as the request says, and ends whatever it started."""
    child = os.fork()
    if not child:
        os._exit(_in_child(request))
    until = time.monotonic() + request["seconds"]
    try:
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                return None
            time.sleep(_POLL_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # its session, with whatever a test left running
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _in_child(request: dict[str, Any]) -> int:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    try:
        return int(pytest.main([*_QUIET, *request["arguments"]]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no test is left behind
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    assert Path.cwd() == Path(__file__).parents[2], "it runs in the copy that it is of"
    main()
