"""The command `lakehouse`. Each subcommand is a module of operations/commands, imported only when it is called."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from lakehouse.texts import harmless_lines
from operations import commands


class _Commands(click.Group):
    """Finds a command by the name of its module; `_` in a module's name is `-` on the command line."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        module = importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, context: click.Context) -> Any:
        """Runs the command. An error's message may hold texts of others, so it is printed as harmless text."""
        try:
            return super().invoke(context)
        except click.ClickException as error:
            error.message = harmless_lines(error.message)  # type: ignore[misc]  # of a field that is set once
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The lakehouse on this machine: the stack and what is in it."""


if __name__ == "__main__":
    main(prog_name="lakehouse")
