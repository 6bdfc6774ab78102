"""`lakehouse quality export`: which entries' results become Data Docs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.operations.conftest import lakehouse


def test_data_docs_are_made_of_the_entries_that_are_named_or_of_the_last_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[list[str]] = []

    def run(program: list[str], **_: Any) -> Any:
        ran.append(program[4:])
        return subprocess.CompletedProcess(program, 3)

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("operations.quality.query", lambda settings, sql: [{"entry_id": 9}, {"entry_id": 8}])
    folder = tmp_path / "docs"
    assert lakehouse("quality", "export", str(folder), "--entry", "7").exit_code == 3
    assert lakehouse("quality", "export", str(folder), "--last", "2").exit_code == 3
    module = "expectations.data_docs"
    assert ran == [
        [module, str(folder), "--entry", "7"],
        [module, str(folder), "--entry", "9", "--entry", "8"],
    ]
    monkeypatch.setattr("operations.quality.query", lambda settings, sql: [])
    assert lakehouse("quality", "export", str(folder)).output == "no results of checks are recorded yet\n"
