"""The evaluator says of every message what the SQL says that it will replace, but for what was decided otherwise."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from lakehouse.contract.model import Contracts
from tests.agreement.compare import DECIDED, MAX_BYTES, Difference, both, differences
from tests.agreement.everything import contracts_with_everything
from tests.agreement.messages import Messages


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    return contracts_with_everything(tmp_path_factory.mktemp("contracts"))


def unexplained(found: list[Difference]) -> list[Difference]:
    return [each for each in found if each.why is None]


def test_both_judge_every_example_alike(spark: SparkSession, contracts: Contracts) -> None:
    sql, ours = both(spark, Messages(17, MAX_BYTES).examples(), contracts)
    assert unexplained(differences(sql, ours, contracts)) == []
    assert len({row["reason_code"] for row in ours}) > 60


def test_both_judge_random_changes_of_the_examples_alike(spark: SparkSession, contracts: Contracts) -> None:
    sql, ours = both(spark, Messages(17, MAX_BYTES).take(2_500), contracts)
    found = differences(sql, ours, contracts)
    assert unexplained(found) == []
    assert {each.why for each in found} <= {*DECIDED, None}
    reasons = {row["reason_code"] for row in ours}
    assert len(reasons) > 70
    assert {"no_value", "too_large", "not_utf8", "too_deep", "not_json", "not_object", "unknown_type"} <= reasons
    assert sum(row["reason_code"] is None for row in ours) > 350
