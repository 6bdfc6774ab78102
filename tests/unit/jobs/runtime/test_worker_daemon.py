"""Workers read the contents of Spark's archives once, and those of an archive that a job brings whenever Spark says so."""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from jobs.runtime.worker_daemon import keep_contents


def write(archive: Path, *modules: str) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        for name in modules:
            opened.writestr(f"{name}.py", "")


def test_an_archive_that_was_there_before_is_kept_and_a_later_one_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, later = tmp_path / "before.zip", tmp_path / "later.zip"
    monkeypatch.setattr(sys, "path", [str(before), str(later), *sys.path])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    write(before, "of_before")
    assert find_spec("of_before")
    keep_contents()
    write(later, "of_later")
    importlib.invalidate_caches()
    assert find_spec("of_later")
    write(before, "of_before", "new_in_before")
    write(later, "of_later", "new_in_later")
    importlib.invalidate_caches()
    assert find_spec("of_before") and not find_spec("new_in_before")
    assert find_spec("of_later") and find_spec("new_in_later")


def test_before_a_task_a_worker_reads_no_archive_of_spark(spark: SparkSession) -> None:
    def read_again(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from zipimport import zipimporter

        for _ in batches:
            archives = {path: each for path, each in sys.path_importer_cache.items() if isinstance(each, zipimporter)}
            again = [path for path, each in archives.items() if "invalidate_caches" not in vars(each)]
            yield pa.RecordBatch.from_pydict({"all": pa.array([len(archives)]), "again": pa.array([",".join(again)])})

    (found,) = spark.range(1).mapInArrow(read_again, "all bigint, again string").collect()
    assert found["all"] > 0 and found["again"] == ""
