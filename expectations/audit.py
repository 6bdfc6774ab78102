"""Runs the checks of a batch or a day with Great Expectations, gives the verdict, and writes the page."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from expectations import pages
from expectations.late_imports import late
from expectations.rulebook import BATCH, CRITICAL, GOOD, load_rules
from expectations.suites import GOOD_ROW, Planned, batch_suite, day_suite

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation import ColumnMapExpectation, Expectation
    from great_expectations.expectations.metadata_types import FailureSeverity
    from pyspark.sql import Column, DataFrame

    from lakehouse.contract import Contracts
    from lakehouse.settings import Settings

PASSED, FAILED = "passed", "failed"
SAMPLE_ROWS = 20  # of each failed check
SAMPLED_CHECKS = 20  # critical checks come first
BY_ROW = MappingProxyType({"result_format": "BOOLEAN_ONLY"})  # all checks of each row in one aggregate


class AuditError(Exception):
    """A check could not be run, so that there is no verdict."""


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    severity: str
    success: bool
    observed: str


@dataclass(frozen=True)
class Audit:
    """The verdict, the critical checks that failed, all checks, and the page's path under /quality/."""

    verdict: str
    failed_critical: tuple[str, ...]
    checks: tuple[Check, ...]
    page: str


@dataclass(frozen=True)
class _Outcome:
    """What one expectation gave; `error` if it could not be run."""

    planned: Planned
    success: bool
    observed: str
    error: str | None = None
    sample: tuple[Mapping[str, Any], ...] = ()


def prepare() -> None:
    """Imports Great Expectations, which takes seconds; a job calls it in a thread while Spark works for it."""
    _great_expectations()


def audit_batch(
    checked: DataFrame,
    *,
    name: str,
    contracts: Contracts,
    event_types: Sequence[str],
    history: Sequence[int],
    mix: Mapping[str, float],
    settings: Settings,
) -> Audit:
    """Audits one batch. `checked` should be cached: it is read about ten times.

    checked: a row per message, with topic, topic_id, partition, offset, kafka_timestamp, event_date, event_id,
    event_type, reason_code (null: good), duplicate, player, and <event_type>__<field> for each own field of
    `event_types`.
    history: sizes of the last batches, newest first. mix: share of each event type over them.

    Raises:
        RuleError: a rule file is not of the form.
        AuditError: a critical check could not be run.
    """
    planned = batch_suite(contracts, load_rules(settings.rules), event_types, history, mix)
    flags = ("cast(reason_code is not null as int) as rejected", "cast(duplicate as int) as duplicated")
    batch, unusable = _with_conditions(checked.selectExpr("*", *flags), planned)
    outcomes = unusable + _run(batch, [each for each in planned if each.scope == BATCH or each.column], unusable)
    outcomes += _run(batch.where(GOOD_ROW), [each for each in planned if each.scope == GOOD and not each.column])
    return _concluded(name, planned, outcomes, settings)


def audit_day(tables: Mapping[str, DataFrame], *, name: str, settings: Settings) -> Audit:
    """Audits one day. `tables`: the day's rows of the daily tables, and `player_inventory`, by name.

    Raises:
        RuleError: a rule file is not of the form.
        AuditError: a critical check could not be run, or a rule is about a table that is not among `tables`.
    """
    planned = day_suite(load_rules(settings.rules))
    outcomes: list[_Outcome] = []
    for table in sorted({str(each.table) for each in planned}):
        if table not in tables:
            raise AuditError(
                f"{name}: a rule is about the table {table}; the audit of a day has {', '.join(sorted(tables))}"
            )
        own = [each for each in planned if each.table == table]
        frame = tables[table]
        own = [replace(each, sample=tuple(frame.columns)) for each in own]
        frame, unusable = _with_conditions(frame, own)
        outcomes += unusable + _run(frame, own, unusable)
    return _concluded(name, planned, outcomes, settings)


def _with_conditions(frame: DataFrame, planned: Sequence[Planned]) -> tuple[DataFrame, list[_Outcome]]:
    """Adds the conditions as columns; those that Spark cannot read are left out and come back as outcomes."""
    from pyspark.errors import AnalysisException

    columns = {each.column: each for each in planned if each.column and not each.skipped}
    usable, unusable = [], []
    try:
        usable = [f"{condition} as `{name}`" for name, condition in columns]
        _ = frame.selectExpr("*", *usable).schema
    except AnalysisException:  # one of them; look which
        usable = []
        for (name, condition), each in columns.items():
            try:
                _ = frame.selectExpr(condition).schema
                usable.append(f"{condition} as `{name}`")
            except AnalysisException as error:
                unusable.append(_Outcome(each, False, "", error=f"could not be run: {brief(error)}"))
    return frame.selectExpr("*", *usable), unusable


def _concluded(name: str, planned: Sequence[Planned], outcomes: Sequence[_Outcome], settings: Settings) -> Audit:
    """Joins the outcomes of one name into one check, in the order of the plan, and writes results and page."""
    by_name: dict[str, list[_Outcome]] = {each.name: [] for each in planned}
    for outcome in [*outcomes, *(_Outcome(each, True, each.skipped) for each in planned if each.skipped)]:
        by_name[outcome.planned.name].append(outcome)
    broken = [each for each in outcomes if each.error and each.planned.severity == CRITICAL]
    if broken:
        raise AuditError(
            f"{name}: critical checks could not be run, so there is no verdict: "
            + "; ".join(f"{each.planned.name}: {each.error}" for each in broken)
            + f". Correct the rule in {settings.rules} and run again."
        )
    shown = [_shown(parts) for parts in by_name.values()]
    failed = tuple(each["name"] for each in shown if not each["success"] and each["severity"] == CRITICAL)
    verdict = FAILED if failed else PASSED
    page = pages.write(
        settings.quality,
        {"name": name, "verdict": verdict, "time": _now(), "failed_critical": list(failed), "checks": shown},
    )
    checks = tuple(Check(each["name"], each["severity"], each["success"], each["observed"]) for each in shown)
    return Audit(verdict, failed, checks, page)


def _shown(parts: Sequence[_Outcome]) -> dict[str, Any]:
    """One check as the results file keeps it."""
    planned = parts[0].planned
    return {
        "name": planned.name,
        "description": planned.description,
        "severity": planned.severity,
        "scope": planned.table or planned.scope,
        "success": all(each.success for each in parts),
        "observed": "; ".join(dict.fromkeys(each.error or each.observed for each in parts)),
        "expectations": [{"type": each.planned.expectation, "kwargs": dict(each.planned.kwargs)} for each in parts],
        "sample": [dict(row) for each in parts for row in each.sample][:SAMPLE_ROWS],
    }


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


# --- Great Expectations -----------------------------------------------------------------------------------------------


def _run(frame: DataFrame, planned: Sequence[Planned], but: Sequence[_Outcome] = ()) -> list[_Outcome]:
    """Runs the checks over one frame in at most three validations.

    Checks of each row ask only whether they hold, so that Great Expectations counts all of them in one aggregate; those
    that do not are looked at more closely. The others give their observed value at once. `but`: to be left out.
    """
    left_out = [each.planned for each in but]
    todo = [each for each in planned if not each.skipped and each not in left_out]
    if not todo:
        return []
    gx = _great_expectations()
    by_row = [each for each in todo if _checks_rows(gx, each)]
    whole = [each for each in todo if each not in by_row]
    batch = _batch(gx, frame)
    outcomes = _validate(gx, batch, by_row, BY_ROW)
    failed = [each.planned for each in outcomes if not each.success and not each.error]
    numbers = _look_closer(gx, batch, frame, sorted(failed, key=lambda each: each.severity)) if failed else {}
    outcomes = [numbers.get(id(each.planned), each) for each in outcomes]
    return outcomes + _validate(gx, batch, whole, {"result_format": "COMPLETE"})


def _look_closer(gx: Any, batch: Any, frame: DataFrame, failed: Sequence[Planned]) -> dict[int, _Outcome]:
    """Counts the failing rows of each failed check in one Spark job, and takes samples of the first ones in another.

    Great Expectations itself would run three jobs for each check. Its own conditions are used, so that the numbers are
    those of its verdict.
    """
    from pyspark.sql import functions as F

    fails = {id(each): _unexpected(gx, batch, each) for each in failed}
    counts = frame.agg(*(F.count_if(fails[id(each)]) for each in failed)).collect()[0]
    samples: dict[int, list[Mapping[str, Any]]] = {id(each): [] for each in failed}
    parts = [
        frame.where(fails[id(each)])
        .limit(SAMPLE_ROWS)
        .select(
            F.lit(number).alias("number"), F.to_json(F.struct(*each.sample), {"ignoreNullFields": "false"}).alias("row")
        )
        for number, each in enumerate(failed[:SAMPLED_CHECKS])
        if each.sample
    ]
    if parts:
        union = parts[0]
        for part in parts[1:]:
            union = union.unionAll(part)
        for row in union.collect():
            samples[id(failed[row["number"]])].append(json.loads(row["row"]))
    return {
        id(each): _Outcome(
            each, False, f"{count:,} rows fail" if count != 1 else "1 row fails", sample=_texts(samples[id(each)])
        )
        for each, count in zip(failed, counts, strict=True)
    }


def _unexpected(gx: Any, batch: Any, planned: Planned) -> Column:
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


def _great_expectations() -> Any:
    """The library, imported where it is needed and told to be quiet and to send nothing.

    That costs 1.05 s of a processor. With SciPy's statistics and Altair, which of its expectations only the KL divergence
    uses, it cost 1.75 s.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    seldom_used = () if "great_expectations" in sys.modules else ("scipy.stats", "altair")
    with late(*seldom_used):
        import great_expectations

    return great_expectations


def _batch(gx: Any, frame: DataFrame) -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_spark("lakehouse", persist=False)
    definition = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    return definition.get_batch({"dataframe": frame})


def _checks_rows(gx: Any, planned: Planned) -> bool:
    from great_expectations.expectations.expectation import ColumnMapExpectation

    return issubclass(_kind(gx, planned), ColumnMapExpectation)


def _kind(gx: Any, planned: Planned) -> type[Expectation]:
    kind = getattr(gx.expectations, planned.expectation, None)
    if kind is None:
        raise AuditError(
            f"{planned.name}: Great Expectations has no {planned.expectation}; correct the rule's `expectation`"
        )
    return kind  # type: ignore[no-any-return]


def _expectation(gx: Any, planned: Planned, number: int) -> Expectation:
    severity = cast("FailureSeverity", planned.severity)
    try:
        return _kind(gx, planned)(**planned.kwargs, severity=severity, meta={"number": number})
    except (TypeError, ValueError) as error:  # pydantic's errors are ValueErrors
        raise AuditError(
            f"{planned.name}: {planned.expectation} refuses its kwargs: {' '.join(str(error).split())}"
        ) from None


def _validate(gx: Any, batch: Any, planned: Sequence[Planned], result_format: Mapping[str, Any]) -> list[_Outcome]:
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
    return [_outcome(planned[_number(each)], each) for each in result.results]


def _number(result: ExpectationValidationResult) -> int:
    """The place in the suite, which results keep in `meta`: they come in another order."""
    assert result.expectation_config is not None and result.expectation_config.meta is not None
    return int(result.expectation_config.meta["number"])


def _outcome(planned: Planned, result: ExpectationValidationResult) -> _Outcome:
    error = _error(result.exception_info or {})
    if error:
        return _Outcome(planned, False, "", error=f"could not be run: {error}")
    success, found = bool(result.success), result.result or {}
    rows = (found.get("details") or {}).get("unexpected_rows") or []
    return _Outcome(planned, success, _observed(planned, success, found), sample=_texts(rows[:SAMPLE_ROWS]))


def _error(info: Mapping[str, Any]) -> str | None:
    """The message of the exception, which Great Expectations gives flat or once for each metric."""
    for each in (info, *(value for value in info.values() if isinstance(value, Mapping))):
        if each.get("raised_exception"):
            return brief(each.get("exception_message"))
    return None


def brief(error: object) -> str:
    """The first sentences of an error of Spark, on one line."""
    return " ".join(str(error).partition("JVM stacktrace")[0].split())[:500]


def _observed(planned: Planned, success: bool, found: Mapping[str, Any]) -> str:
    value = found.get("observed_value")
    if planned.expectation == "UnexpectedRowsExpectation":
        return f"{value:,} rows fail" if value else "no row fails"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if value is not None:
        return str(value)
    return "no row fails" if success else "rows fail"


def _texts(rows: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple({key: _text(value) for key, value in row.items()} for row in rows)


def _text(value: Any) -> str | None:
    """What a page shows of a value; long ones are cut."""
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= pages.LONGEST_VALUE else text[: pages.LONGEST_VALUE] + "…"
