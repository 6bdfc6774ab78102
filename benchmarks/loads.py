"""Load generators: equal requests over many connections, batches of events, and requests at a fixed rate."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 64
ITEM = {"event_type": "purchase_horse", "speed": 1.5, "size": "small", "quantity": 2}


def apache_bench(url: str, requests: int, connections: int, body: Path | None = None) -> float:
    """Requests per second over connections that stay open. Raises RuntimeError if one was not answered with success."""
    ab = shutil.which("ab")
    if ab is None:
        raise RuntimeError("Apache Bench is needed: there is no `ab` on PATH (package apache2-utils).")
    command = [ab, "-q", "-k", "-n", str(requests), "-c", str(connections), "-H", "Host: Player 1"]
    if body is not None:
        command += ["-p", str(body), "-T", "application/json"]
    done = subprocess.run([*command, url], capture_output=True, text=True, timeout=600, check=False)
    rate = re.search(r"Requests per second:\s+([0-9.]+)", done.stdout)
    if done.returncode or rate is None or "Non-2xx" in done.stdout:
        raise RuntimeError(f"{url}: some requests were refused\n{done.stdout}{done.stderr}")
    return float(rate[1])


def batch_body(file: Path, events: int) -> Path:
    """Writes a JSON array of so many events."""
    file.write_text(json.dumps([ITEM] * events))
    return file


def latencies(url: str, per_second: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, at a fixed rate over 64 connections, sorted.

    A request that had to wait for its turn since earlier ones were slow has waited all the same (coordinated omission).
    """
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return sorted(runner.run(_paced(url, per_second, seconds)))


class _Connection(asyncio.Protocol):
    """Sends a request when it is due and its last one is answered."""

    def __init__(self, request: bytes, first: float, gap: float, until: float) -> None:
        self._request, self._due, self._gap, self._until = request, first, gap, until
        self.taken: list[float] = []
        self._head = b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if self._due >= self._until:
            self._transport.close()
            self.over.set_result(None)
            return
        wait = self._due - time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._head += data
        head, found, body = self._head.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head) if found else None
        if length is None or len(body) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.over.set_exception(RuntimeError(f"answered with {head[:100]!r}"))
            return
        self._head = b""
        self.taken.append(time.perf_counter() - self._due)
        self._due += self._gap
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(RuntimeError(f"the connection was closed: {error}"))


async def _paced(url: str, per_second: float, seconds: float) -> list[float]:
    parts = urlsplit(url)
    assert parts.hostname and parts.port  # of a server that this machine runs
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\r\nHost: Player 1\r\n\r\n".encode()
    gap = CONNECTIONS / per_second
    began = time.perf_counter() + 0.5
    loop = asyncio.get_running_loop()
    clients = []
    for number in range(CONNECTIONS):
        first = began + gap * number / CONNECTIONS
        _, client = await loop.create_connection(
            lambda first=first: _Connection(request, first, gap, began + seconds),  # type: ignore[misc]
            parts.hostname,
            parts.port,
        )
        clients.append(client)
    await asyncio.wait_for(asyncio.gather(*[client.over for client in clients]), seconds + 60)
    return [each for client in clients for each in client.taken]


def percentile(ordered: list[float], share: float) -> float:
    """The value below which this share of the sorted values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
