"""The pages: nothing in them but what we wrote, everything else escaped, and safe to write at once."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from expectations import pages

EVIL = "<script>alert('x')</script>\"&"


def audit(name: str = "ingest-000001", **changes: Any) -> dict[str, Any]:
    check = {
        "name": "some_rule",
        "description": "What it is.",
        "severity": "critical",
        "scope": "good",
        "outcome": "failed",
        "observed": "1 row fails",
        "expectations": [],
        "sample": [{"player": "Player 1", "offset": None}],
    }
    return {
        "name": name,
        "verdict": "failed",
        "time": "2026-01-02T03:04:05+00:00",
        "failed_critical": ["some_rule"],
        "refused": [],
        "note": "",
        "checks": [{**check, **changes}],
    }


def test_an_audit_is_a_page_its_results_and_a_line_of_the_index(tmp_path: Path) -> None:
    assert pages.write(tmp_path, audit()) == "ingest-000001.html"
    assert json.loads((tmp_path / "ingest-000001.json").read_text()) == audit()
    for page in ("ingest-000001.html", "index.html"):
        assert "some_rule" in (tmp_path / page).read_text()


def test_values_are_escaped_wherever_they_stand(tmp_path: Path) -> None:
    evil = audit(observed=EVIL, description=EVIL, sample=[{"player": EVIL, EVIL: EVIL}])
    pages.write(tmp_path, {**evil, "failed_critical": [EVIL], "time": EVIL})
    for page in ("ingest-000001.html", "index.html"):
        text = (tmp_path / page).read_text()
        assert "<script" not in text and "&lt;script&gt;" in text


def test_pages_load_nothing_from_anywhere(tmp_path: Path) -> None:
    pages.write(tmp_path, audit())
    for page in ("ingest-000001.html", "index.html"):
        text = (tmp_path / page).read_text()
        assert not re.search(r"(src|@import|url\(|//[a-z])", text)
        assert set(re.findall(r'href="([^"]*)"', text)) <= {"index.html", "ingest-000001.html", "ingest-000001.json"}


def test_the_index_lists_the_last_audits_first_and_no_more_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "INDEX_ROWS", 3)
    for number in range(5):
        pages.write(tmp_path, audit(f"ingest-{number:06d}"))
        os.utime(tmp_path / f"ingest-{number:06d}.json", (number, number))
    (tmp_path / "index.html").write_text(pages.index(pages.latest(tmp_path)))
    listed = re.findall(r">(ingest-\d+)</a>", (tmp_path / "index.html").read_text())
    assert listed == ["ingest-000004", "ingest-000003", "ingest-000002"]


def test_an_audit_that_is_run_again_replaces_its_page(tmp_path: Path) -> None:
    pages.write(tmp_path, audit(observed="before"))
    pages.write(tmp_path, audit(observed="after"))
    text = (tmp_path / "ingest-000001.html").read_text()
    assert "after" in text and "before" not in text
    assert (tmp_path / "index.html").read_text().count("ingest-000001.html") == 1


def test_writers_at_the_same_time_leave_an_index_of_all_and_no_leftovers(tmp_path: Path) -> None:
    names = [f"ingest-{number:06d}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: pages.write(tmp_path, audit(name)), names))
    index = (tmp_path / "index.html").read_text()
    assert all(f"{name}.html" in index for name in names)
    assert not list(tmp_path.glob(".*.new"))


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "index", "a b"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a page"):
        pages.write(tmp_path, audit(name))


def test_old_audits_are_deleted_but_for_the_last_ones(tmp_path: Path) -> None:
    for number in range(6):
        pages.write(tmp_path, audit(f"ingest-{number:06d}"))
        age = number * 86_400
        os.utime(tmp_path / f"ingest-{number:06d}.json", (age, age))
    third_day = dt.datetime.fromtimestamp(3 * 86_400, dt.UTC)
    assert pages.prune(tmp_path, third_day, keep=5) == 1
    assert pages.prune(tmp_path, third_day, keep=1) == 2
    assert pages.prune(tmp_path, third_day, keep=1) == 0
    left = [f"ingest-{number:06d}" for number in (3, 4, 5)]
    assert sorted(file.stem for file in tmp_path.glob("ingest-*.json")) == left
    assert sorted(file.stem for file in tmp_path.glob("ingest-*.html")) == left
    listed = re.findall(r">(ingest-\d+)</a>", (tmp_path / "index.html").read_text())
    assert listed == left[::-1]
    assert pages.prune(tmp_path / "nowhere", third_day) == 0


def test_results_that_are_older_than_outcomes_are_shown_with_them(tmp_path: Path) -> None:
    old = audit()
    del old["refused"], old["note"]
    (check,) = old["checks"]
    del check["outcome"]
    others = [("ran", True, "no row fails"), ("skipped", True, "not checked: no event of the rule's types")]
    old["checks"] = [{**check, "success": False}] + [
        {**check, "name": name, "success": success, "observed": observed} for name, success, observed in others
    ]
    text = pages.page(old)
    assert [
        re.search(rf">{name}</code>.*?<td class=\"(\w+)\">", text, re.S)[1] for name in ("some_rule", "ran", "skipped")
    ] == [
        "failed",
        "passed",
        "skipped",
    ]
    assert "some_rule" in pages.index([old])


def test_refused_rows_warn_in_the_page_and_in_the_index(tmp_path: Path) -> None:
    refused = {**audit(outcome="refused"), "verdict": "passed", "failed_critical": [], "refused": ["some_rule"]}
    for text in (pages.page(refused), pages.index([refused])):
        assert re.search(r'class="warned">[^<]*some_rule', text)
    assert "audit:&lt;rule&gt;" in pages.page(refused)


def test_a_waived_audit_is_not_shown_as_failed(tmp_path: Path) -> None:
    waived = {**audit(outcome="waived"), "verdict": "waived"}
    assert "accepted by a waiver" in pages.page(waived) and ">failed<" not in pages.page(waived)
    assert ">failed<" not in pages.index([waived])
