"""The commands of the README are commands, and each is run in tests/e2e/test_readme.py or has a reason why not."""

from __future__ import annotations

import datetime as dt
import re
import shlex

import click
import pytest

from operations.cli import main
from tests.e2e.test_readme import ELSEWHERE, LAKEHOUSE, README, RUN, blocks, commands


def test_every_block_says_what_it_is() -> None:
    assert {block.language for block in blocks(README)} == {"text", "bash", "sql", "yaml"}
    assert README.count("```") == 2 * len(blocks(README))


def test_every_command_is_run_here_or_stands_in_the_list_of_those_that_are_not() -> None:
    assert sorted(commands(README)) == sorted([*RUN, *ELSEWHERE])


def test_a_command_is_found_wherever_it_stands() -> None:
    text = "Type `make it`, not `make_it` or `ops.ledger`.\n```bash\nA=1 x --y \\\n  'z'  # why\n\n```\n| `backfill --from D` |"
    assert commands(text) == ["A=1 x --y 'z'", "make it", "backfill --from D"]


@pytest.mark.parametrize("text", [text for text in ELSEWHERE if not re.match(r"(make|curl) |\w+=", text)])
def test_a_command_that_is_run_elsewhere_is_one_with_these_options(text: str) -> None:
    words = shlex.split(re.sub(r"[\[\]]", "", text.removeprefix(LAKEHOUSE)))
    values = {"D": dt.date.today().isoformat(), "N": "1", "...": "why"}
    arguments = [values.get(word, word) for word in words]
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, arguments[0])
        assert found, f"no command {arguments[0]}"
        command = found
        del arguments[0]
    command.make_context(text, arguments)  # raises a usage error
