"""What an address in the settings may look like: one that a client would misread is refused when settings are read.

The types are texts, as every client takes them. pydantic's own would take http:host for an address, and urllib would not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^\s,:/?#@\[\]]+)"
_HOST_PORT = re.compile(rf"{_HOST}:(?P<port>\d{{1,5}})")
_MASTER = re.compile(
    rf"local(\[[\w*, ]+\])?|local-cluster\[[\d, ]+\]|yarn|k8s://\S+|spark://{_HOST}:\d+(,{_HOST}:\d+)*"
)
_HIGHEST_PORT = 65_535


def _said(fits: Callable[[str], bool], like: str, tidy: Callable[[str], str] = str) -> AfterValidator:
    """Refuses what does not fit, and says what would: `like`. `tidy` gives the text as clients take it."""

    def check(text: str) -> str:
        if not fits(text):
            raise PydanticCustomError("address", "give it as {like}", {"like": like})
        return tidy(text)

    return AfterValidator(check)


def _is_url(text: str, schemes: tuple[str, ...], path: str = "") -> bool:
    """Whether it has one of the schemes, a host, a port that can be if any, and a path of this pattern."""
    try:
        parts = urlsplit(text)
        port_can_be = parts.port != 0
    except ValueError:  # of a port that is no number, or too high
        return False
    return (
        not re.search(r"\s", text)
        and text.startswith(tuple(f"{scheme}://" for scheme in schemes))
        and bool(parts.hostname)
        and not parts.netloc.endswith(":")
        and port_can_be
        and not (parts.query or parts.fragment)
        and re.fullmatch(path, parts.path) is not None
    )


def _is_host_port(text: str) -> bool:
    found = _HOST_PORT.fullmatch(text)
    return found is not None and 0 < int(found["port"]) <= _HIGHEST_PORT


def _each(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]


def _is_thrift(text: str) -> bool:
    return all(each.startswith("thrift://") and _is_host_port(each.removeprefix("thrift://")) for each in _each(text))


def _is_redis(text: str) -> bool:
    return (
        text == ""
        or _is_url(text, ("redis", "rediss"), r"/?|/\d+")
        or re.fullmatch(r"unix://(\S+@)?/[^\s?]+(\?db=\d+)?", text) is not None
    )


def _without_end(text: str) -> str:
    """Paths are added behind it."""
    return text.rstrip("/")


def _joined(text: str) -> str:
    return ",".join(_each(text))


_WEB = ("http", "https")
# Clients take host and port of these two alone.
Server = Annotated[str, _said(lambda t: _is_url(t, _WEB, "/*"), "http://host:port", _without_end)]
Page = Annotated[
    str, _said(lambda t: _is_url(t, _WEB, ".*"), "http://host:port or http://host:port/path", _without_end)
]
HostPort = Annotated[str, _said(_is_host_port, "host:port")]
HostPorts = Annotated[
    str, _said(lambda t: all(map(_is_host_port, _each(t))), "host:port, or several with commas between", _joined)
]
Thrift = Annotated[str, _said(_is_thrift, "thrift://host:port, or several with commas between", _joined)]
FileSystem = Annotated[
    str,
    _said(
        lambda t: re.fullmatch(r"file:/*", t) is not None or _is_url(t, ("hdfs", "viewfs"), "/*"),
        "hdfs://host:port or hdfs://nameservice, without a path: LAKEHOUSE_WAREHOUSE is that",
        _without_end,
    ),
]
HdfsFolder = Annotated[
    str, _said(lambda t: re.fullmatch(r"(/[^/\s]+)+/*", t) is not None, "an absolute path, /lakehouse", _without_end)
]
Redis = Annotated[
    str, _said(_is_redis, "redis://host:port/0 (or rediss://, unix:///path); empty: there is no live state")
]
SparkConnect = Annotated[
    str,
    _said(lambda t: t == "" or _is_url(t, ("sc",), r"/?(;.*)?"), "sc://host:port; empty: a session of each job's own"),
]
SparkMaster = Annotated[
    str,
    _said(lambda t: _MASTER.fullmatch(t) is not None, "local[2], spark://host:port, yarn or k8s://https://host:port"),
]
