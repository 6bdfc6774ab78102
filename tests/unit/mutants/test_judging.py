"""Which tests run on a mutant, what their result means, and that the checkout itself is never changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper

from tests.mutants import judge, reach, server, sources
from tests.mutants.__main__ import ARGUED, summary
from tests.mutants.judge import CAUGHT, SURVIVED, Argument, Verdict
from tests.mutants.operators import Change, changes
from tests.mutants.reach import UnitTest, choose
from tests.mutants.sources import Mutant
from tests.mutants.workspace import Workspace

MODULE = "LIMIT = 3\n\n\ndef small(n):\n    return n < LIMIT\n"


def only_change(operator: str, source: str = MODULE) -> Change:
    return next(c for c in changes(MetadataWrapper(cst.parse_module(source))) if c.operator == operator)


def mutant(becomes: str = "    return n <= LIMIT", path: str = "api/a.py") -> Mutant:
    text = MODULE.replace("    return n < LIMIT", becomes)
    return Mutant(path, only_change("comparison"), MODULE, text)


def a_test(name: str, lines: dict[str, set[int]], seconds: float = 0.1) -> UnitTest:
    return UnitTest(f"tests/unit/{name}", seconds, {path: frozenset(each) for path, each in lines.items()})


OWN = a_test("test_a.py::test_own", {"api/a.py": {5}})
OTHER = a_test("test_b.py::test_other", {"api/a.py": {5}, "api/b.py": {1, 2, 3, 4}})
SLOW = a_test("test_a.py::test_slow", {"api/a.py": {5}}, 1.5)
BESIDE = a_test("test_c.py::test_beside", {"api/b.py": {1}})


def test_those_that_reach_the_line_are_asked_its_own_and_quick_ones_first() -> None:
    chosen = choose([SLOW, BESIDE, OTHER, OWN], {}, "api/a.py", only_change("comparison"))
    assert chosen == [OWN, OTHER, SLOW]


def test_what_runs_at_import_is_asked_of_all_that_use_the_module() -> None:
    importing = {"api/a.py": {"tests/unit/test_c.py"}}
    chosen = choose([BESIDE, OTHER], importing, "api/a.py", only_change("number"))
    assert chosen == [OTHER, BESIDE]
    assert choose([BESIDE], {}, "api/a.py", only_change("number")) == []


def test_importers_are_found_by_module_and_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "unit"
    folder.mkdir(parents=True)
    (folder / "test_a.py").write_text("import api.a\nfrom api import b\n")
    found = reach.importers(tmp_path)
    assert found["api/a.py"] == found["api/b.py"] == {"tests/unit/test_a.py"}


def test_no_more_tests_are_asked_than_there_is_time_for() -> None:
    for asked, limit, within, seconds in (([OWN, SLOW, OTHER], 1.65, [OWN, SLOW], 1.6), ([SLOW, OWN], 1.0, [OWN], 0.1)):
        chosen, takes = judge.within(asked, limit)
        assert chosen == within and takes == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("output", "by"),
    [
        ("..F\nFAILED tests/unit/a.py::test_a[b c] - AssertionError", "tests/unit/a.py::test_a[b"),
        ("ERROR tests/unit/a.py - NameError", "tests/unit/a.py"),
        ("Traceback", "it cannot be imported"),
    ],
)
def test_the_test_that_noticed_is_named(output: str, by: str) -> None:
    assert judge.failed_in(output) == by


def test_what_was_caught_is_remembered_and_what_survived_only_for_the_same_tests(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.jsonl"
    assert judge.remembered(file, "now") == {}
    for verdict in (
        Verdict("a", CAUGHT, "x", 1, "before"),
        Verdict("b", SURVIVED, "x", 1, "before"),
        Verdict("c", SURVIVED, "x", 1, "now"),
    ):
        judge.remember(file, verdict)
    with file.open("a") as out:
        out.write('\n{"key": "d", "outc')  # a run that was killed while it wrote
    judge.remember(file, Verdict("e", CAUGHT, "x", 1, "now"))
    assert sorted(judge.remembered(file, "now")) == ["a", "c", "e"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    for name, text in {
        "api/a.py": MODULE,
        "tests/unit/test_a.py": "import a\n\n\ndef test_small():\n    assert not a.small(3)\n",
        "tests/mutants/server.py": Path(server.__file__).read_text(),
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['api']\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def test_a_mutant_is_judged_in_a_copy_which_is_then_as_it_was(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "START_SECONDS", 3.0)
    workspace = Workspace(checkout, tmp_path / "copy", tmp_path)
    workspace.refresh()
    asked = [a_test("test_a.py::test_small", {})]
    with workspace.server() as running:
        caught = judge.judge(workspace, running, mutant(), asked, "now")
        assert (caught.outcome, caught.by) == (CAUGHT, "tests/unit/test_a.py::test_small")
        for becomes, outcome in (
            ("    return n < LIMIT + 0", SURVIVED),
            ("    return False", SURVIVED),
            ("    return 1", CAUGHT),
            ("    while True: pass", CAUGHT),
        ):
            assert judge.judge(workspace, running, mutant(becomes), asked, "now").outcome == outcome
        assert judge.judge(workspace, running, mutant(), [], "now").by == "no test reaches it"
    assert (checkout / "api/a.py").read_text() == (tmp_path / "copy/api/a.py").read_text() == MODULE


def test_a_copy_that_a_killed_run_left_changed_is_made_equal_again(checkout: Path, tmp_path: Path) -> None:
    workspace = Workspace(checkout, tmp_path / "copy", tmp_path)
    workspace.refresh()
    (tmp_path / "copy/api/a.py").write_text(MODULE.replace("<", ">"))
    for name in ("api/old.py", "api/old.yaml"):
        (tmp_path / "copy" / name).touch()
    workspace.refresh()
    assert (tmp_path / "copy/api/a.py").read_text() == MODULE
    assert {file.name for file in (tmp_path / "copy/api").iterdir()} == {"a.py"}


def test_a_sample_is_the_same_for_a_seed_and_has_no_mutant_twice(checkout: Path) -> None:
    every = sources.sample(checkout, 100, 1)
    assert len({each.key for each in every}) == len(every) == 4
    assert [each.key for each in sources.sample(checkout, 2, 7)] == [
        each.key for each in sources.sample(checkout, 2, 7)
    ]
    assert sources.sample(checkout, 100, 1, only="b.py") == []
    assert sources.folders(checkout) == ["api"]


def test_a_mutant_shows_what_it_changed() -> None:
    assert (mutant().was, mutant().becomes) == ("return n < LIMIT", "return n <= LIMIT")
    assert "-    return n < LIMIT\n+    return n <= LIMIT" in mutant().diff


def test_a_run_is_good_if_enough_is_caught_and_each_survivor_argued() -> None:
    first, second = mutant(), mutant("    return n > LIMIT")
    verdicts = {
        first.key: Verdict(first.key, CAUGHT, "x", 1, "now"),
        second.key: Verdict(second.key, SURVIVED, "2 tests pass", 1, "now"),
    }
    why = Argument("a.py", "return n < LIMIT", "return n > LIMIT", "It is the same.")
    lines, good = summary([first, second], verdicts, [why], 50)
    assert good and lines[-1] == "1 of 2 mutants were caught (50.0 %), 1 survivors are argued, 0 are not."
    assert lines[1] == "Argued: It is the same."
    assert not summary([first, second], verdicts, [why], 51)[1]
    lines, good = summary([first, second], verdicts, [], 50)
    assert not good and lines[1] == "Survived: 2 tests pass"
    stale = Argument("a.py", "return n < LIMIT", "return n <= LIMIT", "x")
    lines, good = summary([first, second], verdicts, [why, stale], 50)
    assert not good and "Argued, but a test catches it: a.py: return n <= LIMIT" in lines


def test_every_argument_has_a_reason_and_a_line_that_is_there() -> None:
    texts: dict[str, str] = {}
    for path in sources.modules(ARGUED.parents[2]):
        texts[Path(path).name] = texts.get(Path(path).name, "") + (ARGUED.parents[2] / path).read_text()
    for each in judge.arguments(ARGUED):
        assert len(each.why) > 20
        assert all(line in texts[each.file] for line in each.was.splitlines()), each
