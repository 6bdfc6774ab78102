"""Trino's configuration lets everybody read, our own user make views, and nobody write but in Trino's memory."""

from __future__ import annotations

import json

from lakehouse.catalog.trino_rules import FILE, rules, text
from lakehouse.catalog.views import views
from lakehouse.names import CATALOG, MEMORY_CATALOG, VIEWS_CATALOG
from lakehouse.settings import CHECKOUT, Settings

CATALOGS = CHECKOUT / "docker" / "trino" / "catalog"


def properties(catalog: str) -> dict[str, str]:
    lines = (CATALOGS / f"{catalog}.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_file_that_trino_reads_is_that_of_the_code() -> None:
    assert FILE.read_text() == text(), "run `.venv/bin/python -m lakehouse.catalog.trino_rules`"


def test_nobody_is_given_a_privilege_to_change_rows_but_in_memory() -> None:
    tables = rules(["a.b"])["tables"]
    given = {privilege for rule in tables if rule["catalog"] != MEMORY_CATALOG for privilege in rule["privileges"]}
    assert given == {"SELECT", "GRANT_SELECT", "OWNERSHIP"}
    assert all("catalog" in rule for rule in tables)  # a rule without it would hold for every catalog


def test_only_the_names_of_our_views_may_be_made_and_by_our_user_alone() -> None:
    made = [rule for rule in json.loads(FILE.read_text())["tables"] if rule["catalog"] == VIEWS_CATALOG]
    assert [f"{rule['schema']}.{rule['table']}" for rule in made] == list(views(Settings()))
    assert {rule["user"] for rule in made} == {"lakehouse"}


def test_the_catalog_of_the_tables_is_read_only() -> None:
    assert properties(CATALOG)["delta.security"] == "read_only"


def test_the_catalog_in_which_views_are_made_reaches_no_file() -> None:
    assert not [name for name in properties(VIEWS_CATALOG) if name.startswith("fs.")]


def test_there_are_no_other_catalogs() -> None:
    assert {file.stem for file in CATALOGS.iterdir()} == {CATALOG, VIEWS_CATALOG, MEMORY_CATALOG}


def test_the_catalog_in_which_everybody_writes_is_memory_alone_and_has_an_end() -> None:
    found = properties(MEMORY_CATALOG)
    assert found["connector.name"] == "memory" and found["memory.max-data-per-node"] == "64MB" and len(found) == 2
