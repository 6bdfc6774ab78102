"""A copy of the checkout in which modules are changed and tests run, so that the checkout itself is never touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LINKED = (".venv", ".servers")  # large, and only read


@dataclass(frozen=True)
class Ended:
    """How a run of pytest ended: its exit status, None if it took too long and was stopped, and its output."""

    status: int | None
    output: str


@dataclass(frozen=True)
class Workspace:
    """The copy: `folder` has what git would commit, `scratch` is for files about a run."""

    checkout: Path
    folder: Path
    scratch: Path

    def refresh(self) -> None:
        """Makes the copy equal to the checkout, whatever an earlier run left in it. Writes only what changed."""
        wanted = {Path(name) for name in files(self.checkout)}
        for name in wanted:
            source, target = self.checkout / name, self.folder / name
            if not _same(source, target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        for target in [file for file in self.folder.rglob("*") if file.is_file() and not file.is_symlink()]:
            name = target.relative_to(self.folder)
            if name not in wanted and name.parts[0] not in LINKED and target.suffix != ".pyc":
                target.unlink()
        for linked in LINKED:
            if (self.checkout / linked).exists() and not (self.folder / linked).exists():
                (self.folder / linked).symlink_to(self.checkout / linked)

    @contextmanager
    def changed(self, path: str, text: str) -> Iterator[None]:
        """The module has this text meanwhile.

        Its file time follows from the text, so that Python's cache tells texts apart.
        """
        target = self.folder / path
        kept, times = target.read_bytes(), target.stat()
        stamp = int(hashlib.sha256(text.encode()).hexdigest()[:7], 16)
        try:
            target.write_text(text)
            os.utime(target, (stamp, stamp))
            yield
        finally:
            target.write_bytes(kept)
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))

    @contextmanager
    def server(self) -> Iterator[Server]:
        """What runs pytest in the copy, see `tests.mutants.server`."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        command = [sys.executable, "-m", "tests.mutants.server"]
        with subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield Server(process, self.scratch)
            finally:
                process.terminate()


@dataclass(frozen=True)
class Server:
    """A server that is there."""

    process: subprocess.Popen[str]
    scratch: Path

    def pytest(
        self, tests: Sequence[str], options: Sequence[str], seconds: float, environment: Mapping[str, str]
    ) -> Ended:
        """Runs these tests (node ids or paths) in the copy, in that order, and ends whatever they started."""
        assert self.process.stdin is not None and self.process.stdout is not None
        listed, log = self.scratch / "tests.txt", self.scratch / "pytest.log"
        listed.write_text("\n".join(tests) + "\n")
        request = {
            "arguments": ["-q", "--no-header", *options, f"@{listed}"],
            "environment": dict(environment),
            "log": str(log),
            "seconds": seconds,
        }
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("the server of pytest has ended; see what it printed above")
        return Ended(json.loads(answer), log.read_text(errors="replace"))


def files(checkout: Path) -> list[str]:
    """What git has, or would take, of the checkout, but for what was deleted."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=checkout, capture_output=True, check=True, text=True).stdout
    return [name for name in sorted(set(filter(None, listed.split("\0")))) if (checkout / name).is_file()]


def _same(source: Path, target: Path) -> bool:
    if not target.exists():
        return False
    here, there = source.stat(), target.stat()
    return (here.st_size, here.st_mtime_ns) == (there.st_size, there.st_mtime_ns)
