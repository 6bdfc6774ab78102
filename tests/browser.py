"""A headless Chromium for tests, driven by WebDriver (https://www.w3.org/TR/webdriver2/) through chromedriver."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

PROGRAMS = ("chromium", "chromedriver")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
HOW_TO_INSTALL = f"{' and '.join(MISSING)} missing; on Debian: apt-get install chromium chromium-driver"
LIMIT_SECONDS = 30.0  # that an element may take to appear
STARTS = 5  # of chromedriver, until one finds its port free
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name of a reference to an element, by the standard


class Browser:
    """One window. Elements are named by XPath, and waited for: what is not there in time is an error that names it."""

    def __init__(self, driver: str, options: list[str]) -> None:
        self._http = requests.Session()
        self._http.trust_env = False
        chromium = {"binary": shutil.which("chromium"), "args": options}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": chromium,
            "timeouts": {"implicit": LIMIT_SECONDS * 1000},
        }
        self._url = f"{driver}/session"
        session = self._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._url += f"/{session['sessionId']}"

    def open(self, url: str) -> None:
        self._call("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        """Of the window, whatever frame is looked into."""
        return str(self._call("GET", "/url"))

    def text(self, xpath: str) -> str:
        return str(self._call("GET", f"/element/{self._find(xpath)}/text"))

    def see(self, xpath: str) -> None:
        """Waits until the page has the element. A click returns before the next page is there: name what only that has."""
        self._find(xpath)

    def headed(self, title: str) -> None:
        """Waits for the page with this title."""
        self.see(f"//h1[normalize-space()='{title}']")

    def click(self, xpath: str) -> None:
        self._call("POST", f"/element/{self._find(xpath)}/click", {})

    def type(self, xpath: str, text: str) -> None:
        self._call("POST", f"/element/{self._find(xpath)}/value", {"text": text})

    def value(self, script: str) -> Any:
        """What a script of the test's own returns; the page's policy does not forbid it."""
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def complaints(self) -> list[str]:
        """What the browser complained about since it was last asked: scripts, policies, requests that failed."""
        log = self._call("POST", "/se/log", {"type": "browser"})
        return [each["message"] for each in log if "favicon.ico" not in each["message"]]

    def into_frame(self, xpath: str) -> None:
        self._call("POST", "/frame", {"id": {_ELEMENT: self._find(xpath)}})

    def out_of_frames(self) -> None:
        self._call("POST", "/frame", {"id": None})

    def look_like(self, width: int, height: int, dark: bool = False) -> None:
        """Takes the size, also one narrower than Chromium's windows can be, and the colours that a person prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._cdp("Emulation.setDeviceMetricsOverride", size)
        colours = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._cdp("Emulation.setEmulatedMedia", {"features": [colours]})

    def screenshot(self, file: Path) -> None:
        """For people who look at a page."""
        file.write_bytes(base64.b64decode(self._call("GET", "/screenshot")))

    def close(self) -> None:
        self._call("DELETE", "")
        self._http.close()

    def _cdp(self, command: str, parameters: dict[str, Any]) -> None:
        self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _find(self, xpath: str) -> str:
        return str(self._call("POST", "/element", {"using": "xpath", "value": xpath})[_ELEMENT])

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, self._url + path, json=body, timeout=3 * LIMIT_SECONDS)
        value = answer.json()["value"]
        assert answer.status_code == 200, f"{method} {path} {body}: {value['error']}: {value['message']}"
        return value


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a new profile under `folder`; it knows nobody's login."""
    options = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}"]
    if os.geteuid() == 0:  # Chromium's sandbox refuses root
        options.append("--no-sandbox")
    with driver() as address:
        window = Browser(address, options)
        try:
            yield window
        finally:
            window.close()


@contextmanager
def driver() -> Iterator[str]:
    """A chromedriver that runs during the block; its address.

    The port that it is given on IPv4 it wants on IPv6 too, where somebody may have it; then it ends, and another is
    started.
    """
    for _ in range(STARTS):
        with subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                found = (re.search(r"successfully on port (\d+)", line) for line in process.stdout)
                if started := next(filter(None, found), None):
                    yield f"http://127.0.0.1:{started[1]}"
                    return
            finally:
                process.terminate()
    raise AssertionError(f"chromedriver did not start, {STARTS} times; its errors are in the output")
