"""Renders docs/licences.md: what is inside of what, and each licence with its components."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from lakehouse.settings import CHECKOUT
from release.component import Component
from release.inventory import PYSPARK_JARS, SERVERS, Inventory
from release.policy import Policy
from release.sbom import summary

PAGE = CHECKOUT / "docs" / "licences.md"
UNKNOWN = "Unknown"
_WIDTH = 120
_HEAD = """\
# Licences

Written by `make licences` from the locked packages, the servers' jars and [release/licences.yaml](../release/licences.yaml).
`make sbom` writes the same with hashes, package URLs and places as CycloneDX: `build/sbom.cdx.json`.

Of alternatives the licence that applies here is the first on the list of allowed ones. Not listed, since no file here
names it: what the base images of `docker/` bring, scripts inside of the web pages that servers and packages carry,
native libraries inside of wheels, and what was shaded into a jar without its pom.
"""


def rendered(inventory: Inventory, policy: Policy, images: Mapping[str, tuple[str, ...]]) -> str:
    """The whole page. `images`: by the name of an image, the locks and folders that it takes in."""
    parts = [_HEAD, _counted(inventory), _images(inventory, policy, images), _attention(inventory, policy)]
    parts += [_of_licence(name, each) for name, each in sorted(by_licence(inventory, policy).items(), key=_order)]
    return "\n".join(parts)


def by_licence(inventory: Inventory, policy: Policy) -> dict[str, list[Component]]:
    """Components by the licence that applies to them."""
    found: dict[str, list[Component]] = defaultdict(list)
    for each in inventory.all():
        found[policy.chosen(each.licence.expression) if each.licence.expression else UNKNOWN].append(each)
    return found


_STAGE = re.compile(
    r"^FROM (\S+) AS (\w+)(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL
)  # its parent, name, instructions


def taken_in(docker: Path) -> dict[str, tuple[str, ...]]:
    """Each image that docker/Dockerfile can build, and which locks and folders of jars its stages take in.

    An image is a stage that is named by a target: one that no other stage builds on.
    """
    text = re.sub(r"^\s*#.*$", "", (docker / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages = {name: (parent, body) for parent, name, body in _STAGE.findall(text)}
    needed = {name: {parent, *re.findall(r"--from=(\w+)", body)} for name, (parent, body) in stages.items()}
    images = {}
    for image in stages.keys() - set().union(*needed.values()):
        parts, todo = "", [image]
        for stage in todo:
            parts += stages[stage][1]
            todo += [each for each in needed[stage] if each in stages and each not in todo]
        places = sorted(set(re.findall(r"requirements/[\w-]+\.txt", parts)))
        if any("pyspark==" in (docker.parent / each).read_text() for each in places):
            places.append(PYSPARK_JARS)
        if "docker/jars" in parts:
            places.append(SERVERS)
        images[image] = tuple(places)
    return dict(sorted(images.items()))


def inside(inventory: Inventory, places: Iterable[str]) -> list[Component]:
    """Everything of the inventory that lies in one of the places, with what is inside of it."""
    wanted = tuple(places)
    tops = (top for top in inventory.top() if any(_lies_in(place, wanted) for place in top.places))
    return [each for top in tops for each in top.all()]


def _lies_in(place: str, wanted: tuple[str, ...]) -> bool:
    return any(place == each or place.startswith(f"{each}/") for each in wanted)


def _counted(inventory: Inventory) -> str:
    counts = summary(inventory)
    total = counts["packages"] + counts["jars"] + counts["inside of jars"]
    return _prose(
        f"{total:,} components: {counts['packages']:,} Python packages, {counts['jars']:,} jars and archives, and "
        f"{counts['inside of jars']:,} that were found inside of jars. {counts['licence said by itself']:,} say their licence "
        f"themselves, of {counts['licence looked up']:,} it was looked up, of {counts['licence unknown']:,} it is unknown."
    )


def _images(inventory: Inventory, policy: Policy, images: Mapping[str, tuple[str, ...]]) -> str:
    lines = ["## What is inside of what", "", "| what | is made of | components | to look at |", "|---|---|---|---|"]
    rows = {f"image of `{name}`": places for name, places in images.items()}
    rows |= {
        "the local stack and its tests": (
            "requirements/lock.txt",
            "requirements/bootstrap.txt",
            SERVERS,
            PYSPARK_JARS,
        ),
        "the notebook": ("requirements/notebook.txt",),
        "dbt": ("requirements/dbt.txt",),
    }
    for name, places in rows.items():
        components = inside(inventory, places)
        flagged = sorted({each.name for each in components if policy.acceptance(each)})
        made_of = ", ".join(f"`{place}`" for place in places)
        lines.append(f"| {name} | {made_of} | {len(components):,} | {', '.join(flagged) or '-'} |")
    return "\n".join(lines) + "\n"


def _attention(inventory: Inventory, policy: Policy) -> str:
    accepted: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    asks: dict[str, set[str]] = defaultdict(set)
    for each in inventory.all():
        expression = each.licence.expression
        if rule := policy.acceptance(each):
            accepted[each.title, expression or UNKNOWN.lower(), rule.why] |= set(each.places)
        for sentence in policy.asks(expression) if expression else ():
            asks[policy.chosen(expression or "")].add(sentence)
    lines = ["## To look at before it is handed on", ""]
    lines += [
        "These are under licences that no other component may have:",
        "",
        "| component | licence | why it stays |",
    ]
    lines += ["|---|---|---|", *(f"| {title} | {licence} | {why} |" for title, licence, why in sorted(accepted)), ""]
    lines += ["What licences ask beyond their text and their notices:", "", "| licence | asks |", "|---|---|"]
    lines += [f"| {licence} | {'; '.join(sorted(sentences))} |" for licence, sentences in sorted(asks.items())]
    return "\n".join(lines) + "\n"


def _of_licence(name: str, components: Iterable[Component]) -> str:
    versions: dict[str, set[str]] = defaultdict(set)
    for each in components:
        versions[each.key.removeprefix("pypi:")].add(each.version)
    lines = [f"- {key} {', '.join(sorted(found))}".rstrip() for key, found in sorted(versions.items())]
    return f"## {name}\n\n" + "\n".join(lines) + "\n"


def _order(item: tuple[str, list[Component]]) -> tuple[bool, int, str]:
    """The licences of most components first, the unknown ones before all."""
    name, components = item
    return name != UNKNOWN, -len(components), name


def _prose(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"
