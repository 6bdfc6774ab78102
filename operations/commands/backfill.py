"""`lakehouse backfill`: builds a range of days, after showing what that would do to each."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

STOPPED = "Stopped. What was started goes on in Airflow, and can be stopped there."


class _Day(click.ParamType[dt.date]):
    name = "day"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> dt.date:
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write it 2026-01-31", parameter, context)


@click.command()
@click.option("--from", "first", type=_Day(), required=True, help="First day (UTC).")
@click.option("--to", "last", type=_Day(), required=True, help="Last day, included.")
@click.option("--reverse", is_flag=True, help="Last day first.")
@click.option("--reprocess", is_flag=True, help="Build days again whose run is there already.")
@click.option("--rebuild", is_flag=True, help="First make the days' event tables anew from raw.events.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-wait", is_flag=True, help="Return once the backfill is started.")
def command(
    first: dt.date,
    last: dt.date,
    reverse: bool,
    reprocess: bool,
    rebuild: bool,
    dry_run: bool,
    yes: bool,
    no_wait: bool,
) -> None:
    """Build the daily tables of a range of days, as a backfill of build_day. Shows first what it would do."""
    from lakehouse.settings import Settings
    from operations import backfill
    from operations.runs import one_line_errors
    from operations.terminal import say, waiting
    from stack.airflow_login import connect

    with one_line_errors():
        settings = Settings.load()
        request = backfill.BackfillRequest(first, last, reverse, reprocess, rebuild)
        now = dt.datetime.now(dt.UTC)
        backfill.check(request, now.date())
        api = connect(settings)
        with waiting("planning"):
            plan = backfill.plan(settings, api, request, now)
        for each in plan:
            for line in each.sentences(rebuild):
                say(line)
        days = [each.day for each in plan if each.runs]
        if dry_run or not days:
            click.echo(f"{len(days)} of {len(plan)} days would run" + (", nothing was started" if dry_run else ""))
            return
        if not yes:
            click.confirm(f"Run {len(days)} of {len(plan)} days?", abort=True)
        backfill_id = backfill.run(api, request)
        click.echo(
            f"started backfill {backfill_id} of {backfill.DAG_ID}: {settings.airflow_url}/dags/build_day/backfills"
        )
        if no_wait:
            return
        states = backfill.follow(api, backfill_id, days, say)
    bad = [f"{day} ({state})" for day, state in states.items() if state != "success"]
    if bad:
        raise click.ClickException(f"{len(bad)} of {len(states)} days are not built: {', '.join(bad)}; see their runs")
    click.echo(f"all {len(states)} days are built")
