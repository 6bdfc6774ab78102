"""A small client of HDFS over WebHDFS: list, measure, read small files, write, move, make folders and delete."""

from __future__ import annotations

import datetime as dt
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from lakehouse.settings import Settings

if TYPE_CHECKING:
    import requests

USER = "lakehouse"
REQUEST_SECONDS = 30.0
DELETE_SECONDS = 300.0  # of a whole folder
WRITE_SECONDS = 60.0  # until the DataNode takes more, or answers


class HdfsError(Exception):
    """HDFS did not answer, or refused; the message says which, for what path, and why."""


class Status(NamedTuple):
    """A file or folder: its name in its folder, its size in bytes (0 for a folder), and when it last changed (UTC)."""

    name: str
    is_folder: bool
    size: int
    changed_at: dt.datetime


class Summary(NamedTuple):
    """What a folder holds, with all below it; `size` in bytes, of one replica."""

    files: int
    folders: int
    size: int


class Hdfs:
    """HDFS as `settings.webhdfs_url` serves it. Paths are absolute, such as /lakehouse/raw."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.webhdfs_url.rstrip("/")

    def exists(self, path: str) -> bool:
        return self._call("get", "GETFILESTATUS", path) is not None

    def names_after(self, path: str, name: str) -> list[str]:
        """The files and folders in a folder that come after `name` in the order of names.

        Empty if there is no such folder.

        Raises:
            HdfsError: HDFS does not answer, or gives the same part of a long folder again and again.
        """
        found: list[str] = []
        while True:
            # In lower case: Hadoop's server (3.5.0) ignores startAfter, as its documentation writes it.
            answer = self._call("get", "LISTSTATUS_BATCH", path, startafter=name)
            if answer is None:
                return found
            listing = answer["DirectoryListing"]
            part = [each["pathSuffix"] for each in listing["partialListing"]["FileStatuses"]["FileStatus"]]
            found += part
            if not listing["remainingEntries"]:
                return found
            if not part or part[0] <= name:
                raise HdfsError(f"{self._url} does not list {path} after {name!r}, but from its beginning")
            name = part[-1]

    def list(self, path: str) -> list[Status]:
        """The files and folders in a folder, in the order of names. Empty if there is no such folder."""
        answer = self._call("get", "LISTSTATUS", path)
        if answer is None:
            return []
        found = [
            Status(
                each["pathSuffix"],
                each["type"] == "DIRECTORY",
                each["length"],
                dt.datetime.fromtimestamp(each["modificationTime"] / 1000, dt.UTC),
            )
            for each in answer["FileStatuses"]["FileStatus"]
        ]
        return sorted(found)

    def read(self, path: str) -> str | None:
        """The text of a small file in UTF-8; None if there is no such file."""
        response = self._ask("get", "OPEN", path)
        return None if response is None else response.content.decode()

    def summary(self, path: str) -> Summary:
        """The sizes of a folder; zeros if there is no such folder."""
        answer = self._call("get", "GETCONTENTSUMMARY", path)
        if answer is None:
            return Summary(0, 0, 0)
        found = answer["ContentSummary"]
        return Summary(found["fileCount"], found["directoryCount"], found["length"])

    def make_folder(self, path: str) -> None:
        """Makes a folder and its parents, unless it exists. It needs the NameNode alone."""
        self._call("put", "MKDIRS", path)

    def write(self, path: str, local: Path) -> None:
        """Writes a new file with all folders above it, from a file of this machine.

        Raises:
            HdfsError: also if there is one.
        """
        import requests

        answer = self._call("put", "CREATE", path, overwrite="false", noredirect="true")
        try:
            with local.open("rb") as data:
                response = requests.put(answer["Location"], data=data, timeout=WRITE_SECONDS)
        except requests.RequestException as error:
            raise HdfsError(
                f"HDFS's DataNode does not take {path}: {type(error).__name__}; see `make status`"
            ) from None
        if response.status_code != requests.codes.created:
            raise HdfsError(f"HDFS refused to write {path}: {response.status_code} {response.text[:300]}")

    def move(self, path: str, to: str) -> None:
        """Renames a file or folder; makes the folders above its new place.

        Raises:
            HdfsError: also if there is none, or something is at its new place.
        """
        self.make_folder(str(PurePosixPath(to).parent))
        answer = self._call("put", "RENAME", path, destination=to)
        if not (answer and answer["boolean"]):
            raise HdfsError(f"HDFS refused to move {path} to {to}: there is no such file, or one is there already")

    def delete(self, path: str) -> bool:
        """Deletes a file or a folder with all below it. Returns whether there was one.

        Raises:
            ValueError: the path is not absolute, or is the root.
        """
        if not path.startswith("/") or not path.strip("/"):
            raise ValueError(f"{path!r} is nothing to delete: give the absolute path of a file or folder")
        answer = self._call("delete", "DELETE", path, recursive="true")
        return bool(answer and answer["boolean"])

    def _call(self, method: str, operation: str, path: str, **parameters: str) -> Any:
        """The answer's JSON, or None if there is nothing at the path.

        Raises:
            HdfsError: see there.
        """
        response = self._ask(method, operation, path, **parameters)
        try:
            return None if response is None else response.json()
        except ValueError:
            raise HdfsError(f"{self._url} does not speak WebHDFS ({operation} {path}); see `make status`") from None

    def _ask(self, method: str, operation: str, path: str, **parameters: str) -> requests.Response | None:
        """The answer, or None if there is nothing at the path.

        Raises:
            HdfsError: see there.
        """
        import requests

        try:
            response = requests.request(
                method,
                self._url + quote(path),
                params={"op": operation, "user.name": USER, **parameters},
                timeout=DELETE_SECONDS if method == "delete" else REQUEST_SECONDS,
            )
            refusal = {} if response.ok else response.json().get("RemoteException", {})
        except (requests.RequestException, ValueError) as error:
            raise HdfsError(
                f"HDFS does not answer at {self._url} ({operation} {path}): {type(error).__name__}; see `make status`"
            ) from None
        if response.ok:
            return response
        if refusal.get("exception") == "FileNotFoundException":
            return None
        raise HdfsError(
            f"HDFS refused {operation} {path}: {refusal.get('exception', response.status_code)}: "
            f"{' '.join(str(refusal.get('message', '')).split())[:300]}"
        )
