"""The pages as people open them: the login and the way back, the side bar's entry, HDFS' own pages."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def audit(stack: Real) -> str:
    """The address of the page of a batch."""
    stack.produce(event(), event("default"))
    stack.ingest()
    return str(stack.value("select max_by(page, entry_id) from ops.batches where page is not null"))


def log_in(window: Browser, stack: Real) -> None:
    """Fills in the form that the window shows."""
    window.type("//input[@name='username']", AIRFLOW_USER)
    window.type("//input[@name='password']", airflow_password(stack.settings.state))
    window.click("//button[@type='submit' and not(@disabled)]")


def test_without_login_one_is_led_to_it_and_back_to_the_page(stack: Real, audit: str, chromium: Browser) -> None:
    chromium.open(audit)
    assert chromium.url.startswith(f"{stack.settings.airflow_url}/auth/login")
    log_in(chromium, stack)
    name = audit.rsplit("/", 1)[1].removesuffix(".html")
    assert chromium.text("//h1").startswith(f"{name}: ") and chromium.url == audit
    chromium.click("//a[text()='All audits']")
    assert chromium.text("//h1[text()='Data quality']")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_entry_of_the_side_bar_opens_the_pages(
    stack: Real, audit: str, chromium: Browser, size: tuple[int, int]
) -> None:
    name = audit.rsplit("/", 1)[1]
    chromium.look_like(*size, dark=size == NARROW)
    chromium.open(stack.settings.airflow_url)
    log_in(chromium, stack)
    chromium.click(ENTRY)
    chromium.into_frame(FRAME)
    assert chromium.text("//h1") == "Data quality"
    chromium.click(f"//a[@href='{name}']")
    assert chromium.text("//h1").startswith(f"{name.removesuffix('.html')}: ")

    chromium.out_of_frames()  # the address names the page that the frame shows: it can be kept and sent to others
    chromium.open(chromium.url)
    chromium.into_frame(FRAME)
    assert chromium.text("//h1").startswith(f"{name.removesuffix('.html')}: ")


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
