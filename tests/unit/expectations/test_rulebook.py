"""The rule files: every key is checked, and what is not of the form is refused by file, rule and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from expectations.rulebook import Limits, RuleError, load_rules
from lakehouse.settings import CHECKOUT

GOOD: dict[str, Any] = {
    "name": "a_rule",
    "description": "What it is.",
    "severity": "warning",
    "scope": "batch",
    "condition": "offset < 0",
}
OF_ROWS = {"severity": "critical", "scope": "good"}
EXPECTATION = {"condition": None, "expectation": "ExpectTableRowCountToBeBetween", "kwargs": {"min_value": 1}}


def load(folder: Path, *rules: dict[str, Any]) -> Any:
    kept = [{key: value for key, value in rule.items() if value is not None} for rule in rules]
    (folder / "some.yaml").write_text(yaml.safe_dump({"rules": kept}))
    return load_rules(folder)


def test_the_rules_that_are_shipped_are_of_the_form() -> None:
    names = {rule.name: rule.severity for rule in load_rules(CHECKOUT / "expectations" / "rules")}
    assert names["quantity_possible"] == "critical" and names["stock_not_negative"] == "warning"


def test_rules_that_only_our_own_fault_can_break_hold_the_batch_for_one_row() -> None:
    shipped = [rule for rule in load_rules(CHECKOUT / "expectations" / "rules") if rule.of_rows]
    limits = {rule.name: (rule.held_above.share, rule.held_above.rows) for rule in shipped}
    ours = ("event_date_is_broker_day", "quantity_not_negative", "cart_quantity_positive")
    of_clients = ("quantity_possible", "cart_quantity_possible")
    assert limits == {**dict.fromkeys(of_clients, (0.05, 100)), **dict.fromkeys(ours, (0.0, 0))}


@pytest.mark.parametrize(
    ("broken", "checked", "held"),
    [(100, 100, False), (101, 2020, False), (101, 2019, True), (0, 0, False), (0, 9, False)],
)
def test_a_batch_is_held_above_both_limits(broken: int, checked: int, held: bool) -> None:
    assert Limits().exceeded(broken, checked) is held


@pytest.mark.parametrize(("broken", "held"), [(0, False), (1, True)])
def test_with_limits_of_nothing_one_row_holds_its_batch(broken: int, held: bool) -> None:
    assert Limits(0.0, 0).exceeded(broken, 1_000_000) is held


def test_a_rule_of_each_form_is_read(tmp_path: Path) -> None:
    read = load(
        tmp_path,
        GOOD,
        {**GOOD, **EXPECTATION, "name": "b"},
        {**GOOD, "name": "c", "condition": None, "query": "select {event_type}__x from {batch}", "event_types": ["x"]},
        {**GOOD, "name": "d", "scope": "day", "table": "daily_item_sales", "severity": "critical"},
        {**GOOD, "name": "e", "condition": None, "query": "select * from {batch} join {mix}", "needs": ["mix"]},
    )
    assert [rule.name for rule in read] == ["a_rule", "b", "c", "d", "e"]
    assert read[2].event_types == ("x",) and read[1].kwargs == {"min_value": 1}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sevrity": "critical"}, "sevrity is not known; allowed are name"),
        ({"name": None}, "name is missing"),
        ({"name": "A Rule"}, "lower-case"),
        ({"description": None}, "description is missing"),
        ({"description": " "}, "description is missing"),
        ({"severity": None}, "severity is missing"),
        ({"severity": "fatal"}, "severity is 'fatal'; allowed are critical, warning"),
        ({"severity": "critical"}, "must have scope good or day"),
        ({"scope": None}, "scope is missing"),
        ({"scope": "week"}, "scope is 'week'; allowed are batch, good, day"),
        ({"scope": "day"}, "table must be given for scope day"),
        ({"table": "daily_item_sales"}, "table must be given for scope day, and only there"),
        ({"scope": "day", "table": "t", "needs": ["mix"]}, "are for rules over a batch"),
        ({"scope": "day", "table": "t", "event_types": ["x"]}, "are for rules over a batch"),
        ({"condition": None}, "exactly one of expectation, condition and query"),
        ({"query": "select * from {batch}"}, "exactly one of expectation, condition and query"),
        ({"condition": 5}, "exactly one of expectation, condition and query"),
        ({"condition": "a; b"}, "without ;"),
        ({"condition": "{batch}.x"}, "{batch} is not filled in here"),
        ({"condition": "{event_type}__x < 0"}, "{event_type} is not filled in here"),
        ({"condition": None, "query": "select 1"}, "query must read from {batch}"),
        ({"condition": None, "query": "select * from {batch} join {mix}"}, "{mix} is not filled in here"),
        ({"kwargs": {"column": "x"}}, "kwargs, a mapping, must stand beside expectation"),
        ({**EXPECTATION, "kwargs": None}, "kwargs, a mapping, must stand beside expectation"),
        ({**EXPECTATION, "kwargs": {"column": "{event_type}__x"}}, "{event_type} is not filled in here"),
        ({"event_types": "purchase_sword"}, "event_types must be a list of names"),
        ({"needs": "mix"}, "needs must be a list of names"),
        ({"needs": ["weather"]}, "needs is 'weather'; allowed are history, mix"),
        ({"held_above": {"share": 0, "rows": 0}}, "held_above is for critical rules of scope good with a condition"),
        ({**OF_ROWS, "needs": ["mix"]}, "needs are for checks of the whole batch"),
        ({**OF_ROWS, "held_above": 5}, "must have the keys share (0 to 1) and rows"),
        ({**OF_ROWS, "held_above": {"share": 0.1}}, "must have the keys share (0 to 1) and rows"),
        ({**OF_ROWS, "held_above": {"share": 1.1, "rows": 1}}, "share is 1.1"),
        ({**OF_ROWS, "held_above": {"share": True, "rows": 1}}, "share is True"),
        ({**OF_ROWS, "held_above": {"share": 0.1, "rows": -1}}, "rows is -1"),
        ({**OF_ROWS, "held_above": {"share": 0.1, "rows": 1.5}}, "rows is 1.5"),
    ],
)
def test_what_is_not_of_the_form_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleError) as refused:
        load(tmp_path, {**GOOD, **change})
    assert says in str(refused.value) and "some.yaml: rule 1" in str(refused.value)


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="a_rule is the name of two rules"):
        load(tmp_path, GOOD, GOOD)


@pytest.mark.parametrize("text", ["[]", "rules: {}", "rule: []", "rules: []\nmore: 1", "rules: [1]", "rules: ["])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "some.yaml").write_text(text)
    with pytest.raises(RuleError, match=r"some\.yaml"):
        load_rules(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="is no folder"):
        load_rules(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({5: 1}, "(a_rule): 5 is not known; allowed are name, description, severity, scope, table, event_types, needs, "
         "expectation, kwargs, condition, query, held_above"),
        ({"name": " "}, "( ): name must be lower-case words joined by single underscores"),
        ({"needs": ["mix", "weather"]}, "(a_rule): needs is 'weather'; allowed are history, mix"),
        ({"event_types": [1]}, "(a_rule): event_types must be a list of names"),
        ({"table": 5}, "(a_rule): table must be the name of a table"),
        ({**EXPECTATION, "kwargs": {1: 2}}, "(a_rule): kwargs must be a mapping"),
        ({"condition": 5}, "(a_rule): condition is 5; a rule must have exactly one of expectation, condition and query, as "
         "text"),
        ({**OF_ROWS, "held_above": {"share": "1", "rows": 1}},
         "(a_rule): held_above: share is '1'; it must be a number from 0 to 1"),
        ({"condition": None}, "(a_rule): must have exactly one of expectation, condition and query, as text"),
    ],
)  # fmt: skip
def test_a_refusal_names_file_rule_and_key(tmp_path: Path, change: dict[Any, Any], words: str) -> None:
    with pytest.raises(RuleError) as refused:
        load(tmp_path, {**GOOD, **change})
    assert str(refused.value) == f"{tmp_path / 'some.yaml'}: rule 1 {words}"


def test_a_rule_that_is_no_mapping_is_refused_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text("rules: [1]")
    with pytest.raises(RuleError) as refused:
        load_rules(tmp_path)
    assert str(refused.value) == f"{tmp_path / 'some.yaml'}: rule 1: must be a mapping"


def test_a_form_without_a_value_is_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text(yaml.safe_dump({"rules": [{**GOOD, "query": None}]}))
    with pytest.raises(RuleError, match="must have exactly one of"):
        load_rules(tmp_path)
