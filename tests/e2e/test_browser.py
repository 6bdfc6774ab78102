"""The pages as people open them: the login and the way back, the side bar's entry, HDFS' own pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.environment import AIRFLOW_USER, airflow_password
from tests.browser import HOW_TO_INSTALL, MISSING, Browser, browser
from tests.real import Real, event

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(MISSING), reason=f"NO BROWSER, so nobody looked at the pages: {HOW_TO_INSTALL}"),
]
WIDE, NARROW = (1400, 900), (400, 800)
ENTRY = "//a[@aria-label='Data quality']"
FRAME = "//iframe[@title='Data quality']"


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path) as window:
        window.look_like(*WIDE)
        yield window


@dataclass(frozen=True)
class Happened:
    """What the lakehouse has gone through: a batch that its audit held, and the address of its page."""

    batch: int
    address: str


@pytest.fixture(scope="module")
def held(stack: Real) -> Happened:
    stack.produce(event(), event("default"))
    stack.ingest()
    player = "anna@example.org"
    stack.produce(*[event(quantity=2_000_000_000, player=player) for _ in range(120)], event(player=player), b"junk")
    stack.ingest()
    (row,) = stack.query(
        "select entry_id, page from ops.batches where verdict = 'failed' order by entry_id desc limit 1"
    )
    return Happened(row["entry_id"], row["page"])


def log_in(window: Browser, stack: Real) -> None:
    """Fills in the form that the window shows."""
    window.type("//input[@name='username']", AIRFLOW_USER)
    window.type("//input[@name='password']", airflow_password(stack.settings.state))
    window.click("//button[@type='submit' and not(@disabled)]")


def test_without_login_one_is_led_to_it_and_back_to_the_page(stack: Real, held: Happened, chromium: Browser) -> None:
    chromium.open(held.address)
    assert chromium.url.startswith(f"{stack.settings.airflow_url}/auth/login")
    log_in(chromium, stack)
    chromium.headed(f"ingest {held.batch}: failed")
    assert chromium.url == held.address
    chromium.click("//a[text()='Data quality']")
    chromium.headed("Data quality")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_from_the_side_bar_to_a_table_a_held_batch_its_issue_and_the_replay_of_it(
    stack: Real, held: Happened, chromium: Browser, size: tuple[int, int]
) -> None:
    chromium.look_like(*size, dark=size == NARROW)
    chromium.open(stack.settings.airflow_url)
    log_in(chromium, stack)
    chromium.click(ENTRY)
    chromium.into_frame(FRAME)
    chromium.headed("Data quality")
    chromium.click("//a[text()='sword_purchases']")
    chromium.headed("sword_purchases")
    chromium.click("//a[text()='Data quality']")
    chromium.click(f"//a[text()='{held.batch}']")
    chromium.headed(f"ingest {held.batch}: failed")

    chromium.out_of_frames()  # the address names the page that the frame shows: it can be kept and sent to others
    chromium.open(chromium.url)
    chromium.into_frame(FRAME)
    chromium.headed(f"ingest {held.batch}: failed")
    chromium.click("//a[contains(@href, '/issue/audit%3Aquantity_possible')]")
    chromium.headed("audit:quantity_possible")
    assert "121 messages are open" in chromium.text("//p[contains(., 'are open')]")
    chromium.type("//input[@name='why']", "a test's reason")
    chromium.click("//button[starts-with(., 'Start')]")
    chromium.headed("Replay started")
    run = chromium.text("//p/a[contains(@href, '/dags/replay_quarantine/runs/')]")
    (started,) = (each for each in stack.airflow().runs("replay_quarantine") if each["dag_run_id"] == run)
    assert (
        started["conf"] | {"batch_id": held.batch, "reason": "audit:quantity_possible", "dry_run": True}
        == started["conf"]
    )
    assert started["triggering_user_name"] == AIRFLOW_USER


def test_no_page_scrolls_sideways_asks_elsewhere_or_fails(stack: Real, held: Happened, chromium: Browser) -> None:
    chromium.look_like(*NARROW)
    root = f"{stack.settings.airflow_url}/quality"
    chromium.open(f"{root}/")
    log_in(chromium, stack)
    day = stack.value("select max(day) from ops.day_builds")
    paths = [
        "",
        "table/sword_purchases",
        "table/daily_event_counts",
        f"batch/{held.batch}",
        "issue/audit:quantity_possible",
    ]
    chromium.headed("Data quality")
    for path in [*paths, *([f"day/{day}"] if day else [])]:
        chromium.open(f"{root}/{path}")
        assert chromium.value("return document.documentElement.scrollWidth <= window.innerWidth"), path
        asked = chromium.value("return performance.getEntriesByType('resource').map(each => each.name)")
        assert [each for each in asked if not each.endswith("favicon.ico")] == [], path
    assert chromium.complaints() == []


def test_personal_data_is_shown_to_who_asks_and_airflow_keeps_their_name(
    stack: Real, held: Happened, chromium: Browser
) -> None:
    address = f"{stack.settings.airflow_url}/quality/issue/audit:quantity_possible?batch={held.batch}"
    chromium.open(address)
    log_in(chromium, stack)
    chromium.headed("audit:quantity_possible")
    assert "anna" not in chromium.text("//body")
    chromium.click("//button[text()='Show it']")
    chromium.see("//*[contains(text(), 'anna@example.org')]")
    (logged,) = stack.airflow().get("/eventLogs?event=quality_personal_data_shown&limit=1&order_by=-when")["event_logs"]
    assert logged["owner"] == AIRFLOW_USER and f"batch={held.batch}" in logged["extra"]
    chromium.open(address)  # not for longer than that
    assert "anna" not in chromium.text("//body")


def test_a_link_to_a_former_page_leads_to_that_of_today(stack: Real, held: Happened, chromium: Browser) -> None:
    chromium.open(f"{stack.settings.airflow_url}/quality/ingest-{held.batch:06d}.html")
    log_in(chromium, stack)
    chromium.headed(f"ingest {held.batch}: failed")
    assert chromium.url == held.address


def test_the_address_of_the_namenode_opens_its_page_and_lists_the_tables_files(stack: Real, chromium: Browser) -> None:
    address = f"http://127.0.0.1:{stack.settings.namenode_http_port}"
    chromium.open(address)
    assert chromium.text("//h1[contains(., 'Overview')]")
    assert chromium.text("//*[@id='tab-overview']//th[text()='Version:']/following-sibling::td").startswith("3.5.0")
    chromium.click("//a[normalize-space()='Datanodes']")
    assert "127.0.0.1" in chromium.text("//*[@id='table-datanodes']//tbody/tr")
    chromium.open(f"{address}/explorer.html#{stack.settings.warehouse}/ops")
    assert chromium.text("//a[text()='ledger']")


def test_the_address_of_the_datanode_opens_its_page(stack: Real, chromium: Browser) -> None:
    chromium.open(f"http://127.0.0.1:{stack.settings.datanode_http_port}")
    assert "Version: 3.5.0" in chromium.text("//*[@id='tab-overview']//table")
