"""The tables in memory behave as those in Delta do (tests/integration/test_store.py runs the same suite)."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from jobs.delta.memory import MemoryStore
from jobs.delta.store import TableStore
from lakehouse.names import GAME, Table
from tests.store_behaviour import StoreBehaviour


class TestMemoryStore(StoreBehaviour):
    @pytest.fixture
    def store(self, spark: SparkSession) -> TableStore:
        return MemoryStore(spark)

    @pytest.fixture
    def table(self) -> Table:
        return Table(GAME, "behaviour")
