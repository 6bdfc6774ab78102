"""The inventory by month equals the plain sum, in whatever order days are built, snapshots made, and either dies."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest
from pyspark.sql import SparkSession

from jobs.daily.builds import Build, Builds
from jobs.daily.inventory import builds_until, next_month, plan, valid_months
from lakehouse.catalog.views import PLAYER_INVENTORY
from lakehouse.ledger.vocabulary import BuildCause, BuildStep

TODAY = dt.date(2026, 4, 15)
DAYS = [dt.date(2026, month, day) for month in (1, 2, 3, 4) for day in (1, 14, 28) if (month, day) < (4, 28)]
JAN, FEB, MAR = (dt.date(2026, month, 1) for month in (1, 2, 3))


# ---- which months


def built(*days: dt.date, through: int = 1) -> frozenset[Build]:
    return frozenset(Build(day, through) for day in days)


def test_the_month_after_a_month() -> None:
    assert next_month(dt.date(2026, 1, 31)) == FEB
    assert next_month(dt.date(2026, 12, 1)) == dt.date(2027, 1, 1)


def test_a_snapshot_is_valid_until_any_of_its_days_is_built_again() -> None:
    started = built(DAYS[0], DAYS[3])
    assert valid_months(started, {JAN: 1, FEB: 2}) == [JAN, FEB]
    assert valid_months(started | built(DAYS[3], through=2), {JAN: 1, FEB: 2}) == [JAN]
    assert valid_months(started | built(DAYS[1]), {JAN: 1, FEB: 2}) == []  # same entries, another day: built backwards
    assert valid_months(frozenset(), {JAN: 0}) == []


def test_every_month_that_is_over_is_made_from_the_one_before() -> None:
    started = built(DAYS[1], DAYS[7])  # none in February
    everything = plan(Builds(started, started), {}, TODAY)
    assert everything == ([(JAN, None), (FEB, JAN), (MAR, FEB)], [])
    assert plan(Builds(started, started), {JAN: 1, FEB: 1}, TODAY).months == [(MAR, FEB)]
    assert plan(Builds(started, started), {JAN: 1, FEB: 7, MAR: 2}, TODAY).months == [(FEB, JAN)]
    assert plan(Builds(frozenset(), frozenset()), {}, TODAY).months == []


def test_a_build_that_is_not_finished_stops_the_months_it_may_change() -> None:
    done = built(DAYS[0])
    under_way = Build(DAYS[4], 2)  # February
    assert plan(Builds(done | {under_way}, done), {}, TODAY) == ([(JAN, None)], [under_way])
    newer = done | built(DAYS[4], through=3)
    assert plan(Builds(newer | {under_way}, newer), {}, TODAY).unfinished == []  # it can change nothing any more
    older = done | built(DAYS[4], through=1)
    assert plan(Builds(older | {under_way}, older), {}, TODAY).unfinished == [under_way]
    running = Build(DAYS[4], 2, BuildCause.PROVISIONAL)
    assert plan(Builds(older | {running}, older), {}, TODAY).unfinished == [running]
    same = done | built(DAYS[4], through=2)  # it would be skipped by Delta, too
    assert plan(Builds(same | {running}, same), {}, TODAY).unfinished == []
    erase = Build(DAYS[4], 2, BuildCause.ERASE)
    assert plan(Builds(older | {erase}, older), {}, TODAY).unfinished == [erase]


# ---- all interleavings, by chance

Stock = dict[str, int]
Step = Generator[None, None, None]


def add(*parts: Stock) -> Stock:
    total: Stock = {}
    for part in parts:
        for item, quantity in part.items():
            total[item] = total.get(item, 0) + quantity
    return total


@dataclass
class World:
    """The tables, each with the transaction version of its writers; `without` leaves a safeguard out."""

    without: str = ""
    events: dict[dt.date, Stock] = field(default_factory=lambda: {day: {} for day in DAYS})
    entries: int = 0
    open_entries: set[int] = field(default_factory=set)
    days: dict[dt.date, Stock] = field(default_factory=dict)
    day_versions: dict[dt.date, int] = field(default_factory=dict)
    started: set[Build] = field(default_factory=set)
    finished: set[Build] = field(default_factory=set)
    months: dict[dt.date, tuple[int, Stock]] = field(default_factory=dict)
    month_versions: dict[dt.date, int] = field(default_factory=dict)

    @property
    def closed_through(self) -> int:
        return min(self.open_entries, default=self.entries + 1) - 1

    def publish(self, day: dt.date, quantity: int) -> Step:
        """An entry that changes a day: anything may happen between the change and its end."""
        entry = self.plan_entry()
        yield
        self.events[day] = add(self.events[day], {"sword": quantity, f"of {day}": 1})
        yield
        self.open_entries.discard(entry)

    def erase(self, item: str = "sword") -> Step:
        """An entry that takes something out of the events, the days' facts and the snapshots."""
        entry = self.plan_entry()
        yield
        for rows in self.events.values():
            rows.pop(item, None)
        yield
        touched = [day for day, rows in self.days.items() if item in rows]
        if self.without != "start before change":
            self.started |= {Build(day, entry, BuildCause.ERASE) for day in touched}
        yield
        for day in touched:
            self.days[day] = {other: n for other, n in self.days[day].items() if other != item}
        yield
        for month, (held, stock) in self.months.items():
            self.months[month] = (held, {other: n for other, n in stock.items() if other != item})
        yield
        self.started |= {Build(day, entry, BuildCause.ERASE) for day in touched}
        self.finished |= {Build(day, entry, BuildCause.ERASE) for day in touched}
        yield
        self.open_entries.discard(entry)

    def plan_entry(self) -> int:
        self.entries += 1
        self.open_entries.add(self.entries)
        return self.entries

    def rollup(self, day: dt.date) -> Step:
        through = self.closed_through
        yield
        rows = dict(self.events[day])
        yield
        build = Build(day, through)
        if self.without != "start before change":
            self.started.add(build)
            yield
        while True:  # replace_newest: a lost race is tried again
            before = self.day_versions.get(day)
            if before is not None and before >= through:
                break
            yield
            if self.day_versions.get(day) == before:
                self.days[day], self.day_versions[day] = rows, through
                break
            if self.without == "trying a lost race again":
                break
        yield
        self.started.add(build)
        self.finished.add(build)

    def snapshot(self) -> Step:
        known = Builds(frozenset(self.started), frozenset(self.finished))
        if self.without == "unfinished builds":
            known = Builds(known.started, known.started)
        yield
        todo = plan(known, {month: held for month, (held, _) in self.months.items()}, TODAY)
        yield
        for month, base in todo.months:
            number = builds_until(known.started, month)
            while True:
                since = next_month(base) if base else dt.date.min
                changes = [rows for day, rows in self.days.items() if since <= day < next_month(month)]
                yield
                stock = add(self.months.get(base, (0, {}))[1] if base else {}, *changes)
                if self.without == "builds read first":
                    number = builds_until(self.started, month)
                before = self.month_versions.get(month)
                if before is not None and before >= number:
                    break
                yield
                if self.month_versions.get(month) == before:
                    self.months[month], self.month_versions[month] = (number, stock), number
                    break
                if self.without == "trying a lost race again":
                    break
            yield

    def view(self) -> Stock:
        newest = max(valid_months(self.started, {m: held for m, (held, _) in self.months.items()}), default=None)
        base = self.months[newest][1] if newest else {}
        since = next_month(newest) if newest else dt.date.min
        return add(base, *[rows for day, rows in self.days.items() if day >= since])

    def plain_sum(self) -> Stock:
        return add(*self.days.values())


def begin(world: World, kind: str, day: dt.date, chance: random.Random) -> Step:
    if kind == "rollup":
        return world.rollup(day)
    if kind == "publish":
        return world.publish(day, chance.randint(-2, 3))
    return world.snapshot() if kind == "snapshot" else world.erase()


def walk(world: World, seed: int, steps: int = 90) -> bool:
    """Lets up to six processes take turns, some of which stop for good. Returns whether the view was always right."""
    chance = random.Random(seed)
    running: list[tuple[str, Step]] = []
    days = chance.sample(DAYS, chance.choice([1, 2, len(DAYS)]))  # few days: many races for one
    for _ in range(steps):
        if len(running) < 6 and chance.random() < 0.4:
            day = chance.choice(days)
            kind = chance.choice(["rollup"] * 4 + ["snapshot"] * 3 + ["publish", "erase"])
            running.append((kind, begin(world, kind, day, chance)))
        if running:
            kind, process = chance.choice(running)
            try:
                next(process)
            except StopIteration:
                running.remove((kind, process))
            else:
                if chance.random() < 0.02 and kind in ("rollup", "snapshot"):
                    running.remove((kind, process))  # killed; a killed entry is what the next run finishes first
        if world.view() != world.plain_sum():
            return False
    return True


def test_the_view_is_the_plain_sum_after_every_step_of_every_interleaving() -> None:
    months_seen = 0
    for seed in range(1500):
        world = World()
        assert walk(world, seed), f"seed {seed}"
        months_seen += len(valid_months(world.started, {m: held for m, (held, _) in world.months.items()}))
    assert months_seen > 300  # the view did start from snapshots


@pytest.mark.parametrize(
    "without", ["start before change", "unfinished builds", "builds read first", "trying a lost race again"]
)
def test_each_safeguard_is_needed(without: str) -> None:
    assert not all(walk(World(without), seed) for seed in range(6000))


# ---- the view's own text


def answer(spark: SparkSession, world: World) -> dict[str, int]:
    """What the view says; its text is the one that Trino runs, over temporary views of the same columns."""
    steps = [(build, BuildStep.STARTED) for build in world.started] + [
        (build, BuildStep.FINISHED) for build in world.finished
    ]
    frames = {
        "ops.day_builds": (
            [(build.day, build.built_through, build.cause, step) for build, step in steps],
            "day date, built_through bigint, cause string, step string",
        ),
        "game.player_inventory_months": (
            [
                ("anna", "thing", item, quantity, month, held)
                for month, (held, stock) in world.months.items()
                for item, quantity in stock.items()
            ],
            "player string, item_type string, item string, quantity bigint, month date, builds bigint",
        ),
        "game.player_item_changes": (
            [
                ("anna", "thing", item, change, world.day_versions[day], day)
                for day, rows in world.days.items()
                for item, change in rows.items()
            ],
            "player string, item_type string, item string, change bigint, built_through bigint, event_date date",
        ),
    }
    statement = PLAYER_INVENTORY
    for name, (rows, schema) in frames.items():
        view = name.replace(".", "_")
        spark.createDataFrame(rows, schema).createOrReplaceTempView(view)
        statement = statement.replace(name, view)
    rows = spark.sql(statement).collect()
    found = {row["item"]: row["quantity"] for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_views_text_says_the_same(spark: SparkSession, seed: int) -> None:
    world = World()
    walk(world, seed, steps=60 + 20 * seed)
    assert answer(spark, world) == world.plain_sum()


def test_the_views_text_starts_from_the_newest_valid_month(spark: SparkSession) -> None:
    world = World()
    for day in DAYS[:7]:
        world.events[day] = {"sword": 1}
        for _ in world.rollup(day):
            pass
    for _ in world.snapshot():
        pass
    world.months = {month: (held, {"sword": 100 * month.month}) for month, (held, _) in world.months.items()}
    world.started.add(Build(DAYS[6], 5))  # a build in March: its snapshot is not valid any more
    assert set(world.months) == {JAN, FEB, MAR}
    assert answer(spark, world) == {"sword": 200 + 1}


def test_a_stock_that_64_bits_do_not_hold_is_null_and_all_others_can_be_read(spark: SparkSession) -> None:
    world = World()
    for day in DAYS[:2]:
        world.events[day] = {"sword": 2**63 - 1, "horse": 1}
        for _ in world.rollup(day):
            pass
    assert answer(spark, world) == {"sword": None, "horse": 2}
