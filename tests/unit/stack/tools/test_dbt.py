"""What dbt is told, and what is said if it cannot be started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from operations.cli import main
from stack.tools import dbt


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What this process would have become."""
    calls: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    monkeypatch.setattr(dbt, "DBT", tmp_path / "dbt")
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path / "state"))
    dbt.DBT.touch()
    return calls


def test_without_arguments_all_is_built_and_tested_on_this_stack(
    became: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_PORT_OFFSET", "1000")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    CliRunner().invoke(main, ["dbt"])
    ((program, arguments, variables),) = became
    assert (program, arguments) == (dbt.DBT, [str(dbt.DBT), "build"])
    names = ("SCHEME", "HOST", "PORT")
    assert [variables[f"LAKEHOUSE_TRINO_{name}"] for name in names] == ["http", "127.0.0.1", "9080"]
    assert "PYTHONPATH" not in variables


def test_arguments_are_dbts_own(became: list[Any]) -> None:
    CliRunner().invoke(main, ["dbt", "show", "--select", "top_items"])
    ((_, arguments, _),) = became
    assert arguments[1:] == ["show", "--select", "top_items"]


def test_a_trino_elsewhere_is_asked_as_its_address_says(became: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_TRINO_URL", "https://trino.example")
    CliRunner().invoke(main, ["dbt"])
    ((_, _, variables),) = became
    names = ("SCHEME", "HOST", "PORT")
    assert [variables[f"LAKEHOUSE_TRINO_{name}"] for name in names] == ["https", "trino.example", "443"]


def test_what_dbt_writes_goes_into_the_state_folder(became: list[Any], tmp_path: Path) -> None:
    CliRunner().invoke(main, ["dbt"])
    ((_, _, variables),) = became
    for name in ("HOME", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
        assert Path(variables[name]).is_relative_to(tmp_path / "state" / "dbt"), name


def test_dbt_tells_nobody_how_it_is_used(became: list[Any]) -> None:
    CliRunner().invoke(main, ["dbt"])
    ((_, _, variables),) = became
    assert variables["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    project = yaml.safe_load((dbt.PROJECT / "dbt_project.yml").read_text())
    assert project["flags"]["send_anonymous_usage_stats"] is False


def test_without_its_environment_it_says_what_to_do(became: list[Any]) -> None:
    dbt.DBT.unlink()
    result = CliRunner().invoke(main, ["dbt"])
    assert (result.exit_code, result.output, became) == (
        1,
        "Error: the environment of dbt is not there: run `make dbt` once\n",
        [],
    )
