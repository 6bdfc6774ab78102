"""Constants of contracts as SQL: Spark reads back what was written, whatever it is."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from jobs.judging.judge import judge
from lakehouse.catalog.spark_sql import literal
from lakehouse.catalog.tables import event_definition
from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT
from tests.unit.jobs.messages import MAX_BYTES, batch_of, event_id

# What means something to a parser of SQL, to Spark's substitution of variables, or to either within the other.
PARTS = [
    "'", '"', "`", "\\", "$", "{", "}", "${env:HOME}", "${spark.app.name}", "${", "${a", "$${env:HOME}", "\\${env:HOME}",
    "\n", "\r\n", "\t", "\0", "\x1b", "\x1a", "\x7f", "\x85", "\u2028", "\ufeff", "--", "/*", "*/", ";", "%", "_", "\\%",
    "\\_", "\\0", "\\u0041", "\\U00000041", "\\x41", "\\101", "\\'", "''", "r'", "?", ":a", "@", "a", "Ä", "é", "🐴", " ",
]  # fmt: skip


def texts(how_many: int) -> list[str]:
    """Each part alone, and many of several."""
    dice = random.Random(16)
    return [*PARTS, "", *["".join(dice.choices(PARTS, k=dice.randint(2, 12))) for _ in range(how_many)]]


@pytest.mark.parametrize("substitute", ["true", "false"])
def test_every_text_is_read_back_letter_by_letter(spark: SparkSession, substitute: str) -> None:
    wanted = texts(3_000)
    spark.conf.set("spark.sql.variable.substitute", substitute)
    try:
        (row,) = spark.range(1).selectExpr(f"array({', '.join(map(literal, wanted))}) as read").collect()
    finally:
        spark.conf.unset("spark.sql.variable.substitute")
    assert row["read"] == wanted


def test_every_number_is_read_back(spark: SparkSession) -> None:
    wanted = [0, 1, -1, 10**12, 2**63 - 1, -(2**63), 0.1, -0.1, 1e300, 5e-324, 1e16]
    (row,) = spark.range(1).selectExpr(*map(literal, wanted)).collect()
    assert list(row) == wanted and [type(each) for each in row] == [type(each) for each in wanted]


def test_texts_of_a_contract_are_texts_in_every_statement_made_of_it(spark: SparkSession, tmp_path: Path) -> None:
    hostile = "".join(PARTS)
    document = yaml.safe_load((CHECKOUT / "contracts" / "message.yaml").read_text())
    document["description"] = hostile
    document["properties"]["text"] |= {"enum": [hostile, "${env:HOME}"], "description": hostile, "default": hostile}
    (tmp_path / "message.yaml").write_text(yaml.safe_dump(document))
    contracts = load_contracts(tmp_path)
    values = [
        as_json({"event_id": event_id(), "event_type": "message", "player": "p", "host": "p", **own})
        for own in ({"text": hostile}, {"text": "${env:HOME}"}, {"text": "other"}, {})
    ]
    judged = judge(batch_of(spark, values), None, contracts, max_event_bytes=MAX_BYTES, header_rules={})
    found = [(row["reason_code"], row["message__text"]) for row in judged.orderBy("offset").collect()]
    assert found == [
        (None, hostile), (None, "${env:HOME}"), ("schema:text:enum", "other"), (None, hostile)
    ]  # fmt: skip
    ddl = event_definition(contracts["message"], contracts).ddl("file:/nowhere")
    parsed = spark._jsparkSession.sessionState().sqlParser().parsePlan(ddl)
    assert hostile in parsed.toString()


def as_json(fields: dict[str, str]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()
