"""What can go wrong with the local stack; each message says what happened, to what, and what to do."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot be started, stopped or looked at; the message is for the person at the terminal."""


class NotReady(Exception):
    """A probe's answer: not yet, and why."""
