"""`lakehouse send`: sends the documents' loads or random play to the API, and says what was acknowledged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from operations.duration import Duration

if TYPE_CHECKING:
    from stack.loads.sending import Step, Tally

PLAY_RATE = 20.0  # events a second, unless --rate says otherwise


@click.command()
@click.option("--load", type=click.IntRange(1, 4), help="A load of the reports; 2 and 3 have no end.")
@click.option("--play", is_flag=True, help="Random play: players, their sessions, some bad and repeated events.")
@click.option("--for", "seconds", type=Duration(), help="Stop after this time: 30s, 5m, 2h.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 100_000, min_open=True),
    help="Events a second; else 20 in play, and in a load as fast as they are acknowledged.",
)
@click.option("--seed", type=int, help="The same seed leaves the same to chance, in play and in load 3.")
@click.option("--players", type=click.IntRange(1, 99_999), default=100, show_default=True, help="In play: how many.")
@click.option(
    "--bad",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="In play: share of events that break their contract, or reuse an id.",
)
@click.option(
    "--repeated",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="In play: share of events that are sent again as they were.",
)
@click.option("--json", "as_json", is_flag=True, help="Say it for programs.")
def command(
    load: int | None,
    play: bool,
    seconds: float | None,
    rate: float | None,
    seed: int | None,
    players: int,
    bad: float,
    repeated: float,
    as_json: bool,
) -> None:
    """Send loads or random play to the API.

    A load of the reports (1 to 4) or --play goes on until it ends, its time is over, or Ctrl-C. At the end it says
    what was acknowledged, by event type and host. After a run of ingest exactly that is in the tables.
    """
    from random import Random

    from lakehouse.contract.load import load_contracts
    from lakehouse.settings import Settings
    from operations.runs import one_line_errors
    from operations.terminal import bar, print_json
    from stack.loads.documents import Load, load_of
    from stack.loads.play import sessions
    from stack.loads.sending import Sending

    if (load is None) != play:
        raise click.UsageError("say what to send: --load 1, 2, 3 or 4, or --play")
    context = click.get_current_context()
    for name in ("players", "bad", "repeated"):
        if load is not None and context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is of --play alone: a load is what it is")
    with one_line_errors():
        settings = Settings.load()
        event_types = {contract.table: name for name, contract in load_contracts(settings.contracts).items()}
    chance = Random(seed)
    steps: Iterable[Step] = sessions(chance, players, bad, repeated) if load is None else load_of(load, chance)
    events = sum(step.count for step in steps if isinstance(step, Load)) if isinstance(steps, tuple) else None
    sending = Sending(settings.api_url, event_types, rate or (PLAY_RATE if play else None))
    with bar(events or seconds) as tell:
        tally = sending.run(
            steps, seconds, lambda now: tell(now.answered if events else now.seconds, _so_far(now, events))
        )
    if as_json:
        print_json(tally.as_json())
    else:
        _say(tally)
    if not tally.good:
        raise SystemExit(1)


def _so_far(tally: Tally, events: int | None) -> str:
    each_second = tally.events / tally.seconds if tally.seconds else 0.0
    of_all = f" of {events:,}" if events else ""
    return f"{tally.events:,}{of_all} acknowledged, {each_second:,.0f}/s, {tally.seconds:.0f} s"


def _say(tally: Tally) -> None:
    from operations import grid
    from operations.terminal import say
    from stack.loads.play import Becomes

    if tally.events:
        plain = tally.becoming(Becomes.ROW) == tally.events
        groups = [
            {
                name: value
                for name, value in group.items()
                if not plain or name in ("event_type", "host", "acknowledged")
            }
            for group in tally.groups()
        ]
        click.echo(grid.shown(groups))
    repeated, aside = tally.becoming(Becomes.REPETITION), tally.becoming(Becomes.QUARANTINED)
    more = f"; {repeated:,} repeat others, {aside:,} go to quarantine" if repeated or aside else ""
    say(f"{tally.events:,} events acknowledged in {tally.seconds:.1f} s ({tally.events / tally.seconds:,.0f}/s){more}")
    for reason, number in tally.refused.most_common():
        say(f"{number:,} refused, nothing of them is kept: {reason}")
    for reason, number in tally.uncertain.most_common():
        say(f"{number:,} uncertain, they may or may not arrive: {reason}")
    if tally.stopped:
        say("Stopped. All that is counted above stays sent.")
    if tally.failure:
        raise click.ClickException(f"{tally.failure}; see `lakehouse status`")
