"""The bill of materials is valid CycloneDX, the same each time, and says of each component what is known of it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest

from lakehouse.version import VERSION
from release.component import Component, Licence, Source
from release.inventory import Inventory
from release.sbom import SbomError, purl, summary, validate, written
from tests.unit.release.made import component

DIGEST = "a" * 64
WHEN = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)


def inventory() -> Inventory:
    inner = component("inner", None, where=("x/uber-1.0.jar!/META-INF/maven/g/inner/pom.properties",))
    asked = component("anyio", kind="pypi", group="", sha256=(DIGEST, "b" * 64))
    asking = component("flask", kind="pypi", group="", needs=("anyio",), sha256=(DIGEST,))
    uber = component(
        "uber", "MIT OR Apache-2.0", sha256=(DIGEST,), inside=(inner,), places=("x", "y"), where=("x/b", "y/b")
    )
    again = component("uber", sha256=("c" * 64,), inside=(inner,), classifier="tests")
    asking = replace(asking, licence=Licence("LicenseRef-BSD", Source.POLICY))
    return Inventory((asked, asking), (uber, again))


def component_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in document["components"] if each["name"] == name)


def test_it_is_valid_and_the_same_each_time() -> None:
    text = written(inventory(), WHEN)
    validate(text)
    assert text == written(inventory(), WHEN)
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["version"] == VERSION
    assert document["serialNumber"] != json.loads(written(Inventory((), inventory().jars), WHEN))["serialNumber"]


def test_every_component_has_name_version_purl_hash_and_licence() -> None:
    document = json.loads(written(inventory(), WHEN))
    uber = component_of(document, "uber")
    assert (uber["version"], uber["purl"], uber["hashes"]) == (
        "1.0", "pkg:maven/g/uber@1.0", [{"alg": "SHA-256", "content": DIGEST}],
    )  # fmt: skip
    assert uber["licenses"] == [{"expression": "MIT OR Apache-2.0", "acknowledgement": "declared"}]
    assert [each["location"] for each in uber["evidence"]["occurrences"]] == ["x/b", "y/b"]
    flask = component_of(document, "flask")
    assert flask["licenses"] == [{"expression": "LicenseRef-BSD", "acknowledgement": "concluded"}]
    assert len(component_of(document, "anyio")["hashes"]) == 2


def test_what_was_shaded_is_inside_of_its_jar_and_an_unknown_licence_is_said() -> None:
    (inner,) = component_of(json.loads(written(inventory(), WHEN)), "uber")["components"]
    assert (inner["purl"], "licenses" in inner) == ("pkg:maven/g/inner@1.0", False)
    assert {"name": "lakehouse:licence", "value": "unknown"} in inner["properties"]
    assert summary(inventory()) == {
        "packages": 2, "jars": 2, "inside of jars": 2,
        "licence said by itself": 3, "licence looked up": 1, "licence unknown": 2,
    }  # fmt: skip


def test_it_says_what_asks_for_what() -> None:
    document = json.loads(written(inventory(), WHEN))
    asks = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    refs = {each["name"]: each["bom-ref"] for each in document["components"]}
    assert asks[refs["flask"]] == [refs["anyio"]]
    assert len(asks["lakehouse"]) == 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (component(classifier="tests"), "pkg:maven/g/thing@1.0?classifier=tests"),
        (component(suffix="tar.gz"), "pkg:maven/g/thing@1.0?type=tar.gz"),
        (component(kind="pypi", group=""), "pkg:pypi/thing@1.0"),
        (component(version=""), "pkg:maven/g/thing"),
    ],
)
def test_a_purl_names_exactly_what_was_fetched(given: Component, expected: str) -> None:
    assert purl(given).to_string() == expected


def test_what_breaks_the_schema_is_refused() -> None:
    with pytest.raises(SbomError, match="breaks CycloneDX's schema"):
        written(Inventory((), (component(sha256=("no hash",)),)), WHEN)
    document = json.loads(written(inventory(), WHEN))
    changes: tuple[dict[str, Any], ...] = ({"compnents": []}, {"specVersion": 7})
    for change in changes:
        with pytest.raises(SbomError, match="breaks CycloneDX's schema"):
            validate(json.dumps(document | change))
    with pytest.raises(SbomError, match="lists nothing"):
        validate(json.dumps(document | {"components": [], "dependencies": []}))
