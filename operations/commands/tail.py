"""`lakehouse tail`: shows Kafka's messages as they arrive."""

from __future__ import annotations

import click


@click.command()
@click.argument("topic", required=False)
@click.option("--from-start", is_flag=True, help="Begin with the oldest messages that Kafka holds, not with the next.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages.")
def command(topic: str | None, from_start: bool, count: int | None) -> None:
    """Show Kafka's messages as they arrive.

    Of each message of TOPIC the broker's time (UTC), partition and offset, key and value on one line. Without
    TOPIC: of all topics that event types go to. Control characters are written out. Ctrl-C ends it.
    """
    from contextlib import closing

    from lakehouse.contract.load import load_contracts
    from lakehouse.settings import Settings
    from operations.runs import one_line_errors
    from operations.tailing import beginnings, follow, line
    from operations.terminal import say, waiting, warn

    with one_line_errors():
        settings = Settings.load()
        topics = [topic] if topic else list(load_contracts(settings.contracts).topics)
        shown = 0
        try:
            with waiting("asking Kafka"):
                places = beginnings(settings, topics, from_start)
            with closing(follow(settings, places, warn)) as messages:
                for message in messages:
                    if message is not None:
                        say(line(message))
                        shown += 1
                    if shown == count:
                        break
        except KeyboardInterrupt:
            warn(f"Stopped after {shown:,} messages; nothing was changed.")
