"""The checks of a batch or a day as plain values: those that follow from the contracts, then the rules."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from expectations.row_rules import BROKEN
from expectations.rulebook import BATCH, DAY, GOOD, WARNING, Limits, Rule, fill_in
from lakehouse.contract import patterns

if TYPE_CHECKING:
    from lakehouse.contract.model import Contract, Contracts, Field

GOOD_ROW = f"(reason_code is null and not duplicate and {BROKEN} is null)"  # would be published
ENOUGH_HISTORY = 5  # batches; the median of fewer says little
CONDITION_COLUMN = "holds__"  # a condition becomes a boolean column of this prefix, so that one pass checks them all


@dataclass(frozen=True)
class PlannedExpectation:
    """One expectation to be run.

    name: of the contract check (`<event_type>.<field>:<keyword>`) or the rule; several of one name are one check.
    scope: batch, good or day; table: of a day's check. column: (name, SQL) of a boolean column to add first.
    event_type: the only one that it looks at, if it does. field: of a contract's check.
    skipped: why it is not run, else None.
    limits: of a rule of rows; None: the check holds its batch if it is critical.
    """

    name: str
    description: str
    severity: str
    scope: str
    expectation: str
    kwargs: Mapping[str, Any]
    table: str | None = None
    column: tuple[str, str] | None = None
    skipped: str | None = None
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    limits: Limits | None = None
    event_type: str | None = None
    field: str | None = None


def batch_suite(
    contracts: Contracts,
    rules: Sequence[Rule],
    event_types: Sequence[str],
    history: Sequence[int],
    mix: Mapping[str, float],
    good_rows: int,
) -> tuple[PlannedExpectation, ...]:
    """All checks of one batch: those of the contracts of `event_types`, then the rules in their files' order.

    `good_rows`: how many messages keep their contract and are no repetitions.
    """
    base = [check for name in sorted(event_types) for check in _contract_checks(contracts[name])]
    written = [
        check
        for rule in rules
        if rule.scope != DAY
        for check in (
            [_planned(rule, None, {}, skipped="not checked: the batch holds no row that could be published")]
            if rule.scope == GOOD and rule.condition is not None and not good_rows
            else _batch_rule(rule, event_types, history, mix)
        )
    ]
    return (*base, *written)


def day_suite(rules: Sequence[Rule], empty: Collection[str]) -> tuple[PlannedExpectation, ...]:
    """All checks of one day's tables; a condition on rows has nothing to check in those that are `empty`."""
    return tuple(
        _planned(
            rule,
            None,
            {},
            skipped=f"not checked: {rule.table} has no rows of this day"
            if rule.condition is not None and rule.table in empty
            else None,
        )
        for rule in rules
        if rule.scope == DAY
    )


# --- from the contracts -----------------------------------------------------------------------------------------------


def _contract_checks(contract: Contract) -> list[PlannedExpectation]:
    return [check for each in contract.fields for check in _field_checks(contract.event_type, each)]


def _field_checks(event_type: str, own: Field) -> list[PlannedExpectation]:
    column, schema = f"{event_type}__{own.name}", own.schema
    checks = []
    if own.required:
        # Not ExpectColumnValuesToNotBeNull on the rows of the type: each such subset of rows would cost two more Spark
        # jobs, while all conditions of a batch are counted in one pass.
        condition = f"event_type <=> '{event_type}' and `{column}` is null"
        checks.append(_holds(_named(event_type, own, "required", "is there"), condition))
    for keyword, meaning, expectation, kwargs in _value_checks(schema):
        names = _named(event_type, own, keyword, meaning)
        checks.append(PlannedExpectation(**names, expectation=expectation, kwargs={"column": column, **kwargs}))
    return checks


def _value_checks(schema: Mapping[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(keyword, meaning, expectation, kwargs) of each check that the schema of a scalar requires."""
    checks: list[tuple[str, str, str, dict[str, Any]]] = []
    allowed = [value for value in schema.get("enum", []) if value is not None]
    if "const" in schema:
        allowed = [schema["const"]]
    if allowed:
        text = ", ".join(str(value) for value in allowed)
        checks.append(("enum", f"is one of {text}", "ExpectColumnValuesToBeInSet", {"value_set": allowed}))
    for keyword, low, high, expectation in (
        ("range", "minimum", "maximum", "ExpectColumnValuesToBeBetween"),
        ("length", "minLength", "maxLength", "ExpectColumnValueLengthsToBeBetween"),
    ):
        limits = {"min_value": schema.get(low), "max_value": schema.get(high)}
        if limits != {"min_value": None, "max_value": None}:
            least, most = (limits[key] if limits[key] is not None else "any" for key in ("min_value", "max_value"))
            checks.append((keyword, f"has its {keyword} from {least} to {most}", expectation, limits))
    expression = patterns.UUID if schema.get("format") == "uuid" else schema.get("pattern")
    if expression:
        regex = rf"\A(?:{patterns.inner(expression)})\z"
        checks.append(("pattern", f"matches {expression}", "ExpectColumnValuesToMatchRegex", {"regex": regex}))
    return checks


def _named(event_type: str, own: Field, keyword: str, meaning: str) -> dict[str, Any]:
    return {
        "name": f"{event_type}.{own.name}:{keyword}",
        "description": f"{own.name} of {event_type} {meaning}.",
        "severity": WARNING,  # the rows that fail are quarantined one by one
        "scope": BATCH,
        "event_type": event_type,
        "field": own.name,
    }


# --- from the rules ---------------------------------------------------------------------------------------------------


def _batch_rule(
    rule: Rule, event_types: Sequence[str], history: Sequence[int], mix: Mapping[str, float]
) -> list[PlannedExpectation]:
    known = {"history": len(history) >= ENOUGH_HISTORY, "mix": bool(mix)}
    missing = [need for need in rule.needs if not known[need]]
    if missing:
        return [
            _planned(
                rule, None, {}, skipped=f"not checked: fewer than {ENOUGH_HISTORY} earlier batches to compare with"
            )
        ]
    fill = {"mix": _mix_table(mix)} if "mix" in rule.needs else {}
    parameters = {"history_median": float(median(history))} if "history" in rule.needs else {}
    if not rule.event_types:
        return [_planned(rule, None, fill, parameters=parameters)]
    present = [name for name in rule.event_types if name in event_types]
    if not present:
        return [
            _planned(
                rule, rule.event_types[0], fill, skipped="not checked: the batch holds no event of the rule's types"
            )
        ]
    return [_planned(rule, name, fill, parameters=parameters) for name in present]


def _planned(
    rule: Rule,
    event_type: str | None,
    fill: Mapping[str, str],
    *,
    parameters: Mapping[str, Any] | None = None,
    skipped: str | None = None,
) -> PlannedExpectation:
    names: dict[str, Any] = {
        "name": rule.name,
        "description": rule.description,
        "severity": rule.severity,
        "scope": rule.scope,
    }
    names |= {"table": rule.table, "skipped": skipped, "parameters": parameters or {}, "event_type": event_type}
    fill = {**fill, **({"event_type": event_type} if event_type else {})}
    if rule.of_rows:
        of_type = f"event_type = '{event_type}' and " if event_type else ""
        condition = f"{of_type}array_contains({BROKEN}, '{rule.name}')"
        return replace(_holds(names, condition, suffix=event_type or ""), limits=rule.held_above)
    if rule.condition is not None:
        condition = fill_in(rule.condition, fill)
        if rule.scope == GOOD:
            condition = f"{GOOD_ROW} and ({condition})"
        return _holds(names, condition, suffix=event_type or "")
    if rule.query is not None:
        query = {"unexpected_rows_query": fill_in(rule.query, fill)}
        return PlannedExpectation(**names, expectation="UnexpectedRowsExpectation", kwargs=query)
    kwargs = _fill_in_all(rule.kwargs or {}, fill)
    return PlannedExpectation(**names, expectation=str(rule.expectation), kwargs=kwargs)


def _holds(names: dict[str, Any], condition: str, *, suffix: str = "") -> PlannedExpectation:
    """A check that no row meets `condition`. A boolean column, its negation, must be true everywhere."""
    column = CONDITION_COLUMN + re.sub(r"\W", "_", f"{names['name']}{'__' + suffix if suffix else ''}")
    return PlannedExpectation(
        **names,
        expectation="ExpectColumnValuesToBeInSet",
        kwargs={"column": column, "value_set": [True]},
        column=(column, f"not coalesce({condition}, false)"),
    )


def _mix_table(mix: Mapping[str, float]) -> str:
    rows = (
        f"select {_sql_text(name)} as event_type, {float(share):.6f}D as share" for name, share in sorted(mix.items())
    )
    return f"({' union all '.join(rows)}) as mix"


def _sql_text(value: str) -> str:
    """The value as SQL without braces and quotes, since Great Expectations formats the query once more."""
    return "decode(unhex('" + value.encode().hex() + "'), 'utf-8')"


def _fill_in_all(value: Any, values: Mapping[str, str]) -> Any:
    """Fills in every text within mappings and lists."""
    if isinstance(value, Mapping):
        return {key: _fill_in_all(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill_in_all(each, values) for each in value]
    return fill_in(value, values) if isinstance(value, str) else value
