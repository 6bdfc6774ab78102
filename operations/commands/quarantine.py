"""`lakehouse quarantine`: shows what is open in quarantine, replays it, or gives it up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

STOPPED = "Stopped. What was started goes on in Airflow, and can be stopped there."

if TYPE_CHECKING:
    from lakehouse.ledger.selection import Selection


class _Time(click.ParamType[dt.datetime]):
    """A day or a time in ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> dt.datetime:
        from lakehouse.ledger.selection import in_utc

        try:
            return in_utc(dt.datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time of the years 1 to 9999; write 2026-01-31 or 2026-01-31T12:00:00Z",
                parameter,
                context,
            )


def _selecting(function: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that select open rows; the command gets one Selection."""
    for option in reversed(
        [
            click.option(
                "--reason", help="Reason code, such as audit:quantity_possible; audit:* for all that begin so."
            ),
            click.option("--event-type", help="Event type."),
            click.option(
                "--batch", "batch_id", type=click.IntRange(min=1), help="The batch that brought the messages."
            ),
            click.option("--since", type=_Time(), help="Kafka got it at this time (UTC) or later."),
            click.option("--until", type=_Time(), help="Kafka got it before this time (UTC)."),
        ]
    ):
        function = option(function)
    return function


def _changing(function: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of a command that starts a DAG for a selection."""
    for option in reversed(
        [
            click.option("--why", required=True, help="The reason; it is recorded with the Airflow login."),
            click.option("--dry-run", is_flag=True, help="Only say what would happen."),
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option("--no-wait", is_flag=True, help="Return once the run is started."),
        ]
    ):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """See what is open in quarantine; replay it, or give it up."""


@command.command("list")
@_selecting
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(as_json: bool, **selected: Any) -> None:
    """Count open messages by day, batch, reason and event type."""
    from lakehouse.contract.load import load_contracts
    from lakehouse.ledger.selection import Selection
    from lakehouse.settings import Settings
    from operations.quarantine import counted
    from operations.runs import one_line_errors
    from operations.terminal import waiting

    with one_line_errors(), waiting("asking Trino"):
        settings = Settings.load()
        found = counted(settings, load_contracts(settings.contracts), Selection(**selected))
    _show(found, as_json)


@command.command()
@_selecting
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most so many, newest first."
)
@click.option("--personal", is_flag=True, help="Show personal data too; it is logged with your account's name.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(limit: int, personal: bool, as_json: bool, **selected: Any) -> None:
    """Show open messages: where they came from, why they are here, and what they hold but for personal data."""
    from lakehouse.contract.load import load_contracts
    from lakehouse.ledger.selection import Selection
    from lakehouse.settings import Settings
    from operations.personal_data import log_file, record
    from operations.quarantine import rows
    from operations.runs import one_line_errors
    from operations.terminal import say, waiting

    with one_line_errors():
        settings, selection = Settings.load(), Selection(**selected)
        if personal:
            try:
                who = record(settings, f"quarantine show {selection.as_conf()}, at most {limit}")
            except OSError as error:
                raise click.ClickException(f"it cannot be logged that personal data is shown: {error}") from None
            click.echo(f"personal data is shown to {who}; that is logged in {log_file(settings)}", err=True)
        with waiting("asking Trino"):
            found = rows(settings, load_contracts(settings.contracts), selection, limit, personal=personal)
    if as_json:
        _show(found, as_json)
        return
    for row in found:
        say(
            f"{row['topic']}-{row['partition']} offset {row['offset']}, {row['kafka_timestamp']}, batch {row['batch_id']}, "
            f"entry {row['entry_id']}, {row['event_type'] or 'no event type'}, {row['event_id']}"
        )
        at = ", ".join(f"{name} {row[name]}" for name in ("field", "rule") if row[name])
        held = "; it is not at fault itself, only held with its batch" if row["at_fault"] is False else ""
        say(f"  {row['reason_code']}" + (f" ({at})" if at else "") + held)
        value = "no value" if row["value"] is None else row["value"]
        say(f"  {value}" + ("" if row["bytes"] is None else f"  ({row['bytes']} bytes)"))
    if not found:
        click.echo("nothing is open in quarantine that matches")


@command.command()
@_selecting
@_changing
@click.option("--waiver", help="Publish although the audit fails: why that is right; it is recorded.")
def replay(why: str, dry_run: bool, yes: bool, no_wait: bool, waiver: str | None, **selected: Any) -> None:
    """Check open messages against today's contracts again, and publish what passes."""
    _start("replay", _selection(selected), why, dry_run, yes, no_wait, {"waiver": waiver})


@command.command()
@_selecting
@_changing
def discard(why: str, dry_run: bool, yes: bool, no_wait: bool, **selected: Any) -> None:
    """Record that open messages will never be published. They stay in raw.events and in ops.quarantine."""
    _start("discard", _selection(selected), why, dry_run, yes, no_wait, {})


def _selection(selected: dict[str, Any]) -> Selection:
    from lakehouse.ledger.selection import Selection

    return Selection(**selected)


def _start(
    verb: str, selection: Selection, why: str, dry_run: bool, yes: bool, no_wait: bool, more: dict[str, str | None]
) -> None:
    from lakehouse.contract.load import load_contracts
    from lakehouse.settings import Settings
    from operations.quarantine import by_reason
    from operations.runs import check_why, one_line_errors, start
    from operations.terminal import say, waiting
    from stack.airflow_login import connect

    why = check_why(why)
    more = {name: check_why(text, f"--{name}") for name, text in more.items() if text is not None}
    with one_line_errors():
        settings = Settings.load()
        known = load_contracts(settings.contracts)
        if selection.event_type is not None and selection.event_type not in known:
            raise click.BadParameter(
                f"there is no contract {selection.event_type!r}; there are {', '.join(known)}. Messages of types that no "
                "contract names are --reason unknown_type",
                param_hint="--event-type",
            )
        with waiting("asking Trino"):
            counts = by_reason(settings, selection)
        if not counts:
            click.echo(f"nothing is open in quarantine that matches; nothing to {verb}")
            return
        for reason, messages in counts.items():
            say(f"{messages:>9,}  {reason}")
        total = f"{sum(counts.values()):,} messages"
        if not dry_run and not yes:
            click.confirm(f"{verb} {total}?", abort=True)
        conf = {**selection.as_conf(), **more, "why": why, "dry_run": dry_run}
        start(connect(settings), f"{verb}_quarantine", conf, say, wait=not no_wait)


def _show(found: list[dict[str, Any]], as_json: bool) -> None:
    from operations.grid import shown
    from operations.terminal import print_json

    if as_json:
        print_json(found)
    elif not found:
        click.echo("nothing is open in quarantine that matches")
    else:
        click.echo(shown(found))
        click.echo(f"{sum(row['messages'] for row in found):,} messages")
