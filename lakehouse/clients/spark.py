"""Whether a warm Spark answers: its client would retry for minutes where nothing listens."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

PORT = 15002  # of Spark Connect, where an address names none
PROBE_SECONDS = 5.0
# Options of the client's connection: else it asks the proxy that the shell names (http_proxy) for our server.
PAST_PROXIES = [("grpc.enable_http_proxy", 0)]


class SparkUnavailable(Exception):
    """No Spark answers at the address of the settings."""


def check_answers(address: str) -> None:
    """Opens and closes a connection to the server at the address, `sc://host[:port]`.

    Raises:
        SparkUnavailable: nothing listens there; says where, and what to do.
    """
    url = urlsplit(address)
    try:
        socket.create_connection((url.hostname or "", url.port or PORT), timeout=PROBE_SECONDS).close()
    except OSError as error:
        raise SparkUnavailable(
            f"Spark Connect does not answer at {address} ({error}); start it with `make up`"
        ) from None
