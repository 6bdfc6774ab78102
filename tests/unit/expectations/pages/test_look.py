"""The pages as Chromium lays them out, wide and narrow, light and dark: all of them can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expectations.pages.counted import Counts
from expectations.pages.site import Asked, Site
from expectations.pages.source import Source
from expectations.pages.waiting import Waiting
from tests.browser import HOW_TO_INSTALL, MISSING, Browser, browser
from tests.unit.expectations.pages.answers import CONTRACTS, NOW, TODAY, answer

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(MISSING), reason=f"NO BROWSER, so nobody looked at the pages: {HOW_TO_INSTALL}"),
]
PAGES = {
    "overview": "", "table": "table/messages", "daily": "table/daily_event_counts", "batch": "batch/7", "day": f"day/{TODAY}",
    "issue": "issue/audit:a_critical", "missing": "x",
}  # fmt: skip
LEAST_CONTRAST = 4.5  # WCAG 2.2, AA
LEAST_PIXELS = 8
# Every text that is shown, with its contrast to the page and its height in pixels; SVG is scaled.
TEXTS = """
const rgb = text => text.match(/[\\d.]+/g).map(Number).map((v, at) => text.startsWith('color(') && at < 3 ? v * 255 : v);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
const probe = document.createElement('i'); probe.style.color = 'Canvas'; document.body.append(probe);
const page = rgb(getComputedStyle(probe).color); probe.remove();
const over = (front, share, back) => back.map((v, at) => front[at] * share + v * (1 - share));
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, parent = node.parentElement, style = getComputedStyle(parent);
  const range = document.createRange(); range.selectNodeContents(node);
  const box = range.getBoundingClientRect();
  if (!node.data.trim() || !box.width || style.visibility === 'hidden') continue;
  const svg = parent.ownerSVGElement;
  let share = 1, back = page;
  for (let each = parent; each; each = each.parentElement) share *= Number(getComputedStyle(each).opacity);
  for (const each of [...ancestors(parent)].reverse()) {
    const [r, g, b, a = 1] = rgb(getComputedStyle(each).backgroundColor);
    back = over([r, g, b], a, back);
  }
  const [r, g, b, a = 1] = rgb(svg ? style.fill : style.color);
  const [one, two] = [light(over([r, g, b], a * share, back)), light(back)].sort((a, b) => a - b);
  const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
  found.push([node.data.trim().slice(0, 40), (two + .05) / (one + .05), parseFloat(style.fontSize) * scale]);
}
function* ancestors(each) { for (; each; each = each.parentElement) yield each; }
return found;
"""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages as files."""
    site = Site(
        Source(answer), Counts(), CONTRACTS, lambda: Waiting(5, ("it expires soon",)), 5, "", "/quality", lambda: NOW
    )
    folder = tmp_path_factory.mktemp("pages")
    files = {name: folder / f"{name}.html" for name in PAGES}
    for name, path in PAGES.items():
        files[name].write_text(site.answer(path, Asked({}, token="t")).html)
    return files


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1300, 400, 296])  # the last as in Airflow's frame on a window of 400
@pytest.mark.parametrize("name", PAGES)
def test_all_text_can_be_read_and_nothing_scrolls_sideways(
    window: Browser, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    window.look_like(width, 900, dark)
    window.open(f"file://{pages[name]}")
    assert window.value("return document.documentElement.scrollWidth") <= width
    texts: list[tuple[str, Any, Any]] = window.value(TEXTS)
    assert len(texts) >= 3
    assert [text for text, contrast, _ in texts if contrast < LEAST_CONTRAST] == []
    assert [text for text, _, pixels in texts if pixels < LEAST_PIXELS] == []
