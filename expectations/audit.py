"""Runs the checks of a batch or a day with Great Expectations, gives the verdict, and writes the page."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from expectations import pages
from expectations.rulebook import BATCH, CRITICAL, DAY, GOOD, load_rules
from expectations.suites import GOOD_ROW, Planned, batch_suite, day_suite
from lakehouse.ledger.vocabulary import Verdict

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation import ColumnMapExpectation, Expectation
    from great_expectations.expectations.metadata_types import FailureSeverity
    from pyspark.sql import Column, DataFrame

    from lakehouse.contract.model import Contracts
    from lakehouse.settings import Settings

SAMPLE_ROWS = 20  # of each failed check
SAMPLED_CHECKS = 20  # critical checks come first
BY_ROW = MappingProxyType({"result_format": "BOOLEAN_ONLY"})  # all checks of each row in one aggregate


class AuditError(Exception):
    """A check could not be run, so that there is no verdict."""


class Outcome(StrEnum):
    """What became of one check."""

    PASSED = "passed"
    FAILED = "failed"  # a warning warns; a critical check holds the batch, or fails the day
    REFUSED = "refused"  # rows break a rule of rows: they are quarantined, the others are published
    WAIVED = "waived"  # it would be failed or refused, and somebody accepted it
    SKIPPED = "skipped"  # it did not run


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    severity: str
    outcome: Outcome
    observed: str

    @property
    def success(self) -> bool:
        """Whether nothing is wrong; of a check that did not run nothing is known to be."""
        return self.outcome in (Outcome.PASSED, Outcome.SKIPPED)


@dataclass(frozen=True)
class Audit:
    """The verdict, the critical checks that hold the rows, all checks, and the page's path under /quality/."""

    verdict: str
    failed_critical: tuple[str, ...]
    checks: tuple[Check, ...]
    page: str


@dataclass(frozen=True)
class _Result:
    """What one expectation gave; `error` if it could not be run. `rows`: how many fail, where that is counted."""

    planned: Planned
    success: bool
    observed: str
    error: str | None = None
    sample: tuple[Mapping[str, Any], ...] = ()
    rows: int = 0


@dataclass(frozen=True)
class _Terms:
    """How an audit concludes: rows that could be published, whether too many broken ones hold them, whether all is accepted."""

    good_rows: int = 0
    held_by_rows: bool = True
    waived: bool = False
    note: str = ""  # for the head of the page


def prepare() -> None:
    """Imports Great Expectations, which takes seconds; a job calls it in a thread while Spark works for it."""
    _great_expectations()


def audit_batch(
    checked: DataFrame,
    *,
    name: str,
    contracts: Contracts,
    event_types: Sequence[str],
    good_rows: int,
    history: Sequence[int],
    mix: Mapping[str, float],
    settings: Settings,
    held_by_rows: bool = True,
    waived: bool = False,
) -> Audit:
    """Audits one batch. `checked` should be cached: it is read about ten times.

    checked: a row per message, with topic, topic_id, partition, offset, kafka_timestamp, event_date, event_id,
    event_type, reason_code (null: good), duplicate, player, row_rules.BROKEN, and <event_type>__<field> for each own
    field of `event_types`.
    good_rows: how many messages keep their contract and are no repetitions.
    history: sizes of the last batches, newest first. mix: share of each event type over them.
    held_by_rows: whether too many rows that break a rule of rows hold all (not in a replay).
    waived: somebody accepts whatever is found; the verdict is then never failed.

    Raises:
        RuleError: a rule file is not of the form.
        AuditError: a critical check could not be run.
    """
    planned = batch_suite(contracts, load_rules(settings.rules), event_types, history, mix, good_rows)
    flags = ("cast(reason_code is not null as int) as rejected", "cast(duplicate as int) as duplicated")
    batch, unusable = _with_conditions(checked.selectExpr("*", *flags), planned)
    outcomes = unusable + _run(batch, [each for each in planned if each.scope == BATCH or each.column], unusable)
    outcomes += _run(batch.where(GOOD_ROW), [each for each in planned if each.scope == GOOD and not each.column])
    note = "" if good_rows else "No row could be published, so the rules over such rows had nothing to check."
    return _concluded(name, planned, outcomes, settings, _Terms(good_rows, held_by_rows, waived, note))


def audit_day(tables: Mapping[str, DataFrame], *, name: str, settings: Settings) -> Audit:
    """Audits one day. `tables`: the day's rows of the daily tables, and `player_inventory`, by name.

    Raises:
        RuleError: a rule file is not of the form.
        AuditError: a critical check could not be run, or a rule is about a table that is not among `tables`.
    """
    rules = load_rules(settings.rules)
    about = sorted({str(rule.table) for rule in rules if rule.scope == DAY})
    unknown = [table for table in about if table not in tables]
    if unknown:
        raise AuditError(
            f"{name}: a rule is about the table {unknown[0]}; the audit of a day has {', '.join(sorted(tables))}"
        )
    empty = [table for table in about if not tables[table].limit(1).collect()]
    planned = day_suite(rules, empty)
    outcomes: list[_Result] = []
    for table in about:
        own = [each for each in planned if each.table == table]
        frame = tables[table]
        own = [replace(each, sample=tuple(frame.columns)) for each in own]
        frame, unusable = _with_conditions(frame, own)
        outcomes += unusable + _run(frame, own, unusable)
    note = "" if len(empty) < len(about) else "The day has no rows, so there was nothing to check."
    return _concluded(name, planned, outcomes, settings, _Terms(note=note))


def _with_conditions(frame: DataFrame, planned: Sequence[Planned]) -> tuple[DataFrame, list[_Result]]:
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
                unusable.append(_Result(each, False, "", error=f"could not be run: {brief(error)}"))
    return frame.selectExpr("*", *usable), unusable


def _concluded(
    name: str, planned: Sequence[Planned], outcomes: Sequence[_Result], settings: Settings, terms: _Terms
) -> Audit:
    """Joins the outcomes of one name into one check, in the order of the plan, and writes results and page."""
    by_name: dict[str, list[_Result]] = {each.name: [] for each in planned}
    for outcome in [*outcomes, *(_Result(each, True, each.skipped) for each in planned if each.skipped)]:
        by_name[outcome.planned.name].append(outcome)
    broken = [each for each in outcomes if each.error and each.planned.severity == CRITICAL]
    if broken:
        raise AuditError(
            f"{name}: critical checks could not be run, so there is no verdict: "
            + "; ".join(f"{each.planned.name}: {each.error}" for each in broken)
            + f". Correct the rule in {settings.rules} and run again."
        )
    shown = [_shown(parts, terms) for parts in by_name.values()]
    critical = {outcome: [each["name"] for each in shown if _is_critical(each, outcome)] for outcome in Outcome}
    failed = critical[Outcome.WAIVED] if terms.waived else critical[Outcome.FAILED]
    verdict = Verdict.PASSED if not failed else Verdict.WAIVED if terms.waived else Verdict.FAILED
    audit = {
        "name": name,
        "verdict": verdict,
        "time": _now(),
        "failed_critical": failed,
        "refused": critical[Outcome.REFUSED],
        "note": terms.note,
        "checks": shown,
    }
    page = pages.write(settings.quality, audit)
    checks = tuple(Check(each["name"], each["severity"], each["outcome"], each["observed"]) for each in shown)
    return Audit(verdict, tuple(failed), checks, page)


def _is_critical(check: Mapping[str, Any], outcome: Outcome) -> bool:
    return bool(check["severity"] == CRITICAL and check["outcome"] == outcome)


def _outcome_of(parts: Sequence[_Result], terms: _Terms) -> Outcome:
    """What the results of one check come to."""
    planned = parts[0].planned
    if all(each.planned.skipped for each in parts):
        return Outcome.SKIPPED
    if all(each.success for each in parts):
        return Outcome.PASSED
    if planned.severity == CRITICAL and terms.waived:
        return Outcome.WAIVED
    if planned.limits is None:
        return Outcome.FAILED
    too_many = planned.limits.exceeded(sum(each.rows for each in parts), terms.good_rows)
    return Outcome.FAILED if terms.held_by_rows and too_many else Outcome.REFUSED


def _shown(parts: Sequence[_Result], terms: _Terms) -> dict[str, Any]:
    """One check as the results file keeps it."""
    planned = parts[0].planned
    return {
        "name": planned.name,
        "description": planned.description,
        "severity": planned.severity,
        "scope": planned.table or planned.scope,
        "outcome": _outcome_of(parts, terms),
        "observed": _observed_of(parts),
        "expectations": [{"type": each.planned.expectation, "kwargs": dict(each.planned.kwargs)} for each in parts],
        "sample": [dict(row) for each in parts for row in each.sample][:SAMPLE_ROWS],
    }


def _observed_of(parts: Sequence[_Result]) -> str:
    """What the results of one check saw: of those that count rows that fail, all of these rows together."""
    rows = sum(each.rows for each in parts)
    if rows and not any(each.error for each in parts):
        return _rows_fail(rows)
    return "; ".join(dict.fromkeys(each.error or each.observed for each in parts))


def _rows_fail(count: int) -> str:
    return f"{count:,} rows fail" if count != 1 else "1 row fails"


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


# --- Great Expectations -----------------------------------------------------------------------------------------------


def _run(frame: DataFrame, planned: Sequence[Planned], but: Sequence[_Result] = ()) -> list[_Result]:
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


def _look_closer(gx: Any, batch: Any, frame: DataFrame, failed: Sequence[Planned]) -> dict[int, _Result]:
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
        id(each): _Result(
            each,
            False,
            _rows_fail(count),
            sample=_texts(samples[id(each)]),
            rows=count,
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


def _validate(gx: Any, batch: Any, planned: Sequence[Planned], result_format: Mapping[str, Any]) -> list[_Result]:
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


def _outcome(planned: Planned, result: ExpectationValidationResult) -> _Result:
    error = _error(result.exception_info or {})
    if error:
        return _Result(planned, False, "", error=f"could not be run: {error}")
    success, found = bool(result.success), result.result or {}
    rows = (found.get("details") or {}).get("unexpected_rows") or []
    return _Result(planned, success, _observed(planned, success, found), sample=_texts(rows[:SAMPLE_ROWS]))


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
