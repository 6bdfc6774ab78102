"""The ledger in memory behaves as the one in Delta does (tests/integration/test_ledger.py runs the same suite)."""

from __future__ import annotations

import pytest

from jobs.ledger.memory import MemoryLedger, MemoryTable
from tests.ledger_behaviour import LedgerBehaviour, Open


class TestMemoryLedger(LedgerBehaviour):
    @pytest.fixture
    def ledger(self) -> Open:
        table = MemoryTable()
        return lambda attempt_id: MemoryLedger(table, attempt_id, "by hand")
