"""Makes the secrets of docker/compose.yaml as files, once: `python -m stack.containers.secret_files FOLDER`."""

from __future__ import annotations

import secrets
import sys
import tempfile
from pathlib import Path

from stack.environment import secret_files, stack_secrets, write_private


def make(folder: Path) -> None:
    """One file a secret. Only the owner of the folder gets into it; who is shown a file in a container may read that one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        stack_secrets(Path(state))
        write_private(Path(state) / "database.password", secrets.token_hex(32))
        for name, file in secret_files(Path(state)).items():
            if not (folder / name).exists():
                file.chmod(0o444)
                file.replace(folder / name)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
