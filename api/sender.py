"""Who sent a request, taken from its headers as they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.problems import Problem

_HOST = "lakehouse.host"
# Secrets, which are never passed on.
_SECRET = frozenset({"Cookie", "Authorization", "Proxy-Authorization"})

Environ = dict[str, Any]


@dataclass(frozen=True)
class Sender:
    """What the envelope says about the sender. Header names are written like `Cache-Control`, however sent."""

    player: str
    host: str | None
    user_agent: str | None
    accept: str | None
    http_headers: Mapping[str, str]

    def envelope(self) -> dict[str, Any]:
        """The envelope's fields that say who sent it. Headers that were not sent are left out."""
        fields: dict[str, Any] = {
            "player": self.player,
            "host": self.host,
            "user_agent": self.user_agent,
            "accept": self.accept,
            "http_headers": self.http_headers or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


def set_host_aside(environ: Environ) -> None:
    """Keeps the Host header for `sender_of` alone: it names a player, such as `Player 1`, and routes nothing."""
    environ[_HOST] = environ.get("HTTP_HOST")
    environ["HTTP_HOST"] = "localhost"


def host_of(environ: Mapping[str, Any]) -> str:
    """The Host header of a request whose host was set aside; empty if there is none."""
    return environ.get(_HOST) or ""


def sender_of(environ: Mapping[str, Any]) -> Sender:
    """Reads the headers of a request whose host was set aside.

    Raises:
        Problem: neither X-Player-Id nor Host names the player.
    """
    headers = _headers(environ)
    host = _text(environ.get(_HOST)) or None
    player = headers.get("X-Player-Id") or host
    if not player:
        raise Problem(
            400,
            "Unknown player",
            "Send the header X-Player-Id or Host; it says whose event it is.",
            field="player",
            rule="required",
        )
    user_agent, accept = headers.pop("User-Agent", None), headers.pop("Accept", None)
    return Sender(player, host, user_agent, accept, headers)


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """All headers but Host and secrets. WSGI has upper-cased the names, so that each is written in one way here."""
    found: dict[str, str] = {}
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:]
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = key
        else:
            continue
        name = name.replace("_", "-").title()
        if name != "Host" and name not in _SECRET:
            found[name] = _text(value) or ""
    return dict(sorted(found.items()))


def _text(value: str | None) -> str | None:
    """WSGI hands bytes over as Latin-1. They are read as UTF-8 if they are valid UTF-8."""
    if value is None:
        return None
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value.encode("utf-8", "replace").decode("utf-8")
