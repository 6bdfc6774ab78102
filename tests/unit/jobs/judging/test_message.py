"""Finds the event_id of any text: none makes it fail, and Spark's parser gets no text nested deeper than 64 levels."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.judging import message
from tests.agreement.levels import levels

JOBS = Path(message.__file__).parents[1]
SIZE = 262_144  # bytes that a message may have
WHOLE: list[tuple[str, bool]] = [
    ("[" * 64 + "]" * 64, False),
    ("[" * 65 + "]" * 65, True),
    ('{"a":' * 64 + "1" + "}" * 64, False),
    ('{"a":' * 65 + "1" + "}" * 65, True),
    ('[{"a":' * 32 + "1" + "}]" * 32, False),
    ('[{"a":' * 33 + "1" + "}]" * 33, True),
    ("[" + ",".join(['{"a":[{"b":[]}]}'] * 10_000) + "]", False),
    ('["' + "[" * 1_000 + '"]', False),
    ('["\\"' + "[" * 1_000 + '"]', False),
    ('["\\\\",' + "[" * 64 + "]" * 65, True),
    ('["\\u005b\\u005B' + "[" * 1_000 + '"]', False),
    ('["\n' + "[" * 1_000 + '\n"]', False),
    ('["\U0001f5e1\\' + '"' + "{" * 1_000 + '"]', False),
]
CUT: list[tuple[str, bool]] = [
    ("[" * 65, True),
    ("[" * 64, False),
    ('["' + "[" * 1_000, False),
    ('["' + '\\"[' * 1_000, False),
    ('["\\' + '"[' * 1_000, True),
    ("[" * 65 + '"' + "\\" * 1_001, True),
    ("]" * 10 + "[" * 70, False),
    ("[" * 65 + "]" * 100, True),
]
LONG = [
    "[" * SIZE,
    '{"a":' * (SIZE // 5),
    "[" * 60_000 + "]" * 60_000,
    '{"event_id":"' + '\\"[' * (SIZE // 3),
    "[" * 40 + '"' + "\\\\" * (SIZE // 2 - 40),
    "[" * 40 + '"' + '\\"' * (SIZE // 2 - 40),
    '{"x":[' + '"\\ud800",' * (SIZE // 10) + "1]}",
    '"event_id" : ' * (SIZE // 13),
]


def deep_ones(spark: SparkSession, texts: list[str]) -> list[bool]:
    frame = spark.createDataFrame([(n, text.encode()) for n, text in enumerate(texts)], "n int, value binary")
    return [row[0] for row in frame.orderBy("n").selectExpr(message.too_deep()).collect()]


def test_levels_are_counted_outside_of_strings(spark: SparkSession) -> None:
    examples = WHOLE + CUT
    assert deep_ones(spark, [text for text, _ in examples]) == [deep for _, deep in examples]


def mixed_up() -> Iterator[str]:
    chance = random.Random(16)
    for _ in range(400):
        pieces = [chance.choice('[{[{[{[{]}"\\a:,') for _ in range(chance.randrange(400))]
        yield "[" * 33 + "".join(pieces)


def test_whatever_a_text_is_its_levels_are_counted_as_one_by_one(spark: SparkSession) -> None:
    texts = list(mixed_up())
    wanted = [levels(text) > 64 for text in texts]
    assert 50 < sum(wanted) < 350
    assert deep_ones(spark, texts) == wanted


def test_no_text_is_too_much(spark: SparkSession) -> None:
    texts = LONG + [text for text, _ in WHOLE + CUT]
    frame = spark.createDataFrame([(text.encode(),) for text in texts], "value binary")
    read = message.with_json(frame).selectExpr("json is not null", message.uuid("event_id")).collect()
    whole = [not deep for _, deep in WHOLE]
    assert [row[0] for row in read[len(LONG) : len(LONG) + len(WHOLE)]] == [
        good and "\n" not in text for good, (text, _) in zip(whole, WHOLE, strict=True)
    ]


def test_no_other_module_hands_texts_to_a_reader_of_json() -> None:
    reader = re.compile(r"(?<!message\.)\b(try_parse_json|parse_json|from_json|get_json_object|json_tuple)\(")
    assert {file.name for file in JOBS.rglob("*.py") if reader.search(file.read_text())} == {"message.py"}
