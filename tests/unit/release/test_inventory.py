"""The inventory joins packages and jars, names what is not here, and lists archives that were unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT
from release import inventory
from release.inventory import PYSPARK_JARS, InventoryError, archives, take
from stack import downloads
from tests.unit.release.made import artifact, rules, write

POLICY = rules(groups={"io.trino": ["trino-*"], "org.apache.hadoop": ["hadoop-*"]})


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Environments and locks of one package, and a jar of each sort; its servers are elsewhere."""
    for environment in inventory.ENVIRONMENTS:
        (tmp_path / environment / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    for name in inventory.LOCKS:
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"anyio==4.1 \\\n    --hash=sha256:{'a' * 64}\n")
    write(tmp_path / PYSPARK_JARS / "spark-1.jar", artifact("org.spark", "spark", "1", "MIT"))
    write(tmp_path / "elsewhere" / "kafka" / "kafka-1.jar", artifact("org.kafka", "kafka", "1", "Apache 2"))
    monkeypatch.setattr(inventory, "expected", lambda: {"kafka/kafka-1.jar": "b" * 64})
    monkeypatch.setattr(inventory, "is_complete", lambda servers: (servers / "kafka").is_dir())
    return tmp_path


def test_it_holds_packages_and_jars_with_their_licences_wherever_the_servers_are(checkout: Path) -> None:
    found = take(POLICY, checkout / "elsewhere", checkout)
    assert [(each.key, each.licence.expression, each.places) for each in found.jars] == [
        ("org.kafka:kafka", "Apache-2.0", (".servers/kafka",)),
        ("org.spark:spark", "MIT", (PYSPARK_JARS,)),
    ]
    assert [each.name for each in found.packages] == ["anyio"] and len(found.all()) == 3


def test_what_is_not_here_is_named_with_what_fetches_it(checkout: Path) -> None:
    with pytest.raises(InventoryError, match="the servers' jars are not in .*nowhere: run `make jars`"):
        take(POLICY, checkout / "nowhere", checkout)
    (checkout / ".venv-notebook" / "lib").rename(checkout / "moved")
    with pytest.raises(InventoryError, match=".venv-notebook/.* is not there, .*run `make sbom`"):
        take(POLICY, checkout / "elsewhere", checkout)


def test_an_archive_that_was_unpacked_is_listed_with_the_hash_that_was_checked(tmp_path: Path) -> None:
    write(tmp_path / "hadoop" / "hadoop-x-1.jar", {})
    wanted = {
        "hadoop/hadoop-x-1.jar": "a",
        "hadoop-pages/hadoop-y-2-tests.jar": "b",
        "trino/trino-server-476.tar.gz": "c",
    }
    assert [(each.title, each.sha256, each.suffix, each.places) for each in archives(wanted, tmp_path, POLICY)] == [
        ("hadoop-y 2 tests", ("b",), "jar", (".servers/hadoop-pages",)),
        ("trino-server 476", ("c",), "tar.gz", (".servers/trino",)),
    ]


def test_what_is_fetched_is_what_the_checksums_say() -> None:
    assert {Path(path).suffix for path in downloads.expected()} == {".jar", ".gz"}


def test_every_lock_is_listed() -> None:
    locks = {file.stem for file in (CHECKOUT / "requirements").glob("*.txt") if "--hash" in file.read_text()}
    assert set(inventory.LOCKS) == locks
