"""The rules of licences.yaml: what the names of licences mean, which licences may be inside, and who may break that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import yaml
from boolean.boolean import Expression
from license_expression import AND, OR, BaseSymbol, ExpressionError, get_spdx_licensing
from pydantic import BaseModel, ConfigDict, ValidationError

from release.component import Component, Licence, Source

FILE = Path(__file__).with_name("licences.yaml")
_SPDX = get_spdx_licensing()


class PolicyError(ValueError):
    """licences.yaml cannot be used; the message says where and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Said(_Part):
    """What components are under that do not say it themselves, and where it is said."""

    of: tuple[str, ...]  # `group:artifact` or `pypi:name`, with * for any text
    licence: str
    seen: str
    instead: bool = False  # of what they say themselves


class Accepted(_Part):
    """Components whose licence is not on the list, and why they may stay."""

    of: tuple[str, ...]
    licence: str | None  # with which they are accepted, None for an unknown one; with another they are not
    why: str


class Policy(_Part):
    """See licences.yaml, which explains its parts."""

    allowed: tuple[str, ...]
    attention: dict[str, str]
    spelled: dict[str, tuple[str, ...]]
    said: tuple[Said, ...]
    accepted: tuple[Accepted, ...]
    groups: dict[str, tuple[str, ...]]

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {_plain(name): licence for licence, names in self.spelled.items() for name in names}

    def meant(self, name: str) -> str | None:
        """The SPDX expression that a name, an address or an expression means; None if nobody has said."""
        if known := self._by_name.get(_plain(name)):
            return known
        try:
            parsed = _SPDX.parse(name, validate=True)
        except ExpressionError:
            return None
        return str(parsed.render()) if parsed is not None else None

    def resolve(self, component: Component) -> Component:
        """The component with its licence, and all inside of it with theirs.

        Names beside each other are alternatives, as Maven's and OSGi's references have it.
        """
        return replace(component, licence=self._licence(component), inside=tuple(map(self.resolve, component.inside)))

    def _licence(self, component: Component) -> Licence:
        fitting = [rule for rule in self.said if _is_one_of(component, rule.of)]
        for rule in fitting:
            if rule.instead:
                return Licence(rule.licence, Source.POLICY, component.says)
        meanings = [self.meant(name) for name in component.says]
        known = [meaning for meaning in dict.fromkeys(meanings) if meaning is not None]
        if known and None not in meanings:
            expression = " OR ".join(f"({each})" if " AND " in each else each for each in known)
            return Licence(str(_SPDX.parse(expression).render()), Source.ITSELF, component.says)
        for rule in fitting:
            return Licence(rule.licence, Source.POLICY, component.says)
        return Licence(None, Source.NOBODY, component.says)

    def objection(self, component: Component) -> str | None:
        """Why the component may not be inside, as a sentence that says what to do; None if it may."""
        licence = component.licence.expression
        if self.acceptance(component):
            return None
        if licence is None:
            if component.licence.names:
                names = ", ".join(repr(name) for name in component.licence.names)
                return (
                    f"{component.key} {component.version} says that its licence is {names}, which nobody has explained: "
                    f"add the name to {Source.POLICY} under `spelled`"
                )
            return (
                f"{component.key} {component.version} does not say its licence: look it up and add it to {Source.POLICY} "
                "under `said`"
            )
        if self._allows(_SPDX.parse(licence)):
            return None
        return (
            f"{component.key} {component.version} is under {licence}, which is not on the list of {Source.POLICY}: take "
            "another component, or add the licence under `allowed` or the component under `accepted`, with the reason"
        )

    def acceptance(self, component: Component) -> Accepted | None:
        """The exception that lets it in."""
        fitting = (rule for rule in self.accepted if rule.licence == component.licence.expression)
        return next((rule for rule in fitting if _is_one_of(component, rule.of)), None)

    def chosen(self, expression: str) -> str:
        """Of alternatives the first that is on the list, in the list's order; the whole expression if none is."""
        parsed = _SPDX.parse(expression)
        if not isinstance(parsed, OR):
            return expression
        allowed = [each for each in parsed.args if self._allows(each)]
        return str(min(allowed, key=self._rank).render()) if allowed else expression

    def asks(self, expression: str) -> list[str]:
        """What the licence that applies asks of who hands it on, beyond its text and its notices."""
        symbols = [str(each) for each in _SPDX.parse(self.chosen(expression)).symbols]
        return [
            sentence for name, sentence in self.attention.items() if any(fnmatchcase(each, name) for each in symbols)
        ]

    def _rank(self, part: Expression) -> int:
        return min(self.allowed.index(str(symbol)) for symbol in part.symbols if str(symbol) in self.allowed)

    def _allows(self, part: Expression) -> bool:
        if isinstance(part, BaseSymbol):
            return str(part) in self.allowed
        if isinstance(part, OR):
            return any(self._allows(each) for each in part.args)
        assert isinstance(part, AND), part
        return all(self._allows(each) for each in part.args)


def load(file: Path = FILE) -> Policy:
    """Reads the rules.

    Raises:
        PolicyError: the file has a form of its own, or says something that means nothing.
    """
    try:
        policy = Policy.model_validate(yaml.safe_load(file.read_text()))
    except (ValidationError, yaml.YAMLError) as error:
        raise PolicyError(f"{file.name}: {error}") from error
    named = [*policy.allowed, *policy.spelled, *(rule.licence for rule in policy.said)]
    for expression in (*named, *(rule.licence for rule in policy.accepted)):
        if expression is not None:
            _check(expression, file)
    return policy


def _check(expression: str, file: Path) -> None:
    try:
        unknown = [key for key in _SPDX.unknown_license_keys(expression) if not key.startswith("LicenseRef-")]
    except ExpressionError as error:
        raise PolicyError(f"{file.name}: {expression!r} is no SPDX expression: {error}") from error
    if unknown:
        raise PolicyError(f"{file.name}: SPDX knows no licence {unknown[0]!r}; one of no SPDX name is LicenseRef-NAME")


def unused(policy: Policy, components: Iterable[Component]) -> list[str]:
    """Exceptions and statements that no component needs any more."""
    every = [each for component in components for each in component.all()]
    needed: Sequence[Component] = [each for each in every if each.licence.source is Source.POLICY]
    stale = [
        f"said: {of}" for rule in policy.said for of in rule.of if not any(_is_one_of(each, (of,)) for each in needed)
    ]
    for rule in policy.accepted:
        fitting = [each for each in every if each.licence.expression == rule.licence]
        stale += [f"accepted: {of}" for of in rule.of if not any(_is_one_of(each, (of,)) for each in fitting)]
    return stale


def _is_one_of(component: Component, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(component.key, pattern) for pattern in patterns)


def _plain(name: str) -> str:
    """One spelling for names and addresses that differ in what does not matter."""
    text = " ".join(name.lower().replace("‘", "'").split())
    text = re.sub(r"^https?://(www\.)?", "", text).rstrip("/")
    return re.sub(r"\.(txt|html|php|md)$", "", text)
