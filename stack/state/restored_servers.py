"""The servers of a stack that is restored: those of this machine are started when they are needed; others run already."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection
from typing import Protocol
from urllib.parse import urlsplit

from lakehouse.clients.hdfs import Hdfs
from lakehouse.clients.kafka import admin, read_logs
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from stack import bootstrap
from stack.control import start
from stack.java import find_java
from stack.state.airflow_database import airflow_database
from stack.state.told import Say

# What a state folder may hold that is empty.
EMPTY = {"backup", "logs", "tmp", "home", "services", "up.lock", "supervisord.conf", "erasures.jsonl"}


class Servers(Protocol):
    """Who runs the servers."""

    place: str  # what is restored into
    up: str  # the command that starts all of them
    emptied: str  # how one comes to an empty stack

    def holds(self) -> list[str]:
        """What speaks against a restore: data that are there, and servers through which somebody could read."""

    def run(self, names: Collection[str] | None = None) -> None:
        """Returns when these services work and these steps of the start are done; none: all of them."""


class OfThisMachine:
    """The local stack."""

    up = "make up"
    emptied = (
        "Stop this one and move its folder away, or set LAKEHOUSE_STATE (and LAKEHOUSE_PORT_OFFSET) for another stack."
    )

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings, self._say, self.place = settings, say, str(settings.state)

    def holds(self) -> list[str]:
        state = self._settings.state
        return sorted({path.name for path in state.iterdir()} - EMPTY) if state.exists() else []

    def run(self, names: Collection[str] | None = None) -> None:
        start(self._settings, self._say, names)


class Elsewhere:
    """Servers that others start: containers. Those for jobs run already, and those that people read by start last."""

    place = "The stack that runs"
    up = "make compose-up"
    emptied = "If nothing in it is needed, `make compose-down VOLUMES=--volumes` empties the containers' volumes."

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings, self._say = settings, say

    def holds(self) -> list[str]:
        """Asks the servers. A stack that was started and never got a table, a topic or a run is empty."""
        settings, hdfs = self._settings, Hdfs(self._settings)
        found = [f"{name} runs" for name, url in self._readers().items() if _listens(url)]
        for folder in (settings.warehouse, f"{settings.warehouse}.restoring"):
            if hdfs.summary(folder).files:
                found.append(f"files in {settings.hdfs_uri}{folder}")
        if not airflow_database(settings).is_empty():
            found.append("a database of Airflow")
        topics = load_contracts(settings.contracts).topics
        with admin(settings) as client:
            there = {log.at.topic for log in read_logs(client, (), topics)}
        return found + [f"topic {each}" for each in sorted(there)]

    def _readers(self) -> dict[str, str]:
        settings = self._settings
        return {"Trino": settings.trino_url, "Airflow": settings.airflow_url, "the API": settings.api_url}

    def run(self, names: Collection[str] | None = None) -> None:
        """Does the steps. Who started these servers starts all others once the restore has ended."""
        for step in bootstrap.steps(self._settings, find_java(os.environ)):
            if step.name in (names or ()):
                began = time.monotonic()
                step.run(lambda: False)
                self._say(f"  ✓ {step.name:<28} {time.monotonic() - began:5.1f} s")


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=2).close()
    except OSError:  # also if nothing has that name
        return False
    return True
