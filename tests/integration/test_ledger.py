"""The ledger in Delta behaves as the one in memory does (tests/unit/jobs/ledger/test_memory.py runs the same suite)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from jobs.ledger.delta_ledger import DeltaLedger
from jobs.runtime.session import spark_session
from lakehouse.catalog.tables import LEDGER, schema_of
from lakehouse.clients.hdfs import Hdfs
from stack.environment import local_settings
from tests.ledger_behaviour import LedgerBehaviour, Open
from tests.real import Real

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = "_behaviour"  # beside the tables; no table of the metastore is there


@pytest.fixture(scope="module")
def spark(stack: Real) -> Iterator[SparkSession]:
    session = spark_session(local_settings(stack.settings), "test")
    yield session
    session.stop()
    Hdfs(stack.settings).delete(f"{stack.settings.warehouse}/{FOLDER}")


class TestDeltaLedger(LedgerBehaviour):
    @pytest.fixture
    def ledger(self, stack: Real, spark: SparkSession) -> Open:
        path = f"{stack.settings.warehouse_uri}/{FOLDER}/ledger-{uuid.uuid4().hex}"
        spark.sql(f"create table delta.`{path}` ({schema_of(LEDGER)}) using delta").collect()
        return lambda attempt_id: DeltaLedger(spark, path, attempt_id, "by hand")
