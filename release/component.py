"""One thing that the project carries: a Python package, a jar, or what a jar was made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Source(StrEnum):
    """Who says under which licence a component is."""

    ITSELF = "itself"
    POLICY = "release/licences.yaml"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Licence:
    """An SPDX expression, or None where nobody says one. `names`: what the component itself says, word by word."""

    expression: str | None
    source: Source
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """A component of one version.

    `sha256`: of the file; of a Python package of every file that the lock allows; none of what lies inside of a jar.
    `places`: the locks and folders that it is part of, as paths in the checkout. `where`: the files that show it.
    `needs`: names of the packages that it asks for.
    """

    kind: Literal["pypi", "maven"]
    group: str
    name: str
    version: str
    sha256: tuple[str, ...] = ()
    classifier: str = ""
    suffix: str = "jar"
    says: tuple[str, ...] = ()  # names, SPDX expressions or addresses of licences; alternatives
    licence: Licence = field(default=Licence(None, Source.NOBODY))
    places: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    inside: tuple[Component, ...] = ()

    @property
    def key(self) -> str:
        """The name by which licences.yaml means it: `group:artifact` of Maven, `pypi:name` of PyPI."""
        return f"{self.group or self.kind}:{self.name}"

    @property
    def title(self) -> str:
        """What people call it, with its version."""
        return " ".join(part for part in (self.name, self.version, self.classifier) if part)

    def all(self) -> Iterator[Component]:
        """It, and everything inside of it."""
        yield self
        for each in self.inside:
            yield from each.all()
