"""An HDFS that has nothing but snapshots of the warehouse, and a job that says what it does."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from lakehouse.clients.hdfs import Hdfs, Status
from lakehouse.settings import Settings

WAREHOUSE = Settings(hdfs_uri="hdfs://namenode:9820")
LOCAL = Settings(hdfs_uri="file:")


class Kept(Hdfs):
    """Its snapshots, by name, with the days since each was made."""

    days: ClassVar[dict[str, float]] = {}

    def snapshots(self, path: str) -> tuple[Status, ...]:
        assert path == WAREHOUSE.warehouse
        now = dt.datetime.now(dt.UTC)
        return tuple(Status(name, True, 0, now - dt.timedelta(days=days)) for name, days in sorted(self.days.items()))

    def delete_snapshot(self, path: str, name: str) -> None:
        assert path == WAREHOUSE.warehouse
        del self.days[name]


class Listening:
    """A job of which only the settings and what it says count."""

    def __init__(self, settings: Settings = WAREHOUSE, **more: Any) -> None:
        self.settings = settings
        self.said: list[str] = []
        self.__dict__.update(more)

    def say(self, words: str) -> None:
        self.said.append(words)
