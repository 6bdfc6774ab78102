"""Finding the files that a commit of an entry added, at the end of a table's log."""

from __future__ import annotations

import json

import pytest

from jobs.ledger.committed import LOOK_BACK, Added, CommitUnclear, added, added_by
from lakehouse.clients.hdfs import Hdfs


def commit(app: str, version: int, *paths: str, day: str = "2026-11-22") -> str:
    actions: list[dict[str, object]] = [
        {"commitInfo": {"operation": "WRITE"}},
        {"txn": {"appId": app, "version": version}},
    ]
    actions += [{"add": {"path": path, "partitionValues": {"event_date": day}, "dataChange": True}} for path in paths]
    return "\n".join(map(json.dumps, actions))


class Log(Hdfs):
    """The log of one table: names and texts."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.reads: list[str] = []
        self.listed: list[str] = []

    def names_after(self, path: str, name: str) -> list[str]:
        self.listed.append(name)
        return sorted(each for each in self.files if each > name)

    def read(self, path: str) -> str | None:
        self.reads.append(path)
        return self.files.get(path.removeprefix("/t/_delta_log/"))


def json_name(version: int) -> str:
    return f"{version:020d}.json"


def test_the_files_of_the_commit_with_this_transaction_id_are_found() -> None:
    assert added_by(commit("publish", 7, "event_date=2026-11-22/a%20b.parquet").splitlines(), "publish", 7) == [
        Added("event_date=2026-11-22/a b.parquet", "2026-11-22")
    ]


def test_another_app_or_version_is_not_taken_for_it() -> None:
    lines = commit("publish", 7, "x").splitlines()
    assert added_by(lines, "publish", 8) is None
    assert added_by(lines, "raw", 7) is None


def test_a_commit_that_added_no_file_holds_no_row() -> None:
    assert added_by(commit("publish", 7).splitlines(), "publish", 7) == []


def found_in(log: Log, version: int) -> list[Added]:
    return added(log, "/t", "publish", version)


def log_of(count: int, **others: str) -> Log:
    return Log({json_name(n): commit("publish", n, f"{n}.parquet") for n in range(count)} | others)


@pytest.mark.parametrize("version", [99, 99 - LOOK_BACK + 1])
def test_the_commit_is_found_among_the_last_ones(version: int) -> None:
    log = log_of(100, **{f"{99:020d}.crc": "{}", "_last_checkpoint": '{"version": 98}'})
    assert found_in(log, version) == [Added(f"{version}.parquet", "2026-11-22")]
    assert log.listed == [f"{98 - LOOK_BACK:020d}"]
    assert len(log.reads) == 1 + LOOK_BACK


def test_the_first_commit_of_a_table_is_found() -> None:
    assert found_in(log_of(1), 0) == [Added("0.parquet", "2026-11-22")]


def test_a_commit_that_lies_too_far_back_is_not_told() -> None:
    with pytest.raises(CommitUnclear, match="0 of the last 8 commits of /t are publish 5"):
        found_in(log_of(100), 5)


def test_two_commits_with_one_transaction_id_are_not_taken_for_one() -> None:
    with pytest.raises(CommitUnclear, match="2 of the last"):
        found_in(log_of(3, **{json_name(3): commit("publish", 2, "again.parquet")}), 2)


def test_a_table_without_log_tells_nothing() -> None:
    with pytest.raises(CommitUnclear):
        found_in(Log({}), 1)
