"""Reads the hand-written checks of the rules folder, and refuses what is not of their closed form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CRITICAL, WARNING = "critical", "warning"
BATCH, GOOD, DAY = "batch", "good", "day"
NEEDS = ("history", "mix")  # what a rule may need of earlier batches; without it the rule is not checked

_KEYS = (
    "name", "description", "severity", "scope", "table", "event_types", "needs", "expectation", "kwargs",
    "condition", "query", "held_above",
)  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class RuleError(ValueError):
    """A rule that cannot be used; the message names the file, the rule and what is allowed."""


@dataclass(frozen=True)
class Limits:
    """How many rows may break a rule of rows before their whole batch is held: more than both are too many.

    share: of the rows that would be published, 0 to 1. rows: a number of rows.
    """

    share: float = 0.05
    rows: int = 100

    def exceeded(self, broken: int, checked: int) -> bool:
        """Whether `broken` of `checked` rows are too many."""
        return broken > self.rows and broken > self.share * checked


@dataclass(frozen=True)
class Rule:
    """One hand-written check. Exactly one of `expectation`, `condition` and `query` says what is checked.

    scope: `batch` sees every message of a batch, `good` only those that would be published, `day` the rows of one day
    of `table`. `condition` is a Spark SQL boolean that is true for a row that breaks the rule; `query` selects such
    rows from {batch}. A rule with `event_types` is checked once for each of them that the batch holds, with
    {event_type} filled in. `held_above`: of a rule of rows.
    """

    name: str
    description: str
    severity: str
    scope: str
    table: str | None = None
    event_types: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    expectation: str | None = None
    kwargs: Mapping[str, Any] | None = None
    condition: str | None = None
    query: str | None = None
    held_above: Limits = Limits()

    @property
    def of_rows(self) -> bool:
        """Whether a row that breaks it is refused alone: a critical condition. All other critical rules hold the batch."""
        return self.severity == CRITICAL and self.scope == GOOD and self.condition is not None


def load_rules(folder: Path) -> tuple[Rule, ...]:
    """Reads every rule of the folder's *.yaml files, in the order of files and rules.

    Raises:
        RuleError: names file, rule and what is allowed, for the first rule that is wrong.
    """
    if not folder.is_dir():
        raise RuleError(f"{folder}: is no folder; the hand-written checks are files <topic>.yaml in one folder")
    rules: list[Rule] = []
    for file in sorted(folder.glob("*.yaml")):
        for rule in _read(file):
            if rule.name in {other.name for other in rules}:
                raise RuleError(f"{file}: {rule.name} is the name of two rules; a failed batch is named by it")
            rules.append(rule)
    return tuple(rules)


def _read(file: Path) -> list[Rule]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleError(f"{file}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or set(document) != {"rules"} or not isinstance(document["rules"], list):
        raise RuleError(f"{file}: must have the one key `rules`, a list of rules")
    return [_rule(f"{file}: rule {number}", item) for number, item in enumerate(document["rules"], 1)]


def _rule(place: str, item: Any) -> Rule:
    if not isinstance(item, dict):
        raise RuleError(f"{place}: must be a mapping")
    for key in item:
        if key not in _KEYS:
            raise RuleError(f"{place}: {key} is not known; allowed are {', '.join(_KEYS)}")
    for key in ("name", "description", "severity", "scope"):
        if not isinstance(item.get(key), str) or not item[key].strip():
            raise RuleError(f"{place}: {key} is missing, or no text")
    place = f"{place} ({item['name']})"
    if not _NAME.fullmatch(item["name"]):
        raise RuleError(f"{place}: name must be lower-case words joined by single underscores")
    _one_of(place, "severity", item["severity"], (CRITICAL, WARNING))
    _one_of(place, "scope", item["scope"], (BATCH, GOOD, DAY))
    _check_scope(place, item)
    _check_form(place, item)
    for key in ("event_types", "needs"):
        if not isinstance(item.get(key, []), list) or not all(isinstance(each, str) for each in item.get(key, [])):
            raise RuleError(f"{place}: {key} must be a list of names")
    for need in item.get("needs", []):
        _one_of(place, "needs", need, NEEDS)
    made = {"event_types": tuple(item.get("event_types", ())), "needs": tuple(item.get("needs", ()))}
    return Rule(**{**item, **made, "held_above": _limits(place, item)})


def _limits(place: str, item: Mapping[str, Any]) -> Limits:
    of_rows = item["severity"] == CRITICAL and item["scope"] == GOOD and "condition" in item
    if of_rows and item.get("needs"):
        raise RuleError(
            f"{place}: needs are for checks of the whole batch; a critical condition judges each row by itself"
        )
    if "held_above" not in item:
        return Limits()
    given = item["held_above"]
    if not of_rows:
        raise RuleError(
            f"{place}: held_above is for critical rules of scope good with a condition; others hold the batch"
        )
    if not isinstance(given, dict) or set(given) != {"share", "rows"}:
        raise RuleError(f"{place}: held_above must have the keys share (0 to 1) and rows (0 or more)")
    share, rows = given["share"], given["rows"]
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise RuleError(f"{place}: held_above: share is {share!r}; it must be a number from 0 to 1")
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 0:
        raise RuleError(f"{place}: held_above: rows is {rows!r}; it must be a whole number, 0 or more")
    return Limits(float(share), rows)


def _check_scope(place: str, item: Mapping[str, Any]) -> None:
    if item["severity"] == CRITICAL and item["scope"] == BATCH:
        raise RuleError(
            f"{place}: a critical rule must have scope good or day: a batch holds bad rows on purpose, they are "
            "quarantined by themselves and must not take the good ones with them"
        )
    if (item["scope"] == DAY) != isinstance(item.get("table"), str):
        raise RuleError(f"{place}: table must be given for scope day, and only there")
    if item["scope"] == DAY and (item.get("event_types") or item.get("needs")):
        raise RuleError(f"{place}: event_types and needs are for rules over a batch")


def _check_form(place: str, item: Mapping[str, Any]) -> None:
    forms = [key for key in ("expectation", "condition", "query") if key in item]
    if len(forms) != 1 or not isinstance(item[forms[0]], str) or not item[forms[0]].strip():
        raise RuleError(f"{place}: must have exactly one of expectation, condition and query, as text")
    if (forms == ["expectation"]) != isinstance(item.get("kwargs"), dict):
        raise RuleError(f"{place}: kwargs, a mapping, must stand beside expectation, and only there")
    allowed = {"event_type"} if item.get("event_types") else set()
    text = item[forms[0]] if forms != ["expectation"] else str(list(_texts(item["kwargs"])))
    if forms == ["query"]:
        allowed |= {"batch"} | ({"mix"} if "mix" in item.get("needs", []) else set())
        if "{batch}" not in text:
            raise RuleError(f"{place}: query must read from {{batch}}")
    if ";" in text:
        raise RuleError(f"{place}: {forms[0]} must be one statement, without ;")
    for found in _PLACEHOLDER.findall(text):
        if found not in allowed:
            raise RuleError(
                f"{place}: {{{found}}} is not filled in here; allowed are: {', '.join(sorted(allowed)) or 'none'}"
            )


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _one_of(place: str, key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RuleError(f"{place}: {key} is {value!r}; allowed are {', '.join(allowed)}")
