"""A small audited batch: the contracts, settings in a temporary folder, and rows that may be changed one by one."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from expectations.row_rules import mark
from expectations.rulebook import Rule, load_rules
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contracts
from lakehouse.settings import Settings

with warnings.catch_warnings():  # what other people's packages warn of while they are imported is theirs to mend
    warnings.simplefilter("ignore")
    import great_expectations  # noqa: F401

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
SPARK_TYPES = {"string": "string", "integer": "bigint", "number": "double", "boolean": "boolean"}
ITEMS = "array<struct<item_type: string, item: string, quantity: bigint>>"
SHIPPED = load_rules(Settings().rules)
TYPES = ("cart_action", "default", "purchase_horse", "purchase_sword")
COORDINATES = (
    "topic string, topic_id string, partition int, offset bigint, kafka_timestamp timestamp, event_date date, "
    "event_id string, event_type string, reason_code string, duplicate boolean, player string"
)

Row = dict[str, Any]
MakeBatch = Callable[..., DataFrame]


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    return load_contracts(Settings().contracts)


@pytest.fixture(scope="session")
def small_data(spark: SparkSession) -> Iterator[SparkSession]:
    """The shared session without generated code: compiling it takes far longer than checking a few rows."""
    settings = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield spark
    for name, old in before.items():
        if old is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, old)


@pytest.fixture(scope="session")
def batch(small_data: SparkSession, contracts: Contracts) -> MakeBatch:
    """Makes a batch: `copies` good rows of each type, then a row for each of `changes`, good but for the change.

    Its rows are marked by the `rules` of rows, as staging marks them.
    """

    def make(
        *changes: Mapping[str, Any], copies: int = 4, types: Sequence[str] = TYPES, rules: Sequence[Rule] = SHIPPED
    ) -> DataFrame:
        fields = [(f"{name}__{field.name}", field.type) for name in sorted(types) for field in contracts[name].fields]
        schema = COORDINATES + "".join(f", {name} {SPARK_TYPES.get(kind, ITEMS)}" for name, kind in fields)
        rows = [good_row(number, types[number % len(types)]) for number in range(copies * len(types))]
        rows += [
            {**good_row(len(rows) + number, change["event_type"]), **change} for number, change in enumerate(changes)
        ]
        names = [part.split()[0] for part in COORDINATES.split(", ")] + [name for name, _ in fields]
        values = [tuple(row.get(name) for name in names) for row in rows]
        frame = small_data.createDataFrame(values, schema)
        return mark(frame, rules, types, "reason_code is null and not duplicate").coalesce(1).cache()

    return make


def good_row(number: int, event_type: str) -> Row:
    fields: dict[str, Row] = {
        "cart_action": {"action": "add", "items": [("sword", "oak", 2)]},
        "default": {},
        "purchase_horse": {"speed": 1.5, "size": "small", "quantity": 1},
        "purchase_sword": {"direction": "increase", "color": "red", "quantity": 2},
    }
    own = fields[event_type]
    return {
        "topic": "events",
        "topic_id": "id",
        "partition": 0,
        "offset": number,
        "kafka_timestamp": NOW,
        "event_date": NOW.date(),
        "event_id": f"event-{number}",
        "event_type": event_type,
        "reason_code": None,
        "duplicate": False,
        "player": f"Player {number}",
        **{f"{event_type}__{name}": value for name, value in own.items()},
    }
