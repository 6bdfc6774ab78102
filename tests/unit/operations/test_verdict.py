"""What counts against a run, and the words of its verdict."""

from __future__ import annotations

from typing import Any

from operations.verdict import ABANDONED, Audited, complaint, judged, warning

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
    found = judged([entry(8, "ingest", done=True, verdict="passed", page="8.html", refused=[("odd", 2), ("red", 1)])])
    assert complaint(found, URL, "Do.") is None
    assert warning(found, URL) == (
        "entry 8 (ingest) is published but for single rows, which are in quarantine as audit:odd (2 rows), "
        "audit:red (1 rows). See http://airflow/quality/8.html"
    )
    assert warning([Audited("entry 1 (ingest)", "passed", (), "1.html")], URL) is None


def test_an_abandoned_entry_is_a_complaint_that_says_why() -> None:
    found = judged([entry(8, "rebuild", abandoned=True, why="its audit failed", page="8.html")])
    words = complaint(found, URL, "Do.")
    assert words == "entry 8 (rebuild) was abandoned: its audit failed.\nDo."


def test_an_abandoned_entry_that_a_retry_of_the_same_run_made_good_is_none() -> None:
    crashed = entry(8, abandoned=True, why="too old")
    assert judged([crashed, entry(9, done=True, verdict="passed")]) == [Audited("entry 9 (replay)", "passed", (), "")]
    other_kind = entry(9, "rebuild", done=True, verdict="passed")
    assert [each.verdict for each in judged([crashed, other_kind])] == [ABANDONED, "passed"]
    before = entry(7, done=True, verdict="passed")
    assert [each.verdict for each in judged([before, crashed])] == ["passed", ABANDONED]


def test_who_clears_another_runs_entry_away_is_not_blamed_for_it() -> None:
    assert judged([entry(8, abandoned=True, why="too old", planned_here=False)]) == []


def test_an_audit_that_failed_counts_for_every_run_that_worked_on_the_entry() -> None:
    (found,) = judged([entry(8, "ingest", verdict="failed", failed_checks=["a"], planned_here=False, page="8.html")])
    assert found.red and found.failed == ("a",)


def test_an_entry_that_is_not_decided_says_nothing() -> None:
    assert judged([entry(8)]) == []
