"""Which of the messages with one event_id is the event, which repeat it, and which are another event."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from unittest.mock import patch

import pytest
from pyspark.sql import SparkSession

from jobs.judging import duplicates
from tests.unit.jobs.judging.judged import deep, judge_values, judged, repeats_in, result_of, sword
from tests.unit.jobs.messages import NOW, batch_of, event_id


def test_an_event_under_the_id_of_one_that_is_too_deep_is_the_event(spark: SparkSession) -> None:
    same, other = event_id(), event_id()
    first = f'{{"event_id":"{same}","event_type":"default","x":{deep(900)}}}'.encode()
    escaped = f'{{"x":"\\u0041","y":{deep(900)},"event_id":"{other}","event_type":"default"}}'.encode()
    rows = judge_values(spark, first, escaped, sword(event_id=same), sword(event_id=other), sword(event_id=same))
    places = ["quarantine", "quarantine", "sword_purchases", "sword_purchases", "duplicate"]
    assert [row.destination for row in rows] == places
    assert [row.event_id for row in rows[2:]] == [same, other, same]


def test_an_unreadable_message_is_not_read_and_its_id_is_not_taken(spark: SparkSession) -> None:
    same = event_id()
    batch = batch_of(spark, [sword(event_id=same, color="poison"), sword(event_id=same, color="red"), sword()])
    barred = batch.where("`offset` = 0").select("topic_id", "partition", "offset")
    rows = result_of(batch, repeats_in(batch, batch, unreadable=barred), unreadable=[("id", 0, 0)])
    places = [("quarantine", "unreadable"), ("sword_purchases", None), ("sword_purchases", None)]
    assert [(row.destination, row.reason_code) for row in rows] == places
    assert rows[0].player is None
    assert rows[1].event_id == same


def test_of_an_unreadable_message_that_is_read_again_an_event_that_came_later_is_the_first(spark: SparkSession) -> None:
    same, other = event_id(), event_id()
    late = batch_of(spark, [sword(event_id=same), sword(event_id=other, quantity=1), sword()], batch_id=1)
    later = batch_of(spark, [sword(event_id=same), sword(event_id=other, quantity=2)], batch_id=2)
    rows = result_of(late, repeats_in(late, late.unionAll(later), late=True))
    places = [("duplicate", None), ("quarantine", "event_id_reused"), ("sword_purchases", None)]
    assert [(row.destination, row.reason_code) for row in rows] == places


def test_of_equal_events_the_first_arrival_is_the_event(spark: SparkSession) -> None:
    same = event_id()
    rows = judge_values(spark, *[sword(event_id=same, received_at=f"2026-11-22T10:00:0{n}Z") for n in range(4)])
    assert [row.destination for row in rows] == ["sword_purchases", "duplicate", "duplicate", "duplicate"]


def test_ids_of_which_only_the_hashes_are_equal_are_no_repeats(spark: SparkSession) -> None:
    with patch.object(duplicates, "_may_repeat", return_value=True) as asked:  # as if the hashes of any two were
        rows = judge_values(spark, sword(), sword(), b"no JSON")
    assert asked.called
    assert [row.destination for row in rows] == ["sword_purchases", "sword_purchases", "quarantine"]


def test_an_id_in_capitals_is_the_same_id(spark: SparkSession) -> None:
    same = event_id()
    rows = judge_values(spark, sword(event_id=same), sword(event_id=same.upper()))
    assert [row.destination for row in rows] == ["sword_purchases", "duplicate"]
    assert rows[0].event_id == rows[1].event_id == same


def test_the_same_id_for_another_event_is_quarantined(spark: SparkSession) -> None:
    values = []
    for other in ({"quantity": 7}, {"player": "q"}, {"event_type": "default"}):
        same = event_id()
        values += [sword(event_id=same), sword(event_id=same, **other)]
    assert [row.reason_code for row in judge_values(spark, *values)] == [None, "event_id_reused"] * 3


def test_an_arrival_in_an_earlier_batch_is_first_also_if_its_day_is_later(spark: SparkSession) -> None:
    same = event_id()
    earlier = batch_of(spark, [sword(event_id=same)], batch_id=1, at=NOW + dt.timedelta(days=1))
    later = batch_of(spark, [sword(event_id=same), sword()], batch_id=2)
    assert [row.destination for row in judged(later, earlier)] == ["duplicate", "sword_purchases"]


def test_days_further_apart_than_the_window_do_not_meet(spark: SparkSession) -> None:
    same = event_id()
    earlier = batch_of(
        spark, [sword(event_id=same)], batch_id=1, at=NOW - dt.timedelta(days=duplicates.WINDOW_DAYS + 1)
    )
    later = batch_of(spark, [sword(event_id=same)], batch_id=2)
    assert [row.destination for row in judged(later, earlier)] == ["sword_purchases"]


def test_what_only_looks_like_an_arrival_is_none(spark: SparkSession) -> None:
    """Raw's event_id finds these, too; none of them is an event with that id, so the event behind them is the first."""
    same = event_id()
    looks = [
        f'{{"event_id":"{same}"'.encode(),  # ends too early
        sword(event_id=same) + b"}",
        b"\xff" + sword(event_id=same),
        f'{{"event_id":"{same}","event_type":"purchase_sword","event_id":"{event_id()}"}}'.encode(),
        f'{{"event_id":"{same}","event_type":"purchase_sword","event\\u005fid":"{event_id()}"}}'.encode(),
        sword(event_id=None, http_headers={"event_id": same}),
    ]
    rows = judge_values(spark, *looks, sword(event_id=same), sword(event_id=same))
    assert [row.reason_code for row in rows] == [*["not_json"] * 2, "not_utf8", *["not_json"] * 2, None, None, None]
    assert [row.destination for row in rows][5:] == ["sword_purchases", "sword_purchases", "duplicate"]
    assert [row.event_id == same for row in rows] == [*[True] * 5, False, True, True]


def test_a_look_alike_in_an_earlier_batch_is_no_arrival(spark: SparkSession) -> None:
    same = event_id()
    earlier = batch_of(spark, [b"[" + sword(event_id=same)], batch_id=1)
    later = batch_of(spark, [sword(event_id=same), sword(event_id=same, quantity=2)], batch_id=2)
    rows = judged(later, earlier)
    assert [(row.destination, row.reason_code) for row in rows] == [
        ("sword_purchases", None),
        ("quarantine", "event_id_reused"),
    ]


CORRECTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"quantity": "1"}, {"quantity": 1}),
    ({"occurred_at": "yesterday"}, {"occurred_at": "2026-11-22T09:00:00Z"}),
    ({"quantity": -1}, {"quantity": 1}),
    ({"direction": "up"}, {}),
    ({"direction": 1, "color": None}, {}),
]


@pytest.mark.parametrize("number", range(len(CORRECTED)))
def test_a_corrected_event_is_no_repetition_of_the_wrong_one(spark: SparkSession, number: int) -> None:
    wrong, right = CORRECTED[number]
    same = event_id()
    rows = judge_values(spark, sword(event_id=same, **wrong), sword(event_id=same, **right))
    assert [row.destination for row in rows] == ["quarantine", "quarantine"]
    assert rows[0].reason_code.startswith("schema:")
    assert (rows[1].reason_code, rows[1].field, rows[1].rule) == ("event_id_reused", "event_id", None)


def test_a_list_behind_the_same_list_as_text_is_no_repetition(spark: SparkSession) -> None:
    items = [{"item_type": "a", "item": "b", "quantity": 1}]
    same = {"event_id": event_id(), "event_type": "cart_action", "action": "add", "player": "p", "host": "h"}
    values = [json.dumps({**same, "items": each}).encode() for each in (json.dumps(items), items, items)]
    rows = judge_values(spark, *values)
    assert [row.reason_code for row in rows] == ["schema:items:type", "event_id_reused", "event_id_reused"]


def test_an_event_that_came_too_early_is_not_what_a_later_one_repeats(spark: SparkSession) -> None:
    """An arrival that passes is never the repetition of one that does not, though both say the same."""
    value = sword(event_id=event_id(NOW + dt.timedelta(minutes=61)))
    earlier = batch_of(spark, [value], batch_id=1)
    later = batch_of(spark, [value], batch_id=2, at=NOW + dt.timedelta(minutes=5))
    assert [row.reason_code for row in judged(earlier)] == ["event_id_invalid"]
    assert [row.reason_code for row in judged(later, earlier)] == ["event_id_reused"]


def test_an_event_that_breaks_a_rule_is_repeated_by_the_same_event(spark: SparkSession) -> None:
    same = {"event_id": event_id(), "event_type": "cart_action", "action": "checkout"}
    values = [json.dumps({**same, "items": []}).encode() for _ in range(2)]
    rows = judge_values(spark, *values)
    assert [(row.destination, row.reason_code) for row in rows] == [
        ("quarantine", "rule:checkout_lists_items"),
        ("duplicate", None),
    ]


def test_a_retry_that_is_written_otherwise_is_one_row(spark: SparkSession) -> None:
    items = [{"item_type": "a", "item": "b", "quantity": 1}]
    event: dict[str, Any] = {"event_type": "cart_action", "action": "add", "player": "p", "host": "h", "items": items}
    event |= {"event_id": event_id(), "occurred_at": "2026-11-22T09:00:00Z", "newer": {"a": 1, "b": [1, 2.5]}}
    ways = [
        event,
        {**event, "schema_version": 1, "host": "another", "user_agent": "x", "http_headers": {"X": "1"}},
        {**event, "occurred_at": "2026-11-22T10:00:00.000+01:00"},
        {**event, "items": [{"quantity": 1.0, "item": "b", "item_type": "a"}]},
        {**event, "newer": {"b": [1.0, 2.50], "a": 1e0}},
        dict(reversed(event.items())),
        {**event, "event_id": event["event_id"].upper()},
    ]
    rows = judge_values(spark, *[json.dumps(each).encode() for each in ways])
    assert [row.destination for row in rows] == ["cart_actions", *["duplicate"] * (len(ways) - 1)]
    others = [{**event, "newer": {"a": 1}}, {**event, "more": None}, {**event, "occurred_at": "2026-11-22T09:00:01Z"}]
    rows = judge_values(spark, *[json.dumps(each).encode() for each in (event, *others)])
    assert [row.reason_code for row in rows] == [None, *["event_id_reused"] * len(others)]


def test_a_default_that_is_spelled_out_is_the_same(spark: SparkSession) -> None:
    same = event_id()
    rows = judge_values(spark, sword(event_id=same), sword(event_id=same, quantity=1.0, direction="increase"))
    assert [row.destination for row in rows] == ["sword_purchases", "duplicate"]
