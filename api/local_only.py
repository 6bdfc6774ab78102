"""Routes that answer this machine alone: what they show of players has no other guard."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from api.problems import Problem
from api.sender import host_of

_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR")


def check_local(environ: Mapping[str, Any]) -> None:
    """Checks that a program on this machine asks for itself.

    A proxy on this machine asks for others. A page in a browser on this machine may give its own name an address of this
    machine; so the Host header must be a name of this machine too.

    Raises:
        Problem: it is refused.
    """
    remote = _is_loopback(environ.get("REMOTE_ADDR") or "")
    if not remote or any(name in environ for name in _FORWARDED) or not _is_local_name(host_of(environ)):
        raise Problem(
            403,
            "Forbidden",
            "This route answers requests of this machine alone. Ask http://127.0.0.1 from the machine that the API runs on, "
            "without a proxy.",
        )


def _is_local_name(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return name == "localhost" or _is_loopback(name.strip("[]"))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
