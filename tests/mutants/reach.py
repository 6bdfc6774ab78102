"""Which tests reach a line, by a recorded run of all tests. Only what changed since is recorded again."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import recorder, sources
from tests.mutants.operators import Change
from tests.mutants.workspace import Server, Workspace, files

TESTS = "tests/unit"
RECORDING_SECONDS = 3600
QUICK_SECONDS = 1.0  # slower tests come after all quicker ones


@dataclass(frozen=True)
class UnitTest:
    """One unit test: how long it took, and the lines that it reached, by module."""

    name: str  # as pytest knows it
    seconds: float
    lines: Mapping[str, frozenset[int]]

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]

    def share(self, path: str) -> float:
        """How much of what it reaches lies in that module: a test of the module itself has most of it there."""
        return len(self.lines.get(path, ())) / (1 + sum(map(len, self.lines.values())))


def recorded(workspace: Workspace, server: Server) -> list[UnitTest]:
    """All unit tests that pass, as they are now."""
    known = workspace.scratch / "reach.json"
    old = json.loads(known.read_text()) if known.exists() else {}
    wanted = digests(workspace.checkout)
    now = {file: old[file] for file, digest in wanted.items() if old.get(file, {}).get("digest") == digest}
    missing = [file for file in wanted if file not in now]
    if missing:
        print(f"Recording which lines the tests of {len(missing)} files reach ...", flush=True)
        found = _record(workspace, server, missing)
        now |= {file: {"digest": wanted[file], "tests": found.get(file, {})} for file in missing}
        known.write_text(json.dumps(now))
    return [
        UnitTest(name, test["seconds"], {path: frozenset(lines) for path, lines in test["lines"].items()})
        for file in now.values()
        for name, test in file["tests"].items()
    ]


def choose(tests: Iterable[UnitTest], importers: Mapping[str, set[str]], path: str, change: Change) -> list[UnitTest]:
    """The tests that may notice the change, those of the module itself first.

    In a function they are those that reach its lines, or else its statement. If none does, they are those that reach
    the function, or else the module, and all of files that import the module. So they are for what runs while the
    module is imported: only the first test that needs the module is seen to reach that, and any may depend on it.
    """
    tests = list(tests)

    def reaching(lines: range) -> list[UnitTest]:
        return [test for test in tests if not test.lines.get(path, frozenset()).isdisjoint(lines)]

    if change.in_function and (chosen := reaching(change.lines) or reaching(change.statement)):
        return _in_order(chosen, path)
    around = reaching(change.around) if change.in_function else []
    around = around or [test for test in tests if test.lines.get(path)]
    names = {test.name for test in around}
    return _in_order([test for test in tests if test.name in names or test.file in importers.get(path, ())], path)


def importers(root: Path) -> dict[str, set[str]]:
    """The test files that import a module, by the module's path."""
    found: dict[str, set[str]] = {}
    for file in (root / TESTS).rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            for name in _imported(node):
                found.setdefault(name.replace(".", "/") + ".py", set()).add(str(file.relative_to(root)))
    return found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def _in_order(tests: Iterable[UnitTest], path: str) -> list[UnitTest]:
    return sorted(tests, key=lambda test: (test.seconds > QUICK_SECONDS, -test.share(path), test.seconds, test.name))


def _record(workspace: Workspace, server: Server, missing: Sequence[str]) -> dict[str, dict[str, object]]:
    output = workspace.scratch / "recorded.json"
    output.unlink(missing_ok=True)
    environment = {recorder.FOLDERS: ":".join(sources.folders(workspace.folder)), recorder.OUTPUT: str(output)}
    ended = server.pytest(missing, ["-p", recorder.PLUGIN], RECORDING_SECONDS, environment)
    if ended.status != 0:
        print("Not every unit test passes without a mutant; those that fail judge none:\n" + ended.output[-3000:])
    if not output.exists():
        raise SystemExit("pytest did not come to its end; nothing is recorded.")
    found: dict[str, dict[str, object]] = {}
    for name, test in json.loads(output.read_text()).items():
        found.setdefault(name.partition("::")[0], {})[name] = test
    return found


def digests(checkout: Path) -> dict[str, str]:
    """Of each test file a digest of it and of all modules that it may use, which are all but other tests."""
    modules = [name for name in files(checkout) if name.endswith(".py")]
    tests = [name for name in modules if name.startswith(TESTS + "/") and Path(name).name.startswith("test_")]
    base = hashlib.sha256()
    for name in modules:
        if name not in tests and (name.startswith(TESTS + "/") or not name.startswith("tests/")):
            base.update(f"{name}\0".encode() + (checkout / name).read_bytes())
    return {name: hashlib.sha256(base.digest() + (checkout / name).read_bytes()).hexdigest()[:16] for name in tests}
