"""How the API is started: its workers, their settings, and the folder of their counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api import __main__ as serving
from api.stopping import announce


def test_serving_starts_two_workers_with_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    class Server:
        def __init__(self, *target: str, **options: Any) -> None:
            asked.append((target, options))

        def on_startup(self, hook: Any) -> None:
            asked.append(hook)

        def serve(self) -> None:
            asked.append("served")

    counts = tmp_path / "counts"
    counts.mkdir()
    (counts / "old.db").touch()
    monkeypatch.setattr(serving, "Granian", Server)
    monkeypatch.setenv("LAKEHOUSE_API_PORT", "5123")
    monkeypatch.setenv("LAKEHOUSE_BIND", "localhost")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(counts))
    assert serving.main() == 0
    assert list(counts.iterdir()) == []
    ((target, options), hook, served) = asked
    assert (target, hook, served) == (("api.app:create_app",), announce, "served")
    http1 = options.pop("http1_settings")
    assert http1.max_buffer_size == 131_072
    assert {name: getattr(value, "value", value) for name, value in options.items()} == {
        "factory": True,
        "address": "127.0.0.1",
        "port": 5123,
        "interface": "asgi",
        "loop": "uvloop",
        "http": "1",
        "websockets": False,
        "workers": 2,
        "respawn_failed_workers": True,
        "respawn_interval": 1,
        "workers_kill_timeout": 20,
        "log_level": "warning",
    }


def test_serving_with_a_setting_that_cannot_be_used_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "Granian", None)
    monkeypatch.setenv("LAKEHOUSE_API_PORT", "0")
    assert serving.main() == 2
    words = "LAKEHOUSE_API_PORT='0': Input should be greater than or equal to 1\n"
    assert capsys.readouterr().err == words


def test_without_a_folder_of_counts_nothing_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    serving.empty_metrics(None)
    serving.empty_metrics("")
    assert list(tmp_path.iterdir()) == []
    serving.empty_metrics(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
