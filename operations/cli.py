"""The command `lakehouse`. Each subcommand is a module of operations/commands, imported only when it is called."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import click

from lakehouse.texts import harmless_lines, is_of_file, words_of_file
from lakehouse.version import VERSION
from operations import commands

UNCHANGED = "Stopped; nothing was changed."
INTERRUPTED = 128 + 2  # exit status: as a shell gives it to what SIGINT ended


class _Commands(click.Group):
    """Finds a command by the name of its module; `_` in a module's name is `-` on the command line."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        command: click.Command = _module(name).command
        return command

    def invoke(self, context: click.Context) -> Any:
        """Runs the command. An error's words, which may hold what somebody else wrote, are printed as harmless text.

        A file that cannot be read or written, whoever wanted it, is one line. Ctrl-C ends it with one line, which says what
        became of what it was at: the command's STOPPED. Questions are asked before anything is changed.
        """
        try:
            return super().invoke(context)
        except click.ClickException as error:
            error.message = harmless_lines(error.message)  # type: ignore[misc]  # of a field that is set once
            raise
        except OSError as error:
            if not is_of_file(error):
                raise  # such as a pipe whose reader has gone: click ends that without a word
            raise click.ClickException(harmless_lines(words_of_file(error))) from error
        except click.Abort as error:
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise  # somebody said no, or nobody is there to answer
            click.echo(err=True)  # ends the question's line
            click.echo(UNCHANGED, err=True)
            raise SystemExit(INTERRUPTED) from None
        except KeyboardInterrupt:
            name = context.invoked_subcommand  # none while the module of the command is imported
            click.echo(getattr(_module(name), "STOPPED", UNCHANGED) if name else UNCHANGED, err=True)
            raise SystemExit(INTERRUPTED) from None


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"{commands.__name__}.{command.replace('-', '_')}")


def _print_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"lakehouse {VERSION}")
        context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def main() -> None:
    """The lakehouse on this machine: the stack and what is in it."""


if __name__ == "__main__":
    main(prog_name="lakehouse")
