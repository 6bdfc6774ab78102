"""The secrets of containers: made once, or taken from a backup; nobody's are written over."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stack.containers import secret_files
from stack.state.manifest import SECRETS, part_of
from tests.unit.stack.state.manifests import manifest


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    folder.mkdir()
    for name in SECRETS:
        (folder / name).write_text(f"of the backup: {name}")
    (folder / "manifest.json").write_text(manifest([part_of(folder, name) for name in SECRETS]).model_dump_json())
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


def test_secrets_are_made_once_and_are_shown_to_containers(tmp_path: Path) -> None:
    folder = tmp_path / ".compose"
    assert secret_files.main([str(folder)]) == 0
    made = contents(folder)
    assert sorted(made) == ["airflow_keys", "airflow_passwords", "database_password", "erasure_key"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}
    assert secret_files.main([str(folder)]) == 0 and contents(folder) == made


def test_a_backups_secrets_are_taken_and_what_it_lacks_is_made(tmp_path: Path, backup: Path) -> None:
    folder = tmp_path / ".compose"
    for _ in range(2):  # as often as a restore is gone on with
        assert secret_files.main([str(folder), str(backup)]) == 0
    made = contents(folder)
    assert {secret: made[secret] for secret in SECRETS.values()} == {
        secret: f"of the backup: {name}" for name, secret in SECRETS.items()
    }
    assert len(made.pop("database_password")) == 64 and len(made) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


def test_another_stacks_secret_is_not_written_over_and_nothing_else_is_written(
    tmp_path: Path, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ".compose"
    folder.mkdir()
    (folder / "airflow_passwords").write_text("another")
    assert secret_files.main([str(folder), str(backup)]) == 1
    assert (
        ".compose/airflow_passwords is not the backup's passwords.json: it is of another stack"
        in capsys.readouterr().err
    )
    assert contents(folder) == {"airflow_passwords": "another"}


def test_damaged_secrets_are_not_taken(tmp_path: Path, backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (backup / "erasure.key").write_text("of the backup: erasure.kez")
    (backup / "passwords.json").unlink()
    assert secret_files.main([str(tmp_path / ".compose"), str(backup)]) == 1
    assert "erasure.key has another checksum; passwords.json is missing" in capsys.readouterr().err
    assert secret_files.main([str(tmp_path / ".compose"), str(tmp_path / "nothing")]) == 1
    assert "nothing is no backup" in capsys.readouterr().err
    assert not (tmp_path / ".compose").exists()
