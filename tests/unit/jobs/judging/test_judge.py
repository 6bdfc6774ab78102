"""Judging in Spark: the same as the API on every example, and a reason for every message that is no event."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, Row, SparkSession

from jobs.judging import duplicates, version
from jobs.judging.batches import Place
from jobs.judging.judge import judge
from lakehouse.catalog.tables import RAW_EVENTS
from lakehouse.contract import fingerprint, patterns
from lakehouse.contract.judge import Judge
from tests.agreement.messages import Messages
from tests.unit.jobs.messages import CONTRACTS, EXAMPLES, MAX_BYTES, NOW, batch_of, collected, event_id

UUID = re.compile(patterns.inner(patterns.UUID))


def repeats_in(batch: DataFrame, arrivals: DataFrame, **options: Any) -> DataFrame | None:
    return duplicates.find_repeats(
        batch, arrivals, duplicates.bounds_of(batch), CONTRACTS, max_event_bytes=MAX_BYTES, **options
    )


def result_of(
    batch: DataFrame,
    repeats: DataFrame | None,
    header_rules: dict[str, str] | None = None,
    unreadable: Sequence[Place] = (),
) -> list[Row]:
    return collected(
        judge(
            batch,
            repeats,
            CONTRACTS,
            max_event_bytes=MAX_BYTES,
            header_rules=header_rules or {},
            unreadable=unreadable,
        )
    )


def judged(batch: DataFrame, earlier: DataFrame | None = None, header_rules: dict[str, str] | None = None) -> list[Row]:
    arrivals = batch if earlier is None else earlier.unionAll(batch)
    return result_of(batch, repeats_in(batch, arrivals), header_rules)


def judge_values(spark: SparkSession, *values: bytes | None) -> list[Row]:
    return judged(batch_of(spark, list(values)))


def sword(**fields: Any) -> bytes:
    return json.dumps(
        {"event_type": "purchase_sword", "event_id": event_id(), "player": "p", "host": "h", **fields}
    ).encode()


def message_of(example: Path) -> bytes:
    """The example's event as it stands in the file, escapes and numbers untouched, with an envelope's beginning."""
    text = example.read_text()
    start = text.index("{", text.index('"event"'))
    _, end = json.JSONDecoder().raw_decode(text, start)
    envelope = f'{{"event_type": "{example.parent.parent.name}", "event_id": "{event_id()}"'
    own = text[start + 1 : end].strip()
    return (envelope + ("" if own == "}" else ", ") + own).encode()


def test_every_example_is_judged_as_it_says(spark: SparkSession) -> None:
    examples = [(path, json.loads(path.read_text())) for path in EXAMPLES]
    assert len(examples) > 80
    values = [message_of(path) for path, _ in examples]
    for (path, example), row in zip(examples, judge_values(spark, *values), strict=True):
        table = CONTRACTS[path.parent.parent.name].table
        expected = (example.get("reason_code"), "quarantine" if "reason_code" in example else table)
        assert (row.reason_code, row.destination) == expected, path


def deep(levels: int, begin: str = '{"a":', end: str = "}") -> str:
    return begin * levels + "1" + end * levels


NO_EVENTS: list[tuple[bytes | None, str]] = [
    (None, "no_value"),
    (b"x" * (MAX_BYTES + 1), "too_large"),
    (b"\xff\xfe", "not_utf8"),
    (f'{{"event_type":"default","x":{deep(64)}}}'.encode(), "too_deep"),
    (f'{{"event_type":"default","x":{deep(900)}}}'.encode(), "too_deep"),
    (deep(4_000, "[", "]").encode(), "too_deep"),
    (f'{{"event_type":"default","http_headers":{deep(900)}}}'.encode(), "too_deep"),
    (f'{{"event_type":"default","event_id":{deep(900)}}}'.encode(), "too_deep"),
    (f'{{"event_id":"{event_id()}","event_type":"default","http_headers":{deep(900)}}}'.encode(), "too_deep"),
    (
        f'{{"event_id":"{event_id()}","event_type":"default","http_headers":{{"a":\'"\'}},"x":{deep(900)}}}'.encode(),
        "not_json",
    ),
    (f'{{"x":"\\u0041{deep(9, "[", "]")}","y":{deep(900)},"event_id":"{event_id()}"}}'.encode(), "too_deep"),
    (("[" * 9_000).encode(), "too_deep"),
    (b"junk", "not_json"),
    (b"", "not_json"),
    (b'{"event_type":"default"} and more', "not_json"),
    (b'{"event_type":"default"}{"event_type":"default"}', "not_json"),
    (b'{"event_type":"default"},"x":{}', "not_json"),
    (b'{"event_type":"default","event_type":"default"}', "not_json"),
    (b"[1]", "not_object"),
    (b'"text"', "not_object"),
    (b"null", "not_object"),
    (b"{}", "unknown_type"),
    (b'{"event_type":"nobody_knows"}', "unknown_type"),
    (b'{"event_type":5}', "unknown_type"),
    (b'{"event_type":"default","event_id":"no uuid"}', "event_id_invalid"),
    (b'{"event_type":"default","event_id":5}', "event_id_invalid"),
    (f'{{"event_type":"default","event_id":"{event_id()}\\n"}}'.encode(), "event_id_invalid"),
    (f'{{"event_type":"default","event_id":"{event_id()}\u2028"}}'.encode(), "event_id_invalid"),
    (b'{"event_type":"default","event_id":"00000000-0000-4000-8000-000000000000"}', "event_id_invalid"),
    (b'{"event_type":"default","player":5}', "schema:player:type"),
    (b'{"event_type":"default","occurred_at":"yesterday"}', "schema:occurred_at:format"),
]


@pytest.fixture(scope="module")
def reasons(spark: SparkSession) -> list[tuple[str, str]]:
    """Reason and destination of each of NO_EVENTS, judged in one batch."""
    return [(row.reason_code, row.destination) for row in judge_values(spark, *[value for value, _ in NO_EVENTS])]


@pytest.mark.parametrize(
    "number", range(len(NO_EVENTS)), ids=[f"{n}-{reason}" for n, (_, reason) in enumerate(NO_EVENTS)]
)
def test_what_is_no_event_is_quarantined_with_its_reason(reasons: list[tuple[str, str]], number: int) -> None:
    assert reasons[number] == (NO_EVENTS[number][1], "quarantine")


def test_bad_messages_do_not_touch_the_good_ones_beside_them(spark: SparkSession) -> None:
    rows = judge_values(spark, sword(quantity=2), b"junk", None, sword(quantity=3))
    assert [row.destination for row in rows] == ["sword_purchases", "quarantine", "quarantine", "sword_purchases"]
    assert [rows[0].purchase_sword__quantity, rows[3].purchase_sword__quantity] == [2, 3]


def test_64_levels_are_read(spark: SparkSession) -> None:
    values = [sword(newer_field=json.loads(deep(63, *kind))) for kind in ((), ("[", "]"))]
    assert [row.destination for row in judge_values(spark, *values)] == ["sword_purchases"] * 2


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


def test_a_broken_rule_is_named(spark: SparkSession) -> None:
    value = json.dumps({"event_type": "cart_action", "action": "checkout", "items": []}).encode()
    (row,) = judge_values(spark, value)
    assert (row.reason_code, row.field, row.rule) == ("rule:checkout_lists_items", None, "checkout_lists_items")


def test_absent_fields_take_their_defaults_and_unknown_ones_are_counted(spark: SparkSession) -> None:
    (row,) = judge_values(spark, sword(newer_field=1))
    assert (row.purchase_sword__quantity, row.purchase_sword__direction) == (1, "increase")
    assert row.unknown_fields == ["newer_field"]
    assert row.reason_code is None


def test_a_foreign_message_gets_its_id_from_its_place_and_its_time_from_kafka(spark: SparkSession) -> None:
    first, second = judge_values(spark, b'{"event_type":"default"}', b'{"event_type":"default"}')
    again, _ = judge_values(spark, b'{"event_type":"default"}', b'{"event_type":"default"}')
    assert first.destination == second.destination == "default_events"
    assert first.event_id != second.event_id
    assert first.event_id == again.event_id
    assert uuid.UUID(first.event_id).version == 8
    assert first.received_at == first.kafka_timestamp


def test_an_event_id_must_be_of_the_time_of_its_message(spark: SparkSession) -> None:
    in_time = [dt.timedelta(days=6, hours=23), dt.timedelta(minutes=-59)]
    out_of_time = [dt.timedelta(days=7, minutes=1), dt.timedelta(minutes=-61)]
    rows = judge_values(spark, *[sword(event_id=event_id(NOW - age)) for age in in_time + out_of_time])
    assert [row.reason_code for row in rows] == [None, None, "event_id_invalid", "event_id_invalid"]


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


def test_header_rules_change_the_table_and_not_the_message(spark: SparkSession) -> None:
    value = sword(http_headers={"Cache-Control": "max-age=0", "X-Secret": "a", "X-Trace": "b"})
    rules = {
        "Host": "set moe",
        "Cache-Control": "set no-cache",
        "X-Secret": "drop",
        "X-Trace": "hash",
        "Accept": "keep",
    }
    (row,) = judged(batch_of(spark, [value]), header_rules=rules)
    digest = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"  # SHA-256 of «b»
    assert row.host == "moe"
    assert row.http_headers == {"Cache-Control": "no-cache", "X-Trace": digest}
    assert bytes(row.value) == value


def test_a_rule_for_headers_that_is_none_is_refused(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="'X-A': 'shred' is not keep, drop, hash or set VALUE"):
        judged(batch_of(spark, [sword()]), header_rules={"X-A": "shred"})


def test_raw_keeps_what_was_sent(spark: SparkSession) -> None:
    values = [b"\xff", None, b"junk", sword()]
    rows = batch_of(spark, values).orderBy("offset").collect()
    assert [row.value and bytes(row.value) for row in rows] == values
    assert list(rows[0].asDict()) == list(RAW_EVENTS)


SPELLED = "0190163d-8694-739b-aea5-966c26f8ad91"
NAMES_ID = [
    f'{{"event_id":"{SPELLED}"}}',
    f'{{"event_id":"{SPELLED.upper()}","event_type":"default","a":"event_id \\u0022"}}',
    f'{{ "a": "event_id",\n\t"event_id" :\r\n "{SPELLED.upper()}"}}',
    f'{{"a":{{"event_id":"0190163d-0000-739b-aea5-966c26f8ad91"}},"event_id":"{SPELLED}"}}',
    f'{{"event_id":"{SPELLED}","z":{{"event_id":"0190163d-0000-739b-aea5-966c26f8ad91"}}}}',
    f'{{"a":{{"event_id":5}},"event_id":"{SPELLED}"}}',
    f'{{"event\\u005fid":"{SPELLED}"}}',
    f'{{"event_id":"\\u0030{SPELLED[1:]}"}}',
    f'{{"a":"\\\\\\"event_id\\":\\"0190163d-0000-739b-aea5-966c26f8ad91\\"","event_id":"{SPELLED}"}}',
]
NAMES_NONE = [
    "{}",
    '{"event_id":null}',
    '{"event_id":7}',
    '{"event_id":"x"}',
    f'{{"event_id":"{SPELLED}0"}}',
    f'{{"event_id":"{SPELLED[:-1]}"}}',
    f'{{"event_id":"{SPELLED[:-1]}g"}}',
    f'{{"event_id":"{SPELLED[:-2]}é"}}',
    f'{{"event_id":"{SPELLED[:-1]}٣"}}',
    f'{{"event_id":"{SPELLED[1:9]}{SPELLED[0]}{SPELLED[9:]}"}}',
    f'{{"eventXid":"{SPELLED}"}}',
    f'{{"event_id":"{SPELLED}\\n"}}',
    f'{{"event_id":"{SPELLED}\\u000a"}}',
    f'{{"event_id":"{SPELLED}\u2028"}}',
    f'{{"event_id":["{SPELLED}"]}}',
]


def test_raw_finds_every_event_id_that_can_be_read(spark: SparkSession) -> None:
    rows = batch_of(spark, [text.encode() for text in NAMES_ID + NAMES_NONE]).orderBy("offset").collect()
    assert [row.event_id for row in rows] == [SPELLED] * len(NAMES_ID) + [None] * len(NAMES_NONE)


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


def test_no_tail_behind_an_event_can_pass_for_its_end(spark: SparkSession) -> None:
    tails = [b',"end":1}', b',"end":1} and more', b"} and more", b',"e":1}', b"]"]
    rows = judge_values(spark, *[sword() + tail for tail in tails])
    assert [row.reason_code for row in rows] == ["not_json"] * len(tails)


def test_a_message_that_is_too_large_keeps_the_id_that_it_names(spark: SparkSession) -> None:
    same = event_id()
    (row,) = judge_values(spark, sword(event_id=same, player="p" * MAX_BYTES))
    assert (row.reason_code, row.event_id, row.player) == ("too_large", same, None)


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


def test_a_worker_with_other_code_fails_the_job(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "code_hash", lambda: "0" * 64)
    with pytest.raises(PythonException, match="a worker of Spark has the judging code .* the job 000000000000: bring"):
        judge_values(spark, sword())


def test_raw_finds_each_id_that_the_evaluator_reads(spark: SparkSession) -> None:
    """Arrivals are found by raw's column: where that lacked an id, a repetition of the event would be published."""
    values = Messages(29, MAX_BYTES).take(3_000)
    rows = batch_of(spark, values).orderBy("offset").select("value", "event_id").collect()
    evaluator = Judge(CONTRACTS, MAX_BYTES)
    read = [fingerprint.arrival(evaluator, row.value and bytes(row.value), None) for row in rows]
    lacking = [
        (row.value, row.event_id, each.event_id)
        for row, each in zip(rows, read, strict=True)
        if each and each.event_id and UUID.fullmatch(each.event_id) and row.event_id != each.event_id
    ]
    assert lacking == []
    assert sum(bool(row.event_id) for row in rows) > 1_000
