"""The loads of the demo as data, and how to send them: by Apache Bench if it is installed, else by an equal client."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

SEND_SECONDS = 300


class LoadError(Exception):
    """A load was not accepted in full; the message says which request and how many."""


@dataclass(frozen=True)
class Load:
    """`count` equal requests, and the rows that they become: host, table and the fields that the demo asks for."""

    count: int
    host: str
    method: str
    path: str
    table: str
    direction: str | None = None
    color: str | None = None
    size: str | None = None
    action: str | None = None
    quantity: int = 1

    def __str__(self) -> str:
        return f"{self.count:>6} x {self.method:<4} {self.path}  as {self.host}"


def _sword(count: int, player: int, detail: str) -> Load:
    path = f"/purchase_a_sword?event_detail={detail}"
    return Load(count, f"Player {player}", "GET", path, "sword_purchases", direction="increase")


def _guild(count: int, host: str, guild: str) -> Load:
    return Load(
        count, host, "GET", f"/join_guild?event_detail={guild}", "guild_actions", direction="increase", action="join"
    )


def _colored(count: int, user: int, color: str, quantity: int) -> Load:
    path = f"/purchase_a_sword/{color}/{quantity}"
    host = f"user{user}.comcast.com"
    return Load(count, host, "POST", path, "sword_purchases", direction="increase", color=color, quantity=quantity)


def _horse(count: int, user: int, speed: int, size: str, quantity: int) -> Load:
    path = f"/purchase_a_horse/{speed}/{size}/{quantity}"
    return Load(count, f"user{user}.comcast.com", "POST", path, "horse_purchases", size=size, quantity=quantity)


def _act(count: int, user: int, action: str) -> Load:
    direction = {"join": "increase", "leave": "reduce"}[action]
    path = f"/guild/{action}"
    return Load(count, f"user{user}.comcast.com", "POST", path, "guild_actions", direction=direction, action=action)


PLAYERS = (
    _sword(100, 1, "test_sword_1"),
    _sword(100, 2, "test_sword_2"),
    _sword(100, 3, "test_sword_3"),
    _guild(100, "Player 3", "W205-Test"),
    _guild(100, "Player 2", "Office-Hours"),
    _guild(11_111, "Jordan Meyer", "Ready_to_submit"),
)
SHOPS = (
    _colored(100, 1, "red", 2),
    _colored(100, 2, "red", 3),
    _colored(500, 3, "red", 1),
    _colored(200, 1, "blue", 1),
    _colored(200, 2, "blue", 2),
    _colored(10, 3, "blue", 3),
    _colored(300, 1, "green", 1),
    _colored(100, 2, "green", 1),
    _colored(100, 3, "green", 1),
    _horse(100, 1, 1, "small", 1),
    _horse(500, 2, 1, "small", 1),
    _horse(200, 3, 1, "small", 1),
    _horse(200, 1, 1, "medium", 2),
    _horse(400, 2, 1, "medium", 1),
    _horse(300, 3, 1, "medium", 1),
    _horse(50, 1, 1, "large", 1),
    _horse(50, 2, 1, "large", 1),
    _horse(500, 3, 1, "large", 1),
    _act(200, 1, "join"),
    _act(100, 1, "leave"),
)


def sender(api_url: str, concurrency: int = 8) -> Callable[[Load], None]:
    """A function that sends a load and returns when all of it was acknowledged.

    Raises (the function):
        LoadError: a request failed.
    """
    ab = shutil.which("ab")
    if ab:
        return lambda load: _by_ab(ab, api_url, load, min(concurrency, load.count))
    return lambda load: _by_client(api_url, load, min(concurrency, load.count))


def _by_ab(ab: str, api_url: str, load: Load, concurrency: int) -> None:
    command = [
        ab,
        "-q",
        "-n",
        str(load.count),
        "-c",
        str(concurrency),
        "-m",
        load.method,
        "-H",
        f"Host: {load.host}",
        api_url + load.path,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SEND_SECONDS, check=False)
    complete = re.search(r"Complete requests:\s+(\d+)", done.stdout)
    refused = re.search(r"Non-2xx responses:\s+(\d+)", done.stdout)
    # ab also counts an answer as failed if its length differs from the first, so its «Failed requests» says nothing
    # here.
    if done.returncode or not complete or int(complete[1]) != load.count or refused:
        reason = refused[0] if refused else (done.stderr or done.stdout).strip()[-300:]
        raise LoadError(f"{load}: {reason}")


def _by_client(api_url: str, load: Load, concurrency: int) -> None:
    """Sends as Apache Bench does: one connection for each request, no body."""
    import http.client

    url = urlsplit(api_url)

    def send(_: int) -> int:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        try:
            connection.putrequest(load.method, load.path, skip_host=True, skip_accept_encoding=True)
            for name, value in (
                ("Host", load.host),
                ("User-Agent", "lakehouse-demo"),
                ("Accept", "*/*"),
                ("Content-Length", "0"),
            ):
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    with ThreadPoolExecutor(concurrency) as pool:
        refused = [status for status in pool.map(send, range(load.count)) if not 200 <= status < 300]
    if refused:
        raise LoadError(f"{load}: {len(refused)} requests were not accepted, the first with status {refused[0]}")
