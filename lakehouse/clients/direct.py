"""HTTP to our own servers, straight to them: a proxy that the shell names is for the world outside, and knows none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


def session() -> requests.Session:
    """Takes no proxy and no login (.netrc) from the environment, but still the authorities that it says to trust."""
    import requests

    made = requests.Session()
    made.trust_env = False
    made.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    return made


def request(method: str, url: str, **given: Any) -> requests.Response:
    """One request, with a connection of its own, as `requests.request` makes it. Raises requests.RequestException."""
    with session() as made:
        return made.request(method, url, **given)
