"""Which rules of rows a row breaks: all of them, in their order, and only rules about its own event type."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from expectations.row_rules import BROKEN, mark
from expectations.rulebook import Rule

ROWS = [(1, "sword", 9), (2, "sword", 1), (3, "horse", 9), (4, "other", None), (5, None, None)]


def rule(name: str, condition: str, **more: Any) -> Rule:
    return Rule(
        **{"name": name, "description": "d", "severity": "critical", "scope": "good", "condition": condition, **more}
    )


def broken(spark: SparkSession, *rules: Rule, types: tuple[str, ...] = ("sword", "horse"), judged: str = "true") -> Any:
    frame = spark.createDataFrame(ROWS, "id int, event_type string, quantity int").selectExpr(
        "*", "quantity as sword__quantity", "quantity as horse__quantity"
    )
    return {row["id"]: row[BROKEN] for row in mark(frame, rules, types, judged).collect() if row[BROKEN] is not None}


def test_a_row_names_every_rule_that_it_breaks_in_their_order(spark: SparkSession) -> None:
    rules = (rule("large", "quantity > 5"), rule("odd", "quantity % 2 = 1"), rule("none", "quantity > 100"))
    assert broken(spark, *rules) == {1: ["large", "odd"], 2: ["odd"], 3: ["large", "odd"]}


def test_a_rule_of_some_event_types_judges_rows_of_these_alone(spark: SparkSession) -> None:
    of_types = rule("large", "not ({event_type}__quantity <= 5)", event_types=("sword", "shield"))
    assert broken(spark, of_types) == {1: ["large"]}
    assert broken(spark, of_types, types=("horse",)) == {}


def test_what_cannot_be_computed_of_a_row_is_not_broken(spark: SparkSession) -> None:
    assert broken(spark, rule("odd", "1 / (quantity - 9) < 0")) == {2: ["odd"]}


@pytest.mark.parametrize("change", [{"severity": "warning"}, {"scope": "batch", "severity": "warning"}])
def test_only_critical_conditions_on_good_rows_refuse_a_row(spark: SparkSession, change: dict[str, str]) -> None:
    assert broken(spark, rule("odd", "true", **change)) == {}


def test_rows_that_are_not_to_be_judged_break_nothing(spark: SparkSession) -> None:
    assert broken(spark, rule("odd", "true"), judged="id = 2") == {2: ["odd"]}
