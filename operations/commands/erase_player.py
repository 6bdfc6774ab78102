"""`lakehouse erase-player`: asks for a player to be erased; somebody approves it in Airflow."""

from __future__ import annotations

import click

STOPPED = "Stopped. What was started goes on in Airflow, and can be stopped there."

DAG_ID = "erase_player"


@click.command()
@click.argument("player", required=False)
@click.option("--why", help="The request this answers, without the player's name; recorded with the Airflow login.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--forget", is_flag=True, help="Delete the runs that ended well, which hold the names, from Airflow; no more."
)
def command(player: str | None, why: str | None, yes: bool, forget: bool) -> None:
    """Ask for PLAYER to be erased everywhere. Without PLAYER it is asked for, so that no process list shows it."""
    from lakehouse.settings import Settings
    from operations.runs import check_why, one_line_errors
    from operations.terminal import waiting
    from stack.airflow_login import connect

    if forget:
        if player or why:
            raise click.UsageError("--forget goes alone: it deletes runs that ended, and erases nobody")
        with one_line_errors(), waiting("asking Airflow"):
            api = connect(Settings.load())
            ended = [run["dag_run_id"] for run in api.runs(DAG_ID, "state=success")]
            for run_id in ended:
                api.delete_run(DAG_ID, run_id)
        click.echo(f"deleted {len(ended)} runs of {DAG_ID}; the ledger keeps who asked and why")
        return
    if why is None:
        raise click.UsageError("say --why; it is recorded with the Airflow login")
    why = check_why(why)
    player = player or click.prompt("Player, exactly as in the column player")
    if player in why:
        raise click.BadParameter("it names the player, and is kept; say it without the name", param_hint="--why")
    if not yes:
        click.confirm(f"Ask for {player!r} to be erased everywhere? It cannot be undone", abort=True)
    with one_line_errors(), waiting("asking Airflow"):
        api = connect(Settings.load())
        run_id = api.trigger(DAG_ID, {"player": player, "why": why})
    click.echo("nothing is erased yet: somebody approves or rejects it within seven days at")
    click.echo(f"{api.link(DAG_ID, run_id)}/tasks/approve/required_actions")
    click.echo(
        f"once that run is green, `lakehouse erase-player --forget` deletes the name from Airflow too ({run_id})"
    )
