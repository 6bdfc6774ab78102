"""The list of licences says of each part what the part itself says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from stack import licences

POM = '<project xmlns="http://maven.apache.org/POM/4.0.0"><licenses><license><name>EPL 2.0</name></license></licenses></project>'


def jar(folder: Path, **files: str) -> str:
    with zipfile.ZipFile(folder / "a.jar", "w") as out:
        for name, text in files.items():
            out.writestr(
                {"pom": "META-INF/maven/g/a/pom.xml", "manifest": "META-INF/MANIFEST.MF"}.get(name, name), text
            )
    ((name, found),) = licences.of_jars(folder)
    assert name == "a.jar"
    return found


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"pom": POM, "manifest": "Bundle-License: MIT\n"}, "EPL 2.0"),
        (
            {"manifest": "Bundle-Name: a\r\nBundle-License: https://a.ex\r\n ample/licence\r\n"},
            "https://a.example/licence",
        ),
        ({"LICENSE": "  Apache License\n  Version 2.0"}, "Apache-2.0"),
        ({"LICENSE": "Do what you like."}, "see LICENSE in it"),
        ({"a.class": ""}, licences.UNKNOWN),
    ],
)
def test_a_jar_says_it_in_its_pom_its_manifest_or_a_text(tmp_path: Path, files: dict[str, str], found: str) -> None:
    assert jar(tmp_path, **files) == found


def test_a_package_of_debian_says_it_in_its_copyright(tmp_path: Path) -> None:
    for name, text in {
        "a": "License: MIT\n text\nLicense: BSD-2\n",
        "b": "see /usr/share/common-licenses/GPL-2.\n",
        "c": "",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "copyright").write_text(text)
    assert list(licences.of_debian(tmp_path)) == [
        ("a", "BSD-2, MIT"),
        ("b", "GPL-2"),
        ("c", f"see {tmp_path}/c/copyright"),
    ]


def test_every_python_package_is_named() -> None:
    found = dict(licences.of_python())
    assert next(text for name, text in found.items() if name.startswith("pyspark ")) and len(found) > 100
