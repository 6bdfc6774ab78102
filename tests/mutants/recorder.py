"""A plugin of pytest that records the time of each passing test, and the lines of the packages that it reaches."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

FOLDERS = "MUTANTS_FOLDERS"  # environment: the folders whose lines are recorded, with : between them
OUTPUT = "MUTANTS_OUTPUT"  # environment: the file that is written
PLUGIN = __name__


class Recorder:
    """Switches the context of one coverage measurement from test to test; what runs between tests is nobody's."""

    def __init__(self, folders: list[str], output: Path) -> None:
        self._output = output
        self._coverage = coverage.Coverage(data_file=None, source=folders, messages=False)
        self._coverage.set_option("run:disable_warnings", ["no-data-collected"])  # some tests reach nothing of them
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        began = time.monotonic()
        self._coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._coverage.switch_context("")
            self._seconds[item.nodeid] = time.monotonic() - began

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._coverage.stop()
        data, root = self._coverage.get_data(), session.config.rootpath
        lines: dict[str, dict[str, list[int]]] = {test: defaultdict(list) for test in self._seconds}
        for file in data.measured_files():
            name = str(Path(file).relative_to(root))
            for line, tests in data.contexts_by_lineno(file).items():
                for test in tests:
                    if test in lines:
                        lines[test][name].append(line)
        recorded = {
            test: {"seconds": seconds, "lines": lines[test]}
            for test, seconds in self._seconds.items()
            if test not in self._failed
        }
        self._output.write_text(json.dumps(recorded))


def pytest_configure(config: pytest.Config) -> None:
    if OUTPUT in os.environ:
        folders = os.environ[FOLDERS].split(":")
        config.pluginmanager.register(Recorder(folders, Path(os.environ[OUTPUT])), "recorder of reached lines")
