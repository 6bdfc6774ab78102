"""The audit of a batch and of a day: what fails it, what only warns, and what is counted.

An audit takes seconds, so that one batch breaks many rules at once and each test asks for its own part of the result.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from expectations.audit import audit_batch, audit_day
from expectations.results import Audit, AuditError, Outcome
from expectations.rulebook import load_rules
from lakehouse.contract.model import Contracts
from lakehouse.settings import Settings
from tests.unit.expectations.conftest import NOW, TYPES, MakeBatch

# Of pyspark's own connections, when they are collected.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)

RunAudit = Callable[..., Audit]
Change = Mapping[str, Any]
SWORD, HORSE, CART = ({"event_type": name} for name in ("purchase_sword", "purchase_horse", "cart_action"))
EVEN = dict.fromkeys(TYPES, 0.25)
LONG_AGO, SOON = NOW - dt.timedelta(days=40), NOW + dt.timedelta(days=2)

BREAKS_CRITICAL: list[tuple[str, Change]] = [
    ("quantity_possible", {**SWORD, "purchase_sword__quantity": 1_000_000_001}),
    ("quantity_possible", {**HORSE, "purchase_horse__quantity": 2**62}),
    ("quantity_not_negative", {**SWORD, "purchase_sword__quantity": -1}),
    ("quantity_not_negative", {**HORSE, "purchase_horse__quantity": -1}),
    ("cart_quantity_possible", {**CART, "cart_action__items": [("a", "b", 10**9), ("a", "c", 1)]}),
    ("cart_quantity_positive", {**CART, "cart_action__items": [("a", "b", 1), ("a", "b", 0)]}),
    ("event_date_is_broker_day", {**SWORD, "event_date": NOW.date() - dt.timedelta(days=1)}),
    ("event_date_is_broker_day", {**SWORD, "event_date": None}),
    ("event_id_once", {**SWORD, "event_id": "event-0"}),
]
BREAKS_CONTRACT: list[tuple[str, Change]] = [
    ("purchase_sword.direction:enum", {**SWORD, "purchase_sword__direction": "sideways"}),
    ("purchase_sword.color:pattern", {**SWORD, "purchase_sword__color": "Red"}),
    ("purchase_sword.color:pattern", {**SWORD, "purchase_sword__color": "red\nRed"}),
    ("purchase_sword.color:length", {**SWORD, "purchase_sword__color": ""}),
    ("purchase_sword.quantity:range", {**SWORD, "purchase_sword__quantity": -1}),
    ("purchase_horse.speed:required", {**HORSE, "purchase_horse__speed": None}),
    ("cart_action.items:required", {**CART, "cart_action__items": None}),
]
REFUSED = {
    "quantity_possible",
    "cart_quantity_possible",
}  # so few rows that they alone are refused; the others hold the batch
GOOD_ROWS = 16
LIMITS_JUST_MET = [
    {**CART, "cart_action__items": [("a", "b", 10**9 - 1), ("a", "c", 1)]},
    {**SWORD, "purchase_sword__quantity": 1_000_000_000},
    {**SWORD, "purchase_sword__quantity": 0},
]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings()


@pytest.fixture(scope="module")
def audit(contracts: Contracts, settings: Settings) -> RunAudit:
    def run(checked: DataFrame, name: str, **given: Any) -> Audit:
        good_rows = checked.where("reason_code is null and not duplicate").count()
        defaults = {"contracts": contracts, "event_types": TYPES, "history": [], "mix": {}, "settings": settings}
        return audit_batch(checked, name=name, **{**defaults, "good_rows": good_rows, **given})

    return run


@pytest.fixture(scope="module")
def good(audit: RunAudit, batch: MakeBatch) -> Audit:
    return audit(batch(*LIMITS_JUST_MET), "good", history=[20] * 6, mix=EVEN)


@pytest.fixture(scope="module")
def critical(audit: RunAudit, batch: MakeBatch) -> Audit:
    return audit(batch(*(change for _, change in BREAKS_CRITICAL)), "critical")


@pytest.fixture(scope="module")
def warned(audit: RunAudit, batch: MakeBatch) -> Audit:
    """Everything that only warns, and everything critical on rows that are not published."""
    changes = [change for _, change in (*BREAKS_CRITICAL, *BREAKS_CONTRACT)]
    rejected = [{**change, "reason_code": "schema:some:thing"} for change in changes]
    twice = [{**change, "duplicate": True} for change in changes]
    times = [{**SWORD, "kafka_timestamp": moment, "event_date": moment.date()} for moment in (LONG_AGO, SOON)]
    mix = {"it's {odd}": 0.9, "default": 0.1}
    return audit(batch(*rejected, *twice, *times), "warned", history=[10_000] * 6, mix=mix)


def failures(result: Audit, severity: str) -> set[str]:
    return {check.name for check in result.checks if not check.success and check.severity == severity}


def with_outcome(result: Audit, outcome: Outcome) -> set[str]:
    return {check.name for check in result.checks if check.outcome == outcome}


def observed(result: Audit, name: str) -> str:
    return next(check.observed for check in result.checks if check.name == name)


def failing(result: Audit, name: str) -> int | None:
    """How many rows fail the check."""
    return next(check.rows_failing for check in result.checks if check.name == name)


def test_a_good_batch_and_limits_just_met_pass_every_check(good: Audit) -> None:
    assert (good.verdict, good.failed_critical, good.refused) == ("passed", (), ())
    assert {check.outcome for check in good.checks} == {Outcome.PASSED}


def test_the_suite_has_a_check_of_each_constrained_field_and_each_rule(good: Audit) -> None:
    names = [check.name for check in good.checks]
    assert len(names) == len(set(names))
    assert {name for name, _ in (*BREAKS_CRITICAL, *BREAKS_CONTRACT)} < set(names)


def test_a_batch_fails_by_the_rules_that_it_breaks_and_no_others(critical: Audit) -> None:
    assert critical.verdict == "failed" and set(critical.refused) == REFUSED
    assert {rule for rule, _ in BREAKS_CRITICAL} == failures(critical, "critical")
    assert set(critical.failed_critical) == with_outcome(critical, Outcome.FAILED) - failures(critical, "warning")
    assert with_outcome(critical, Outcome.REFUSED) == REFUSED
    broken = Counter(name for name, _ in BREAKS_CRITICAL)
    assert {rule: failing(critical, rule) for rule in broken} == broken


def test_rows_of_several_event_types_that_break_a_rule_are_counted_together(critical: Audit) -> None:
    assert observed(critical, "quantity_possible") == "2 rows fail"
    assert observed(critical, "cart_quantity_possible") == "1 row fails"


def test_a_critical_rule_looks_only_at_rows_that_would_be_published(warned: Audit) -> None:
    assert (warned.verdict, warned.failed_critical) == ("passed", ())


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in BREAKS_CONTRACT))
def test_each_keyword_of_a_contract_is_checked_over_the_whole_batch_and_only_warns(warned: Audit, name: str) -> None:
    assert name in failures(warned, "warning")
    # once rejected and once seen before; one of the critical changes is below the contract's range, too
    rows = 2 * sum(each == name for each, _ in BREAKS_CONTRACT) + 2 * (name == "purchase_sword.quantity:range")
    assert (failing(warned, name), observed(warned, name)) == (rows, f"{rows} rows fail")


@pytest.mark.parametrize(
    "rule", ["message_volume", "event_type_mix", "rejected_share", "duplicate_share", "kafka_timestamp_plausible"]
)
def test_each_rule_over_the_batch_as_a_whole_can_warn(warned: Audit, rule: str) -> None:
    assert rule in failures(warned, "warning")


def test_times_long_ago_and_times_to_come_are_both_implausible(warned: Audit) -> None:
    assert failing(warned, "kafka_timestamp_plausible") == 2


def test_the_mix_counts_the_types_that_are_off_whatever_they_are_called(warned: Audit) -> None:
    assert failing(warned, "event_type_mix") == 2  # "it's {odd}", which is gone, and sword_purchases


def test_a_share_is_shown_as_a_number(warned: Audit) -> None:
    assert 0.3 < float(observed(warned, "rejected_share")) < 0.5


def test_a_field_that_is_required_of_one_type_may_be_absent_from_others(critical: Audit) -> None:
    assert "purchase_horse.speed:required" not in failures(critical, "warning")


def test_without_enough_earlier_batches_nothing_is_compared_with_them(critical: Audit) -> None:
    for rule in ("message_volume", "event_type_mix"):
        assert rule not in failures(critical, "warning")
        assert observed(critical, rule).startswith("not checked") and rule in with_outcome(critical, Outcome.SKIPPED)


def test_a_batch_of_nothing_but_unreadable_messages_passes_with_a_warning_and_says_what_was_not_checked(
    audit: RunAudit, batch: MakeBatch
) -> None:
    garbage = {"event_type": "default", "reason_code": "not_json", "event_id": None, "player": None}
    checked = batch(garbage, garbage, copies=0, types=["default"]).withColumnRenamed("event_type", "was")
    result = audit(checked.selectExpr("*", "cast(null as string) as event_type").drop("was"), "garbage", event_types=[])
    assert result.verdict == "passed" and failures(result, "warning") == {"rejected_share"}
    assert {"quantity_possible", "event_date_is_broker_day"} < with_outcome(result, Outcome.SKIPPED)
    assert "event_id_once" in with_outcome(result, Outcome.PASSED)  # a check of all rows counts none


# --- rules of rows ----------------------------------------------------------------------------------------------------


@pytest.fixture
def limited(audit: RunAudit, batch: MakeBatch, settings: Settings, tmp_path: Path) -> RunAudit:
    """Audits 20 good rows, of which `broken` break the one rule of rows, which holds above 10 % and above 1 row."""

    def run(broken: int, name: str = "limited", **given: Any) -> Audit:
        rule = {"name": "odd", "description": "d", "severity": "critical", "scope": "good"}
        form = {**rule, "condition": "offset < 0", "held_above": {"share": 0.1, "rows": 1}}
        (tmp_path / "rules.yaml").write_text(json.dumps({"rules": [form]}))
        rules = load_rules(tmp_path)
        changes = [{"event_type": "default", "offset": -1 - number} for number in range(broken)]
        changes += [{"event_type": "default"} for _ in range(16 - broken)]
        checked = batch(*changes, copies=1, rules=rules)
        return audit(checked, name, settings=settings.model_copy(update={"rules": tmp_path}), **given)

    return run


@pytest.mark.parametrize(("broken", "verdict", "outcome"), [(2, "passed", "refused"), (3, "failed", "failed")])
def test_rows_that_break_a_rule_hold_their_batch_only_if_they_are_more_than_a_share_and_a_number(
    limited: RunAudit, broken: int, verdict: str, outcome: str
) -> None:
    result = limited(broken)  # 2 of 20 are more than 1 row but not more than 10 %
    (check,) = (each for each in result.checks if each.name == "odd")
    assert (result.verdict, check.outcome) == (verdict, outcome)
    assert result.failed_critical == (("odd",) if verdict == "failed" else ())
    assert check.observed == f"{broken} rows fail" and not check.success


def test_in_a_replay_no_number_of_refused_rows_holds_the_others(limited: RunAudit) -> None:
    result = limited(16, held_by_rows=False)
    assert (result.verdict, result.failed_critical) == ("passed", ()) and with_outcome(result, Outcome.REFUSED) == {
        "odd"
    }


def test_a_waiver_accepts_refused_rows_too(limited: RunAudit) -> None:
    result = limited(1, name="waived", waived=True)
    assert (result.verdict, result.failed_critical) == ("waived", ("odd",))
    assert with_outcome(result, Outcome.WAIVED) == {"odd"}
    assert limited(0, waived=True).verdict == "passed"


# --- rules of the operator's own --------------------------------------------------------------------------------------


@pytest.fixture
def with_rule(audit: RunAudit, batch: MakeBatch, settings: Settings, tmp_path: Path) -> RunAudit:
    """Audits a batch by one rule only."""

    def run(*changes: Change, **rule: Any) -> Audit:
        form = {"name": "odd", "description": "d", "severity": "warning", "scope": "good", **rule}
        (tmp_path / "rules.yaml").write_text(json.dumps({"rules": [form]}))
        used = settings.model_copy(update={"rules": tmp_path})
        return audit(batch(*changes, copies=1, rules=()), "own", settings=used)

    return run


def test_a_critical_rule_that_cannot_be_run_gives_no_verdict(with_rule: RunAudit) -> None:
    with pytest.raises(AuditError, match=r"odd: .*nothing"):
        with_rule(severity="critical", query="select nothing from {batch}")


@pytest.mark.parametrize("form", [{"query": "select nothing from {batch}"}, {"condition": "nothing > 1"}])
def test_a_warning_that_cannot_be_run_is_shown_as_failed_and_stops_nothing(with_rule: RunAudit, form: Change) -> None:
    result = with_rule(**form)
    assert result.verdict == "passed" and "could not be run" in observed(result, "odd")


def test_a_query_is_run_once_for_the_number_of_its_rows(with_rule: RunAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    sql = SparkSession.sql

    def noted(self: SparkSession, statement: str, *arguments: Any, **options: Any) -> DataFrame:
        statements.append(statement)
        return sql(self, statement, *arguments, **options)

    monkeypatch.setattr(SparkSession, "sql", noted)
    result = with_rule(SWORD, severity="critical", query="select * from {batch}")
    assert (result.failed_critical, failing(result, "odd")) == (("odd",), 5)
    assert len(statements) == 1


@pytest.mark.parametrize("expectation", ["ExpectNothing", "ExpectColumnValuesToBeInSet"])
def test_an_expectation_that_is_unknown_or_refuses_its_arguments_is_named(
    with_rule: RunAudit, expectation: str
) -> None:
    with pytest.raises(AuditError, match=f"odd: .*{expectation}"):
        with_rule(expectation=expectation, kwargs={"colum": "player"})


def test_an_expectation_of_great_expectations_can_be_a_critical_rule(with_rule: RunAudit) -> None:
    result = with_rule(
        {**SWORD, "purchase_sword__quantity": 6},
        {**SWORD, "purchase_sword__quantity": 7, "duplicate": True},
        severity="critical",
        event_types=["purchase_sword"],
        expectation="ExpectColumnValuesToBeBetween",
        kwargs={"column": "{event_type}__quantity", "max_value": 5},
    )
    assert result.failed_critical == ("odd",)
    assert failing(result, "odd") == 1


# --- a day ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def day(small_data: SparkSession) -> Callable[..., dict[str, DataFrame]]:
    def make(events: int = 1, sold: int = 1, stock: int = 0) -> dict[str, DataFrame]:
        items = "item_type string, item string"
        rows = {
            "daily_event_counts": (
                ("p", "h", "default", None, events),
                "player string, host string, event_type string, direction string, events bigint",
            ),
            "daily_item_sales": (("sword", "oak", sold), f"{items}, quantity bigint"),
            "player_item_changes": (("p", "sword", "oak", 1), f"player string, {items}, change bigint"),
            "player_inventory": (("p", "sword", "oak", stock), f"player string, {items}, quantity bigint"),
        }
        return {name: small_data.createDataFrame([row], schema) for name, (row, schema) in rows.items()}

    return make


def test_a_good_day_passes(day: Callable[..., dict[str, DataFrame]], settings: Settings) -> None:
    result = audit_day(day(), name="day-2026-01-02", settings=settings)
    assert result.verdict == "passed" and [check.outcome for check in result.checks] == [Outcome.PASSED] * 4


def test_a_day_without_rows_says_that_nothing_was_checked(
    day: Callable[..., dict[str, DataFrame]], settings: Settings
) -> None:
    empty = {name: frame.where("false") for name, frame in day().items()}
    result = audit_day(empty, name="day-2026-01-05", settings=settings)
    assert result.verdict == "passed" and {check.outcome for check in result.checks} == {Outcome.SKIPPED}
    assert "no rows" in observed(result, "daily_event_counts_positive")


def test_numbers_that_cannot_be_fail_the_day_and_negative_stock_warns(
    day: Callable[..., dict[str, DataFrame]], settings: Settings
) -> None:
    result = audit_day(day(events=0, sold=-1, stock=-3), name="day-2026-01-03", settings=settings)
    assert result.verdict == "failed"
    assert set(result.failed_critical) == {"daily_event_counts_positive", "daily_item_sales_not_negative"}
    assert failures(result, "warning") == {"stock_not_negative"}
    assert failing(result, "stock_not_negative") == 1


def test_a_rule_about_a_table_that_is_not_there_gives_no_verdict(settings: Settings) -> None:
    with pytest.raises(AuditError, match="daily_event_counts"):
        audit_day({}, name="day-2026-01-04", settings=settings)
