"""Judging in Spark: the same as the API on every example, and a reason for every message that is no event."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path

import pytest
from pyspark.errors import PythonException
from pyspark.sql import SparkSession

from jobs.judging import version
from tests.unit.jobs.judging.judged import deep, judge_values, judged, sword
from tests.unit.jobs.messages import CONTRACTS, EXAMPLES, MAX_BYTES, NOW, batch_of, event_id


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


def test_no_tail_behind_an_event_can_pass_for_its_end(spark: SparkSession) -> None:
    tails = [b',"end":1}', b',"end":1} and more', b"} and more", b',"e":1}', b"]"]
    rows = judge_values(spark, *[sword() + tail for tail in tails])
    assert [row.reason_code for row in rows] == ["not_json"] * len(tails)


def test_a_message_that_is_too_large_keeps_the_id_that_it_names(spark: SparkSession) -> None:
    same = event_id()
    (row,) = judge_values(spark, sword(event_id=same, player="p" * MAX_BYTES))
    assert (row.reason_code, row.event_id, row.player) == ("too_large", same, None)


def test_a_worker_with_other_code_fails_the_job(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "code_hash", lambda: "0" * 64)
    with pytest.raises(PythonException, match="a worker of Spark has the judging code .* the job 000000000000: bring"):
        judge_values(spark, sword())
