"""Finding the files that a commit of an entry added, at the end of a table's log."""

from __future__ import annotations

import json

from jobs import committed
from jobs.committed import Added, added, added_by


def commit(app: str, version: int, *paths: str, day: str = "2026-11-22") -> str:
    actions: list[dict] = [{"commitInfo": {"operation": "WRITE"}}, {"txn": {"appId": app, "version": version}}]
    actions += [{"add": {"path": path, "partitionValues": {"event_date": day}, "dataChange": True}} for path in paths]
    return "\n".join(map(json.dumps, actions))


class Log:
    """A table's log as `Hdfs` serves it: names and texts."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.reads: list[str] = []

    def names_after(self, path: str, name: str) -> list[str]:
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


def test_newer_commits_are_looked_at_first_and_no_more_than_needed() -> None:
    files = {json_name(n): commit("publish", n, f"{n}.parquet") for n in range(30)}
    log = Log({**files, "00000000000000000010.checkpoint.parquet": "", f"{29:020d}.crc": "{}"})
    assert added(log, "/t", "publish", 28) == [Added("28.parquet", "2026-11-22")]  # type: ignore[arg-type]
    assert log.reads == [
        "/t/_delta_log/_last_checkpoint",
        f"/t/_delta_log/{json_name(29)}",
        f"/t/_delta_log/{json_name(28)}",
    ]


def test_the_log_is_listed_from_some_commits_before_its_checkpoint() -> None:
    files = {json_name(n): commit("publish", n, f"{n}.parquet") for n in range(200)}
    log = Log({**files, "_last_checkpoint": '{"version": 150}'})
    assert added(log, "/t", "publish", 199)  # type: ignore[arg-type]
    assert log.names_after("", f"{150 - committed.LOOK_BACK:020d}")[0] == json_name(130)


def test_a_commit_that_lies_too_far_back_is_not_looked_for() -> None:
    log = Log({json_name(n): commit("publish", n, "x") for n in range(100)})
    assert added(log, "/t", "publish", 5) is None  # type: ignore[arg-type]
    assert len(log.reads) == 1 + committed.LOOK_BACK


def test_a_table_without_log_has_no_such_commit() -> None:
    assert added(Log({}), "/t", "publish", 1) is None  # type: ignore[arg-type]
