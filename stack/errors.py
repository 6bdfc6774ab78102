"""The errors of the local stack. Each message says what happened, to what, and what to do."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot be started, stopped or described. The message is for the person at the terminal."""


class NotReady(Exception):
    """A service does not do its work yet; the message says why."""
