"""Whole files in the warehouse, from any process: HDFS over WebHDFS, or a local folder as tests have it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from lakehouse.clients.hdfs import Hdfs
from lakehouse.settings import Settings


class Files(Protocol):
    """Files by their full address, such as hdfs://host:port/folder/file. Can be sent to Spark's workers."""

    def put(self, local: Path, address: str) -> None:
        """Writes a new file, with the folders above it; nothing must be there.

        An error leaves none, or a part that nobody must read.
        """

    def move(self, address: str, to: str) -> None:
        """Gives a file or folder another address, in one step, with the folders above it. Nothing must be there."""


class HdfsFiles:
    """Files in HDFS; methods raise HdfsError."""

    def __init__(self, settings: Settings) -> None:
        self._hdfs = Hdfs(settings)

    def put(self, local: Path, address: str) -> None:
        self._hdfs.write(urlsplit(address).path, local)

    def move(self, address: str, to: str) -> None:
        self._hdfs.move(urlsplit(address).path, urlsplit(to).path)


class LocalFiles:
    """Files of this machine, file:/folder/file; methods raise OSError."""

    def put(self, local: Path, address: str) -> None:
        path = Path(urlsplit(address).path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with local.open("rb") as data, path.open("xb") as new:
            shutil.copyfileobj(data, new)

    def move(self, address: str, to: str) -> None:
        path = Path(urlsplit(to).path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise FileExistsError(f"{path} is there already")
        Path(urlsplit(address).path).rename(path)


def files_of(settings: Settings) -> Files:
    """The files of the warehouse."""
    return LocalFiles() if urlsplit(settings.hdfs_uri).scheme == "file" else HdfsFiles(settings)
