"""Runs expectations over a frame with Great Expectations, and reads its results."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from expectations.results import AuditError, ExpectationResult, brief, rows_fail

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation import ColumnMapExpectation, Expectation
    from great_expectations.expectations.metadata_types import FailureSeverity
    from pyspark.sql import Column, DataFrame

    from expectations.suites import PlannedExpectation

UNEXPECTED_ROWS = "UnexpectedRowsExpectation"  # gives how many rows a query selects
BY_ROW = MappingProxyType({"result_format": "BOOLEAN_ONLY"})  # all checks of each row in one aggregate


def prepare() -> None:
    """Imports Great Expectations, which takes seconds; a job calls it in a thread while Spark works for it."""
    great_expectations()


def with_conditions(
    frame: DataFrame, planned: Sequence[PlannedExpectation]
) -> tuple[DataFrame, list[ExpectationResult]]:
    """Adds the conditions as columns. Those that Spark cannot read are returned as results with an error."""
    from pyspark.errors import AnalysisException

    columns = {each.column: each for each in planned if each.column and not each.skipped}
    usable, unusable = [], []
    try:
        usable = [f"{condition} as `{name}`" for name, condition in columns]
        _ = frame.selectExpr("*", *usable).schema
    except AnalysisException:  # it does not say which of them
        usable = []
        for (name, condition), each in columns.items():
            try:
                _ = frame.selectExpr(condition).schema
                usable.append(f"{condition} as `{name}`")
            except AnalysisException as error:
                unusable.append(ExpectationResult(each, False, "", error=f"could not be run: {brief(error)}"))
    return frame.selectExpr("*", *usable), unusable


def validate(
    frame: DataFrame, planned: Sequence[PlannedExpectation], unusable: Sequence[ExpectationResult] = ()
) -> list[ExpectationResult]:
    """Runs the checks over one frame in at most three validations.

    Checks of each row ask only whether they hold, so that Great Expectations counts all of them in one aggregate; for
    those that do not hold, the failing rows are then counted. The others give their observed value at once.
    `unusable`: results of checks that cannot be run; they are left out.
    """
    left_out = [each.planned for each in unusable]
    todo = [each for each in planned if not each.skipped and each not in left_out]
    if not todo:
        return []
    gx = great_expectations()
    by_row = [each for each in todo if _checks_rows(gx, each)]
    whole = [each for each in todo if each not in by_row]
    batch = _batch(gx, frame)
    results = _validate_suite(gx, batch, by_row, BY_ROW)
    failed = [each.planned for each in results if not each.success and not each.error]
    numbers = _count(gx, batch, frame, failed) if failed else {}
    results = [numbers.get(id(each.planned), each) for each in results]
    return results + _validate_suite(gx, batch, whole, {"result_format": "COMPLETE"})


def _count(gx: Any, batch: Any, frame: DataFrame, failed: Sequence[PlannedExpectation]) -> dict[int, ExpectationResult]:
    """Counts the failing rows of each failed check in one Spark job.

    Great Expectations itself would run three jobs for each check. Its own conditions are used, so that the numbers are
    those of its verdict.
    """
    from pyspark.sql import functions as F

    counts = frame.agg(*(F.count_if(_unexpected(gx, batch, each)) for each in failed)).collect()[0]
    return {
        id(each): ExpectationResult(each, False, rows_fail(count), rows=count)
        for each, count in zip(failed, counts, strict=True)
    }


def _unexpected(gx: Any, batch: Any, planned: PlannedExpectation) -> Column:
    """The condition by which Great Expectations finds the rows that fail a check of each row."""
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    engine = batch.data.execution_engine
    expectation = cast("ColumnMapExpectation", _expectation(gx, planned, 0))
    needed = expectation.get_validation_dependencies(execution_engine=engine, runtime_configuration=dict(BY_ROW))
    count = needed.metric_configurations[f"{expectation.map_metric}.unexpected_count"]
    metric = MetricConfiguration(
        f"{expectation.map_metric}.condition", count.metric_domain_kwargs, count.metric_value_kwargs
    )
    found = MetricsCalculator(execution_engine=engine, show_progress_bars=False).get_metric(metric)
    return cast("Column", found[0])


def great_expectations() -> Any:
    """The library, imported where it is needed (1.75 s of a processor), and told to be quiet and to send nothing."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations

    return great_expectations


def _batch(gx: Any, frame: DataFrame) -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_spark("lakehouse", persist=False)
    definition = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    return definition.get_batch({"dataframe": frame})


def _checks_rows(gx: Any, planned: PlannedExpectation) -> bool:
    from great_expectations.expectations.expectation import ColumnMapExpectation

    return issubclass(_expectation_class(gx, planned), ColumnMapExpectation)


def _expectation_class(gx: Any, planned: PlannedExpectation) -> type[Expectation]:
    if planned.expectation == UNEXPECTED_ROWS:
        from expectations.counted_rows import CountedRowsExpectation

        return CountedRowsExpectation
    kind = getattr(gx.expectations, planned.expectation, None)
    if kind is None:
        raise AuditError(
            f"{planned.name}: Great Expectations has no {planned.expectation}; correct the rule's `expectation`"
        )
    return kind  # type: ignore[no-any-return]


def _expectation(gx: Any, planned: PlannedExpectation, number: int) -> Expectation:
    severity = cast("FailureSeverity", planned.severity)
    try:
        return _expectation_class(gx, planned)(**planned.kwargs, severity=severity, meta={"number": number})
    except (TypeError, ValueError) as error:  # pydantic's errors are ValueErrors
        raise AuditError(
            f"{planned.name}: {planned.expectation} refuses its kwargs: {' '.join(str(error).split())}"
        ) from None


def _validate_suite(
    gx: Any, batch: Any, planned: Sequence[PlannedExpectation], result_format: Mapping[str, Any]
) -> list[ExpectationResult]:
    if not planned:
        return []
    parameters: dict[str, Any] = {}
    suite = []
    for number, each in enumerate(planned):
        parameters |= each.parameters
        suite.append(_expectation(gx, each, number))
    result: ExpectationSuiteValidationResult = batch.validate(
        gx.ExpectationSuite("checks", expectations=suite),
        result_format=dict(result_format),
        expectation_parameters=parameters or None,
    )
    return [_result(planned[_number(each)], each) for each in result.results]


def _number(result: ExpectationValidationResult) -> int:
    """The place in the suite, which results keep in `meta`: they come in another order."""
    assert result.expectation_config is not None and result.expectation_config.meta is not None
    return int(result.expectation_config.meta["number"])


def _result(planned: PlannedExpectation, result: ExpectationValidationResult) -> ExpectationResult:
    error = _error(result.exception_info or {})
    if error:
        return ExpectationResult(planned, False, "", error=f"could not be run: {error}")
    success, found = bool(result.success), result.result or {}
    failing = found.get("observed_value") if planned.expectation == UNEXPECTED_ROWS else None
    return ExpectationResult(
        planned,
        success,
        _observed(planned, success, found),
        rows=failing if isinstance(failing, int) else 0,
    )


def _error(info: Mapping[str, Any]) -> str | None:
    """The message of the exception, which Great Expectations gives flat or once for each metric."""
    for each in (info, *(value for value in info.values() if isinstance(value, Mapping))):
        if each.get("raised_exception"):
            return brief(each.get("exception_message"))
    return None


def _observed(planned: PlannedExpectation, success: bool, found: Mapping[str, Any]) -> str:
    value = found.get("observed_value")
    if planned.expectation == UNEXPECTED_ROWS:
        return f"{value:,} rows fail" if value else "no row fails"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if value is not None:
        return str(value)
    return "no row fails" if success else "rows fail"
