"""The tables in Delta behave as those in memory do (tests/unit/jobs/delta/test_memory_store.py runs the same suite)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from jobs.delta.store import DeltaStore, TableStore
from jobs.runtime.session import spark_session
from lakehouse.clients.hdfs import Hdfs
from lakehouse.names import GAME, Table
from stack.environment import local_settings
from tests.real import Real
from tests.store_behaviour import StoreBehaviour

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def spark(stack: Real) -> Iterator[SparkSession]:
    session = spark_session(local_settings(stack.settings), "test")
    yield session
    session.stop()


class TestDeltaStore(StoreBehaviour):
    @pytest.fixture
    def store(self, stack: Real, spark: SparkSession) -> TableStore:
        return DeltaStore(spark, local_settings(stack.settings))

    @pytest.fixture
    def table(self, stack: Real, spark: SparkSession) -> Iterator[Table]:
        table = Table(GAME, f"behaviour_{uuid.uuid4().hex}")
        yield table
        for row in spark.sql("show tables in game").collect() + spark.sql("show tables in ops").collect():
            if row["tableName"].startswith(table.name):
                made = Table(row["namespace"], row["tableName"])
                spark.sql(f"drop table {made.qualified}")
                Hdfs(stack.settings).delete(f"{stack.settings.warehouse}/{made.database}/{made.name}")
