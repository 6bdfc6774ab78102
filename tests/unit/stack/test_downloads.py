"""Fetched files are taken only if they are exactly those that were committed."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack import downloads, progress
from stack.errors import StackError

WANTED = {"kafka/a.jar": hashlib.sha256(b"a").hexdigest()}


@pytest.fixture
def servers(tmp_path: Path) -> Path:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "a.jar").write_bytes(b"a")
    (tmp_path / ".maven.log").write_text("not a jar")
    return tmp_path


def test_the_committed_files_pass(servers: Path) -> None:
    downloads.verify(servers, WANTED)


def test_an_exchanged_file_is_refused(servers: Path) -> None:
    (servers / "kafka" / "a.jar").write_bytes(b"b")
    with pytest.raises(StackError, match="a.jar has SHA-256 .* expected"):
        downloads.verify(servers, WANTED)


def test_a_missing_file_is_refused(servers: Path) -> None:
    (servers / "kafka" / "a.jar").unlink()
    with pytest.raises(StackError, match="a.jar is missing"):
        downloads.verify(servers, WANTED)


def test_a_file_too_many_is_refused(servers: Path) -> None:
    (servers / "kafka" / "b.jar").touch()
    with pytest.raises(StackError, match="b.jar is not expected"):
        downloads.verify(servers, WANTED)


def test_a_fetch_that_ended_half_way_is_not_complete(servers: Path) -> None:
    assert not downloads.is_complete(servers)
    (servers / ".complete").write_text("of other files")
    assert not downloads.is_complete(servers)
    (servers / ".complete").write_text(downloads.fingerprint())
    assert downloads.is_complete(servers)


def test_every_module_has_checksums() -> None:
    modules = {file.parent.name for file in downloads.JARS.glob("*/pom.xml")}
    assert {path.split("/")[0] for path in downloads.expected()} == modules


def test_of_trino_only_lib_and_the_plugins_in_use_are_unpacked_with_linked_jars_whole(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "trino-server-1.tar.gz", "w:gz") as tar:
        for name, content in (("lib/shared.jar", b"shared"), ("plugin/hudi/x.jar", b"x"), ("plugin/hive/y.jar", b"y")):
            member = tarfile.TarInfo(f"trino-server-1/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, source in (("shared.jar", "lib/shared.jar"), ("y.jar", "plugin/hive/y.jar")):
            link = tarfile.TarInfo(f"trino-server-1/plugin/delta-lake/{name}")
            link.type, link.linkname = tarfile.LNKTYPE, f"trino-server-1/{source}"
            tar.addfile(link)
    downloads.unpack_trino(tmp_path, print)
    files = {str(file.relative_to(tmp_path)): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {
        "lib/shared.jar": b"shared",
        "plugin/delta-lake/shared.jar": b"shared",
        "plugin/delta-lake/y.jar": b"y",
    }


def test_of_the_pages_archive_nothing_is_left_that_a_server_could_load(tmp_path: Path) -> None:
    names = ("webapps/hdfs/index.html", "webapps/static/a.css", "org/apache/hadoop/A.class", "core-site.xml")
    with zipfile.ZipFile(tmp_path / "hadoop-hdfs-1-tests.jar", "w") as jar:
        for name in names:
            jar.writestr(name, name)
    downloads.unpack_pages(tmp_path)
    files = {str(file.relative_to(tmp_path)): file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {name: name for name in names[:2]}


def said_of(servers: Path) -> str:
    with pytest.raises(StackError) as raised:
        downloads.verify(servers, WANTED)
    return str(raised.value)


def test_each_wrong_file_is_said_with_what_to_do(servers: Path) -> None:
    jar = servers / "kafka" / "a.jar"
    advice = "run `make up` again; if it stays, docker/jars/*/pom.xml and checksums.sha256 do not belong together."
    (servers / "kafka" / "c.jar").touch()
    (servers / "kafka" / "b.jar").touch()
    assert said_of(servers) == f"kafka/b.jar is not expected under {servers} (2 such files): {advice}"
    jar.unlink()
    assert said_of(servers) == f"kafka/a.jar is missing under {servers} (1 such files): {advice}"
    for file in (servers / "kafka").iterdir():
        file.unlink()
    jar.write_bytes(b"b")
    digest = hashlib.sha256(b"b").hexdigest()
    assert said_of(servers) == (
        f"{jar} has SHA-256 {digest}, expected {WANTED['kafka/a.jar']}: it was damaged or exchanged on its way. "
        "Delete it here and in Maven's own cache (~/.m2/repository), and run `make up` again."
    )


class Fetching:
    """A fetch whose Maven, checks and archives are not there; keeps what was done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[object] = []
        self.commands: list[tuple[list[str], dict[str, Any]]] = []
        self.error: Exception | None = None
        self.log = ""

        def run(command: list[str], say: object, log: Any, **options: Any) -> None:
            self.commands.append((command, options))
            self.did.append("maven")
            log.write(self.log)
            if self.error:
                raise self.error

        def deed(name: str) -> Callable[..., None]:
            return lambda *given: self.did.append((name, given[0]))

        monkeypatch.setattr(progress, "run", run)
        monkeypatch.setattr(downloads, "expected", lambda: WANTED)
        monkeypatch.setattr(downloads, "verify", lambda *given: self.did.append(given))
        monkeypatch.setattr(downloads, "unpack_trino", deed("trino"))
        monkeypatch.setattr(downloads, "unpack_pages", deed("pages"))


def test_a_fetch_clears_fetches_checks_and_unpacks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetching, said = Fetching(monkeypatch), list[str]()
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "old.jar").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / ".complete").write_text("of other files")
    downloads.fetch(tmp_path, said.append)
    assert fetching.did == [
        "maven",
        (tmp_path, WANTED),
        ("trino", tmp_path / "trino"),
        ("pages", tmp_path / "hadoop-pages"),
    ]
    assert said == [
        "Fetching the servers' jars with Maven (1.2 GB, once; later starts use .servers/) ...",
        "Checking 1 files against docker/jars/checksums.sha256 ...",
        "Unpacking Trino ...",
    ]
    assert {file.name for file in tmp_path.iterdir()} == {".complete", ".maven.log", "other"}
    pom = str(downloads.JARS / "pom.xml")
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
    ((command, options),) = fetching.commands
    assert command == [
        "mvn", "--strict-checksums", "--batch-mode", "--fail-fast", "--file", pom, f"-Dservers={tmp_path}", goal,
    ]  # fmt: skip
    assert options == {"limit_seconds": 3600}
    downloads.fetch(tmp_path, said.append)
    assert len(fetching.commands) == 1 and len(said) == 3


@pytest.mark.parametrize(
    ("error", "log", "words"),
    [
        (subprocess.TimeoutExpired("mvn", 1), "", "Maven did not finish within 60 minutes."),
        (
            subprocess.CalledProcessError(1, "mvn"),
            "[INFO] x\n[ERROR] no such artifact\n[ERROR] y\n",
            "Maven failed: [ERROR] no such artifact.",
        ),
        (subprocess.CalledProcessError(1, "mvn"), "[INFO] x\n", "Maven failed: no error line."),
    ],
)
def test_a_maven_that_fails_is_said_and_may_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, log: str, words: str
) -> None:
    fetching = Fetching(monkeypatch)
    fetching.error, fetching.log = error, log
    servers = tmp_path / "new" / "servers"
    with pytest.raises(StackError) as raised:
        downloads.fetch(servers, print)
    kept = "What was fetched is kept: run `make up` again."
    assert str(raised.value) == f"{words} Whole log: {servers}/.maven.log. {kept}"
    assert fetching.did == ["maven"] and not downloads.is_complete(servers)


def archive(folder: Path, *members: tarfile.TarInfo) -> Path:
    file = folder / "trino-server-1.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return file


def linked(name: str, kind: bytes, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


@pytest.mark.parametrize(
    "member",
    [
        linked("t/lib/a.jar", tarfile.SYMTYPE, "/etc/passwd"),
        tarfile.TarInfo("t/lib/../../a.jar"),
    ],
)
def test_an_archive_that_could_write_elsewhere_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    file = archive(tmp_path, member)
    with pytest.raises(StackError) as raised:
        downloads.unpack_trino(tmp_path, print)
    words = f"holds {member.name}, which is no plain file: it is not the archive expected."
    assert str(raised.value) == f"{file} {words}"


def test_an_archive_whose_link_leads_nowhere_is_refused(tmp_path: Path) -> None:
    file = archive(
        tmp_path,
        linked("t/lib/b.jar", tarfile.LNKTYPE, "t/lib/z.jar"),
        linked("t/lib/a.jar", tarfile.LNKTYPE, "t/lib/y.jar"),
    )
    with pytest.raises(StackError) as raised:
        downloads.unpack_trino(tmp_path, print)
    words = "links to t/lib/y.jar, which it does not hold: it is not the one expected."
    assert str(raised.value) == f"{file} {words}" and file.exists()


def test_unpacking_says_every_few_seconds_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tarfile.TarInfo(f"t/lib/{number}.jar") for number in range(3)]
    for file in files:
        file.size = 3_000_000
    folder = tarfile.TarInfo("t/lib/folder")
    folder.type = tarfile.DIRTYPE
    packed = archive(tmp_path, folder, *files)
    now = iter(range(0, 1000, 5))
    monkeypatch.setattr(downloads, "time", SimpleNamespace(monotonic=lambda: next(now) / 2))
    said: list[str] = []
    downloads.unpack_trino(tmp_path, said.append)
    assert said == [
        "       0 MB looked through",
        "       6 MB looked through",
        "       0 MB unpacked",
        "       6 MB unpacked",
    ]
    assert {file.name for file in (tmp_path / "lib").iterdir()} == {"0.jar", "1.jar", "2.jar"}
    assert not packed.exists()


def test_what_is_wanted_decides_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    pom, checksums = tmp_path / "a" / "pom.xml", tmp_path / "checksums"
    pom.write_text("1")
    checksums.write_text("ab  kafka/a b.jar\ncd  x.jar\n")
    monkeypatch.setattr(downloads, "JARS", tmp_path)
    monkeypatch.setattr(downloads, "CHECKSUMS", checksums)
    assert downloads.expected() == {"kafka/a b.jar": "ab", "x.jar": "cd"}
    seen = {downloads.fingerprint()}
    pom.write_text("2")
    seen.add(downloads.fingerprint())
    checksums.write_text("")
    seen.add(downloads.fingerprint())
    monkeypatch.setattr(downloads, "TRINO_PLUGINS", ("other",))
    assert len({*seen, downloads.fingerprint()}) == 4
