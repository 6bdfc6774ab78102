"""`lakehouse size`: its tables for people and for programs, what it refuses, and docs/scale.md, which shows what it prints."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner, Result

from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT, Settings
from operations.cli import main
from operations.size_report import SHOWN, markdown, report, told
from operations.sizing import Load, Sizing

SCALE = (CHECKOUT / "docs" / "scale.md").read_text()


@pytest.fixture(autouse=True)
def defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LAKEHOUSE_{name.upper()}", raising=False)


def size(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["size", *arguments])


def test_what_is_printed_names_needs_limits_and_what_breaks_first() -> None:
    result = size("--events-per-second", "100000")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("100,000 events/s of ") and lines[0].endswith(
        " bytes, 3 copies, tables kept 365 days, a run every 1 min."
    )
    (partitions,) = [line for line in lines if line.startswith(" Kafka, partitions of a topic ")]
    assert partitions.endswith("| LAKEHOUSE_TOPIC_PARTITIONS")
    assert re.fullmatch(r"First to break, at [\d,]+ events/s: \S.*\.", lines[-2])
    assert re.fullmatch(r"Moved by: \S.*\.", lines[-1])


def test_a_load_that_is_small_breaks_nothing() -> None:
    last = size("--events-per-second", "1").output.splitlines()[-2]
    assert re.fullmatch(r"No limit is reached\. The next, at [\d,]+ events/s: \S.*\.", last)


def test_a_program_gets_numbers() -> None:
    arguments = ["--event-bytes", "1000", "--retention-days", "30", "--replication", "2", "--json"]
    found = json.loads(size("--events-per-second", "5000", *arguments).output)
    assert found["load"] == {"events_per_second": 5000, "event_bytes": 1000, "retention_days": 30, "replication": 2}
    assert found["needs"]["events_a_day"] == 5_000 * 86_400
    assert found["there"]["partitions"] == 3
    assert found["limits"] == sorted(found["limits"], key=lambda limit: limit["events_per_second"])
    assert all(limit["reached"] is (limit["events_per_second"] < 5_000) for limit in found["limits"])
    assert found["breaks_first"] in {None, found["limits"][0]["name"]}


def test_settings_of_the_deployment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_TOPIC_PARTITIONS", "64")
    monkeypatch.setenv("LAKEHOUSE_INGEST_EVERY_MINUTES", "2")
    monkeypatch.setenv("LAKEHOUSE_NAMENODE_HEAP", "3G")
    found = json.loads(size("--events-per-second", "10", "--json").output)
    assert found["there"]["partitions"] == 64 and found["needs"]["events_a_run"] == 1_200
    assert found["there"]["namenode_heap"] == 3 * 2**30
    monkeypatch.setenv("LAKEHOUSE_TOPIC_PARTITIONS", "none")
    result = size("--events-per-second", "10")
    assert result.exit_code == 1 and result.output.startswith("Error: LAKEHOUSE_TOPIC_PARTITIONS='none': ")


def test_a_run_is_counted_each_minute_as_the_local_stack_makes_it() -> None:
    assert json.loads(size("--events-per-second", "10", "--json").output)["needs"]["events_a_run"] == 600


def test_a_heap_that_files_fill_at_any_rate_is_a_limit_that_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_NAMENODE_HEAP", "256m")
    last = size("--events-per-second", "5").output.splitlines()[-2:]
    assert last == [
        "First to break, at 0 events/s: half of the NameNode's heap, in the end.",
        "Moved by: LAKEHOUSE_NAMENODE_HEAP.",
    ]


def test_a_narrow_terminal_shows_one_field_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.grid.terminal_width", lambda: 60)
    assert size("--events-per-second", "10000").output == f"{report(Sizing(Load(10_000, 383)), width=60)}\n"
    lines = report(Sizing(Load(10_000, 400)), width=60).splitlines()
    assert "-- row 1 --" in lines and any(line.startswith("moved by | ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing option '--events-per-second'."),
        (["--events-per-second", "0"], "'--events-per-second': 0 is not in the range 1<=x<=100000000."),
        (["--events-per-second", "-5"], "'--events-per-second': -5 is not in the range 1<=x<=100000000."),
        (["--events-per-second", "100000001"], "'--events-per-second': 100000001 is not in the range"),
        (["--events-per-second", "nan"], "'--events-per-second': 'nan' is not a valid integer range."),
        (["--events-per-second", "10", "--retention-days", "0"], "'--retention-days': 0 is not in the range"),
        (["--events-per-second", "10", "--replication", "11"], "'--replication': 11 is not in the range 1<=x<=10."),
        (["--events-per-second", "10", "--event-bytes", "0"], "'--event-bytes': 0 is not in the range x>=1."),
        (
            ["--events-per-second", "10", "--event-bytes", "262145"],
            "'--event-bytes': 262,145 is more than an event may have, 262,144 (LAKEHOUSE_MAX_EVENT_BYTES)",
        ),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_in_words(arguments: list[str], words: str) -> None:
    result = size(*arguments)
    assert result.exit_code == 2 and words in result.output


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (3, "", "3"),
        (999_999_999, "", "999,999,999"),
        (86_400_000_000, "", "86.4 billion"),
        (8.64e12, "", "8.64 trillion"),
        (999, "bytes", "999 bytes"),
        (268_435_456, "bytes", "268 MB"),
        (1.5e12, "bytes", "1.5 TB"),
        (2.5e18, "bytes", "2,500 PB"),
        (1.25, "cores", "1.2 cores"),
        (2, "cores", "2 cores"),
        (0.04, "cores", "0.04 cores"),
        (0.000_08, "cores", "under 0.01 cores"),
        (123.4, "cores", "123 cores"),
        (61.5, "s", "62 s"),
    ],
)
def test_numbers_are_told_short(value: float, unit: str, words: str) -> None:
    assert told(value, unit) == words


# ---- docs/scale.md


def test_the_guide_shows_what_the_command_prints() -> None:
    found = re.search(r"<!-- sizes: .*? -->\n(.*?)<!-- end of sizes -->", SCALE, re.DOTALL)
    assert found
    assert found[1] == markdown(load_contracts(Settings().contracts)), "run `lakehouse readme`"
    blocks = re.findall(r"```text\n\$ lakehouse (.*)\n([^`]*)\n```", found[1])
    assert len(blocks) == len(SHOWN)
    for asked, shown in blocks:
        assert CliRunner().invoke(main, asked.split()).output == f"{shown}\n"


def test_the_guide_says_that_no_such_rate_was_run() -> None:
    assert "Nothing above" in SCALE and "was run" in SCALE
