"""The mutants: every change of every module of the packages, and a sample of them by a seed."""

from __future__ import annotations

import difflib
import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper

from tests.mutants.operators import Change, changes

PACKAGES = ("api", "lakehouse", "operations", "stack")  # folders of the checkout; one that is not there is passed over


@dataclass(frozen=True)
class Mutant:
    """One module with one change in it."""

    path: str  # of the module, in the checkout
    change: Change
    original: str
    text: str  # of the changed module

    @property
    def key(self) -> str:
        """Names the mutant as long as its module stays as it is."""
        return hashlib.sha256(f"{self.path}\0{self.original}\0{self.text}".encode()).hexdigest()[:16]

    @property
    def was(self) -> str:
        """The lines that are changed, each without the spaces around it."""
        return _lines(self._difference, "-")

    @property
    def becomes(self) -> str:
        """What stands in their place."""
        return _lines(self._difference, "+")

    @property
    def diff(self) -> str:
        """The change as people read it, with two lines around it."""
        return "\n".join(self._compare(2))

    def __str__(self) -> str:
        return f"{self.path}:{self.change.line} {self.change.operator}"

    @property
    def _difference(self) -> Sequence[str]:
        return self._compare(0)[2:]

    def _compare(self, around: int) -> Sequence[str]:
        before, after = self.original.splitlines(), self.text.splitlines()
        return list(difflib.unified_diff(before, after, self.path, self.path, lineterm="", n=around))


def folders(root: Path) -> list[str]:
    """Those of PACKAGES that are there."""
    return [name for name in PACKAGES if (root / name).is_dir()]


def modules(root: Path) -> list[str]:
    """Every Python file of the packages, in the order of their names."""
    return sorted(str(file.relative_to(root)) for name in folders(root) for file in (root / name).rglob("*.py"))


def sample(root: Path, count: int, seed: int, only: str = "") -> list[Mutant]:
    """A sample of all mutants, the same for the same seed and sources. `only`: a part of their modules' paths."""
    parsed = {
        path: MetadataWrapper(cst.parse_module((root / path).read_text())) for path in modules(root) if only in path
    }
    every = [(path, change) for path, wrapper in parsed.items() for change in changes(wrapper)]
    chosen = random.Random(seed).sample(every, min(count, len(every)))
    return list(_made(chosen, {path: wrapper.module for path, wrapper in parsed.items()}))


def _made(chosen: Sequence[tuple[str, Change]], parsed: dict[str, cst.Module]) -> Iterator[Mutant]:
    for path, change in chosen:
        module = parsed[path]
        changed = module.deep_replace(change.node, change.replacement)
        assert isinstance(changed, cst.Module)
        yield Mutant(path, change, module.code, changed.code)


def _lines(difference: Sequence[str], sign: str) -> str:
    return "\n".join(line[1:].strip() for line in difference if line.startswith(sign))
