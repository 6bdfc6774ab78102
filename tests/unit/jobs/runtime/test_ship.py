"""The archive that a job sends to workers without our code holds all of the code that judges."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jobs.judging import version
from jobs.runtime import ship

CODE = """
import sys
sys.path.insert(0, sys.argv[1])
from jobs.judging import batches, version
print(version.code_hash(), batches.__file__)
"""


def test_judging_is_imported_from_the_archive_and_has_the_same_version(tmp_path: Path) -> None:
    archive = ship.write_archive(tmp_path / "code.zip")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(archive)], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    code, file = done.stdout.split()
    assert code == version.code_hash()
    assert file.startswith(str(archive))
