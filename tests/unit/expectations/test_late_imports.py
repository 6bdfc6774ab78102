"""Modules that another library imports and seldom uses are imported when it does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from expectations.late_imports import late
from lakehouse.settings import CHECKOUT


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that can be imported and tells so by a file; `value` is 5."""
    (tmp_path / "seldom_used.py").write_text(
        "import pathlib\npathlib.Path(__file__).with_name('imported').touch()\nvalue = 5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "seldom_used"
    sys.modules.pop("seldom_used", None)


def test_a_module_is_imported_when_something_of_it_is_used(module: str, tmp_path: Path) -> None:
    with late(module):
        first, second = import_module(module), import_module(module)
    assert first is second and not (tmp_path / "imported").exists()
    assert first.value == 5 and (tmp_path / "imported").exists()
    with pytest.raises(AttributeError, match="nothing"):
        _ = first.nothing


def test_what_is_used_at_once_is_imported_at_once(module: str) -> None:
    with late(module):
        assert import_module(module).value == 5
        assert import_module(module).__file__
    assert import_module(module).__file__


def test_a_part_of_a_package_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seldom" / "part").mkdir(parents=True)
    (tmp_path / "seldom" / "__init__.py").write_text("value = 5\n")
    (tmp_path / "seldom" / "part" / "__init__.py").write_text("from seldom import value\n")
    monkeypatch.syspath_prepend(tmp_path)
    with late("seldom"):
        assert import_module("seldom.part").value == 5


def test_afterwards_an_import_gives_the_module_itself(module: str) -> None:
    with late(module):
        stand_in = import_module(module)
    real = import_module(module)
    assert real is not stand_in and real.__file__ and stand_in.value == 5
    with late(module):
        assert import_module(module) is real


@pytest.mark.parametrize("name", ["nothing_of_that_name", "nothing_of_that_name.part"])
def test_a_module_that_is_not_installed_stays_missing(name: str) -> None:
    with late(name), pytest.raises(ModuleNotFoundError):
        import_module(name)


def test_great_expectations_comes_without_what_only_its_kl_divergence_uses_and_can_still_use_it() -> None:
    program = """
import sys
from expectations.audit import prepare
prepare()
print([name for name in ("scipy.stats", "altair") if name in sys.modules])
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as kl
print(kl.stats.entropy([0.5, 0.5], [0.5, 0.5]), kl.alt.Chart.__name__)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=CHECKOUT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == ["[]", "0.0 Chart"], done.stderr
