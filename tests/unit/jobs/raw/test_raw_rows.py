"""What raw keeps of a message, and the event_id that it finds in it."""

from __future__ import annotations

import re

from pyspark.sql import SparkSession

from lakehouse.catalog.tables import RAW_EVENTS
from lakehouse.contract import fingerprint, patterns
from lakehouse.contract.judge import Judge
from tests.agreement.messages import Messages
from tests.unit.jobs.judging.judged import sword
from tests.unit.jobs.messages import CONTRACTS, MAX_BYTES, batch_of

UUID = re.compile(patterns.inner(patterns.UUID))


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
