"""The guides are as the code is: every named error has its line, every file and test that is named is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.contract.form import _SCHEMAS, ContractForm, _Facts, _Rule
from lakehouse.settings import CHECKOUT, Settings

DOCS = CHECKOUT / "docs"
SOURCES = [
    path
    for folder in ("lakehouse", "jobs", "expectations", "api", "operations", "stack")
    for path in (CHECKOUT / folder).rglob("*.py")
]


def errors() -> set[str]:
    """Names of all exception classes that the project defines."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            bases = {base.id for base in getattr(node, "bases", []) if isinstance(base, ast.Name)}
            if isinstance(node, ast.ClassDef) and (bases & {"Exception", "ValueError", "RuntimeError"}):
                found.add(node.name)
    return found


def test_the_runbook_says_what_to_do_about_every_named_error() -> None:
    text = (DOCS / "runbook.md").read_text()
    assert {"OffsetsError", "BalanceError"} <= errors()
    assert sorted(name for name in errors() if f"`{name}`" not in text) == []


@pytest.mark.parametrize("name", ["contracts.md", "deploy.md", "guarantees.md", "runbook.md", "scale.md"])
def test_every_test_file_command_and_dag_that_a_guide_names_is_there(name: str) -> None:
    text = (DOCS / name).read_text()
    paths = set(re.findall(r"`((?:tests|docs|lakehouse|jobs|operations|stack|contracts|expectations)/[\w/.-]+)`", text))
    assert sorted(path for path in paths if not (CHECKOUT / path).exists()) == []
    commands = set(re.findall(r"`lakehouse ([a-z-]+)", text))
    files = {path.stem.replace("_", "-") for path in (CHECKOUT / "operations" / "commands").glob("*.py")}
    assert sorted(commands - files) == []
    assert commands or name != "runbook.md"


def test_the_tests_that_the_guarantees_name_exist() -> None:
    text = (DOCS / "guarantees.md").read_text()
    defined = "\n".join(path.read_text() for path in Path(CHECKOUT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+?)(?:\.\.\.)?`", text)
    assert named
    assert [test for test in named if f"def {test}" not in defined] == []


NOT_OF_A_DEPLOYMENT = {"kill_at", "stop_at", "erase_player"}  # of tests, and of one job's own environment


def test_the_page_of_a_deployment_names_every_setting_and_nothing_else() -> None:
    named = {name.lower() for name in re.findall(r"LAKEHOUSE_([A-Z_]+)", (DOCS / "deploy.md").read_text())}
    assert named == set(Settings.model_fields) - NOT_OF_A_DEPLOYMENT


def test_every_setting_that_a_guide_names_is_one() -> None:
    for guide in (CHECKOUT / "README.md", *DOCS.glob("*.md")):
        named = {name.lower() for name in re.findall(r"LAKEHOUSE_([A-Z_]+)", guide.read_text())}
        assert sorted(named - set(Settings.model_fields)) == [], guide.name


LOCK, JARS = "requirements/lock.txt", "docker/jars"
PINNED = {
    "Kafka": (f"{JARS}/kafka/pom.xml", r"<artifactId>kafka_2\.13</artifactId>\s*<version>(.+?)<"),
    "HDFS": (f"{JARS}/hadoop/pom.xml", r"<artifactId>hadoop-client-minicluster</artifactId>\s*<version>(.+?)<"),
    "Hive metastore": (f"{JARS}/metastore/pom.xml", r"server</artifactId>\s*<version>(.+?)<"),
    "Spark, Delta Lake": (LOCK, r"(?m)^pyspark==(\S+)"),
    "Trino": (f"{JARS}/trino/pom.xml", r"<artifactId>trino-\S+?</artifactId>\s*<version>(.+?)<"),
    "Airflow": (LOCK, r"(?m)^apache-airflow==(\S+)"),
    "PostgreSQL": ("docker/Dockerfile", r"postgresql-(\d+)"),
}


@pytest.mark.parametrize("part", PINNED)
def test_the_page_of_a_deployment_says_which_version_was_run(part: str) -> None:
    file, pattern = PINNED[part]
    version = re.search(pattern, (CHECKOUT / file).read_text())
    assert version and f"| {part} | {version[1]}" in (DOCS / "deploy.md").read_text()


def table(text: str, header: str) -> dict[str, set[str]]:
    """What stands as code in the second cell of each row, by the code in the first one."""
    rows = text.partition(f"\n{header}\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert rows, header
    cells = ([set(re.findall(r"`([^`]+)`", cell)) for cell in row.split("|")[1:3]] for row in rows)
    return {first.pop(): second for first, second in cells}


def test_the_guide_to_contracts_names_the_keys_that_the_loader_knows() -> None:
    text = (DOCS / "contracts.md").read_text()
    keys = {field.alias or name: field.is_required() for name, field in ContractForm.model_fields.items()}
    assert set(table(text, "| key | must it be there? | what |")) == set(keys)
    said = dict(re.findall(r"(?m)^\| `([^`]+)` \| (yes|no) \|", text.partition("## Change one")[0]))
    assert {key: said[key] == "yes" for key in keys} == keys
    rules, facts = re.findall(r"(?m)^\| key \| what \|\n.*\n((?:\|.*\n)+)", text)
    assert re.findall(r"(?m)^\| `(\w+)`", rules) == list(_Rule.model_fields)
    assert re.findall(r"(?m)^\| `(\w+)`", facts) == list(_Facts.model_fields)


def test_the_guide_to_contracts_names_the_keywords_of_each_type() -> None:
    found = table((DOCS / "contracts.md").read_text(), "| type | keywords | column |")
    assert found == {kind: set(form.model_fields) for kind, form in _SCHEMAS.items()}


def test_the_index_of_decisions_names_each_by_its_title_and_what_replaced_it() -> None:
    folder = DOCS / "decisions"
    index = (folder / "README.md").read_text()
    titles = {path: path.read_text().splitlines()[0] for path in sorted(folder.glob("0*.md"))}
    rows = re.findall(r"(?m)^\| (\d+) \| \[(.+)\]\((.+?)\) \| (.+) \|$", index)
    assert [(f"# {number}. {title}", folder / name) for number, title, name, _ in rows] == [
        (title, path) for path, title in titles.items()
    ]
    replaced = {name for *_, name, status in rows if "replaced" in status}
    assert replaced == {path.name for path in titles if re.search(r"(?m)^\*Replaced by", path.read_text())}


LINK = re.compile(r"\]\(([^)\s#:]*)(?:#([\w-]+))?\)")


def anchors(text: str) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^```.*?^```$", "", text))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


MOST = 120
MADE = {"docs/licences.md", "docs/faults/README.md", "docs/faults/cluster.md", "benchmarks/results.md"}  # by programs
PAGES = sorted(
    name
    for file in [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "benchmarks").glob("*.md")]
    if (name := str(file.relative_to(CHECKOUT))) not in MADE
)


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; without tables, pictures, code and what is one long word."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "!", "    ", "#")) and " " in line.strip():
            yield number, line


@pytest.mark.parametrize("page", PAGES)
def test_prose_wraps(page: str) -> None:
    lines = prose((CHECKOUT / page).read_text())
    assert [f"{page}:{number}" for number, line in lines if len(line) > MOST] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: str) -> None:
    here = CHECKOUT / page
    text = re.sub(r"(?ms)^```.*?^```$|`[^`]*`", "", here.read_text())
    broken = []
    for name, anchor in LINK.findall(text):
        file = here.parent / name if name else here
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            broken.append(f"{name}#{anchor}")
    assert broken == []


def test_code_and_tables_may_be_wider() -> None:
    wide = "x " * 100
    assert list(prose(f"```\n{wide}\n```\n| {wide} |\n{wide}\n")) == [(5, wide)]
