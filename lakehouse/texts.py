"""Texts of people: which may be recorded (who, why, a waiver), how to print any harmlessly, and an error in one line."""

from __future__ import annotations

import errno
import re
from pathlib import Path

LONGEST = 1000  # characters of a text that is recorded
SHORTEST = 5  # characters of a reason: fewer say nothing
# One line: no control characters (C0, DEL, C1) and no other ends of a line.
_NOT_ONE_LINE = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029"
_BREAKS = re.compile(f"[{_NOT_ONE_LINE}\ud800-\udfff]")
# The same as a pattern for JSON Schema that Python and browsers read alike. (In Python `$` would let a line end pass.)
ONE_LINE = f"^(?![\\s\\S]*[{_NOT_ONE_LINE}])"
REASON = rf"{ONE_LINE}\s*\S[\s\S]{{{SHORTEST - 2},}}\S\s*$"
# What a disk says of a file that is open already; such an error names none.
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
OR_NONE = r"^(?![\s\S])|"  # before a pattern: the empty text passes too


class TextError(ValueError):
    """A text that cannot be recorded; the message says what to change."""


def recorded(text: str, shortest: int = SHORTEST) -> str:
    """The text as it is recorded: without blanks around it.

    Raises:
        TextError: it is too short or too long, or holds a character that does not belong on one line.
    """
    if broken := _BREAKS.search(text):
        raise TextError(
            f"'{harmless(text)}' holds a character that is not printed ({_escaped(broken[0])}); write one line of text"
        )
    text = text.strip()
    if len(text) < shortest:
        raise TextError(f"'{text}' says too little; give the reason that is to be recorded")
    if len(text) > LONGEST:
        raise TextError(f"it has {len(text)} characters; {LONGEST} are allowed, say it shorter")
    return text


def harmless(text: object) -> str:
    """The text on one line. Every character that is not printable (controls, marks of direction) becomes an escape."""
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in str(text))


def harmless_lines(text: object) -> str:
    """The same for a text of several lines, such as an error's."""
    return "\n".join(harmless(line.expandtabs(4)) for line in str(text).split("\n"))


def words_of(error: BaseException) -> str:
    """The kind and the words of a library's error, on one line. Some name their kind in their words."""
    kind, words = type(error).__name__, " ".join(str(error).split())
    if not words or words.startswith(kind):
        return words or kind
    return f"{kind}: {words}"


def is_of_file(error: OSError) -> bool:
    """Whether a file or folder could not be read or written: what a network says of itself is an OSError too."""
    return error.filename is not None or error.errno in _OF_DISKS


def words_of_file(error: OSError, place: Path | None = None) -> str:
    """What the system says of a file, on one line, with its path: `place` where the error names none, as of a full disk."""
    path = error.filename2 or error.filename or place
    words = error.strerror or words_of(error)
    return f"{path}: {words}" if path else words


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def without_colors(text: str) -> str:
    """The text without the marks by which a program colours it on a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
