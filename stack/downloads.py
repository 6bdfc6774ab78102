"""Fetches the servers' jars with Maven into .servers/ and checks each file against docker/jars/checksums.sha256."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from lakehouse.checkout import CHECKOUT
from stack import progress
from stack.errors import StackError

JARS = CHECKOUT / "docker" / "jars"
CHECKSUMS = JARS / "checksums.sha256"
TRINO_PLUGINS = ("delta-lake", "tpch", "memory", "password-authenticators", "resource-group-managers")
LIMIT_SECONDS = 3600
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def fingerprint() -> str:
    """A hash that changes whenever other files are to be fetched."""
    digest = hashlib.sha256(repr(TRINO_PLUGINS).encode())
    for file in [*sorted(JARS.rglob("pom.xml")), CHECKSUMS]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_complete(servers: Path) -> bool:
    stamp = servers / ".complete"
    return stamp.exists() and stamp.read_text() == fingerprint()


def fetch(servers: Path, say: Callable[[str], None]) -> None:
    """Fetches the files that the folder `servers` lacks. After a failure it can be repeated.

    Raises:
        StackError: Maven failed, or a file is not the one that was committed.
    """
    if is_complete(servers):
        return
    wanted = expected()
    say("Fetching the servers' jars with Maven (1.2 GB, once; later starts use .servers/) ...")
    _clear(servers)
    _run_maven(servers, say)
    say(f"Checking {len(wanted)} files against {CHECKSUMS.relative_to(CHECKOUT)} ...")
    verify(servers, wanted)
    say("Unpacking Trino ...")
    unpack_trino(servers / "trino", say)
    unpack_pages(servers / "hadoop-pages")
    (servers / ".complete").write_text(fingerprint())


def expected() -> dict[str, str]:
    """SHA-256 by path under .servers/, of every file that is fetched."""
    lines = (line.split(maxsplit=1) for line in CHECKSUMS.read_text().splitlines())
    return {path: digest for digest, path in lines}


def verify(servers: Path, wanted: dict[str, str]) -> None:
    """Raises StackError if a file is missing, too many, or not the one that was committed."""
    there = {
        str(file.relative_to(servers))
        for file in servers.rglob("*")
        if file.is_file() and not file.relative_to(servers).parts[0].startswith(".")
    }
    for what, names in (("is missing", wanted.keys() - there), ("is not expected", there - wanted.keys())):
        if names:
            raise StackError(
                f"{sorted(names)[0]} {what} under {servers} ({len(names)} such files): run `make up` again; "
                f"if it stays, docker/jars/*/pom.xml and {CHECKSUMS.name} do not belong together."
            )
    for path, digest in wanted.items():
        with (servers / path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise StackError(
                f"{servers / path} has SHA-256 {found}, expected {digest}: it was damaged or exchanged on its way. "
                "Delete it here and in Maven's own cache (~/.m2/repository), and run `make up` again."
            )


def unpack_trino(folder: Path, say: Callable[[str], None]) -> None:
    """Unpacks Trino's own jars and the plugins in use, a fifth of the archive.

    Plugins share jars by hard links, also with plugins that are left out. So the archive is read twice, each time from
    front to back: each seek would decompress it anew.
    """
    archive = next(folder.glob("trino-server-*.tar.gz"))
    wanted = ("lib/", *(f"plugin/{name}/" for name in TRINO_PLUGINS))
    sources: dict[str, list[Path]] = defaultdict(list)  # a file of the archive, and the paths that it is written to
    with tarfile.open(archive, "r|gz") as tar:
        for member in _told(tar, "looked through", say):
            inside = member.name.partition("/")[2]
            if not inside.startswith(wanted) or member.isdir():
                continue
            if not (member.isfile() or member.islnk()) or ".." in Path(inside).parts:
                raise StackError(
                    f"{archive} holds {member.name}, which is no plain file: it is not the archive expected."
                )
            sources[member.linkname if member.islnk() else member.name].append(folder / inside)
    with tarfile.open(archive, "r|gz") as tar:
        for member in _told(tar, "unpacked", say):
            if targets := sources.pop(member.name, []):
                _write(tar, member, targets)
    if sources:
        raise StackError(
            f"{archive} links to {sorted(sources)[0]}, which it does not hold: it is not the one expected."
        )
    archive.unlink()


def unpack_pages(folder: Path) -> None:
    """Unpacks the web pages of HDFS' servers.

    The classes in the archive are Hadoop's tests, which no class path may hold.
    """
    archive = next(folder.glob("*.jar"))
    with zipfile.ZipFile(archive) as jar:
        jar.extractall(folder, [name for name in jar.namelist() if name.startswith("webapps/")])
    archive.unlink()


def _told(tar: tarfile.TarFile, done: str, say: Callable[[str], None]) -> Iterator[tarfile.TarInfo]:
    """The archive's files in their order. Reports progress every few seconds."""
    told = time.monotonic()
    for member in tar:
        if time.monotonic() - told >= progress.EVERY_SECONDS:
            told = time.monotonic()
            say(f"  {member.offset / 1e6:6,.0f} MB {done}")
        yield member


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, targets: list[Path]) -> None:
    """Writes one file of the archive to all its places, one copy and links to it."""
    content = tar.extractfile(member)
    assert content is not None, "only plain files are asked for"
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    with content, targets[0].open("wb") as out:
        shutil.copyfileobj(content, out, 1 << 20)
    for target in targets[1:]:
        target.hardlink_to(targets[0])


def _clear(servers: Path) -> None:
    """Removes the jars of earlier pom files, so that no old version stays on a class path."""
    (servers / ".complete").unlink(missing_ok=True)
    for module in JARS.glob("*/pom.xml"):
        shutil.rmtree(servers / module.parent.name, ignore_errors=True)


def _run_maven(servers: Path, say: Callable[[str], None]) -> None:
    servers.mkdir(parents=True, exist_ok=True)
    log = servers / ".maven.log"
    command = ["mvn", "--strict-checksums", "--batch-mode", "--fail-fast"]
    command += ["--file", str(JARS / "pom.xml"), f"-Dservers={servers}", _PLUGIN]
    again = f"Whole log: {log}. What was fetched is kept: run `make up` again."
    log.unlink(missing_ok=True)
    try:
        with log.open("w") as out:
            progress.run(command, say, log=out, limit_seconds=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise StackError(f"Maven did not finish within {LIMIT_SECONDS // 60} minutes. {again}") from None
    except subprocess.CalledProcessError:
        errors = [line for line in log.read_text().splitlines() if line.startswith("[ERROR]")]
        raise StackError(f"Maven failed: {errors[0] if errors else 'no error line'}. {again}") from None
