"""The pages, as they are rendered from what Trino answers: what they say, and what they never show."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import pytest

from expectations.pages import overview
from expectations.pages.counted import Counts
from expectations.pages.site import Answer, Asked, Site, moved
from expectations.pages.source import Source
from expectations.pages.waiting import Waiting
from lakehouse.clients.trino import QueryError
from tests.unit.expectations.pages.answers import ANNA, CONTRACTS, NOW, TODAY, answer, counted, nothing

PAGES = ["", "table/messages", "table/daily_event_counts", "batch/7", f"day/{TODAY}", "issue/audit:a_critical"]


FIVE = Waiting(5)


def site(ask: Any = answer, waiting: Waiting = FIVE) -> Site:
    return Site(Source(ask), Counts(), CONTRACTS, lambda: waiting, 5, "", "/quality", lambda: NOW)


def shown(path: str, ask: Any = answer, **asked: Any) -> str:
    found = site(ask).answer(path, Asked(asked.pop("query", {}), **asked))
    assert found.status == 200
    return found.html


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_script_and_asks_for_nothing_from_elsewhere(path: str) -> None:
    html = shown(path)
    assert "<script" not in html and "javascript:" not in html and " onclick" not in html
    assert re.findall(r"""(?:src|href|action)=["'](?!/|#)[^"']*""", html) == []
    assert "url(" not in html and "@import" not in html


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_what_names_a_person(path: str) -> None:
    html = shown(path).lower()
    assert "anna" not in html and "berta" not in html


def test_somebody_who_asks_for_it_is_shown_personal_data_harmlessly() -> None:
    html = shown("issue/audit:a_critical", reveal=True)
    assert "I am Anna" in html and "anna &lt;script&gt;" in html and ANNA not in html


@pytest.mark.parametrize("path", PAGES)
def test_texts_are_escaped(path: str) -> None:
    assert "<b>for</b>" not in shown(path)


@pytest.mark.parametrize("path", ["", "table/messages", "table/daily_event_counts", "issue/not_json"])
def test_a_page_of_an_empty_lakehouse_says_so(path: str) -> None:
    assert re.search(r"No |Nothing|not in the last", shown(path, nothing))


def test_the_overview_says_how_each_table_is_and_why() -> None:
    html = shown("")
    row = html[html.index(">messages</a>") :].split("</tr>")[0]
    assert 'class="bad"><span>bad <small>audit, quarantine</small>' in row
    assert "1 h 6 min" in row and "/quality/batch/7" in row and "game-social" in row
    assert "75.0%" in row  # of today: 3 published, 1 quarantined
    assert html.index(">messages</a>") < html.index(">guild_actions</a>")  # what is worse stands first


def test_the_overview_adds_up_what_is_open_and_says_its_trend() -> None:
    html = shown("")
    issue = html[html.index("<h2>Open issues") :]
    assert "audit:a_critical" in issue and "↑ 7 in 24 h, 2 before" in issue
    assert '<b class="look">8</b> open in quarantine' in html
    assert "<b>2</b> duplicates in 30 days, 2 today" in html


def test_the_volume_of_a_day_is_what_arrived() -> None:
    page = overview.build(
        {**dict.fromkeys(("ingested", "built", "quarantined", "open", "decided", "failing", "last"), ()), "rows": [
            counted("messages", TODAY, 10, arrived=4),  # 6 were replayed
            counted("quarantine", TODAY, 7),
        ]},
        CONTRACTS, FIVE, 5, NOW,
    )  # fmt: skip
    assert (page.volume[-1], page.published, page.quarantined) == (11, 10, 7)


@pytest.mark.parametrize(
    ("with_events", "built", "complete"),
    [
        ([], [1, 2, 3], 4),
        ([1, 2, 3], [3, 2, 1], 4),
        ([1, 2, 3, 4], [1, 2, 4], 3),  # day 3 is missing: that a later one is built does not count
        ([2, 3, 9], [2, 3], 4),
        ([2, 3], [2, 3, 10], 11),  # no events between
        ([0, 2], [1, 2], 3),  # before the first day that was ever built
        ([1], [], None),
    ],
)
def test_daily_tables_are_complete_through_the_first_day_with_events_that_is_not_built(
    with_events: list[int], built: list[int], complete: int | None
) -> None:
    """As the view ops.freshness says it, of the same rows; tests/integration/test_freshness.py holds the two together."""

    def days(numbers: list[int]) -> set[dt.date]:
        return {TODAY + dt.timedelta(days=number) for number in numbers}

    found = overview.complete_day(days(with_events), days(built))
    assert found == (None if complete is None else TODAY + dt.timedelta(days=complete))


def test_the_overview_warns_of_what_waits_in_kafka() -> None:
    late = site(waiting=Waiting(7, ("it expires soon",))).answer("", Asked({})).html
    assert "it expires soon" in late and "Ingest lags" in late
    assert "Ingest lags" not in site(waiting=Waiting(0)).answer("", Asked({})).html  # all is read: nothing is late


def test_a_table_lists_the_checks_of_a_column_beside_it_failed_ones_first() -> None:
    html = shown("table/messages")
    text = html[html.index("<code>text</code>") :].split("</tr>")[0]
    assert "3 rows fail" in text and "1 to 5" in text and "personal" in text
    whole = html[html.index("<h2>Checks of the table") : html.index("<h2>Columns")]
    assert re.findall(r"<code>(\w+)</code>", whole) == ["a_critical", "b_passed", "c_skipped"]


def test_a_table_tells_what_happened_to_it() -> None:
    events = shown("table/messages")
    assert "the owner saw it" in events and "judged by ba4" in events and "through entry 7" not in events
    assert "through entry 7" in shown("table/daily_event_counts")  # its days are built


def test_days_of_an_event_table_tell_its_messages_and_those_of_a_daily_table_its_builds() -> None:
    yesterday = TODAY - dt.timedelta(days=1)
    assert f"{TODAY}: 3 published, 1 quarantined, 75.0% passed" in shown("table/messages")
    html = shown("table/daily_event_counts")
    assert f"{yesterday}: built 2026-11-27 12:30 UTC, audit passed" in html and f"{TODAY}: not built" in html
    assert "published" not in html


def test_what_is_replayed_changes_no_rate_of_the_day() -> None:
    def ask(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        if "c.destination, c.event_date" in sql:
            return [counted("messages", TODAY, 4, arrived=3)]  # 1 was replayed
        return answer(sql, parameters)

    assert f"{TODAY}: 4 published, 1 quarantined, 75.0% passed" in shown("table/messages", ask)
    assert "75.0%" in shown("", ask)


def test_an_event_table_without_a_row_yet_is_as_complete_as_the_others_on_both_pages() -> None:
    html = shown("")
    row = html[html.index(">guild_actions</a>") :].split("</tr>")[0]
    assert "2026-11-27 12:30" in row and "1 h 6 min" in row
    assert "2026-11-27 12:30 UTC, 1 h 6 min ago" in shown("table/guild_actions")
    assert "not known yet" in shown("table/guild_actions", nothing)


def test_charts_say_how_many_entries_are_held_also_if_one_of_many_cannot_be_seen() -> None:
    assert shown("").count('<span class="bad">1 held</span>') == 2
    assert "held</span>" not in shown("", nothing)


def test_a_check_that_holds_a_whole_batch_is_bad_for_every_event_table_and_one_of_a_view_for_its_table() -> None:
    def health(*failing: tuple[str, int, int]) -> dict[str, str]:
        def ask(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
            if "as warnings" in sql:
                return [{"table_name": name, "critical": bad, "warnings": less} for name, bad, less in failing]
            return answer(sql, parameters)

        rows = shown("", ask).split("<h2>Tables")[1].split("<tr>")[2:]
        return {re.findall(r">(\w+)</a>", row)[0]: row for row in rows if "/table/" in row}

    whole = health(("", 1, 0))
    assert all(("audit" in row) == (name in CONTRACTS.tables) for name, row in whole.items())
    assert not any("audit" in row for row in health(("", 0, 3)).values())  # a warning of a batch is of no table
    assert ["audit" in row for row in health(("player_inventory", 1, 0)).values()].count(True) == 1
    assert "audit" in health(("player_inventory", 1, 0))["player_item_changes"]


def test_one_message_is_and_two_are() -> None:
    def ask(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        found = answer(sql, parameters)
        return [{**found[0], "rows": 1, "held": 1}] if "as places" in sql else found

    html = shown("issue/audit:a_critical", ask)
    assert "1 message is open" in html and "1 of them is not at fault, only held with its batch" in html


def test_a_batch_tells_who_is_at_fault_who_is_held_and_what_was_done_since() -> None:
    html = shown("batch/7")
    assert 'ingest 7: <span class="failed">failed</span>' in html
    row = html[html.index("<h2>Quarantined by it") :].split("</tr>")[1]
    assert (
        "game-social" in row
        and 'data-label="At fault" class="n">2<' in row
        and 'data-label="Only held" class="n">5<' in row
    )
    assert "ada: seen by the owner" in html and "5 of these messages are still open" in html
    assert "/dags/ingest_events/runs/scheduled__1" in html and "<b>10</b> planned offsets" in html


def test_an_issue_gives_query_command_and_a_form_that_is_filled_in() -> None:
    html = shown("issue/audit:a_critical", query={"batch": "7"}, token="t1")
    assert "lakehouse quarantine replay --reason audit:a_critical --batch 7" in html
    assert 'name="reason" value="audit:a_critical"' in html and 'name="batch_id" value="7"' in html
    assert 'name="token" value="t1"' in html and "checked> Dry run" in html


def test_an_issue_counts_also_what_it_does_not_list() -> None:
    html = shown("issue/audit:a_critical")
    assert "4,320 messages are open" in html and "the newest 2 of 2,160 such lines" in html


def test_an_issue_of_one_batch_asks_for_that_batch_alone() -> None:
    asked = []

    def ask(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        asked.append((sql, tuple(parameters)))
        return answer(sql, parameters)

    shown("issue/audit:a_critical", ask, query={"batch": "7"})
    assert len(asked) == 2
    assert all("and batch_id = ?" in sql and given == ("audit:a_critical", 7) for sql, given in asked)


@pytest.mark.parametrize(
    "path", ["batch/", "batch/x", "batch/-1", f"batch/{10**30}", "day/2026-13-01", "table/nothing", "table/events", "x"]
)
def test_what_is_not_there_is_a_page_with_404(path: str) -> None:
    found = site().answer(path, Asked({}))
    assert found.status == 404 and "no such page" in found.html


def test_a_name_in_an_address_is_a_text_and_never_html() -> None:
    name = "<img src=x onerror=alert(1)>'\"&"
    html = shown(f"issue/{name}", nothing)
    assert "<img" not in html and "0 messages are open" in html and "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "Replay them" not in html and "Nothing of it waits for anybody" in html
    html = shown(f"issue/{name}")
    assert (
        "reason_code = &#39;&lt;img src=x onerror=alert(1)&gt;&#39;&#39;&#34;&amp;&#39;" in html and "<img" not in html
    )
    for path in (f"table/{name}", f"batch/{name}", f"day/{name}", name):
        found = site().answer(path, Asked({}))
        assert found.status == 404 and "img" not in found.html


def test_an_entry_that_nobody_planned_is_not_there() -> None:
    assert site(nothing).answer("batch/8", Asked({})).status == 404


@pytest.mark.parametrize("path", PAGES)
def test_without_trino_a_page_says_what_to_do(path: str) -> None:
    def ask(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        raise QueryError("Trino does not answer at <somewhere>")

    found = site(ask).answer(path, Asked({}))
    assert found.status == 503
    assert "Trino does not answer at &lt;somewhere&gt;" in found.html and "make status" in found.html


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("ingest-000012.html", "batch/12"),
        ("replay-000013.json", "batch/13"),
        ("rebuild-1234567.html", "batch/1234567"),
        ("day-2026-11-22.html", "day/2026-11-22"),
        ("index.html", ""),
        ("dry-run-0123456789ab.html", None),
        ("batch/12", None),
    ],
)
def test_links_to_former_pages_lead_to_those_of_today(former: str, now: str | None) -> None:
    assert moved(former) == now
    if now is not None:
        assert site().answer(former, Asked({})) == Answer(307, moved_to=now)
