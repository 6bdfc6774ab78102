"""A backfill of build_day: the plan for each day, and its start and end through Airflow's API."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse.clients.airflow import ENDED, AirflowApi
from lakehouse.settings import Settings
from operations.changed_days import built_through, changed_days
from operations.completeness import DayError, check_day, missing_of

DAG_ID = "build_day"
MAX_DAYS = 366
MAX_ACTIVE_RUNS = 2
POLL_SECONDS = 3.0


@dataclass(frozen=True)
class BackfillRequest:
    """The days to build, first to last, and how to build them."""

    first: dt.date
    last: dt.date
    reverse: bool = False
    reprocess: bool = False
    rebuild: bool = False

    @property
    def days(self) -> list[dt.date]:
        """The days in the order in which they would run."""
        count = (self.last - self.first).days + 1
        days = [self.first + dt.timedelta(days=n) for n in range(count)]
        return days[::-1] if self.reverse else days

    def body(self) -> dict[str, Any]:
        """The body for Airflow's API. A run's logical date is the beginning of its day."""
        conf = {"rebuild_from_raw": True, "reason": f"backfill of {self.first} to {self.last}"} if self.rebuild else {}
        return {
            "dag_id": DAG_ID,
            "from_date": f"{self.first}T00:00:00Z",
            "to_date": f"{self.last}T00:00:00Z",
            "run_backwards": self.reverse,
            "dag_run_conf": conf,
            "reprocess_behavior": "completed" if self.reprocess else "none",
            "max_active_runs": MAX_ACTIVE_RUNS,
        }


@dataclass(frozen=True)
class DayPlan:
    """What a backfill would do to one day, and the state of the day now."""

    day: dt.date
    runs: bool
    missing: tuple[str, ...]
    built_through: int | None
    changed: str | None

    def sentences(self, rebuild: bool) -> list[str]:
        """The plan as lines for a person; the first one names the day."""
        now = "not built" if self.built_through is None else f"built through entry {self.built_through}"
        if self.changed:
            now += ", changed since"
        complete = "complete" if not self.missing else "not complete"
        if not self.runs:
            does = "left alone: it has a run already (--reprocess runs it again)"
        else:
            does = ("rebuilds from raw, then builds" if rebuild else "builds") + (
                "" if not self.missing else ", once it is complete (it waits up to 6 hours)"
            )
        return [f"{self.day}  {complete}, {now}: {does}", *[f"            {sentence}" for sentence in self.missing]]


def check(request: BackfillRequest, today: dt.date) -> None:
    """Refuses days that cannot be built.

    Raises:
        DayError: the days are in the wrong order, too many, not over, or before the first that a message can have.
    """
    if request.first > request.last:
        raise DayError(f"--from {request.first} is after --to {request.last}")
    for day in (request.first, request.last):
        check_day(day, today)
    if (request.last - request.first).days >= MAX_DAYS:
        raise DayError(f"{request.first} to {request.last} are more than {MAX_DAYS} days; ask for fewer at once")


def plan(settings: Settings, api: AirflowApi, request: BackfillRequest, now: dt.datetime) -> list[DayPlan]:
    """The plan for each day, in the order in which they would run.

    Raises:
        DayError: see `check`. AirflowError, QueryError, KafkaError: a server does not answer.
    """
    check(request, now.astimezone(dt.UTC).date())
    answer = api.post("/backfills/dry_run", request.body())
    would_run = {
        dt.datetime.fromisoformat(each["logical_date"]).astimezone(dt.UTC).date() for each in answer["backfills"]
    }
    return day_plans(
        request.days,
        would_run,
        missing_of(settings, request.days),
        built_through(settings, request.days),
        {each.day: each.reason for each in changed_days(settings, now)},
    )


def day_plans(
    days: Sequence[dt.date],
    would_run: Collection[dt.date],
    missing: Mapping[dt.date, Sequence[str]],
    built: Mapping[dt.date, int],
    changed: Mapping[dt.date, str],
) -> list[DayPlan]:
    """Makes the plans from what is known of each day."""
    return [
        DayPlan(day, day in would_run, tuple(missing.get(day, ())), built.get(day), changed.get(day)) for day in days
    ]


def run(api: AirflowApi, request: BackfillRequest) -> int:
    """Starts the backfill. Returns its number.

    Raises:
        AirflowError: Airflow does not answer, or another backfill of build_day is under way.
    """
    return int(api.post("/backfills", request.body())["id"])


def follow(
    api: AirflowApi, backfill_id: int, days: Collection[dt.date], say: Callable[[str], None]
) -> dict[dt.date, str]:
    """Waits until the backfill of these days has ended, and reports each day as it ends.

    Returns the state of each day.
    """
    between = f"logical_date_gte={min(days)}T00:00:00Z&logical_date_lte={max(days)}T00:00:00Z"
    told: set[dt.date] = set()
    while True:
        completed = api.get(f"/backfills/{backfill_id}")["completed_at"] is not None
        found = states_by_day(api.runs(DAG_ID, f"run_type=backfill&{between}"))
        states = {day: found.get(day, ("not started", "")) for day in sorted(days)}
        for day, (state, run_id) in states.items():
            if state in ENDED and day not in told:
                told.add(day)
                say(f"{day}  {state}  {api.link(DAG_ID, run_id)}")
        if completed:
            return {day: state for day, (state, _) in states.items()}
        time.sleep(POLL_SECONDS)


def states_by_day(runs: Sequence[Mapping[str, Any]]) -> dict[dt.date, tuple[str, str]]:
    """Day -> state and id of its run, of runs as Airflow's API tells them."""
    return {
        dt.datetime.fromisoformat(run["logical_date"]).astimezone(dt.UTC).date(): (run["state"], run["dag_run_id"])
        for run in runs
        if run["logical_date"]
    }
