"""Upgrade and the rebuild of the metastore: what they do in which order, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse.catalog.stored_version import NewerStateError, refuse_newer
from lakehouse.clients.hdfs import Hdfs
from lakehouse.settings import Settings
from lakehouse.version import VERSION
from stack import bootstrap
from stack.environment import local_settings
from stack.errors import StackError
from stack.restoring import HDFS, restoring
from stack.state import metastore, upgrade


class Stack:
    """A stack whose servers do nothing: keeps what is started and said."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = local_settings(Settings(state=folder / "state"))
        self.did: list[Any] = []
        self.said: list[str] = []
        self.stored: str | None = None
        self.tables = True
        (self.settings.state / "hdfs").mkdir(parents=True)

        def start(settings: Settings, say: Any, names: Any = None) -> set[str]:
            self.did.append(set(names))
            return set()

        def make_tables(settings: Settings, environment: Any, *arguments: str) -> list[str]:
            self.did.append(("tables", *arguments))
            return ["added ops.ledger.checks"]

        for module in (metastore, upgrade):
            monkeypatch.setattr(module, "start", start)
        monkeypatch.setattr(bootstrap, "make_tables", make_tables)
        monkeypatch.setattr(upgrade, "job_environment", lambda settings: {})
        monkeypatch.setattr(upgrade, "stored_version", lambda settings: self.stored)
        monkeypatch.setattr(Hdfs, "exists", lambda hdfs, path: self.tables)

    def upgrade(self) -> None:
        upgrade.upgrade(self.settings, self.said.append)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    return Stack(tmp_path, monkeypatch)


def test_an_upgrade_says_from_what_to_what_and_each_change(stack: Stack) -> None:
    stack.upgrade()
    assert stack.did == [
        set(HDFS), set(upgrade.NEEDED), ("tables", "--list-erasures"), set(upgrade.AFTER)
    ]  # fmt: skip
    assert stack.said == [
        f"from a version that noted none to {VERSION}",
        "tables: added ops.ledger.checks",
        "views: made as this version defines them",
        "Airflow's database: there is none yet",
        f"Upgraded to {VERSION}. `make up` starts the rest.",
    ]
    stack.stored = VERSION
    stack.upgrade()
    assert f"from {VERSION} to {VERSION}: it is there already, all is looked at again" in stack.said


def test_state_of_newer_code_is_left_alone(stack: Stack) -> None:
    stack.stored = "1000.0.0"
    with pytest.raises(StackError, match=f"Nothing was changed: .*version 1000.0.0, and this is {VERSION}"):
        stack.upgrade()
    assert stack.did == [set(HDFS)]


@pytest.mark.parametrize("version", [None, "0.0.9", VERSION])
def test_state_of_this_version_or_an_older_one_is_taken(version: str | None) -> None:
    refuse_newer(version)


@pytest.mark.parametrize("version", ["0.10.0", "1.0", "next"])
def test_a_newer_version_is_known_by_its_numbers(version: str) -> None:
    with pytest.raises(NewerStateError):
        refuse_newer(version)


@pytest.mark.parametrize("act", [upgrade.upgrade, metastore.rebuild])
def test_an_absent_stack_and_a_half_restored_one_are_refused(stack: Stack, act: Any) -> None:
    marker = restoring(stack.settings.state)
    marker.parent.mkdir()
    marker.touch()
    with pytest.raises(StackError, match="A restore into .* did not end"):
        act(stack.settings, stack.said.append)
    marker.unlink()
    (stack.settings.state / "hdfs").rmdir()
    with pytest.raises(StackError, match="holds no stack"):
        act(stack.settings, stack.said.append)
    assert stack.did == []


def test_a_warehouse_without_tables_is_nothing_to_upgrade(stack: Stack) -> None:
    stack.tables = False
    with pytest.raises(StackError, match="has no tables"):
        stack.upgrade()


def test_the_metastores_old_database_is_kept_until_the_new_one_is_whole(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, before = stack.settings.state / "metastore", stack.settings.state / metastore.BEFORE
    (there / "db").mkdir(parents=True)

    def fails(*_: Any) -> None:
        (there / "half").mkdir(parents=True)
        raise StackError("tables: no space")

    with monkeypatch.context() as patch:
        patch.setattr(metastore, "start", fails)
        with pytest.raises(StackError, match="no space"):
            metastore.rebuild(stack.settings, stack.said.append)
    assert (before / "db").exists()
    metastore.rebuild(stack.settings, stack.said.append)
    assert stack.did == [set(metastore.NEEDED)]
    assert not before.exists() and not there.exists()  # the started metastore makes its own


def test_a_metastore_in_postgresql_is_left_alone(stack: Stack) -> None:
    settings = stack.settings.model_copy(update={"database": "postgres:5432"})
    with pytest.raises(StackError, match="PostgreSQL"):
        metastore.rebuild(settings, stack.said.append)
