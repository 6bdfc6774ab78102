"""The expectation of Great Expectations that a query selects no row, without the rows themselves.

Its own expectation runs the query twice: for the number of rows, and for the first of them, which nobody here reads.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation

ROW_COUNT = "unexpected_rows_query.row_count"


class CountedRowsExpectation(UnexpectedRowsExpectation):
    """As UnexpectedRowsExpectation; a result has the observed number of rows, and no details."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (ROW_COUNT,)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        rows = metrics[ROW_COUNT]
        return {"success": rows == 0, "result": {"observed_value": rows}}
