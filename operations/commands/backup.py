"""`lakehouse backup`: copies what cannot be made again into a folder."""

from __future__ import annotations

from pathlib import Path

import click

STOPPED = "Stopped. The folder is not a backup: what was copied is deleted by the next one that is given the same name."


def _owner(context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    user, _, group = (text or "").partition(":")
    if text is None:
        return None
    if not (user.isdecimal() and group.isdecimal()):
        raise click.BadParameter(f"{text!r} is not two numbers such as 1000:1000", context, option)
    return int(user), int(group)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--drain", is_flag=True, help="First ingest all that waits in Kafka. Stop the API before, if nothing may be lost."
)
@click.option("--owner", metavar="UID:GID", callback=_owner, help="Whose FOLDER is to be, if not yours: numbers.")
def command(folder: Path, drain: bool, owner: tuple[int, int] | None) -> None:
    """Copy the warehouse, as it is at one moment, with Airflow's database and the keys, into a new FOLDER.

    The stack goes on meanwhile. What waits in Kafka is not copied; it is named.
    """
    from lakehouse.settings import Settings
    from operations.draining import drain_kafka
    from operations.runs import one_line_errors
    from operations.terminal import say, waiting
    from stack.airflow_login import connect
    from stack.state.backup import backup

    with one_line_errors():
        settings = Settings.load()
        if drain:
            with waiting("bringing what waits in Kafka into tables"):
                drain_kafka(settings, connect(settings), say)
        with waiting("making the backup"):
            manifest = backup(settings, folder, say, owner)
    say(f"{folder}: {manifest}")
    for each in manifest.partitions:
        if each.waiting:
            say(f"not in it: {each}")
    say("not in it: what was acknowledged later")
    say(
        f"It holds keys and personal data: keep it as such. Keep {settings.erasure_list_file} elsewhere, always the newest:"
    )
    say("it lists who was erased, and a restore asks for it.")
