"""How deep a text is nested, told character by character: what faster ways must agree with."""

from __future__ import annotations


def levels(text: str) -> int:
    """The greatest number of levels, character by character."""
    level, deepest, inside, escaped = 0, 0, False, False
    for character in text:
        if inside:
            inside, escaped = character != '"' or escaped, character == "\\" and not escaped
        elif character == '"':
            inside = True
        else:
            level += (character in "[{") - (character in "]}")
            deepest = max(deepest, level)
    return deepest
