"""A licence is understood, looked up, allowed or refused; the rules themselves are held to sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.component import Component, Source
from release.policy import PolicyError, load, unused
from tests.unit.release.made import component, rules


def says(*names: str, name: str = "thing") -> Component:
    return Component("maven", "g", name, "1.0", says=names)


@pytest.mark.parametrize(
    ("names", "expression"),
    [
        (["Apache 2"], "Apache-2.0"),
        (["apache  2"], "Apache-2.0"),
        (["https://apache.org/licenses/LICENSE-2.0.html"], "Apache-2.0"),
        (["MIT"], "MIT"),
        (["MIT", "Apache 2", "MIT"], "MIT OR Apache-2.0"),
        (["GPL-2.0-only WITH Classpath-exception-2.0"], "GPL-2.0-only WITH Classpath-exception-2.0"),
    ],
)
def test_names_mean_licences_and_names_beside_each_other_are_alternatives(names: list[str], expression: str) -> None:
    resolved = rules().resolve(says(*names))
    assert (resolved.licence.expression, resolved.licence.source) == (expression, Source.ITSELF)


def test_a_name_that_nobody_explained_is_unknown_and_refused_by_name() -> None:
    resolved = rules().resolve(says("MIT", "Our licence"))
    assert resolved.licence.expression is None
    assert "says that its licence is 'MIT', 'Our licence', which nobody has explained" in (
        rules().objection(resolved) or ""
    )


def test_what_says_nothing_is_looked_up_and_else_refused() -> None:
    policy = rules(said=[{"of": ["g:th*"], "licence": "MIT", "seen": "its page"}])
    found = policy.resolve(says())
    assert (found.licence.expression, found.licence.source) == ("MIT", Source.POLICY)
    assert policy.resolve(says("Apache 2")).licence.expression == "Apache-2.0"
    lost = policy.resolve(says(name="lost"))
    assert lost.licence.source is Source.NOBODY
    assert "g:lost 1.0 does not say its licence: look it up" in (policy.objection(lost) or "")


def test_what_a_component_says_wrongly_is_put_right() -> None:
    policy = rules(said=[{"of": ["g:thing"], "licence": "MIT", "seen": "its page", "instead": True}])
    assert policy.resolve(says("Apache 2")).licence.expression == "MIT"


def test_what_is_inside_of_a_jar_is_resolved_too() -> None:
    outer = Component("maven", "g", "outer", "1", says=("MIT",), inside=(says("Apache 2"),))
    assert rules().resolve(outer).inside[0].licence.expression == "Apache-2.0"


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("AGPL-3.0-only", False),
        ("SSPL-1.0", False),
    ],
)
def test_a_new_dependency_whose_licence_is_not_on_the_list_is_refused(expression: str, allowed: bool) -> None:
    objection = rules().objection(component(licence=expression))
    assert (objection is None) == allowed
    assert allowed or f"g:thing 1.0 is under {expression}, which is not on the list" in str(objection)


def test_an_exception_holds_for_the_licence_that_it_names_alone() -> None:
    policy = rules(accepted=[{"of": ["g:thing"], "licence": "GPL-3.0-only", "why": "a tool"}])
    assert policy.objection(component(licence="GPL-3.0-only")) is None
    assert policy.objection(component(licence="AGPL-3.0-only"))
    assert policy.objection(component("other", licence="GPL-3.0-only"))
    assert policy.objection(component(licence=None))


def test_of_alternatives_the_first_on_the_list_applies_and_what_it_asks_is_said() -> None:
    policy = rules()
    assert policy.chosen("CDDL-1.0 OR GPL-2.0-only") == "CDDL-1.0"
    assert policy.chosen("CDDL-1.0 OR MIT") == "MIT"
    assert policy.chosen("MIT AND CDDL-1.0") == "MIT AND CDDL-1.0"
    assert policy.asks("CDDL-1.0 OR GPL-2.0-only") == ["its source has to be offered"]
    assert policy.asks("MIT AND CDDL-1.0") == ["its source has to be offered"]
    assert policy.asks("CDDL-1.0 OR MIT") == []


def test_rules_that_nothing_needs_any_more_are_named() -> None:
    policy = rules(
        said=[{"of": ["g:gone", "g:silent"], "licence": "MIT", "seen": "x"}],
        accepted=[{"of": ["g:left"], "licence": "GPL-3.0-only", "why": "x"}],
    )
    assert unused(policy, [policy.resolve(says(name="silent")), component("left")]) == [
        "said: g:gone",
        "accepted: g:left",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("allowed:", "allowd:"), "allowd"),
        (("  - Apache-2.0\n", "  - Apache-2\n"), "SPDX knows no licence 'Apache-2'"),
        (("  - Apache-2.0\n", "  - MIT OR\n"), "'MIT OR' is no SPDX expression"),
        (("  - Apache-2.0\n", "  - [\n"), "licences.yaml"),
    ],
)
def test_rules_that_mean_nothing_are_refused(change: tuple[str, str], words: str, tmp_path: Path) -> None:
    text = (Path(load.__code__.co_filename).with_name("licences.yaml")).read_text()
    assert change[0] in text
    file = tmp_path / "licences.yaml"
    file.write_text(text.replace(*change, 1))
    with pytest.raises(PolicyError, match=words):
        load(file)


def test_copyleft_that_binds_the_whole_work_is_on_no_list() -> None:
    policy = load()
    assert not [each for each in policy.allowed if each.startswith(("GPL", "AGPL", "SSPL", "BUSL", "LGPL"))]
    assert policy.asks("AGPL-3.0-only") and policy.asks("SSPL-1.0") and policy.asks("GPL-3.0-or-later")
