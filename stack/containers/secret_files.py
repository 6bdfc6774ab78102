"""Makes the secrets of docker/compose.yaml as files, once: `python -m stack.containers.secret_files FOLDER [BACKUP]`.

Given a backup, those that it holds are the backup's.
"""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stack.environment import secret_files, stack_secrets, write_private
from stack.errors import StackError
from stack.state.manifest import SECRETS, BackupError, read_manifest, verify_some


def make(folder: Path) -> None:
    """One file a secret. Only the owner of the folder gets into it; who is shown a file in a container may read that one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        stack_secrets(Path(state))
        write_private(Path(state) / "database.password", secrets.token_hex(32))
        _add(folder, secret_files(Path(state)))


def take(folder: Path, backup: Path) -> None:
    """The secrets of a backup; what is there already is not written over.

    Raises:
        BackupError: it is no backup, its secrets are damaged, or another one is there. Nothing was written then.
    """
    manifest = read_manifest(backup)
    verify_some(backup, manifest, SECRETS)
    for name, secret in SECRETS.items():
        there = folder / secret
        if there.exists() and there.read_bytes() != (backup / name).read_bytes():
            raise BackupError(
                f"{folder.name}/{secret} is not the backup's {name}: it is of another stack, whose data need it. Move its "
                "folder away if that stack is gone; nothing was restored."
            )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        _add(folder, {secret: shutil.copyfile(backup / name, Path(state) / secret) for name, secret in SECRETS.items()})


def _add(folder: Path, files: Mapping[str, Path]) -> None:
    """Moves those that the folder lacks there, each whole or not at all."""
    for name, file in files.items():
        if not (folder / name).exists():
            file.chmod(0o444)
            file.replace(folder / name)


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    folder, *backup = map(Path, arguments)
    try:
        for each in backup:
            take(folder, each)
    except StackError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    make(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
