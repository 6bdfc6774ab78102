"""Holds the changelog to the version: Keep a Changelog's form, and the newest release is the version or an older one."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_RELEASE = re.compile(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})")
_GROUPS = frozenset({"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"})


class ChangelogError(ValueError):
    """The changelog and the version do not agree, or its form is another; the message says what to write."""


@dataclass(frozen=True)
class Section:
    """A release, or what is to be the next one: then it has no date. `entries`: its lines that begin with `- `."""

    version: str | None
    date: dt.date | None
    entries: int


def sections(changelog: str) -> list[Section]:
    """The sections, in their order.

    Raises:
        ChangelogError: a heading or a group has a form of its own.
    """
    parts = _HEADING.split(changelog)
    return [_section(heading, text) for heading, text in zip(parts[1::2], parts[2::2], strict=True)]


def agreed(changelog: str, version: str, tag: str | None = None) -> str:
    """One sentence on where the version stands. `tag`: the release tag of the commit, such as v0.1.0.

    Raises:
        ChangelogError: they do not agree.
    """
    found = sections(changelog)
    if not found or found[0].version is not None:
        raise ChangelogError("CHANGELOG.md: the first section must be '## [Unreleased]', empty after a release")
    waiting, *released = found
    numbers = [_number(each.version or "") for each in released]
    if numbers != sorted(set(numbers), reverse=True):
        raise ChangelogError("CHANGELOG.md: releases stand with the newest first, each once")
    newest = released[0] if released else None
    if tag is not None and (tag != f"v{version}" or newest is None or newest.version != version):
        raise ChangelogError(f"the tag {tag} needs VERSION = '{tag[1:]}' in lakehouse/version.py and its own section")
    if newest and newest.version == version:
        if waiting.entries:
            return f"{version} of {newest.date}, and {waiting.entries} entries for the release after it"
        return f"{version} of {newest.date}"
    if newest and _number(newest.version or "") > _number(version):
        raise ChangelogError(
            f"CHANGELOG.md has a release {newest.version}, and lakehouse/version.py says {version}: set it to the newest release"
        )
    if not waiting.entries:
        raise ChangelogError(
            f"nothing in CHANGELOG.md leads to {version}: write what changed under '## [Unreleased]', "
            f"or '## [{version}] - DATE' over it if it is released"
        )
    return f"{version}, not released yet: {waiting.entries} entries are under Unreleased"


def _section(heading: str, text: str) -> Section:
    wrong = [group for group in re.findall(r"^### (.*)$", text, re.MULTILINE) if group not in _GROUPS]
    if wrong:
        raise ChangelogError(f"CHANGELOG.md: '### {wrong[0]}' is none of {', '.join(sorted(_GROUPS))}")
    entries = len(re.findall(r"^- ", text, re.MULTILINE))
    if heading == "[Unreleased]":
        return Section(None, None, entries)
    release = _RELEASE.fullmatch(heading)
    if not release:
        raise ChangelogError(f"CHANGELOG.md: '## {heading}' must be '## [Unreleased]' or '## [1.2.3] - 2026-01-31'")
    if not entries:
        raise ChangelogError(f"CHANGELOG.md: the release {release[1]} has no entry")
    try:
        return Section(release[1], dt.date.fromisoformat(release[2]), entries)
    except ValueError as error:
        raise ChangelogError(f"CHANGELOG.md: '## {heading}' has no date of the calendar") from error


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
