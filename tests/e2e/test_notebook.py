"""`lakehouse notebook --page`: no cell of the report fails on the real servers, and its charts are there."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT
from stack.tools.notebook import JUPYTER
from tests.real import Real, event, new_event_id

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not JUPYTER.exists(), reason="no .venv-notebook: `make .venv-notebook/.ready` makes it"),
]


def report(stack: Real) -> str:
    """The page that the command makes now."""
    done = subprocess.run(
        [sys.executable, "-m", "operations.cli", "notebook", "--page"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.removeprefix("The report is in ").strip()).read_text()
    assert "Traceback" not in page
    assert ".jp-OutputArea-output img { max-width: 100% !important" in page  # charts fit into a narrow window
    return page


def test_the_report_is_a_page_with_charts_that_needs_no_network_and_does_not_name_who_was_erased(stack: Real) -> None:
    player = f"Nora {new_event_id()}"
    stack.produce(event(color="red", quantity=3), event("purchase_horse", size="small", speed=1, quantity=2))
    stack.produce(b"[" * 60_000 + b"]" * 60_000, b'{"a":' * 30_000 + b"1" + b"}" * 30_000)  # what ends parsers of JSON
    stack.produce(b'{"user_agent": "caf\xe9', event(player=player, host=player, user_agent=f"{player}'s own"))
    stack.ingest()
    page = report(stack)
    pictures = [
        base64.b64decode(each).decode() for each in re.findall('src="data:image/svg\\+xml;base64,([^"]*)"', page)
    ]
    for title in ("Swords by color", "Horses by size", "Purchases by hour, last 7 days"):
        assert [picture for picture in pictures if title in picture], title
    assert re.findall(r'(?:src|href)="https?:[^"]*"', page) == []
    assert page.count(player) >= 2  # as a host, and as what it said of itself

    stack.run("erase", "--who", "tester", "--why", "request 8", erase_player=player)
    assert player not in report(stack)
