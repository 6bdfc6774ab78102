"""The whole configuration of a stack's servers equals the reviewed file, so that a change shows in one file."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.settings import CHECKOUT, Settings
from stack import environment, launch, supervisor
from stack.environment import local_settings, spark_home
from stack.services import Machine, services

REVIEWED = Path(__file__).with_name("whole_configuration.yaml")
SECRETS = {"fernet_key": "<fernet>", "secret_key": "<secret>", "jwt_secret": "<jwt>"}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stack with fixed folders, keys and caller."""
    monkeypatch.setattr(environment, "stack_secrets", lambda state: SECRETS)
    for name in ("LOGNAME", "LC_ALL", "TZ"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"USER": "ada", "LANG": "C.UTF-8", "PATH": "/usr/bin", "EDITOR": "vi"}.items():
        monkeypatch.setenv(name, value)
    return local_settings(Settings(state=Path("/stack"), servers=Path("/servers")))


def without_places(value: Any) -> Any:
    """Names in place of the folders of this machine."""
    if isinstance(value, dict):
        return {key: without_places(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(each) for each in value]
    if not isinstance(value, str | Path):
        return value
    text = str(value)
    places = (
        (spark_home(), "<spark>"),
        (sys.prefix, "<venv>"),
        (launch.__file__, "<launch>"),
        (CHECKOUT, "<checkout>"),
    )
    for folder, name in places:
        text = text.replace(str(folder), name)
    return text


def as_text(content: Any) -> str:
    return yaml.safe_dump(without_places(content), sort_keys=False, width=1000)


def test_every_server_is_started_with_what_was_reviewed(stack: Settings, tmp_path: Path) -> None:
    parts = services(stack, Machine(Path("/java17"), Path("/java25"), "<contracts>", "<code>"))
    shared = environment.job_environment(stack, Path("/java17"))
    content: dict[str, Any] = {"environment of all": shared}
    for part in parts:
        assert part.environment.keys() >= shared.keys()
        own = {name: value for name, value in part.environment.items() if shared.get(name) != value}
        content[part.name] = asdict(part) | {"environment": own}
    found = as_text(content | {"supervisord.conf": supervisor.render(parts[:1], stack.state)})
    (tmp_path / REVIEWED.name).write_text(found)
    assert found == REVIEWED.read_text(), f"if this is meant, copy {tmp_path / REVIEWED.name} to {REVIEWED}"


def test_the_id_of_a_kafka_is_told_apart_from_an_option_also_if_it_begins_like_one(stack: Settings) -> None:
    """One folder in 64 has such an id; in it no stack could be started."""
    machine = Machine(Path("/java17"), Path("/java25"), "<contracts>", "<code>")
    folders = [stack.model_copy(update={"state": Path(f"/stack/{number}")}) for number in range(1_000)]
    commands = [services(each, machine)[0].prepare[0].argv for each in folders]
    ids = [each for command in commands for each in command if each.startswith("--cluster-id=")]
    assert len(ids) == len(folders)
    assert any(each.startswith("--cluster-id=-") for each in ids)
