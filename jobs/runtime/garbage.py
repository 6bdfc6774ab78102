"""When Python looks for garbage: seldom. What libraries define is none, and to look it through again and again takes long."""

from __future__ import annotations

import gc

_AFTER = 50_000  # new objects; 700 by default, with which it takes 0.2 s while Great Expectations is imported


def look_seldom() -> None:
    """From now on, in this process."""
    gc.set_threshold(_AFTER)
