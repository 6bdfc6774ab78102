"""Load generators: equal requests over many connections, and batches of events."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

CONNECTIONS = 64


def singles_per_second(url: str, count: int) -> float:
    """Requests per second of GET `url` over 64 connections that stay open. Raises RuntimeError if one is refused."""
    ab = shutil.which("ab")
    if ab:
        command = [ab, "-q", "-k", "-n", str(count), "-c", str(CONNECTIONS), "-H", "Host: Player 1", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        if "Non-2xx" in done.stdout:
            raise RuntimeError(f"{url}: some requests were refused\n{done.stdout}")
        rate = re.search(r"Requests per second:\s+([0-9.]+)", done.stdout)
        if rate is None:
            raise RuntimeError(f"ab printed no rate:\n{done.stdout}")
        return float(rate[1])
    return _by_threads(url, [("GET", b"", "text/plain")] * count)


def batches_per_second(url: str, batches: int, size: int, workers: int = 4) -> float:
    """Events per second of POST `url` with JSON arrays of `size` events. Raises RuntimeError if one is not accepted."""
    one = {"event_type": "purchase_horse", "speed": 1.5, "size": "small", "quantity": 2}
    body = json.dumps([one] * size).encode()
    return size * _by_threads(url, [("POST", body, "application/json")] * batches, workers)


def _by_threads(url: str, requests: list[tuple[str, bytes, str]], workers: int = CONNECTIONS) -> float:
    """Requests per second, each worker with one connection that stays open."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")

    def send(mine: list[tuple[str, bytes, str]]) -> None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        for method, body, kind in mine:
            connection.request(method, target, body, {"Content-Type": kind})
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200 or b'"rejected"' in answer or b'"unavailable"' in answer:
                raise RuntimeError(f"{url}: {response.status} {answer[:300]!r}")
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(send, [requests[n::workers] for n in range(workers)]))
    return len(requests) / (time.perf_counter() - started)
