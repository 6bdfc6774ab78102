"""Whole files of the warehouse, in a local folder; HDFS is asked in test_hdfs.py and in tests/integration/test_hdfs.py."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from lakehouse.clients.files import HdfsFiles, LocalFiles, files_of
from lakehouse.settings import Settings


def test_a_file_is_put_and_moved_with_the_folders_above(tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_text("text")
    files = LocalFiles()
    files.put(local, f"file:{tmp_path}/a/b/part")
    files.move(f"file:{tmp_path}/a", f"file:{tmp_path}/c/d")
    assert (tmp_path / "c" / "d" / "b" / "part").read_text() == "text"
    assert not (tmp_path / "a").exists()


def test_nothing_is_moved_onto_what_is_there(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError, match="two is there already"):
        LocalFiles().move(f"file:{tmp_path}/one", f"file:{tmp_path}/two")
    assert (tmp_path / "two").read_text() == "two"


def test_the_address_of_hdfs_says_which_and_either_can_be_sent_to_workers() -> None:
    assert isinstance(files_of(Settings(hdfs_uri="file:")), LocalFiles)
    hdfs = files_of(Settings(hdfs_uri="hdfs://nn:8020"))
    assert isinstance(pickle.loads(pickle.dumps(hdfs)), HdfsFiles)
