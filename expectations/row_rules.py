"""Rules of rows: adds a column that names the critical conditions that a row breaks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from expectations.rulebook import Rule, fill_in

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BROKEN = "broken_rules"  # names, in the order of the rules: the first one is a refused row's reason; null if none


def mark(frame: DataFrame, rules: Sequence[Rule], event_types: Collection[str], judged: str) -> DataFrame:
    """Adds BROKEN, an array of strings or null.

    Args:
        frame: event_type, and <event_type>__<field> for each own field of `event_types`.
        judged: SQL; rows that do not meet it break nothing.
    """
    return frame.selectExpr("*", f"case when {judged} then {broken(rules, event_types)} end as {BROKEN}")


def broken(rules: Sequence[Rule], event_types: Collection[str]) -> str:
    """SQL: the names of the rules of rows that a row breaks; null if it breaks none.

    A condition that Spark cannot compute for a row is not broken, as in the audit.
    """
    cases = [
        f"case when {condition} then '{rule.name}' end"
        for rule in rules
        if rule.of_rows and (condition := _condition(rule, event_types))
    ]
    if not cases:
        return "cast(null as array<string>)"
    return f"nullif(filter(array({', '.join(cases)}), name -> name is not null), cast(array() as array<string>))"


def _condition(rule: Rule, event_types: Collection[str]) -> str:
    """SQL: whether a row breaks the rule; empty if the rule is about none of the event types."""
    condition = str(rule.condition)
    if not rule.event_types:
        return f"coalesce({condition}, false)"
    return " or ".join(
        f"(event_type = '{name}' and coalesce({fill_in(condition, {'event_type': name})}, false))"
        for name in rule.event_types
        if name in event_types
    )
