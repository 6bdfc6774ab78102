"""The loads of the documents as data, and how the demo sends them: by Apache Bench, or by a client that does the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from stack.loads.game_client import Answer, GameClient, NoAnswer, NotSent

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

    @property
    def headers(self) -> dict[str, str]:
        """As Apache Bench sends them."""
        return {"Host": self.host, "User-Agent": "lakehouse-demo", "Accept": "*/*"}


@dataclass(frozen=True)
class Pause:
    """A load waits for so long."""

    seconds: float


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


def groups() -> Iterator[Load | Pause]:
    """The endless load of document 2."""
    while True:
        yield Load(10, "test_connection.game.com", "GET", "/", "default_events")
        yield Load(10, "requester.game.com", "GET", "/request_group", "group_requests")
        yield Pause(10)
        yield Load(10, "acceptor.game.com", "GET", "/accept_member", "member_acceptances")
        yield Pause(10)


def visits(chance: Random) -> Iterator[Load | Pause]:
    """The endless load of document 3, whose numbers are left to chance."""
    while True:
        for host, least, most in (("user1.comcast.com", 6, 30), ("user2.att.com", 1, 50)):
            yield Load(chance.randint(least, most), host, "GET", "/", "default_events")
            yield Load(
                chance.randint(least, most), host, "GET", "/purchase_a_sword", "sword_purchases", direction="increase"
            )
            yield Load(
                chance.randint(least, most), host, "GET", "/join_a_guild", "guild_actions",
                direction="increase", action="join",
            )  # fmt: skip
        yield Pause(3)


def load_of(number: int, chance: Random) -> tuple[Load, ...] | Iterator[Load | Pause]:
    """A load by its number, 1 to 4. 2 and 3 have no end, and are no tuples."""
    match number:
        case 1:
            return PLAYERS
        case 2:
            return groups()
        case 3:
            return visits(chance)
        case 4:
            return SHOPS
    raise ValueError(f"there is no load {number}")


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
    """Sends as Apache Bench does: a connection a request, no body."""

    def send(_: int) -> Answer:
        with GameClient(api_url) as client:
            return client.send(load.method, load.path, load.headers)

    try:
        with ThreadPoolExecutor(concurrency) as pool:
            refused = [answer.status for answer in pool.map(send, range(load.count)) if not answer.good]
    except (NotSent, NoAnswer) as error:
        raise LoadError(f"{load}: {error}") from error
    if refused:
        raise LoadError(f"{load}: {len(refused)} requests were not accepted, the first with status {refused[0]}")
