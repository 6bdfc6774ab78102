"""`lakehouse status`: shows the local stack, and how far ingest is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import datetime as dt

    from operations.ingest_status import IngestStatus
    from stack.status import StackStatus

_COLORS = {"running": "green", "starting": "yellow"}  # of a state; any other is red
_REASONS = 3  # codes that are told of what is in quarantine, the most frequent ones
_NEEDED = {"kafka", "trino"}  # services that are asked how far ingest is


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(as_json: bool) -> None:
    """Show the servers, and how far ingest is.

    Of each server its state, address, login and memory; then the last batch, the oldest entry that is not closed, what is open
    in quarantine, what of Kafka is unread, and how far the live state is.
    """
    from lakehouse.settings import Settings
    from operations.ingest_status import ingest_status
    from operations.live_status import live_status
    from operations.runs import one_line_errors
    from operations.terminal import print_json, say, waiting
    from stack.environment import local_settings
    from stack.errors import StackError
    from stack.status import status

    with one_line_errors(), waiting("looking at the servers"):
        settings = Settings.load()
        try:
            found = status(settings)
        except StackError as error:
            raise click.ClickException(str(error)) from error
        running = {line.service for line in found.services if line.state == "running"}
        ingest = ingest_status(settings) if running >= _NEEDED else None
        live = live_status(local_settings(settings)) if "redis" in running else None
    if as_json:
        print_json({**found.as_json(), "ingest": ingest and ingest.as_json(), "live": live and live.as_json()})
        return
    _say_stack(found)
    if ingest is None:
        down = ", ".join(sorted(_NEEDED - running))
        click.echo(f"Ingest: not known while {down} does not run")
    else:
        _say_ingest(ingest)
    if live is not None:
        say(f"Live state: {live.sentence}")
    click.echo(f"Java 17, of all servers but Trino: {found.java['servers']}")
    click.echo(f"Java 25, of Trino: {found.java['trino']}")


def _say_stack(found: StackStatus) -> None:
    from operations.terminal import say_colored

    click.echo(f"{'service':<23}{'state':<10}{'memory':>8}{'limit':>9}{'heap limit':>12}  address")
    for line in found.services:
        limit = "" if line.memory_limit_mb is None else f"{line.memory_limit_mb} MB"
        heap_limit = "" if line.heap_limit_mb is None else f"{line.heap_limit_mb} MB"
        login = f"  (login: {line.login})" if line.login else ""
        say_colored(
            (f"{line.service:<23}", None),
            (f"{line.state:<10}", _COLORS.get(line.state, "red")),
            (f"{line.memory_mb:>5} MB{limit:>9}{heap_limit:>12}  {line.address}{login}", None),
        )
    click.echo(f"{'all':<33}{found.memory_mb:>5} MB{'':>21}  state and logs in {found.state_folder}")


def _say_ingest(found: IngestStatus) -> None:
    from operations import grid
    from operations.duration import told
    from operations.terminal import say

    now = current_time()
    for sentence in found.unknown:
        say(f"Not known: {' '.join(sentence.split())}")
    if batch := found.last_batch:
        verdict = f", audit {batch.verdict}" if batch.verdict else ""
        say(
            f"Last batch: {batch.entry_id}, {batch.status} {told((now - batch.at).total_seconds())} ago "
            f"({batch.at:%Y-%m-%d %H:%M:%S} UTC){verdict}: {batch.published:,} published, {batch.quarantined:,} quarantined"
        )
    elif not found.unknown:
        click.echo("Last batch: there is none yet")
    if entry := found.open_entry:
        say(f"Not closed: {entry.kind} {entry.entry_id}, planned {told((now - entry.since).total_seconds())} ago")
    if (reasons := found.quarantine_open) is not None:
        most = ", ".join(f"{number:,} {reason}" for reason, number in list(reasons.items())[:_REASONS])
        more = ", ..." if len(reasons) > _REASONS else ""
        say(f"Open in quarantine: {sum(reasons.values()):,} messages" + (f" ({most}{more})" if most else ""))
    if found.partitions:
        rows = [
            {
                "partition": f"{each.topic}-{each.partition}",
                "unread": each.unread,
                "oldest, ago": None if each.oldest is None else told((now - each.oldest).total_seconds()),
                "begins to expire in": _expiry(each.unread, each.expires_hours),
            }
            for each in found.partitions
        ]
        click.echo("In Kafka, and not published:")
        click.echo(grid.text(list(rows[0]), [list(row.values()) for row in rows], None))


def current_time() -> dt.datetime:
    """Now, in UTC."""
    import datetime as dt

    return dt.datetime.now(dt.UTC)


def _expiry(unread: int, hours: float | None) -> str | None:
    from operations.duration import told

    if not unread:
        return None
    if hours is None:
        return "never, or not known"
    return told(hours * 3600) if hours > 0 else "NOW"
