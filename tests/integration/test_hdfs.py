"""HDFS, by our client and by the NameNode's page: folders longer than one answer, and who may change what."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from lakehouse.clients.hdfs import USER, Hdfs, HdfsError
from tests.real import Real

pytestmark = pytest.mark.timeout(600)
IN_ONE_ANSWER = 1_000  # dfs.ls.limit


def test_a_long_folder_is_listed_from_a_name_on_to_its_end(stack: Real) -> None:
    folder = "/lakehouse_test_long_folder"
    names = [f"{number:020d}.json" for number in range(2 * IN_ONE_ANSWER)] + ["_last_checkpoint", "_staged_commits"]
    hdfs = Hdfs(stack.settings)
    with requests.Session() as session:
        session.trust_env = False
        for name in names:
            made = session.put(
                f"{stack.settings.webhdfs_url.rstrip('/')}{folder}/{name}",
                params={"op": "MKDIRS", "user.name": USER},
                timeout=30,
            )
            assert made.json() == {"boolean": True}
    try:
        assert hdfs.names_after(folder, f"{1_990:020d}") == names[1_990:]
        assert hdfs.names_after(folder, names[5]) == names[6:]
        assert hdfs.names_after(folder, names[-1]) == []
        assert [each.name for each in hdfs.list(folder)] == names
    finally:
        hdfs.delete(folder)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("DELETE", "/ops/ledger", {"op": "DELETE", "recursive": "true"}),
        ("PUT", "/ops/ledger", {"op": "RENAME", "destination": "/lakehouse/ops/other"}),
        ("PUT", "/ops/ledger/new", {"op": "MKDIRS"}),
        ("PUT", "/ops/ledger/new", {"op": "CREATE"}),
        ("PUT", "/ops/ledger", {"op": "SETPERMISSION", "permission": "777"}),
    ],
)
def test_the_buttons_of_the_namenodes_page_change_nothing(
    stack: Real, method: str, path: str, operation: dict[str, str]
) -> None:
    url = f"{stack.settings.webhdfs_url}{stack.settings.warehouse}{path}"
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, params=operation, timeout=30, allow_redirects=False)
        if answer.status_code == 307:  # a new file is written by the DataNode
            answer = session.put(answer.headers["location"], data=b"x", timeout=30)
    assert (answer.status_code, answer.json()["RemoteException"]["exception"]) == (403, "AccessControlException")
    assert Hdfs(stack.settings).exists(f"{stack.settings.warehouse}/ops/ledger")


def test_a_file_is_written_moved_and_not_written_twice(stack: Real, tmp_path: Path) -> None:
    local = tmp_path / "part"
    local.write_bytes(bytes(range(256)) * 10_000)
    hdfs = Hdfs(stack.settings)
    folder = f"{stack.settings.warehouse}/_behaviour/files"
    try:
        hdfs.write(f"{folder}/a/part", local)
        with pytest.raises(HdfsError, match="refused"):
            hdfs.write(f"{folder}/a/part", local)
        hdfs.move(f"{folder}/a/part", f"{folder}/b/part")
        with pytest.raises(HdfsError, match="refused to move"):
            hdfs.move(f"{folder}/a/part", f"{folder}/c/part")
        assert [(each.name, each.size) for each in hdfs.list(f"{folder}/b")] == [("part", 2_560_000)]
        assert hdfs.list(f"{folder}/a") == []
    finally:
        hdfs.delete(folder)
