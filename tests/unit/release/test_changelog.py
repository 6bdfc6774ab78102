"""The version is said in one place, and the changelog agrees with it."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from api.openapi import openapi
from lakehouse.settings import CHECKOUT
from lakehouse.version import VERSION
from release.changelog import ChangelogError, agreed, sections
from tests.unit.api.conftest import CONTRACTS

WAITING = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- One thing.\n- Another,\n  longer.\n"
RELEASED = "\n## [0.2.0] - 2026-02-03\n\n### Fixed\n\n- A fault.\n\n## [0.1.0] - 2026-01-02\n\n- All.\n"
EMPTY = "# Changelog\n\n## [Unreleased]\n"


def test_the_changelog_and_the_version_agree() -> None:
    assert VERSION in agreed((CHECKOUT / "CHANGELOG.md").read_text(), VERSION)


def test_the_version_is_said_in_one_place_and_all_else_asks_there() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "lakehouse.version.VERSION"}
    assert openapi(CONTRACTS)["info"]["version"] == VERSION
    found = subprocess.run(
        ["git", "grep", "-lE", rf"version\W{{1,5}}{re.escape(VERSION)}\b", "--", "*.py", "*.toml", "*.yaml", "Makefile"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert [name for name in found.stdout.split() if not name.startswith("tests/")] in ([], ["lakehouse/version.py"])


def test_what_is_counted_are_the_entries_of_each_section() -> None:
    assert [(each.version, str(each.date), each.entries) for each in sections(WAITING + RELEASED)] == [
        (None, "None", 2), ("0.2.0", "2026-02-03", 1), ("0.1.0", "2026-01-02", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "version", "sentence"),
    [
        (WAITING, "0.1.0", "0.1.0, not released yet: 2 entries are under Unreleased"),
        (WAITING + RELEASED, "0.3.0", "0.3.0, not released yet: 2 entries are under Unreleased"),
        (WAITING + RELEASED, "0.2.0", "0.2.0 of 2026-02-03, and 2 entries for the release after it"),
        (EMPTY + RELEASED, "0.2.0", "0.2.0 of 2026-02-03"),
    ],
)
def test_the_version_is_the_newest_release_or_one_that_is_to_come(text: str, version: str, sentence: str) -> None:
    assert agreed(text, version) == sentence


@pytest.mark.parametrize(
    ("text", "version", "words"),
    [
        ("# Changelog\n" + RELEASED, "0.2.0", r"the first section must be '## \[Unreleased\]'"),
        ("# Changelog\n", "0.2.0", r"the first section must be"),
        (WAITING + RELEASED, "0.1.9", "has a release 0.2.0, and lakehouse/version.py says 0.1.9"),
        (EMPTY + RELEASED, "0.3.0", "nothing in CHANGELOG.md leads to 0.3.0"),
        (WAITING.replace("Added", "News"), "0.1.0", "'### News' is none of Added, Changed"),
        (WAITING + RELEASED.replace("0.1.0", "0.3.0"), "0.2.0", "newest first"),
        (WAITING + RELEASED.replace("0.1.0", "0.2.0"), "0.2.0", "each once"),
        (WAITING + RELEASED.replace("[0.1.0] - ", "0.1.0, "), "0.2.0", r"must be '## \[Unreleased\]' or"),
        (WAITING + RELEASED.replace("2026-01-02", "2026-13-02"), "0.2.0", "has no date of the calendar"),
        (WAITING + RELEASED.replace("- All.", "All."), "0.2.0", "the release 0.1.0 has no entry"),
    ],
)
def test_what_does_not_agree_is_said(text: str, version: str, words: str) -> None:
    with pytest.raises(ChangelogError, match=words):
        agreed(text, version)


def test_a_tagged_commit_is_the_release_that_its_tag_names() -> None:
    assert agreed(EMPTY + RELEASED, "0.2.0", "v0.2.0") == "0.2.0 of 2026-02-03"
    for text, version, tag in ((EMPTY + RELEASED, "0.2.0", "v0.3.0"), (WAITING, "0.1.0", "v0.1.0")):
        with pytest.raises(ChangelogError, match=rf"the tag {tag} needs VERSION = '{tag[1:]}'"):
            agreed(text, version, tag)
