"""Which rows of ops.quarantine a request selects, whatever its texts hold, and what is recorded of them."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from jobs.staging import files
from jobs.staging.open_quarantine import condition_of
from lakehouse.catalog import tables
from lakehouse.ledger.entries import Request
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Kind

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
HOSTILE = "costs ${env:HOME} \\ ' \" ` ${spark.app.name} \\u0041 -- ; /* [red] 🐴"
ROWS = [
    (1, "not_json", None, 1, NOON),
    (2, "audit:a", "message", 1, NOON + HOUR),
    (3, "audit:b", "message", 2, NOON + 2 * HOUR),
    (4, HOSTILE, HOSTILE, 2, NOON),
    (9, "not_json", None, 9, NOON),
]


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), [1, 2, 3, 4]),
        (Selection(reason="not_json"), [1]),
        (Selection(reason="audit:*"), [2, 3]),
        (Selection(reason="audit:_"), []),
        (Selection(reason="*"), [1, 2, 3, 4]),
        (Selection(reason=HOSTILE), [4]),
        (Selection(reason=f"{HOSTILE[:30]}*"), [4]),
        (Selection(reason="' or 1 = 1 --"), []),
        (Selection(event_type="message"), [2, 3]),
        (Selection(event_type=HOSTILE), [4]),
        (Selection(batch_id=2), [3, 4]),
        (Selection(since=NOON + HOUR), [2, 3]),
        (Selection(until=NOON + HOUR), [1, 4]),
        (Selection(reason="audit:*", event_type="message", batch_id=1, since=NOON, until=NOON + 2 * HOUR), [2]),
    ],
)
def test_a_selection_takes_exactly_what_it_says(spark: SparkSession, selection: Selection, taken: list[int]) -> None:
    form = "entry_id bigint, reason_code string, event_type string, batch_id bigint, kafka_timestamp timestamp"
    rows = spark.createDataFrame(ROWS, form).where(condition_of(selection, through=8)).collect()
    assert sorted(row["entry_id"] for row in rows) == taken


def test_who_and_why_are_recorded_letter_by_letter(spark: SparkSession) -> None:
    staged = spark.createDataFrame(
        [("events", "id", 0, 5, NOON.date(), "not_json", "discarded")],
        "topic string, topic_id string, partition int, offset bigint, event_date date, open_reason string, "
        "destination string",
    )
    request = Request(Kind.DISCARD, f"who {HOSTILE}", f"why {HOSTILE}", 8)
    actions = files.action_rows(staged, "discarded", 9, request)
    assert actions.columns == list(tables.ACTIONS)
    assert dict(actions.dtypes) == {name: kind for name, (kind, _) in tables.ACTIONS.items()}
    (row,) = actions.collect()
    assert (row["who"], row["why"]) == (request.who, request.why)
    assert (row["action"], row["entry_id"], row["topic"], row["offset"]) == ("discarded", 9, "events", 5)
