"""What is really inside: every jar and package has an allowed licence, is on the page, and in a valid bill of materials."""

from __future__ import annotations

import json
import sys

import pytest

from lakehouse.settings import CHECKOUT, Settings
from release import check, sbom
from release.inventory import ENVIRONMENTS, Inventory
from stack.downloads import fetch

pytestmark = [
    pytest.mark.timeout(1800),  # the first time it fetches the servers
    pytest.mark.skipif(
        not all((CHECKOUT / each / "bin/python").exists() for each in ENVIRONMENTS),
        reason="an environment is not here whose licences are listed too: `make sbom` makes it",
    ),
]


@pytest.fixture(scope="module")
def checkout() -> check.Checkout:
    servers = Settings.load().servers.absolute()
    fetch(servers, lambda line: print(line, file=sys.__stderr__, flush=True))
    return check.Checkout(print, servers)


@pytest.fixture(scope="module")
def inventory(checkout: check.Checkout) -> Inventory:
    return checkout.inventory


def test_every_licence_is_allowed_and_the_page_is_what_is_inside(checkout: check.Checkout) -> None:
    assert "all allowed or accepted" in check.licences(checkout)


def test_shaded_jars_are_opened(inventory: Inventory) -> None:
    inside = {jar.name: len(jar.inside) for jar in inventory.jars}
    assert inside["hadoop-client-runtime"] > 60 and inside["hadoop-client-minicluster"] > 100
    assert inside["hive-exec"] > 50 and inside["gcs-connector"] > 40


def test_every_jar_and_package_has_its_hash_and_the_document_is_valid(inventory: Inventory) -> None:
    assert [each.title for each in inventory.top() if not each.sha256] == []
    document = json.loads(sbom.written(inventory, check.commit_time()))  # held to the schema
    assert len(document["components"]) == len(inventory.top())
    assert all(each["purl"] and each["version"] and each["hashes"] for each in document["components"])
