"""The words of a verdict."""

from __future__ import annotations

from lakehouse.verdict import Audited, complaint

URL = "http://airflow/quality/"


def test_audits_that_passed_give_no_complaint() -> None:
    assert complaint([Audited("entry 1 (ingest)", "passed", (), "1.html")], URL, "Do.") is None
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
