"""After all other tests: every message that any of them sent is in exactly one place."""

from __future__ import annotations

import pytest

from tests.real import Real


@pytest.mark.timeout(600)
def test_everything_that_was_sent_is_in_exactly_one_place(stack: Real) -> None:
    stack.ingest()
    stack.check_invariants()
