"""Lists the licences of what is in an image: Debian's packages, Python's, and the servers' jars.

Run as `python -m stack.licences FOLDER...`, each FOLDER holding jars. A line a part: kind, name, licence.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from xml.etree import ElementTree

UNKNOWN = "not said; see the file itself"
_COPYRIGHT = Path("/usr/share/doc")
_TEXTS = {"Apache License": "Apache-2.0", "Eclipse Public License": "EPL", "MIT License": "MIT", "BSD": "BSD"}


def of_debian(folder: Path = _COPYRIGHT) -> Iterator[tuple[str, str]]:
    """Each package, and the licences that its file `copyright` names."""
    for file in sorted(folder.glob("*/copyright")):
        text = file.read_text(errors="replace")
        names = sorted(set(re.findall(r"^License:[ \t]*(\S[^\n]*)", text, re.MULTILINE)))
        common = sorted(set(re.findall(r"/usr/share/common-licenses/([\w.+-]*\w)", text)))
        yield file.parent.name, ", ".join(names or common) or f"see {file}"


def of_python() -> Iterator[tuple[str, str]]:
    """Each installed distribution, and what its metadata say."""
    for each in sorted(distributions(), key=lambda one: str(one.name).lower()):
        said = {name: each.metadata.get_all(name) or [] for name in ("License-Expression", "Classifier", "License")}
        of_classes = [line.rpartition(" :: ")[2] for line in said["Classifier"] if line.startswith("License :: ")]
        texts = [*said["License-Expression"], ", ".join(of_classes), *said["License"]]
        lines = [text.strip().partition("\n")[0] for text in texts]
        yield f"{each.name} {each.version}", next((line for line in lines if line), UNKNOWN)


def of_jars(folder: Path) -> Iterator[tuple[str, str]]:
    """Each jar, and what its pom, its manifest or the text in it says."""
    for file in sorted(folder.rglob("*.jar")):
        with zipfile.ZipFile(file) as jar:
            yield str(file.relative_to(folder)), _of_jar(jar)


def _of_jar(jar: zipfile.ZipFile) -> str:
    for name in jar.namelist():
        if re.fullmatch(r"META-INF/maven/[^/]+/[^/]+/pom\.xml", name):
            pom = ElementTree.fromstring(jar.read(name))
            if names := [e.text.strip() for e in pom.findall("{*}licenses/{*}license/{*}name") if e.text]:
                return ", ".join(names)
    if "META-INF/MANIFEST.MF" in jar.namelist():
        manifest = jar.read("META-INF/MANIFEST.MF").decode(errors="replace").replace("\r\n", "\n").replace("\n ", "")
        if said := re.search(r"^Bundle-License: (.+)$", manifest, re.MULTILINE):
            return said[1]
    for name in jar.namelist():
        if re.fullmatch(r"(META-INF/)?LICEN[CS]E(\.txt|\.md)?", name):
            text = jar.read(name).decode(errors="replace")[:2000]
            return next((short for words, short in _TEXTS.items() if words in text), f"see {name} in it")
    return UNKNOWN


def main(folders: list[Path]) -> None:
    jars = (found for folder in folders for found in of_jars(folder))
    for kind, parts in (("debian", of_debian()), ("python", of_python()), ("jar", jars)):
        for name, licence in parts:
            print(kind, name, licence, sep="\t")


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[1:]])
