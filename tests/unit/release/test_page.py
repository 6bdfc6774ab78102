"""docs/licences.md shows each licence with its components, what images take in, and what is to be looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT
from release.inventory import LOCKS, PYSPARK_JARS, Inventory
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


def test_an_image_takes_in_what_the_stages_do_that_it_builds_on_or_copies_from(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text(
        "FROM ${BASE} AS base\n# not requirements/overrides.txt\nCOPY requirements/tools.txt .\n"
        "FROM base AS api\nRUN --mount=type=bind,source=requirements/api.txt pip\n"
        "FROM base AS servers\nCOPY docker/jars docker/jars\nFROM base AS all\nCOPY --from=servers /opt /opt\n"
    )
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "api.txt").write_text("flask==1.0")
    (tmp_path / "requirements" / "tools.txt").write_text("uv==1.0")
    images = taken_in(tmp_path / "docker")
    tools, api = "requirements/tools.txt", "requirements/api.txt"
    assert images == {"all": (tools, ".servers"), "api": (api, tools)}
    assert {each.name for each in inside(inventory(), images["api"])} == {"flask"}
    assert "| image of `api` | `requirements/api.txt`, `requirements/tools.txt` | 1 | - |" in rendered(
        inventory(), POLICY, images
    )


def test_of_the_images_here_one_takes_in_all_and_one_what_the_api_needs() -> None:
    api, bootstrap, lock = (f"requirements/{name}.txt" for name in ("api", "bootstrap", "lock"))
    assert taken_in(CHECKOUT / "docker") == {
        "api": (api, bootstrap),
        "service": (bootstrap, lock, PYSPARK_JARS, ".servers"),
    }


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
