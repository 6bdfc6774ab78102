"""Reads the hand-written checks of the rules folder, and refuses any that is not of the closed form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from lakehouse.faults import check_keys, first_fault, says, wrong

CRITICAL, WARNING = "critical", "warning"
BATCH, GOOD, DAY = "batch", "good", "day"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _both_limits(limits: Any) -> Any:
    if not isinstance(limits, dict) or set(limits) != {"share", "rows"}:
        raise wrong("must have the keys share (0 to 1) and rows (0 or more)")
    return limits


_TEXT = Field(strict=True, pattern=re.compile(r"\S"))
_Text = Annotated[str, _TEXT, says("is missing, or no text")]
_Name = Annotated[
    str,
    Field(strict=True, pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"),
    says("must be lower-case words joined by single underscores"),
]
_Form = Annotated[
    str, _TEXT, says("is {value!r}; a rule must have exactly one of expectation, condition and query, as text")
]
_Table = Annotated[str, Field(strict=True), says("must be the name of a table")]
_Names = Annotated[tuple[Annotated[str, Field(strict=True)], ...], says("must be a list of names")]
# The data of earlier batches that a rule may need. Without them the rule is skipped.
_Need = Annotated[Literal["history", "mix"], says("is {value!r}; allowed are history, mix")]
_Needs = Annotated[tuple[_Need, ...], says("must be a list of names")]
_Share = Annotated[float, Field(strict=True, ge=0, le=1), says("is {value!r}; it must be a number from 0 to 1")]
_Count = Annotated[int, Field(strict=True, ge=0), says("is {value!r}; it must be a whole number, 0 or more")]


class RuleError(ValueError):
    """A rule that cannot be used; the message names the file, the rule and what is allowed."""


@dataclass(frozen=True)
class Limits:
    """How many rows may break a rule of rows before their whole batch is held: more than both are too many.

    share: of the rows that would be published, 0 to 1. rows: a number of rows.
    """

    share: _Share = 0.05
    rows: _Count = 100

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

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: _Name
    description: _Text
    severity: Annotated[Literal["critical", "warning"], says("is {value!r}; allowed are critical, warning")]
    scope: Annotated[Literal["batch", "good", "day"], says("is {value!r}; allowed are batch, good, day")]
    table: _Table | None = None
    event_types: _Names = ()
    needs: _Needs = ()
    expectation: _Form | None = None
    kwargs: Annotated[Mapping[str, Any], says("must be a mapping")] | None = None
    condition: _Form | None = None
    query: _Form | None = None
    held_above: Annotated[Limits, BeforeValidator(_both_limits)] = Limits()

    @property
    def of_rows(self) -> bool:
        """Whether a row that breaks the rule is refused alone: it is a critical condition.

        Other critical rules hold the batch.
        """
        return self.severity == CRITICAL and self.scope == GOOD and self.condition is not None


_RULE = TypeAdapter(Rule)


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


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """The text of a rule with its placeholders, such as {event_type}, filled in; others stay."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _read(file: Path) -> list[Rule]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleError(f"{file}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or set(document) != {"rules"} or not isinstance(document["rules"], list):
        raise RuleError(f"{file}: must have the one key `rules`, a list of rules")
    rules: list[Rule] = []
    for number, item in enumerate(document["rules"], 1):
        name = item.get("name") if isinstance(item, dict) else None
        place = f"{file}: rule {number} ({name})" if name and isinstance(name, str) else f"{file}: rule {number}"
        try:
            rules.append(_rule(item))
        except ValidationError as error:
            where, sentence = first_fault(error)
            keys = ": ".join(step for step in where if isinstance(step, str))
            raise RuleError(f"{place}: {keys} {sentence}" if keys else f"{place}: {sentence}") from None
    return rules


def _rule(item: Any) -> Rule:
    if not isinstance(item, dict):
        raise wrong("must be a mapping")
    check_keys(item, [field.name for field in fields(Rule)])
    rule = _RULE.validate_python(item)
    _check_scope(rule)
    _check_form(rule, [key for key in ("expectation", "condition", "query") if key in item])
    if rule.of_rows and rule.needs:
        raise wrong("needs are for checks of the whole batch; a critical condition judges each row by itself")
    if "held_above" in item and not rule.of_rows:
        raise wrong("held_above is for critical rules of scope good with a condition; others hold the batch")
    return rule


def _check_scope(rule: Rule) -> None:
    if rule.severity == CRITICAL and rule.scope == BATCH:
        raise wrong(
            "a critical rule must have scope good or day: a batch holds bad rows on purpose, they are quarantined by "
            "themselves and must not take the good ones with them"
        )
    if (rule.scope == DAY) != (rule.table is not None):
        raise wrong("table must be given for scope day, and only there")
    if rule.scope == DAY and (rule.event_types or rule.needs):
        raise wrong("event_types and needs are for rules over a batch")


def _check_form(rule: Rule, forms: list[str]) -> None:
    text = rule.expectation or rule.condition or rule.query
    if len(forms) != 1 or text is None:
        raise wrong("must have exactly one of expectation, condition and query, as text")
    if (rule.expectation is not None) != (rule.kwargs is not None):
        raise wrong("kwargs, a mapping, must stand beside expectation, and only there")
    if rule.kwargs is not None:
        text = str(_texts(rule.kwargs))
    allowed = {"event_type"} if rule.event_types else set()
    if rule.query is not None:
        allowed |= {"batch"} | ({"mix"} if "mix" in rule.needs else set())
        if "{batch}" not in text:
            raise wrong("query must read from {batch}")
    if ";" in text:
        raise wrong(f"{forms[0]} must be one statement, without ;")
    for found in _PLACEHOLDER.findall(text):
        if found not in allowed:
            raise wrong(f"{{{found}}} is not filled in here; allowed are: {', '.join(sorted(allowed)) or 'none'}")


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []
