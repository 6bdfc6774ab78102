"""The tables of a metastore on PostgreSQL are made before it starts, by DataNucleus' own tool."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from stack.containers.metastore_schema import main
from stack.services import Machine, services

LOGIN = {
    "LAKEHOUSE_METASTORE_DB_DRIVER": "org.postgresql.Driver",
    "LAKEHOUSE_METASTORE_DB_URL": "jdbc:postgresql://postgres:5432/metastore",
    "LAKEHOUSE_METASTORE_DB_USER": "lakehouse",
    "LAKEHOUSE_METASTORE_DB_PASSWORD": "a secret",
}
# Stands where SchemaTool stands: keeps what it was given, and who may read it.
TOOL = """
import pathlib, shutil, sys
assert sys.argv[1:3] == ["-create", "-props"], sys.argv
pathlib.Path("mode").write_text(oct(pathlib.Path(sys.argv[3]).stat().st_mode & 0o777))
shutil.copy(sys.argv[3], "properties")
shutil.copy(sys.argv[4], "description")
raise SystemExit(3)
"""


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    folder = tmp_path / "metastore"
    folder.mkdir()
    with zipfile.ZipFile(folder / "hive-standalone-metastore-server-9.9.9.jar", "w") as jar:
        jar.writestr("package.jdo", "<jdo/>")
    return folder


def test_the_tool_gets_the_login_in_a_file_of_its_user_alone(
    jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(jars, [sys.executable, "-c", TOOL, "-create"], LOGIN) == 3, "the status of the tool"
    assert (tmp_path / "description").read_text() == "<jdo/>"
    assert (tmp_path / "mode").read_text() == "0o600"
    assert (tmp_path / "properties").read_text().splitlines() == [
        "datanucleus.ConnectionDriverName=org.postgresql.Driver",
        "datanucleus.ConnectionURL=jdbc:postgresql://postgres:5432/metastore",
        "datanucleus.ConnectionUserName=lakehouse",
        "datanucleus.ConnectionPassword=a secret",
        "datanucleus.identifierFactory=datanucleus1",
        "datanucleus.rdbms.useLegacyNativeValueStrategy=true",
        "datanucleus.storeManagerType=rdbms",
    ]


@pytest.mark.parametrize(("database", "prepared"), [(None, 0), ("postgres:5432", 1)])
def test_only_a_metastore_on_postgresql_is_prepared(tmp_path: Path, database: str | None, prepared: int) -> None:
    (tmp_path / "database.password").write_text("a secret")
    settings = Settings(state=tmp_path, servers=tmp_path, database=database)
    machine = Machine(Path("/java"), Path("/trino-java"))
    (metastore,) = (each for each in services(settings, machine) if each.name == "metastore")
    assert len(metastore.prepare) == prepared
    for once in metastore.prepare:
        assert once.argv[1:4] == ("-m", "stack.containers.metastore_schema", str(tmp_path / "metastore"))
        assert once.argv[-4:] == ("org.datanucleus.store.schema.SchemaTool", "-api", "JDO", "-create")
