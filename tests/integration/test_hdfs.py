"""A folder that HDFS does not list in one answer, such as the log of a table after a day of micro-batches."""

from __future__ import annotations

import pytest
import requests

from lakehouse.hdfs import USER, Hdfs
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
