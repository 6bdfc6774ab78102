"""What a check allows, in words that stand beside what it observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expectations.suites import PlannedExpectation

_LONGEST = 200  # characters
# What a parameter is called where it has no value: a check that was skipped for lack of it.
_WORDS = {"history_median": "the median of the last batches"}


def allowed(planned: PlannedExpectation) -> str:
    """Of one expectation: the values, the bounds or the pattern, or that no row may fail."""
    if planned.limits is not None:
        limits = planned.limits
        if not limits.share and not limits.rows:
            return "no row; any holds the batch"
        return f"no row; more than {limits.share:.0%} and {limits.rows:,} rows hold the batch"
    if planned.column is not None:
        return "no row"
    kwargs = planned.kwargs
    for said in (_values(kwargs), _bounds(kwargs, planned.parameters), _pattern(kwargs)):
        if said:
            return said if len(said) <= _LONGEST else said[:_LONGEST] + "…"
    return "no row"


def _values(kwargs: Mapping[str, Any]) -> str:
    values = kwargs.get("value_set") or kwargs.get("column_set")
    return f"one of {', '.join(map(str, values))}" if values else ""


def _bounds(kwargs: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None and high is None:
        return f"{kwargs['value']}" if isinstance(kwargs.get("value"), int | float) else ""
    if high is None:
        return f"at least {_number(low, parameters)}"
    most = _number(high, parameters)
    return f"at most {most}" if low is None else f"{_number(low, parameters)} to {most}"


def _number(bound: Any, parameters: Mapping[str, Any]) -> str:
    """A bound as it is written, with the parameters filled in that it computes with, or named."""
    if isinstance(bound, Mapping):
        text = str(bound.get("$PARAMETER", bound))
        for name, value in (_WORDS | dict(parameters)).items():
            text = text.replace(name, f"{value:,.0f}" if isinstance(value, float) else str(value))
        return text
    return f"{bound:,}" if isinstance(bound, int) else str(bound)


def _pattern(kwargs: Mapping[str, Any]) -> str:
    regex = kwargs.get("regex")
    if not regex:
        return ""
    inner = str(regex).removeprefix(r"\A(?:").removesuffix(r")\z")
    return f"matches {inner}"
