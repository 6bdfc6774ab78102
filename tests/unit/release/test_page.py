"""docs/licences.md shows each licence with its components, what images take in, and what is to be looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT
from release.inventory import LOCKS, Inventory
from release.packages import pins
from release.page import PAGE, inside, rendered, taken_in
from stack.downloads import expected
from tests.unit.release.made import component, rules

POLICY = rules(accepted=[{"of": ["g:strict"], "licence": "GPL-3.0-only", "why": "a tool of its own"}])


def inventory() -> Inventory:
    inner = component("inner", "CDDL-1.0 OR GPL-2.0-only")
    return Inventory(
        (component("flask", kind="pypi", group="", places=("requirements/api.txt",)),),
        (
            component("uber", "Apache-2.0", inside=(inner,), places=(".servers/trino/lib",)),
            component("uber", "Apache-2.0", version="2.0", places=(".servers/kafka",)),
            component("strict", "GPL-3.0-only", places=(".servers/trino/plugin/x",)),
            component("silent", None, places=(".servers/kafka",)),
        ),
    )


def test_each_licence_has_its_components_the_unknown_ones_first() -> None:
    text = rendered(inventory(), POLICY, {})
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[2:] == [
        "Unknown",
        "Apache-2.0",
        "CDDL-1.0",
        "GPL-3.0-only",
        "MIT",
    ]
    assert "## Apache-2.0\n\n- g:uber 1.0, 2.0\n" in text and "## Unknown\n\n- g:silent 1.0\n" in text
    assert "of 1 it is unknown" in text


def test_what_is_to_be_looked_at_is_said_with_its_reason_and_what_it_asks() -> None:
    text = rendered(inventory(), POLICY, {})
    assert "| strict 1.0 | GPL-3.0-only | a tool of its own |" in text
    assert "| CDDL-1.0 | its source has to be offered |" in text


def test_an_image_shows_what_it_takes_in(tmp_path: Path) -> None:
    (tmp_path / "docker" / "api").mkdir(parents=True)
    (tmp_path / "docker" / "api" / "Dockerfile").write_text(
        "# not requirements/overrides.txt\nRUN --mount=type=bind,source=requirements/api.txt pip\nCOPY .servers/trino /opt\n"
    )
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "api.txt").write_text("flask==1.0")
    images = taken_in(tmp_path / "docker")
    assert images == {"docker/api": ("requirements/api.txt", ".servers/trino")}
    assert {each.name for each in inside(inventory(), images["docker/api"])} == {"flask", "uber", "inner", "strict"}
    row = "| image of `docker/api` | `requirements/api.txt`, `.servers/trino` | 4 | strict |"
    assert row in rendered(inventory(), POLICY, images)


def test_an_image_with_pyspark_takes_in_its_jars() -> None:
    assert taken_in(CHECKOUT / "docker")["docker/airflow"][-1].endswith("pyspark/jars")


@pytest.mark.parametrize("lock", LOCKS)
def test_the_page_lists_every_locked_package(lock: str) -> None:
    """Needs no environment. That the whole page is right, with the jars, is shown in tests/integration/test_licences.py."""
    lines = PAGE.read_text().splitlines()
    bullets = [line[2:].partition(" ") for line in lines if line[:2] == "- "]
    listed = {(name, version) for name, _, versions in bullets for version in versions.split(", ")}
    locked = pins((CHECKOUT / "requirements" / f"{lock}.txt").read_text())
    assert [pin for pin in locked if (pin.name, pin.version) not in listed] == []


def test_the_page_lists_every_fetched_jar() -> None:
    text = PAGE.read_text()
    names = [re.split(r"-\d", Path(path).name)[0] for path in expected()]
    assert len(names) > 300
    assert (
        sorted({name for name in names if not re.search(rf"^- [\w.-]+:{re.escape(name)}\b", text, re.MULTILINE)}) == []
    )
