"""The regular expressions that a contract may use: a subset that all engines read alike, matched in linear time.

The OpenAPI page shows clients the pattern, and they match it by the engines of their languages. We match by RE2:
Python's engine would try each way in which `(a|aa){1,1000}` fits a text, and one event could keep the API or a job busy
for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

# The two formats of a contract as patterns, which both engines read alike. They do not exclude days that a month does
# not have, nor times that their zone moves out of the years 1 to 9999.
DATE_TIME = (
    r"^(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-7]):[0-5][0-9]|18:00))$"
)
UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
UUID7 = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"

_LITERAL = re.compile(r"[^\\\[\](){}*+?|.^$]|\\[\\\[\](){}*+?|.^$/-]")
_CLASS_CHARACTER = r"(?:[^\\\[\]^&~|-]|\\[\\\[\]^&~|.-])"  # Java reads && and [ in a class as set operations
_CLASS = re.compile(rf"\[\^?(?:{_CLASS_CHARACTER}(?:-{_CLASS_CHARACTER})?)+-?\]")
_RE2 = re2.Options()
_RE2.log_errors = False  # they are raised
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]{1,4})(,?)([0-9]{0,4})\}")
_MOST_REPEATS = 1000


class PatternError(ValueError):
    """A pattern that two engines could read differently, or that could take for ever.

    The message says where, and what to write.
    """


def inner(pattern: str) -> str:
    """The pattern between ^ and $, which a whole text has to match."""
    return pattern[1:-1]


def matcher(pattern: str) -> Callable[[str], object]:
    """A function whose result is true if a whole text matches the pattern, in linear time.

    `check` must accept the pattern.
    """
    read = _Reader(pattern)
    read.read()
    if not read.has_groups and read.quantifiers <= 1:
        return re.compile(inner(pattern)).fullmatch  # nothing to backtrack, and RE2's wrapper takes ten times as long
    return re2.compile(inner(pattern), options=_RE2).fullmatch  # type: ignore[no-any-return]


def check(pattern: str) -> None:
    """Accepts literals, classes like [a-z_] and [^A-Z], groups, alternatives, and ? * + {m,n} after one of these.

    One quantifier of a pattern may be unbounded, but not that of a group. Nothing inside a repeated group may repeat.
    So no value of a hostile client makes an engine backtrack for long, or recurse with each repeat.

    Raises:
        PatternError: names the position.
    """
    if len(pattern) < 2 or pattern[0] != "^" or pattern[-1] != "$":
        raise PatternError("must be written ^...$, since the whole value has to match")
    _Reader(pattern).read()
    try:
        re.compile(inner(pattern))
        re2.compile(inner(pattern), options=_RE2)
    except (re.error, re2.error) as error:
        why = error.args[0].decode(errors="replace") if isinstance(error, re2.error) else str(error)
        raise PatternError(f"is no regular expression: {why}") from None


class _Reader:
    """Walks one pattern from left to right, and remembers for each open group whether anything in it repeats."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 1
        self.end = len(pattern) - 1
        self.repeats_in: list[bool] = [False]
        self.unbounded = 0
        self.quantifiers = 0
        self.has_groups = False

    def read(self) -> None:
        while self.at < self.end:
            self._step()
        if len(self.repeats_in) > 1:
            raise PatternError("a group is not closed")

    def _step(self) -> None:
        if self.pattern[self.at] == "(":
            self.at += 3 if self.pattern.startswith("(?:", self.at) else 1
            self.repeats_in.append(False)
            self.has_groups = True
        elif self.pattern[self.at] == "|":
            self.at += 1
        elif self.pattern[self.at] == ")":
            self._close()
        else:
            self._atom()

    def _close(self) -> None:
        if len(self.repeats_in) == 1:
            raise self._refusal("a group is closed that was not opened")
        self.at += 1
        inside_repeats = self.repeats_in.pop()
        quantifier = self._quantifier()
        if quantifier in ("*", "+") or quantifier.endswith(",}"):
            raise self._refusal(
                "a group may not repeat without end: Java's stack would, with a long value; write {0,100}"
            )
        if quantifier not in ("", "?") and inside_repeats:
            raise self._refusal("something in this repeated group repeats itself; repeat only one of the two")
        self.repeats_in[-1] |= inside_repeats or quantifier not in ("", "?")

    def _atom(self) -> None:
        expression = _CLASS if self.pattern[self.at] == "[" else _LITERAL
        match = expression.match(self.pattern, self.at, self.end)
        if match is None:
            raise self._refusal(
                "is not in the safe subset; write literals (punctuation behind a backslash), [a-z], [^a-z], (...), |, "
                "?, *, +, {m,n}; engines differ in . \\d \\w \\s \\b, lookarounds, back references and lazy quantifiers"
            )
        self.at = match.end()
        self.repeats_in[-1] |= self._quantifier() not in ("", "?")

    def _quantifier(self) -> str:
        match = _QUANTIFIER.match(self.pattern, self.at, self.end)
        if match is None:
            return ""
        self.at = match.end()
        self.quantifiers += 1
        low, comma, high = match.groups()
        if match[0] in ("*", "+") or (comma and not high):
            self.unbounded += 1
        if self.unbounded > 1:
            raise self._refusal("only one quantifier may be unbounded; give the others a limit, as in {0,100}")
        if max(int(low or 0), int(high or 0)) > _MOST_REPEATS:
            raise self._refusal(f"repeats more than {_MOST_REPEATS} times; use maxLength for long values")
        return match[0]

    def _refusal(self, problem: str) -> PatternError:
        return PatternError(f"at character {self.at + 1} ({self.pattern[self.at : self.at + 5]!r}): {problem}")
