"""Fetched files are taken only if they are exactly those that were committed."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from stack import downloads
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
