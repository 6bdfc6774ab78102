"""What a job says is one line for its reader, of which the command reads the fields."""

from __future__ import annotations

import datetime as dt

import pytest

from jobs.runtime.log import logger_of
from lakehouse import job_log


@pytest.mark.parametrize("message", ["plain", 'he said "no" \\ {x}', "«größer» 50 % \u202e", "two\nlines"])
def test_every_message_is_one_line_and_is_read_letter_by_letter(
    message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logger_of("publish").info(message)
    (line,) = capsys.readouterr().out.splitlines()
    read = job_log.read(line)
    assert read is not None
    assert read[1:] == ("info", "publish", message)
    assert abs(dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(read.time)) < dt.timedelta(minutes=1)


def test_the_fields_stand_in_one_order_and_others_behind_them(capsys: pytest.CaptureFixture[str]) -> None:
    logger_of("publish").warning("late", entry=5)
    line = capsys.readouterr().out.rstrip()
    assert line.startswith('{"time": "') and line.endswith(
        '"level": "warning", "job": "publish", "message": "late", "entry": 5}'
    )


@pytest.mark.parametrize("text", ["", "26/11/22 INFO SparkContext: started", "{", "{}", "[1]", '{"time": 1}', "{[]}"])
def test_what_another_program_prints_is_no_line_of_a_job(text: str) -> None:
    assert job_log.read(text) is None
