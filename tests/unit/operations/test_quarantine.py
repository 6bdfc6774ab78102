"""A selection of open rows, as a question to Trino and as a form."""

from __future__ import annotations

import datetime as dt

from lakehouse.ledger.selection import Selection

IN_BERLIN = dt.timezone(dt.timedelta(hours=1))


def test_an_empty_selection_takes_all() -> None:
    assert Selection().condition() == ("true", [])
    assert Selection().as_conf() == {}


def test_a_reason_with_a_star_is_a_beginning_and_its_signs_are_no_patterns() -> None:
    assert Selection(reason="audit:*").condition() == ("starts_with(reason_code, ?)", ["audit:"])
    assert Selection(reason="rule:a_b%").condition() == ("reason_code = ?", ["rule:a_b%"])


def test_times_are_compared_in_utc_and_bound_the_partitions_that_are_read() -> None:
    sql, values = Selection(
        since=dt.datetime(2026, 3, 5, 0, 30, tzinfo=IN_BERLIN), until=dt.datetime(2026, 3, 6, tzinfo=dt.UTC)
    ).condition()
    assert sql == (
        "kafka_timestamp >= from_iso8601_timestamp(?) and event_date >= date(?) "
        "and kafka_timestamp < from_iso8601_timestamp(?) and event_date <= date(?)"
    )
    assert values == ["2026-03-04T23:30:00Z", "2026-03-04", "2026-03-06T00:00:00Z", "2026-03-06"]


def test_the_form_gets_what_was_selected_and_no_empty_field() -> None:
    selection = Selection(event_type="message", batch_id=7, since=dt.datetime(2026, 3, 5, 0, 30, tzinfo=IN_BERLIN))
    assert selection.as_conf() == {"event_type": "message", "batch_id": 7, "since": "2026-03-04T23:30:00Z"}
    assert len(selection.condition()[1]) == selection.condition()[0].count("?") == 4
