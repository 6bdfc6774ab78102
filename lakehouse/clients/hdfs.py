"""A small client of HDFS over WebHDFS: list, measure, read, write, move, make folders, delete, and keep snapshots."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from lakehouse.clients import direct
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import requests

USER = "lakehouse"
REQUEST_SECONDS = 30.0
DELETE_SECONDS = 300.0  # of a whole folder
WRITE_SECONDS = 60.0  # until the DataNode takes more, or answers
PART_BYTES = 1 << 20  # of a large file, read at once
_NO_SNAPSHOTS = "SnapshotException: Directory is not a snapshottable directory"  # as Hadoop says it of a list


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

    def below(self, path: str, inside: str = "") -> Iterator[tuple[str, Status]]:
        """All files in a folder and below it, each with its path from there, such as game/messages/part-0."""
        for each in self.list(f"{path}/{inside}".rstrip("/")):
            name = f"{inside}/{each.name}".lstrip("/")
            if each.is_folder:
                yield from self.below(path, name)
            else:
                yield name, each

    def read(self, path: str) -> str | None:
        """The text of a small file in UTF-8; None if there is no such file."""
        response = self._ask("get", "OPEN", path)
        return None if response is None else response.content.decode()

    def read_into(self, path: str, local: Path) -> str:
        """Copies a file of any size to a new file of this machine. Returns the SHA-256 of what was read, as hex digits.

        Raises:
            HdfsError: also if there is none, or if it ends before its length. OSError: names the new file, which cannot
                be written.
        """
        import requests

        response = self._ask("get", "OPEN", path, stream=True)
        if response is None:
            raise HdfsError(f"HDFS has no file {path}")
        digest = hashlib.sha256()
        try:
            with response, local.open("xb") as out:
                for part in response.iter_content(PART_BYTES):
                    digest.update(part)
                    out.write(part)
        except requests.RequestException as error:
            raise HdfsError(f"HDFS's DataNode gave a part of {path} only: {type(error).__name__}") from None
        except OSError as error:  # of a full disk, it names no file
            raise OSError(error.errno, error.strerror, str(local)) from None
        return digest.hexdigest()

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

    def write(self, path: str, local: Path, replace: bool = False) -> None:
        """Writes a new file with all folders above it, from a file of this machine.

        Raises:
            HdfsError: also if there is one, unless it is to be replaced.
        """
        import requests

        answer = self._call("put", "CREATE", path, overwrite=str(replace).lower(), noredirect="true")
        try:
            with local.open("rb") as data:
                response = direct.request("put", answer["Location"], data=data, timeout=WRITE_SECONDS)
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

    def set_changed_at(self, path: str, time: dt.datetime) -> None:
        """Gives a file the time at which it last changed: Delta's history and its clean-up go by that."""
        millis = round(time.timestamp() * 1000)
        self._call("put", "SETTIMES", path, modificationtime=str(millis), accesstime=str(millis))

    def allow_snapshots(self, path: str) -> None:
        """Lets snapshots of a folder be made. It needs an administrator of HDFS: on the local stack that is our user."""
        self._call("put", "ALLOWSNAPSHOT", path)

    def make_snapshot(self, path: str, name: str) -> str:
        """Keeps a folder as it is at this moment, under a name. Returns the path at which it is read."""
        self._call("put", "CREATESNAPSHOT", path, snapshotname=name)
        return f"{path}/.snapshot/{name}"

    def snapshots(self, path: str) -> tuple[Status, ...]:
        """A folder's snapshots; each changed last when it was made. None if none may be made of the folder."""
        try:
            return tuple(self.list(f"{path}/.snapshot"))
        except HdfsError as error:
            if _NO_SNAPSHOTS in str(error):
                return ()
            raise

    def delete_snapshot(self, path: str, name: str) -> None:
        self._call("delete", "DELETESNAPSHOT", path, snapshotname=name)

    def _call(self, method: str, operation: str, path: str, **parameters: str) -> Any:
        """The answer's JSON, or None if there is nothing at the path.

        Raises:
            HdfsError: see there.
        """
        response = self._ask(method, operation, path, parameters)
        try:
            return None if response is None else response.json() if response.content else {}
        except ValueError:
            raise HdfsError(f"{self._url} does not speak WebHDFS ({operation} {path}); see `make status`") from None

    def _ask(
        self,
        method: str,
        operation: str,
        path: str,
        parameters: Mapping[str, str] = MappingProxyType({}),
        stream: bool = False,
    ) -> requests.Response | None:
        """The answer, or None if there is nothing at the path.

        Raises:
            HdfsError: see there.
        """
        import requests

        try:
            response = direct.request(
                method,
                self._url + quote(path),
                params={"op": operation, "user.name": USER, **parameters},
                timeout=DELETE_SECONDS if method == "delete" else REQUEST_SECONDS,
                stream=stream,
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
