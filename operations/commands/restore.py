"""`lakehouse restore`: makes a stack of a backup."""

from __future__ import annotations

from pathlib import Path

import click

STOPPED = "Stopped. `lakehouse restore` with the same words goes on; until then `lakehouse up` refuses."
# Whether it can be read shows when it is read: access(2), which click asks, knows a container's user but not its rights.
_PATH = click.Path(path_type=Path, readable=False)


@click.command()
@click.argument("folder", type=_PATH)
@click.option("--why", required=True, help="What happened; the reason of each loss, recorded with your account's name.")
@click.option(
    "--erasures",
    type=_PATH,
    help="The newest list of erasures of the stack that was backed up (LAKEHOUSE_ERASURE_LIST_FILE, erasures.jsonl).",
)
@click.option("--no-erasures", is_flag=True, help="Nobody was erased since the backup: there is no such list.")
@click.option("--running", is_flag=True, help="The servers run already (in containers, or elsewhere): start none.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(folder: Path, why: str, erasures: Path | None, no_erasures: bool, running: bool, yes: bool) -> None:
    """Make an empty stack hold what the backup in FOLDER holds, and start it.

    It shows first what is lost. Losses are recorded by name, and who was erased since the backup is erased again, before
    anybody can read.
    """
    import getpass

    from lakehouse.settings import Settings
    from operations.runs import check_why, one_line_errors
    from operations.terminal import say, waiting
    from stack.environment import local_settings
    from stack.state.restore import Order, check, erased_since, restore
    from stack.state.restored_servers import Elsewhere, OfThisMachine, Servers

    if (erasures is None) != no_erasures:
        raise click.UsageError(
            "give --erasures FILE, or say --no-erasures: without the list, who was erased since the backup would come back"
        )
    order = Order(folder.absolute(), getpass.getuser(), check_why(why), erasures)
    with one_line_errors():
        settings = local_settings(Settings.load())
        servers: Servers = Elsewhere(settings, say) if running else OfThisMachine(settings, say)
        with waiting("checking the backup"):
            manifest = check(settings, order, servers, say)
        say(str(manifest))
        say("The topics are made anew. Given up for ever, by name, is what the backup has not read:")
        for each in manifest.partitions:
            say(f"  {each}")
        say(f"and what was acknowledged after {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC.")
        if erasures:
            say(f"Players who were erased since, and are erased again: {erased_since(order)}")
        if not yes:
            click.confirm("Restore?", abort=True)
        restore(settings, order, manifest, servers, say)
