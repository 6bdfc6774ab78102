"""Watches a Delta table's folder in HDFS closely, for faults at moments that no hook in the code names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from lakehouse.clients.hdfs import USER
from lakehouse.settings import Settings

POLL_SECONDS = 0.003


class Watch:
    """One table, by its folder under the warehouse such as raw/events."""

    def __init__(self, settings: Settings, folder: str) -> None:
        self._root = f"{settings.webhdfs_url}{settings.warehouse}/{folder}"
        self._session = requests.Session()
        self._session.trust_env = False

    def next_version(self) -> int:
        """The version that the next commit makes."""
        versions = [int(name[:20]) for name in self._names("_delta_log") if name[20:] == ".json"]
        return max(versions, default=-1) + 1

    def has_version(self, version: int) -> bool:
        return self._get("GETFILESTATUS", f"_delta_log/{version:020d}.json") is not None

    def data_files(self) -> set[str]:
        """Every data file, those that are being written included."""
        days = [name for name in self._names("") if "=" in name]
        return {f"{day}/{name}" for day in days for name in self._names(day) if name.endswith(".parquet")}

    def candidates(self) -> set[str]:
        """Every file that a worker has staged by itself, in the folder of staged entries."""
        attempts = [
            f"{entry}/{name}"
            for entry in self._names("")
            for name in self._names(entry)
            if name.endswith("-candidates")
        ]
        return {f"{attempt}/{name}" for attempt in attempts for name in self._names(attempt)}

    def until_new_file(self, known: set[str], give_up: Callable[[], bool]) -> bool:
        """Returns True at the moment at which a data file appears, False if `give_up` says so first."""
        return self._until(lambda: bool(self.data_files() - known), give_up)

    def until_candidate(self, known: set[str], give_up: Callable[[], bool]) -> bool:
        """The same for `candidates`."""
        return self._until(lambda: bool(self.candidates() - known), give_up)

    def until_version(self, version: int, give_up: Callable[[], bool]) -> bool:
        """The same for a commit."""
        return self._until(lambda: self.has_version(version), give_up)

    def _until(self, seen: Callable[[], bool], give_up: Callable[[], bool]) -> bool:
        while not seen():
            if give_up():
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _names(self, path: str) -> list[str]:
        answer = self._get("LISTSTATUS", path)
        return [each["pathSuffix"] for each in answer["FileStatuses"]["FileStatus"]] if answer else []

    def _get(self, operation: str, path: str) -> dict[str, Any] | None:
        parameters = {"op": operation, "user.name": USER}
        response = self._session.get(f"{self._root}/{path}".rstrip("/"), params=parameters, timeout=30)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer
