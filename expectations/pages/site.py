"""The pages by their addresses: what is asked for, looked up, and rendered as HTML."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from expectations.pages import batch, charts, day, issue, overview, shared, table
from expectations.pages.counted import Counts
from expectations.pages.source import Source
from expectations.pages.waiting import Waiting
from lakehouse.clients.trino import QueryError
from lakehouse.contract.model import Contracts
from lakehouse.texts import harmless

# Addresses of the pages that older versions wrote as files, as ops.ledger.page and ops.audits.page still name them.
_FORMER = re.compile(r"(?:(ingest|replay|rebuild)-(\d{1,18})|day-(\d{4}-\d\d-\d\d)|index)\.(?:html|json)")


@dataclass(frozen=True)
class Answer:
    """What is sent back: a page, or the address (below the pages' own) that takes its place."""

    status: int
    html: str = ""
    moved_to: str | None = None


@dataclass(frozen=True)
class Asked:
    """How a page is asked for.

    reveal: personal data is to be seen, and that is logged. token: what the page's forms send back, which no other site knows.
    """

    query: Mapping[str, str]
    reveal: bool = False
    token: str = ""


class Site:
    """All pages. `source` and `counts` are shared by all requests.

    `waiting` asks Kafka what is unread; `airflow` and `prefix` are where Airflow and the pages are served.
    """

    def __init__(
        self,
        source: Source,
        counts: Counts,
        contracts: Contracts,
        waiting: Callable[[], Waiting],
        every_minutes: int,
        airflow: str,
        prefix: str,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._source = source
        self._counts = counts
        self._contracts = contracts
        self._waiting = waiting
        self._every_minutes = every_minutes
        self._airflow = airflow
        self._prefix = prefix
        self._now = now

    def answer(self, path: str, asked: Asked) -> Answer:
        """The page at the path below the prefix; 404 with a page if there is none, 503 if Trino does not answer."""
        former = moved(path)
        if former is not None:
            return Answer(307, moved_to=former)
        kind, _, rest = path.partition("/")
        try:
            page = self._page(kind, rest, asked)
        except QueryError as error:
            return Answer(503, self._render("down.html", error=harmless(error)))
        if page is None:
            return Answer(404, self._render("missing.html"))
        return Answer(200, page)

    def started(self, run_id: str, conf: Mapping[str, Any]) -> Answer:
        """The page after a replay was started."""
        return Answer(200, self._render("started.html", run_id=run_id, conf=conf))

    def refused(self, status: int, words: str) -> Answer:
        """The page that says why a replay was not started."""
        return Answer(status, self._render("refused.html", words=words))

    def _page(self, kind: str, rest: str, asked: Asked) -> str | None:
        if kind == "" and not rest:
            found = overview.load(
                self._source, self._counts, self._contracts, self._waiting, self._every_minutes, self._now()
            )
            return self._render("overview.html", page=found, **_charts(found))
        if kind == "table":
            found_table = table.load(self._source, self._counts, self._contracts, rest, self._now())
            if found_table is None:
                return None
            return self._render("table.html", page=found_table, axis=_axis(found_table), least_rate=table.LEAST_RATE)
        if kind == "batch" and rest.isascii() and rest.isdecimal() and len(rest) < 19:
            return self._shown("batch.html", batch.load(self._source, self._contracts, int(rest)))
        if kind == "day" and (of := _day(rest)):
            return self._shown("day.html", day.load(self._source, of))
        if kind == "issue" and rest:
            number = asked.query.get("batch", "")
            only = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None
            found_issue = issue.load(self._source, self._contracts, rest, only, asked.reveal)
            return self._render("issue.html", page=found_issue, token=asked.token)
        return None

    def _shown(self, template: str, page: Any) -> str | None:
        return None if page is None else self._render(template, page=page)

    def _render(self, template: str, **values: Any) -> str:
        return str(_environment(self._prefix, self._airflow).get_template(template).render(**values))


def unusable(error: Exception, airflow: str, prefix: str) -> Answer:
    """The page in place of any other while a contract cannot be used."""
    page = _environment(prefix, airflow).get_template("contracts.html")
    return Answer(503, page.render(error=harmless(error)))


def moved(path: str) -> str | None:
    """Where a page is now that older versions wrote as a file; None if the path is none of those."""
    former = _FORMER.fullmatch(path)
    if former is None:
        return None
    _, entry_id, of_day = former.groups()
    if entry_id:
        return f"batch/{int(entry_id)}"
    return f"day/{of_day}" if of_day else ""


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _axis(page: table.TablePage) -> Any:
    """The table's events by their kind; None if there are none."""
    kinds: dict[str, list[dt.datetime]] = {}
    for event in page.events:
        kinds.setdefault(event.what, []).append(event.time)
    return charts.time_axis(kinds, page.days[-1].day, page.days[0].day) if kinds else None


def _charts(page: overview.Overview) -> dict[str, Any]:
    def decided(stretches: tuple[overview.Decided, ...], every: int) -> Any:
        series = {
            "published": (charts.GOOD, [each.good for each in stretches]),
            "held": (charts.BAD, [each.bad for each in stretches]),
        }
        return charts.bars([each.label for each in stretches], series, every)

    volume = {"messages": (charts.OTHER, page.volume)}
    return {
        "held_by_hour": sum(each.bad for each in page.by_hour),
        "held_by_day": sum(each.bad for each in page.by_day),
        "by_hour": decided(page.by_hour, 6),
        "by_day": decided(page.by_day, 5),
        "volume": charts.bars([f"{each:%d %b}" for each in page.days], volume, 5),
    }


@cache
def _environment(prefix: str, airflow: str) -> Any:
    """The templates, compiled once."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("expectations", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": shared.moment,
        "duration": shared.duration,
        "number": lambda value: "–" if value is None else f"{value:,}",
        "count": shared.count,
        "percent": lambda value: "–" if value is None else f"{value:.1%}",
        "address": lambda value: quote(str(value), safe=""),
        "spark": charts.sparkline,
    }
    environment.globals |= {"run_address": shared.run_address, "prefix": prefix, "airflow": airflow}
    return environment
