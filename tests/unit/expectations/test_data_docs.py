"""Data Docs that are exported: Great Expectations' own words, and nothing from elsewhere."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from expectations.data_docs import export, main, offline, planned_today
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore")  # what Great Expectations warns of while it is imported is theirs
NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)


def row(name: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "description": "what it asks <b>for</b>", "severity": "warning", "outcome": outcome,
        "observed": "3 rows fail", "rows_checked": 10, "rows_failing": 3, "audited_at": NOW, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "new"
    settings = Settings()
    rows = [
        row("purchase_sword.direction:enum", "failed"),
        row("quantity_possible", "passed", rows_failing=0),
        row("event_type_mix", "failed"),
        row("message_volume", "skipped"),
        row("a_rule_that_is_gone", "failed"),
    ]
    assert export(folder, {7: rows, 8: []}, planned_today(load_contracts(settings.contracts), settings)) == 2
    return folder


def test_a_page_says_in_great_expectations_words_what_was_checked_and_found(exported: Path) -> None:
    text = (exported / "entry-000007.html").read_text()
    assert "increase" in text and "reduce" in text and "must belong to this set" in text
    assert "30%" in text and "quantity_possible" in text
    assert "<b>for</b>" not in text
    assert "a_rule_that_is_gone" not in text and "message_volume" not in text


def test_the_index_leads_to_each_page(exported: Path) -> None:
    index = (exported / "index.html").read_text()
    assert '<a href="entry-000007.html">entry 7</a>: 3 results, 2 not passed' in index
    assert "entry-000008.html" in index


def test_nothing_is_loaded_from_elsewhere(exported: Path) -> None:
    for file in exported.iterdir():
        text = file.read_text()
        assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", text) == [] and "<script" not in text
        assert "@import" not in text and "url(" not in text


def test_what_a_page_would_load_is_taken_out() -> None:
    page = (
        '<head><link rel="x" href="https://a/b.css"><script src="//a"></script></head><img src="https://a/b.png">text'
    )
    assert re.sub(r"<style>.*</style>", "", offline(page), flags=re.DOTALL) == "<head></head>text"


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("expectations.data_docs.query", lambda *_: [])
    assert main([f"{tmp_path}/file/docs", "--entry", "1"]) == 1
    assert capsys.readouterr().err == f"Error: {tmp_path}/file/docs: Not a directory\n"
