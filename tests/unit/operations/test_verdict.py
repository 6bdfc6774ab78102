"""What counts against a run, and the words of its verdict."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse.settings import Settings
from operations import verdict
from operations.verdict import ABANDONED, Audited, complaint, verdicts, warning

URL = "http://airflow/quality/"


def entry(entry_id: int, kind: str = "replay", **told: Any) -> dict[str, Any]:
    """One entry as the query tells it, planned by the run."""
    nothing = dict.fromkeys(("why", "verdict", "failed_checks", "page"))
    return {
        "entry_id": entry_id,
        "kind": kind,
        "planned_here": True,
        "done": False,
        "abandoned": False,
        **nothing,
        **told,
    }


def test_audits_that_passed_give_no_complaint() -> None:
    assert complaint([Audited("entry 1 (ingest)", "passed", (), "1.html")], URL, "Do.") is None
    assert complaint([Audited("entry 2 (replay)", "waived", ("a",), "2.html")], URL, "Do.") is None
    assert complaint([], URL, "Do.") is None


def test_each_failed_audit_is_named_with_checks_and_page_and_once_what_to_do() -> None:
    words = complaint(
        [
            Audited("entry 1 (ingest)", "failed", ("a", "b"), "1.html"),
            Audited("entry 2 (ingest)", "passed", (), "2.html"),
            Audited("entry 3 (ingest)", "failed", ("c",), "3.html"),
        ],
        URL,
        "Do.",
    )
    assert words is not None
    assert words.splitlines() == [
        "entry 1 (ingest) failed its audit: a, b. See http://airflow/quality/1.html",
        "entry 3 (ingest) failed its audit: c. See http://airflow/quality/3.html",
        "Do.",
    ]


def test_rows_that_were_refused_alone_warn_and_complain_of_nothing() -> None:
    found = verdicts([entry(8, "ingest", done=True, verdict="passed", page="8.html", refused=[("odd", 2), ("red", 1)])])
    assert complaint(found, URL, "Do.") is None
    assert warning(found, URL) == (
        "entry 8 (ingest) is published but for single rows, which are in quarantine as audit:odd (2 rows), "
        "audit:red (1 rows). See http://airflow/quality/8.html"
    )
    assert warning([Audited("entry 1 (ingest)", "passed", (), "1.html")], URL) is None


def test_an_abandoned_entry_is_a_complaint_that_says_why() -> None:
    found = verdicts([entry(8, "rebuild", abandoned=True, why="its audit failed", page="8.html")])
    words = complaint(found, URL, "Do.")
    assert words == "entry 8 (rebuild) was abandoned: its audit failed.\nDo."


def test_an_abandoned_entry_that_a_retry_of_the_same_run_made_good_is_none() -> None:
    crashed = entry(8, abandoned=True, why="too old")
    assert verdicts([crashed, entry(9, done=True, verdict="passed")]) == [Audited("entry 9 (replay)", "passed", (), "")]
    other_kind = entry(9, "rebuild", done=True, verdict="passed")
    assert [each.verdict for each in verdicts([crashed, other_kind])] == [ABANDONED, "passed"]
    before = entry(7, done=True, verdict="passed")
    assert [each.verdict for each in verdicts([before, crashed])] == ["passed", ABANDONED]


def test_who_clears_another_runs_entry_away_is_not_blamed_for_it() -> None:
    assert verdicts([entry(8, abandoned=True, why="too old", planned_here=False)]) == []


def test_an_audit_that_failed_counts_for_every_run_that_worked_on_the_entry() -> None:
    (found,) = verdicts([entry(8, "ingest", verdict="failed", failed_checks=["a"], planned_here=False, page="8.html")])
    assert found.red and found.failed == ("a",)


def test_an_entry_that_is_not_decided_says_nothing() -> None:
    assert verdicts([entry(8)]) == []


def test_an_entry_without_page_checks_and_reason_is_told_in_empty_words() -> None:
    assert verdicts([entry(8, verdict="passed")]) == [Audited("entry 8 (replay)", "passed", (), "", "", ())]
    (found,) = verdicts([entry(8, abandoned=True)])
    assert found == Audited("entry 8 (replay)", ABANDONED, (), "", "", ())
    assert complaint([found], URL, "Do.") == "entry 8 (replay) was abandoned: no reason is recorded.\nDo."


def test_an_abandoned_entry_keeps_its_checks_and_page() -> None:
    told = entry(8, abandoned=True, why="held", failed_checks=["a"], page="8.html")
    assert verdicts([told]) == [Audited("entry 8 (replay)", ABANDONED, ("a",), "8.html", "held", ())]


def test_what_stood_in_an_events_words_cannot_paint_the_terminal() -> None:
    found = Audited("entry 8 (replay)", ABANDONED, (), "", "a\x1b[31mred")
    assert complaint([found], URL, "Do.") == "entry 8 (replay) was abandoned: a\\x1b[31mred.\nDo."


def test_a_failed_audit_without_checks_says_so() -> None:
    words = complaint([Audited("entry 8 (ingest)", "failed", (), "8.html")], URL, "Do.")
    assert words == "entry 8 (ingest) failed its audit: no check is named. See http://airflow/quality/8.html\nDo."


def test_an_entry_that_another_run_finished_does_not_make_this_ones_good() -> None:
    crashed = entry(8, abandoned=True, why="too old")
    theirs = entry(9, done=True, verdict="passed", planned_here=False)
    assert [each.verdict for each in verdicts([crashed, theirs])] == [ABANDONED, "passed"]
    not_yet = entry(9, verdict="passed")
    assert [each.verdict for each in verdicts([crashed, not_yet])] == [ABANDONED, "passed"]


def test_each_run_of_single_refused_rows_warns_on_a_line_of_its_own() -> None:
    refused = [Audited(f"entry {n} (ingest)", "passed", (), f"{n}.html", refused=(("odd", n),)) for n in (1, 2)]
    assert warning([refused[0], Audited("entry 9 (ingest)", "passed", (), ""), refused[1]], URL) == (
        "entry 1 (ingest) is published but for single rows, which are in quarantine as audit:odd (1 rows). "
        "See http://airflow/quality/1.html\n"
        "entry 2 (ingest) is published but for single rows, which are in quarantine as audit:odd (2 rows). "
        "See http://airflow/quality/2.html"
    )


def test_entries_then_days_of_a_run_are_asked_for_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def query(settings: Settings, sql: str, parameters: list[str]) -> list[dict[str, Any]]:
        asked.append(parameters)
        if "ops.audits" not in sql:
            return [entry(8, "ingest", verdict="passed", page="8.html")]
        nothing = {"day": "2026-03-05", "verdict": None, "failed": None, "page": None}
        return [{"day": "2026-03-04", "verdict": "failed", "failed": ["a"], "page": "d.html"}, nothing]

    monkeypatch.setattr(verdict, "query", query)
    assert verdict.entries_and_days_of(Settings(), "run 1") == [
        Audited("entry 8 (ingest)", "passed", (), "8.html"),
        Audited("day 2026-03-04", "failed", ("a",), "d.html"),
        Audited("day 2026-03-05", "", (), ""),
    ]
    assert asked == [["run 1", "run 1"], ["run 1"]]


def test_one_without_refused_rows_has_no_warning() -> None:
    assert Audited("entry 1 (ingest)", "passed", (), "1.html").warning(URL) == ""
    assert warning([], URL) is None
