"""One rule for the texts of people, in the command, the forms and the jobs; and texts that are harmless where shown."""

from __future__ import annotations

import argparse
import re
from typing import Any

import jsonschema
import pytest
from kafka.errors import KafkaTimeoutError

from jobs.replay import WAIVER
from jobs.runtime.job import WHO, WHY
from lakehouse.texts import LONGEST, OR_NONE, REASON, TextError, harmless, harmless_lines, recorded, words_of
from operations.runs import check_why

GOOD = ["fixed", "  fixed  ", "a   b", "costs ${env:HOME} [red] :smile:", "Ünïcode 🐴 \u200dשלום", "x" * LONGEST]
BAD = [
    "", "    ", "      ", "abcd", "  abcd  ", "a     ", "\u00a0" * 6, "nul\0here", "nul at its end\0", "two\nlines",
    "ends in a line\n", "\nbegins", "car\rriage", "tab\ttab", "esc\x1b[31m", "del\x7fete", "c1\x9b31m", "next\x85line",
    "line\u2028line", "x" * (LONGEST + 1),
]  # fmt: skip


def passes_form(text: str, pattern: str) -> bool:
    return jsonschema.Draft202012Validator({"maxLength": LONGEST, "pattern": pattern}).is_valid(text)


@pytest.mark.parametrize("text", GOOD)
def test_what_a_person_may_write_is_recorded_without_blanks_around_it(text: str) -> None:
    assert recorded(text) == text.strip() == check_why(text)
    assert passes_form(text, REASON) and passes_form(text, OR_NONE + REASON)


@pytest.mark.parametrize("text", BAD)
def test_what_is_refused_is_refused_by_command_and_form_alike(text: str) -> None:
    with pytest.raises(TextError):
        recorded(text)
    assert not passes_form(text, REASON)
    assert passes_form(text, OR_NONE + REASON) == (text == "")


def test_half_a_character_is_refused() -> None:
    with pytest.raises(TextError, match="not printed"):
        recorded("half \ud800 a character")


def test_a_refusal_can_be_printed() -> None:
    with pytest.raises(TextError) as refused:
        recorded("esc\x1b[31mred")
    assert str(refused.value).isprintable() and "\\x1b" in str(refused.value)


@pytest.mark.parametrize(("flag", "details"), [WHY, WHO, WAIVER], ids=["why", "who", "waiver"])
def test_a_job_ends_with_2_and_a_line_if_its_text_cannot_be_recorded(
    flag: str, details: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser(prog="job")
    parser.add_argument(flag, **details)
    assert getattr(parser.parse_args([f"{flag}=  seen by ada "]), flag[2:]) == "seen by ada"
    for text in ("   ", "nul\0here", "two\nlines", "x" * 1001):
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([f"{flag}={text}"])
        assert ended.value.code == 2
        assert re.search(rf"^job: error: argument {flag}: .+$", capsys.readouterr().err, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [/b] :smile: ü 🐴", "plain [/b] :smile: ü 🐴"),
        ("\x1b[31mred\x07\x9b31m\x7f", "\\x1b[31mred\\x07\\x9b31m\\x7f"),
        ("a\nb\r\tc\0", "a\\nb\\r\\tc\\x00"),
        ("user\u202egnp.exe\u2066\u200f\u061c", "user\\u202egnp.exe\\u2066\\u200f\\u061c"),
        ("\u2028\ufeff\ud800\U000e0041", "\\u2028\\ufeff\\ud800\\U000e0041"),
        (None, "None"),
        (b"\x1b", "b'\\x1b'"),
    ],
)
def test_what_is_not_printed_is_shown_as_an_escape(text: object, shown: str) -> None:
    assert harmless(text) == shown


def test_an_error_keeps_its_lines() -> None:
    assert harmless_lines("one\n\ttwo \x1b[0m") == "one\n    two \\x1b[0m"


def test_a_refusal_is_one_whole_sentence() -> None:
    for text, words in (
        ("a\nb", "'a\\nb' holds a character that is not printed (\\n); write one line of text"),
        (" abcd ", "'abcd' says too little; give the reason that is to be recorded"),
        ("x" * 1001, "it has 1001 characters; 1000 are allowed, say it shorter"),
    ):
        with pytest.raises(TextError) as refused:
            recorded(text)
        assert str(refused.value) == words
    assert recorded(" a ", shortest=1) == "a"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("refused"), "OSError: refused"),
        (OSError("two\n lines"), "OSError: two lines"),
        (KeyError(), "KeyError"),
        (KafkaTimeoutError("late"), "KafkaTimeoutError: late"),
        (KafkaTimeoutError(), "KafkaTimeoutError"),
    ],
)
def test_an_error_is_told_with_its_kind_once_on_one_line(error: Exception, words: str) -> None:
    assert words_of(error) == words
