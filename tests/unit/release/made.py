"""Small jars and components for the tests of what is inside."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from release.component import Component, Licence, Source
from release.policy import Policy

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><licenses>{}</licenses></project>"""


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """A zip file of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as jar:
        for name, content in files.items():
            jar.writestr(name, content)
    return out.getvalue()


def artifact(group: str, name: str, version: str, *licences: str) -> dict[str, str | bytes]:
    """The two files that Maven leaves in a jar of an artifact, or in one that it was shaded into."""
    folder = f"META-INF/maven/{group}/{name}"
    named = "".join(f"<license><name>{each}</name></license>" for each in licences)
    return {
        f"{folder}/pom.properties": f"#Created\nversion={version}\ngroupId={group}\nartifactId={name}\n",
        f"{folder}/pom.xml": POM.format(named),
    }


def write(file: Path, files: Mapping[str, str | bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(packed(files))
    return file


def rules(**more: Any) -> Policy:
    """A policy of two licences, and whatever a test adds."""
    given: dict[str, Any] = {
        "allowed": ["Apache-2.0", "MIT", "CDDL-1.0"],
        "attention": {"CDDL-*": "its source has to be offered"},
        "spelled": {"Apache-2.0": ["Apache 2", "http://www.apache.org/licenses/LICENSE-2.0.txt"]},
        "said": [],
        "accepted": [],
        "groups": {},
    }
    return Policy.model_validate(given | more)


def component(name: str = "thing", licence: str | None = "MIT", **more: Any) -> Component:
    """A jar with a licence of its own."""
    source = Source.ITSELF if licence else Source.NOBODY
    given: dict[str, Any] = {"kind": "maven", "group": "g", "version": "1.0", "licence": Licence(licence, source)}
    return Component(name=name, **(given | more))
