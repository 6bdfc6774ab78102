"""`lakehouse quality`: takes results of checks out of the lakehouse."""

from __future__ import annotations

from pathlib import Path

import click

STOPPED = "Stopped. Files that were written stay; the command writes them anew."


@click.group()
def command() -> None:
    """Results of checks, beside the pages that Airflow shows."""


@command.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--entry", "entries", type=click.IntRange(min=1), multiple=True, help="An entry; may be given again.")
@click.option("--last", default=10, show_default=True, type=click.IntRange(1, 1_000), help="Else the last so many.")
def export(folder: Path, entries: tuple[int, ...], last: int) -> None:
    """Write Great Expectations' own Data Docs of entries into FOLDER; they need no network."""
    import subprocess
    import sys

    from lakehouse.settings import CHECKOUT, Settings
    from operations.quality import last_audited
    from operations.runs import one_line_errors
    from operations.terminal import waiting

    with one_line_errors(), waiting("asking Trino"):
        chosen = list(entries) or last_audited(Settings.load(), last)
    if not chosen:
        click.echo("no results of checks are recorded yet")
        return
    options = [option for each in chosen for option in ("--entry", str(each))]
    program = [sys.executable, "-W", "ignore", "-m", "expectations.data_docs", str(folder.absolute()), *options]
    with waiting("writing the pages"):
        # A process of its own: it imports Great Expectations. And in a session of its own: Ctrl-C, which a terminal gives
        # to all of a session's foreground, is for the command, which ends the process without a traceback.
        done = subprocess.run(program, cwd=CHECKOUT, check=False, start_new_session=True)
    if done.returncode < 0:
        raise click.ClickException(f"the process that writes the pages was ended by signal {-done.returncode}")
    sys.exit(done.returncode)
