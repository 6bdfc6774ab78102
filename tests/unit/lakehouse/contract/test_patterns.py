"""Patterns that are refused, each in a whole sentence with the place where it stops being safe."""

from __future__ import annotations

import re

import pytest

from lakehouse.contract.patterns import PatternError, check, inner, matcher
from lakehouse.settings import Settings

ANCHORS = "must be written ^...$, since the whole value has to match"
UNSAFE = (
    "is not in the safe subset; write literals (punctuation behind a backslash), [a-z], [^a-z], (...), |, ?, *, +, {m,n}; "
    r"engines differ in . \d \w \s \b, lookarounds, back references and lazy quantifiers"
)
ENDLESS_GROUP = "a group may not repeat without end: Java's stack would, with a long value; write {0,100}"
TWICE = "something in this repeated group repeats itself; repeat only one of the two"
ENDLESS = "only one quantifier may be unbounded; give the others a limit, as in {0,100}"
TOO_OFTEN = "repeats more than 1000 times; use maxLength for long values"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", ANCHORS),
        ("^", ANCHORS),
        ("a$", ANCHORS),
        ("^a", ANCHORS),
        ("^.$", f"at character 2 ('.$'): {UNSAFE}"),
        (r"^a\d$", rf"at character 3 ('\\d$'): {UNSAFE}"),
        ("^[a&&b]$", f"at character 2 ('[a&&b'): {UNSAFE}"),
        ("^(?=a)$", f"at character 3 ('?=a)$'): {UNSAFE}"),
        ("^a*?$", f"at character 4 ('?$'): {UNSAFE}"),
        ("^*$", f"at character 2 ('*$'): {UNSAFE}"),
        ("^a)$", "at character 3 (')$'): a group is closed that was not opened"),
        ("^(a$", "a group is not closed"),
        ("^(?:a|(b)$", "a group is not closed"),
        ("^(a)*$", f"at character 6 ('$'): {ENDLESS_GROUP}"),
        ("^(a)+$", f"at character 6 ('$'): {ENDLESS_GROUP}"),
        ("^(a){2,}$", f"at character 9 ('$'): {ENDLESS_GROUP}"),
        ("^(a+){2}$", f"at character 9 ('$'): {TWICE}"),
        ("^((a{2})){2}b$", f"at character 13 ('b$'): {TWICE}"),
        ("^((a){2}b){3}$", f"at character 14 ('$'): {TWICE}"),
        ("^a*b*$", f"at character 6 ('$'): {ENDLESS}"),
        ("^a+b{3,}$", f"at character 9 ('$'): {ENDLESS}"),
        ("^a{1001}$", f"at character 9 ('$'): {TOO_OFTEN}"),
        ("^a{0,1001}$", f"at character 11 ('$'): {TOO_OFTEN}"),
        ("^a{1001,}$", f"at character 10 ('$'): {TOO_OFTEN}"),
        ("^[b-a]$", "is no regular expression: bad character range b-a at position 1"),
        ("^a{3,2}$", "is no regular expression: min repeat greater than max repeat at position 2"),
    ],
)
def test_a_pattern_is_refused_in_a_whole_sentence(pattern: str, words: str) -> None:
    with pytest.raises(PatternError) as raised:
        check(pattern)
    assert str(raised.value) == words


@pytest.mark.parametrize(
    "pattern",
    [
        "^$", "^a$", "^a{1000}b{0,1000}$", "^(a|b)?c*$", "^(?:a{2})?(b?)?$", "^(ab){3}$", "^((a?)b){3}$", "^(a{3}|b)?$",
        r"^\[\\\]\-\/$", "^[^a-z_]$", "^[a-]+$", r"^[\^\-\]]$", "^()$", "^a{2,}b?$",
    ],
)  # fmt: skip
def test_a_pattern_that_is_safe_is_taken(pattern: str) -> None:
    check(pattern)
    assert re.compile(inner(pattern)) and inner(pattern) == pattern.removeprefix("^").removesuffix("$")


LONGEST = "ab" * (Settings().max_event_bytes // 2)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("^(?:ab|c){0,1000}$", False), ("^(ab|c?){1000}$", False), ("^[ab]*$", True), ("^(?:a|b){2,1000}[ab]*$", True),
        ("^(?:ab|abab){1,1000}$", False), ("^[ab]{0,1000}[ab]{0,1000}[ab]{0,1000}$", False), ("^[^A-Z]+$", True),
    ],
)  # fmt: skip
def test_no_value_is_too_long_for_a_pattern_that_is_taken(pattern: str, matches: bool) -> None:
    check(pattern)
    assert bool(matcher(pattern)(LONGEST)) is matches


@pytest.mark.parametrize("pattern", ["^[a-z]{2,3}$", "^(?:a|ab){1,3}$", "^a?b?$", "^[^a]*$", r"^\((é|🗡)\.$", "^$"])
def test_both_engines_match_alike(pattern: str) -> None:
    texts = ["", "a", "ab", "aab", "abab", "b", "A", "a\n", "\n", "\0", "(é.", "(🗡.", "(é)", "é", "\u2028", "abc"]
    assert [bool(matcher(pattern)(text)) for text in texts] == [
        re.fullmatch(inner(pattern), text) is not None for text in texts
    ]
