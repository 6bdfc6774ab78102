"""Lists the licences of Debian's packages in an image; of all else in it docs/licences.md says them.

Run as `python -m release.debian` where the packages are installed. A line a package: its name, a tab, its licences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_COPYRIGHT = Path("/usr/share/doc")


def licences(folder: Path = _COPYRIGHT) -> Iterator[tuple[str, str]]:
    """Each package, and the licences that its file `copyright` names."""
    for file in sorted(folder.glob("*/copyright")):
        text = file.read_text(errors="replace")
        names = sorted(set(re.findall(r"^License:[ \t]*(\S[^\n]*)", text, re.MULTILINE)))
        common = sorted(set(re.findall(r"/usr/share/common-licenses/([\w.+-]*\w)", text)))
        yield file.parent.name, ", ".join(names or common) or f"see {file}"


if __name__ == "__main__":
    for name, licence in licences():
        print(name, licence, sep="\t")
