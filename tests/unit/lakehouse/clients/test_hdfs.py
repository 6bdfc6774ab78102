"""The client of WebHDFS: its requests, its answers and its errors. (On a real HDFS: test_maintenance.)"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import resource
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from lakehouse.clients.hdfs import Hdfs, HdfsError, Status, Summary
from lakehouse.settings import Settings

FILE = {"pathSuffix": "b", "type": "FILE", "length": 7, "modificationTime": 1_700_000_000_000}
FOLDER = {"pathSuffix": "a=1", "type": "DIRECTORY", "length": 0, "modificationTime": 1_700_000_000_000}
NOT_THERE = {"RemoteException": {"exception": "FileNotFoundException", "message": "File does not exist: /x"}}
SAFE_MODE = {
    "RemoteException": {"exception": "SafeModeException", "message": "Cannot delete /x.\nName node is in safe mode."}
}


class NameNode(ThreadingHTTPServer):
    """Gives the answer it is told, and keeps what it was asked."""

    status: int = 200
    answer: Any = None
    later_status: int | None = None  # from the second answer on
    received: bytes = b""  # the body of the last request
    answers: Sequence[Any] = ()  # one after the other, before `answer`

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []

    def hdfs(self) -> Hdfs:
        return Hdfs(Settings(webhdfs_url=f"http://127.0.0.1:{self.server_address[1]}/webhdfs/v1"))


class Handler(BaseHTTPRequestHandler):
    server: NameNode

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.asked.append((self.command, url.path, parse_qs(url.query)))
        answer = self.server.answer
        if self.server.answers:
            answer, *self.server.answers = self.server.answers
        body = json.dumps(answer).encode()
        self.server.received = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.server.status)
        self.server.status = self.server.later_status or self.server.status
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def namenode() -> Iterator[NameNode]:
    with NameNode() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_folder_is_listed_by_name(namenode: NameNode) -> None:
    namenode.answer = {"FileStatuses": {"FileStatus": [FILE, FOLDER]}}
    at = dt.datetime.fromtimestamp(1_700_000_000, dt.UTC)
    assert namenode.hdfs().list("/lakehouse/raw") == [Status("a=1", True, 0, at), Status("b", False, 7, at)]
    method, path, parameters = namenode.asked[0]
    assert (method, path) == ("GET", "/webhdfs/v1/lakehouse/raw")
    assert parameters == {"op": ["LISTSTATUS"], "user.name": ["lakehouse"]}


def test_a_folder_is_made_with_all_above_it(namenode: NameNode) -> None:
    namenode.answer = {"boolean": True}
    namenode.hdfs().make_folder("/lakehouse/_staging/entry_id=1/markers/began.0-5.a-1")
    method, path, parameters = namenode.asked[0]
    assert (method, path) == ("PUT", "/webhdfs/v1/lakehouse/_staging/entry_id%3D1/markers/began.0-5.a-1")
    assert parameters["op"] == ["MKDIRS"]


def test_names_are_listed_from_one_on_until_the_namenode_has_no_more(namenode: NameNode) -> None:
    namenode.answers = [_page(["b", "c"], remaining=1), _page(["d"], remaining=0)]
    assert namenode.hdfs().names_after("/t", "a") == ["b", "c", "d"]
    assert [parameters["startafter"] for _, _, parameters in namenode.asked] == [["a"], ["c"]]


@pytest.mark.parametrize("part", [["a", "b"], []])
def test_a_namenode_that_begins_anew_each_time_is_not_asked_for_ever(namenode: NameNode, part: list[str]) -> None:
    namenode.answer = _page(part, remaining=1)
    with pytest.raises(HdfsError, match="does not list /t after 'a'"):
        namenode.hdfs().names_after("/t", "a")


def _page(names: list[str], remaining: int) -> dict[str, Any]:
    statuses = {"FileStatuses": {"FileStatus": [{"pathSuffix": name} for name in names]}}
    return {"DirectoryListing": {"partialListing": statuses, "remainingEntries": remaining}}


def test_a_small_file_is_read_as_text(namenode: NameNode) -> None:
    namenode.answer = {"add": "é"}
    assert namenode.hdfs().read("/t/x") == json.dumps({"add": "é"})
    assert namenode.asked[0][2]["op"] == ["OPEN"]


def test_what_is_not_there_is_nothing(namenode: NameNode) -> None:
    namenode.status, namenode.answer = 404, NOT_THERE
    hdfs = namenode.hdfs()
    assert hdfs.list("/x") == []
    assert hdfs.summary("/x") == Summary(0, 0, 0)
    assert not hdfs.exists("/x")


def test_a_folder_is_measured(namenode: NameNode) -> None:
    namenode.answer = {"ContentSummary": {"fileCount": 3, "directoryCount": 2, "length": 10, "spaceConsumed": 30}}
    assert namenode.hdfs().summary("/x") == Summary(3, 2, 10)


@pytest.mark.parametrize("there", [True, False])
def test_deleting_takes_the_folder_and_all_below_it(namenode: NameNode, there: bool) -> None:
    namenode.answer = {"boolean": there}
    assert namenode.hdfs().delete("/lakehouse/_staging/entry_id=1") is there
    method, path, parameters = namenode.asked[0]
    assert (method, path) == ("DELETE", "/webhdfs/v1/lakehouse/_staging/entry_id%3D1")
    assert parameters["recursive"] == ["true"]


@pytest.mark.parametrize("path", ["", "/", "//", "lakehouse", "../x"])
def test_the_root_is_never_deleted(namenode: NameNode, path: str) -> None:
    with pytest.raises(ValueError, match="nothing to delete"):
        namenode.hdfs().delete(path)
    assert namenode.asked == []


def test_a_refusal_says_who_refused_what_and_why(namenode: NameNode) -> None:
    namenode.status, namenode.answer = 403, SAFE_MODE
    with pytest.raises(HdfsError, match="HDFS refused DELETE /x: SafeModeException: Cannot delete /x. Name node is in"):
        namenode.hdfs().delete("/x")


def test_a_namenode_that_is_not_there_is_named() -> None:
    hdfs = Hdfs(Settings(webhdfs_url="http://127.0.0.1:9/webhdfs/v1"))
    with pytest.raises(
        HdfsError, match="HDFS does not answer at http://127.0.0.1:9/webhdfs/v1 .LISTSTATUS /x.: Connection"
    ):
        hdfs.list("/x")


def test_a_time_counts_its_milliseconds_and_folders_come_by_name(namenode: NameNode) -> None:
    entries = [{**FILE, "pathSuffix": name, "modificationTime": 1_500} for name in ("b", "a")]
    namenode.answer = {"FileStatuses": {"FileStatus": entries}}
    at = dt.datetime.fromtimestamp(1.5, dt.UTC)
    assert namenode.hdfs().list("/x") == [Status("a", False, 7, at), Status("b", False, 7, at)]


def test_a_namenode_that_begins_anew_is_said_in_a_whole_sentence(namenode: NameNode) -> None:
    namenode.answer = _page(["a"], remaining=1)
    hdfs = namenode.hdfs()
    with pytest.raises(HdfsError) as raised:
        hdfs.names_after("/t", "a")
    assert str(raised.value) == f"{hdfs._url} does not list /t after 'a', but from its beginning"
    namenode.answer = _page(["b"], remaining=0)
    assert hdfs.names_after("/t", "a") == ["b"]
    namenode.status, namenode.answer = 404, NOT_THERE
    assert hdfs.names_after("/t", "a") == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (SAFE_MODE, "HDFS refused GETFILESTATUS /x: SafeModeException: Cannot delete /x. Name node is in safe mode."),
        ({"RemoteException": {"message": "a" * 301}}, f"HDFS refused GETFILESTATUS /x: 403: {'a' * 300}"),
        ({}, "HDFS refused GETFILESTATUS /x: 403: "),
    ],
)
def test_a_refusal_is_one_whole_sentence(namenode: NameNode, answer: Any, words: str) -> None:
    namenode.status, namenode.answer = 403, answer
    with pytest.raises(HdfsError) as raised:
        namenode.hdfs().exists("/x")
    assert str(raised.value) == words


class Web:
    """In place of the NameNode's answers: one that is no JSON, or none; keeps how it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: int = 200, error: Exception | None = None) -> None:
        self.asked: list[Any] = []

        def request(method: str, url: str, **given: Any) -> requests.Response:
            self.asked.append((method, url, given))
            if error:
                raise error
            response = requests.Response()
            response.status_code, response._content = status, b"<html>"
            return response

        monkeypatch.setattr("lakehouse.clients.direct.request", request)


WHERE = Settings(webhdfs_url="http://namenode/webhdfs/v1/")


def test_deleting_may_take_longer_than_other_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    web, hdfs = Web(monkeypatch), Hdfs(WHERE)
    for ask in (hdfs.delete, hdfs.exists):
        with pytest.raises(HdfsError) as raised:
            ask("/a b")
    assert (
        str(raised.value) == "http://namenode/webhdfs/v1 does not speak WebHDFS (GETFILESTATUS /a b); see `make status`"
    )
    user = {"user.name": "lakehouse"}
    delete = {"op": "DELETE", **user, "recursive": "true"}
    assert web.asked == [
        ("delete", "http://namenode/webhdfs/v1/a%20b", {"params": delete, "timeout": 300.0, "stream": False}),
        (
            "get",
            "http://namenode/webhdfs/v1/a%20b",
            {"params": {"op": "GETFILESTATUS", **user}, "timeout": 30.0, "stream": False},
        ),
    ]


@pytest.mark.parametrize(
    ("status", "error", "name"), [(200, requests.ReadTimeout("late"), "ReadTimeout"), (500, None, "JSONDecodeError")]
)
def test_one_that_does_not_answer_is_one_whole_sentence(
    monkeypatch: pytest.MonkeyPatch, status: int, error: Exception | None, name: str
) -> None:
    Web(monkeypatch, status, error)
    with pytest.raises(HdfsError) as raised:
        Hdfs(WHERE).read("/x")
    words = f"HDFS does not answer at http://namenode/webhdfs/v1 (OPEN /x): {name}; see `make status`"
    assert str(raised.value) == words


def test_what_is_no_path_to_delete_is_said() -> None:
    with pytest.raises(ValueError) as raised:
        Hdfs(WHERE).delete("x")
    assert str(raised.value) == "'x' is nothing to delete: give the absolute path of a file or folder"


def test_a_disk_that_takes_no_more_is_said_with_the_file(namenode: NameNode, tmp_path: Path) -> None:
    namenode.answer = "x" * 5000
    local, (soft, hard) = tmp_path / "part", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            namenode.hdfs().read_into("/x", local)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.filename == str(local)


def test_a_file_is_written_where_the_namenode_says(namenode: NameNode, tmp_path: Path) -> None:
    local = tmp_path / "part"
    local.write_bytes(b"bytes")
    namenode.answer = {"Location": f"http://127.0.0.1:{namenode.server_address[1]}/datanode/x"}
    namenode.later_status = 201
    namenode.hdfs().write("/folder/part", local)
    (_, path, asked), (method, where, _) = namenode.asked
    assert (path, asked["op"], asked["overwrite"]) == ("/webhdfs/v1/folder/part", ["CREATE"], ["false"])
    assert (method, where, namenode.received) == ("PUT", "/datanode/x", b"bytes")


def test_a_file_that_the_datanode_does_not_take_is_named(namenode: NameNode, tmp_path: Path) -> None:
    local = tmp_path / "part"
    local.write_bytes(b"bytes")
    namenode.answer = {"Location": "http://127.0.0.1:9/x"}
    with pytest.raises(HdfsError, match="DataNode does not take /folder/part: ConnectionError"):
        namenode.hdfs().write("/folder/part", local)
    namenode.answer = {"Location": f"http://127.0.0.1:{namenode.server_address[1]}/x"}
    namenode.later_status = 403
    with pytest.raises(HdfsError, match="HDFS refused to write /folder/part: 403"):
        namenode.hdfs().write("/folder/part", local)


def test_a_move_makes_the_folders_above_and_is_refused_aloud(namenode: NameNode) -> None:
    namenode.answer = {"boolean": True}
    namenode.hdfs().move("/a/x", "/b/c/x")
    assert [(path, asked["op"]) for _, path, asked in namenode.asked] == [
        ("/webhdfs/v1/b/c", ["MKDIRS"]),
        ("/webhdfs/v1/a/x", ["RENAME"]),
    ]
    assert namenode.asked[1][2]["destination"] == ["/b/c/x"]
    namenode.answers = [{"boolean": True}, {"boolean": False}]
    with pytest.raises(HdfsError, match="refused to move /a/x to /b/c/x"):
        namenode.hdfs().move("/a/x", "/b/c/x")


def test_a_snapshot_is_made_listed_and_deleted(namenode: NameNode) -> None:
    hdfs = namenode.hdfs()
    namenode.answer = {"Path": "/a/.snapshot/s"}
    hdfs.allow_snapshots("/a")
    assert hdfs.make_snapshot("/a", "s") == "/a/.snapshot/s"
    namenode.answer = {"FileStatuses": {"FileStatus": [FOLDER]}}
    assert [each.name for each in hdfs.snapshots("/a")] == ["a=1"]
    hdfs.delete_snapshot("/a", "s")
    assert [(method, path, query["op"]) for method, path, query in namenode.asked] == [
        ("PUT", "/webhdfs/v1/a", ["ALLOWSNAPSHOT"]),
        ("PUT", "/webhdfs/v1/a", ["CREATESNAPSHOT"]),
        ("GET", "/webhdfs/v1/a/.snapshot", ["LISTSTATUS"]),
        ("DELETE", "/webhdfs/v1/a", ["DELETESNAPSHOT"]),
    ]


def test_of_a_folder_of_which_none_may_be_made_there_are_no_snapshots(namenode: NameNode) -> None:
    words = "Directory is not a snapshottable directory: /a"  # what Hadoop 3.5.0 throws
    namenode.status = 403
    namenode.answer = {"RemoteException": {"exception": "SnapshotException", "message": words}}
    assert namenode.hdfs().snapshots("/a") == ()
    with pytest.raises(HdfsError, match=words):
        namenode.hdfs().make_snapshot("/a", "s")
    namenode.answer = SAFE_MODE
    with pytest.raises(HdfsError, match="refused LISTSTATUS /a/.snapshot: SafeModeException"):
        namenode.hdfs().snapshots("/a")


def test_files_below_a_folder_are_found_with_their_paths(namenode: NameNode) -> None:
    namenode.answers = [{"FileStatuses": {"FileStatus": each}} for each in ([FOLDER, FILE], [FILE])]
    assert [path for path, _ in namenode.hdfs().below("/w")] == ["a=1/b", "b"]
    assert [path for _, path, _ in namenode.asked] == ["/webhdfs/v1/w", "/webhdfs/v1/w/a%3D1"]


def test_a_file_is_copied_with_its_checksum_and_gets_its_time(namenode: NameNode, tmp_path: Path) -> None:
    namenode.answer = "text"
    digest = namenode.hdfs().read_into("/a", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == '"text"'
    assert digest == hashlib.sha256(b'"text"').hexdigest()
    namenode.hdfs().set_changed_at("/a", dt.datetime.fromtimestamp(1_700_000_000.123, dt.UTC))
    assert namenode.asked[-1][2]["modificationtime"] == ["1700000000123"]
    namenode.status, namenode.answer = 404, NOT_THERE
    with pytest.raises(HdfsError, match="HDFS has no file /a"):
        namenode.hdfs().read_into("/a", tmp_path / "other")
