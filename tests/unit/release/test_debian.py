"""Of each package of Debian the list says what the package's own file says."""

from __future__ import annotations

from pathlib import Path

from release import debian


def test_a_package_says_it_in_its_copyright(tmp_path: Path) -> None:
    for name, text in {
        "a": "License: MIT\n text\nLicense: BSD-2\n",
        "b": "see /usr/share/common-licenses/GPL-2.\n",
        "c": "",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "copyright").write_text(text)
    assert list(debian.licences(tmp_path)) == [
        ("a", "BSD-2, MIT"),
        ("b", "GPL-2"),
        ("c", f"see {tmp_path}/c/copyright"),
    ]
