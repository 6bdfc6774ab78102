"""What a check allows, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from expectations.allowed import allowed
from expectations.rulebook import Limits
from expectations.suites import PlannedExpectation


def planned(expectation: str, **kwargs: Any) -> PlannedExpectation:
    return PlannedExpectation("a", "b", "warning", "batch", expectation, kwargs)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"column": "a", "value_set": ["red", "blue"]}, "one of red, blue"),
        ({"column": "a", "min_value": 0, "max_value": 1_000}, "0 to 1,000"),
        ({"column": "a", "min_value": 0, "max_value": None}, "at least 0"),
        ({"column": "a", "max_value": 0.05}, "at most 0.05"),
        ({"column": "a", "regex": r"\A(?:[a-z]+)\z"}, "matches [a-z]+"),
        ({"value": 5}, "5"),
        ({"column": "a"}, "no row"),
        ({"value_set": ["x" * 300]}, "one of " + "x" * 193 + "…"),
    ],
)
def test_the_arguments_of_an_expectation_say_what_it_allows(kwargs: dict[str, Any], words: str) -> None:
    assert allowed(planned("Expect", **kwargs)) == words


def test_a_bound_that_is_computed_names_the_number_it_is_computed_from() -> None:
    kwargs = {"min_value": {"$PARAMETER": "history_median / 50"}, "max_value": {"$PARAMETER": "history_median * 50"}}
    check = PlannedExpectation("a", "b", "warning", "batch", "Expect", kwargs, parameters={"history_median": 1234.0})
    assert allowed(check) == "1,234 / 50 to 1,234 * 50"


def test_a_rule_of_rows_says_how_many_rows_hold_the_batch() -> None:
    check = PlannedExpectation("a", "b", "critical", "good", "Expect", {}, column=("c", "d"), limits=Limits(0.05, 100))
    assert allowed(check) == "no row; more than 5% and 100 rows hold the batch"
    assert allowed(replace(check, limits=Limits(0.0, 0))) == "no row; any holds the batch"


def test_a_skipped_check_names_what_it_would_have_been_computed_from() -> None:
    kwargs = {"min_value": {"$PARAMETER": "history_median / 50"}}
    check = PlannedExpectation("a", "b", "warning", "batch", "Expect", kwargs, skipped="not checked: too few batches")
    assert allowed(check) == "at least the median of the last batches / 50"
