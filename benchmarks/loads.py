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
    return sorted(asyncio.run(_paced(url, per_second, seconds)))


async def _paced(url: str, per_second: float, seconds: float) -> list[float]:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\r\nHost: Player 1\r\n\r\n".encode()
    gap = CONNECTIONS / per_second
    began = time.perf_counter() + 0.5

    async def client(number: int) -> list[float]:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        taken = []
        due = began + gap * number / CONNECTIONS
        while due < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{url}: {head[:100]!r}")
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            taken.append(time.perf_counter() - due)
            due += gap
        writer.close()
        return taken

    done = await asyncio.gather(*[client(number) for number in range(CONNECTIONS)])
    return [each for taken in done for each in taken]


def percentile(ordered: list[float], share: float) -> float:
    """The value below which this share of the sorted values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
