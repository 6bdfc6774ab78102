"""Locked packages are read with their hashes, with who asks for them, and with what they say of their licence."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from release.packages import LockError, licences_of, pins, read_all

A, B = "a" * 64, "b" * 64
LOCK = f"""\
# made by a tool
anyio==4.1 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via starlette
Some_Thing[extra]==2.0 ; sys_platform == "linux" \\
    --hash=sha256:{A}
    # via
    #   -r requirements/main.in
    #   anyio
"""


def test_each_package_of_a_lock_has_its_hashes_and_who_asks_for_it() -> None:
    assert [(pin.name, pin.version, pin.sha256, pin.asked_by) for pin in pins(LOCK)] == [
        ("anyio", "4.1", (A, B), ("starlette",)),
        ("some-thing", "2.0", (A,), ("-r requirements/main.in", "anyio")),
    ]


def test_a_package_without_hash_is_refused() -> None:
    with pytest.raises(LockError, match=r"anyio 4\.1 has no hash: .*make lock"):
        pins("anyio==4.1\n    # via x\n")


def installed(folder: Path, name: str, version: str, licence: str) -> Path:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{licence}\n")
    return folder


def test_a_package_of_several_locks_is_one_component_of_each_version(tmp_path: Path) -> None:
    other = f"anyio==4.1 \\\n    --hash=sha256:{A}\nsome-thing==3.0 \\\n    --hash=sha256:{B}\n"
    folder = installed(tmp_path, "Some.Thing", "2.0", "License-Expression: MIT")
    found = read_all({"requirements/lock.txt": LOCK, "requirements/api.txt": other}, [folder])
    assert [(each.name, each.version, each.places, each.says) for each in found] == [
        ("anyio", "4.1", ("requirements/lock.txt", "requirements/api.txt"), ()),
        ("some-thing", "2.0", ("requirements/lock.txt",), ("MIT",)),
        ("some-thing", "3.0", ("requirements/api.txt",), ()),
    ]
    assert found[0].needs == ("some-thing",) and found[0].sha256 == (A, B)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["License-Expression: MIT AND PSF-2.0", "License: other"], ("MIT AND PSF-2.0",)),
        (["Classifier: License :: OSI Approved :: MIT License", "License: MIT, see LICENSE"], ("MIT License",)),
        (["Classifier: License :: OSI Approved :: BSD License", "License: BSD-3-Clause"], ("BSD-3-Clause",)),
        (["Classifier: License :: OSI Approved :: BSD License"], ("BSD License",)),
        (["Classifier: License :: A", "Classifier: License :: B"], ("A", "B")),
        (["Classifier: License :: OSI Approved", "License: ISC"], ("ISC",)),
        (["License: UNKNOWN"], ()),
        (["License: " + "long " * 30], ()),
        ([], ()),
    ],
)
def test_the_most_exact_of_what_a_package_says_counts(lines: list[str], says: tuple[str, ...], tmp_path: Path) -> None:
    folder = installed(tmp_path, "thing", "1", "\n".join(lines))
    (found,) = importlib.metadata.distributions(path=[str(folder)])
    assert licences_of(found.metadata) == says
