"""What a stack's configuration says: whole, apart from any other stack's, and without secrets where all can read."""

from __future__ import annotations

import configparser
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import Settings
from stack import supervisor
from stack.environment import MARK, airflow_password, local_settings, stack_secrets
from stack.launch import marked_processes
from stack.probes import PROBES
from stack.services import PORTS, Machine, Service, hdfs_checkpoint, services

MACHINE = Machine(Path("/java17"), Path("/java25"))


def stack(folder: Path, offset: int) -> tuple[Settings, tuple[Service, ...]]:
    settings = local_settings(Settings(state=folder / f"stack{offset}", servers=folder / "servers", port_offset=offset))
    return settings, services(settings, MACHINE)


def all_ports(settings: Settings) -> set[int]:
    return {getattr(settings, setting) for names in PORTS.values() for setting in names}


def test_every_port_setting_belongs_to_one_service() -> None:
    fields = sorted(name for name in Settings.model_fields if name.endswith("_port"))
    assert sorted(setting for names in PORTS.values() for setting in names) == fields


def test_every_service_has_ports_and_a_probe_listed(tmp_path: Path) -> None:
    names = [part.name for part in stack(tmp_path, 0)[1]]
    assert names == list(PORTS) == list(PROBES)


def test_two_stacks_share_no_port(tmp_path: Path) -> None:
    first, second = (all_ports(stack(tmp_path, offset)[0]) for offset in (0, 200))
    assert len(first) == len(second) == 14
    assert not first & second


def test_two_stacks_share_no_folder_to_write_to(tmp_path: Path) -> None:
    for here, there in ((0, 200), (200, 0)):
        settings, parts = stack(tmp_path, here)
        other = str(tmp_path / f"stack{there}")
        assert str(settings.state) != other
        for part in parts:
            assert other not in supervisor.service_file(part, settings.state)


def test_no_service_of_a_second_stack_names_a_default_port(tmp_path: Path) -> None:
    defaults = {str(port) for port in all_ports(Settings())}
    _, parts = stack(tmp_path, 200)
    for part in parts:
        for name, value in part.environment.items():
            if name.startswith(("LAKEHOUSE_", "AIRFLOW_")):
                assert not any(value.endswith(f":{port}") or value == port for port in defaults), (name, value)


def test_supervisord_can_read_its_configuration(tmp_path: Path) -> None:
    settings, parts = stack(tmp_path, 0)
    parser = configparser.RawConfigParser()
    parser.read_string(supervisor.render(parts, settings.state))
    programs = [section for section in parser.sections() if section.startswith("program:")]
    assert programs == [f"program:{part.name}" for part in parts]
    for program in programs:
        assert parser[program]["autorestart"] == parser[program]["killasgroup"] == "true"
    assert parser["unix_http_server"]["file"].startswith(str(settings.state))


def test_only_services_whose_file_changed_are_named_changed(tmp_path: Path) -> None:
    settings, parts = stack(tmp_path, 0)
    names = {part.name for part in parts}
    assert supervisor.changed(parts, settings.state) == names
    supervisor.write_configuration(parts, settings.state, names - {"trino"})
    assert supervisor.changed(parts, settings.state) == {"trino"}
    supervisor.write_configuration(parts, settings.state, names)
    assert supervisor.changed(parts, settings.state) == set()
    other = settings.model_copy(update={"trino_port": 9999})
    assert "trino" in supervisor.changed(services(other, MACHINE), settings.state)


def test_files_with_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    settings, parts = stack(tmp_path, 0)
    supervisor.write_configuration(parts, settings.state, {part.name for part in parts})
    files = [*(settings.state / "services").iterdir(), *(settings.state / "airflow").iterdir()]
    assert len(files) == len(parts) + 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_secrets_and_password_stay_the_same_and_differ_between_stacks(tmp_path: Path) -> None:
    first = stack_secrets(tmp_path / "a"), airflow_password(tmp_path / "a")
    assert (stack_secrets(tmp_path / "a"), airflow_password(tmp_path / "a")) == first
    assert stack_secrets(tmp_path / "b") != first[0]


def test_processes_are_marked_with_stack_and_service(tmp_path: Path) -> None:
    settings, parts = stack(tmp_path, 0)
    content = json.loads(supervisor.service_file(parts[0], settings.state))
    assert content["environment"][MARK] == f"{settings.state}#kafka"
    assert content["mark"] == f"{MARK}={settings.state}#kafka"
    assert marked_processes(content["mark"]) == []


def test_jobs_ask_the_warm_spark_of_their_own_stack(tmp_path: Path) -> None:
    _, parts = stack(tmp_path, 200)
    scheduler = next(part for part in parts if part.name == "airflow-scheduler")
    assert scheduler.environment["LAKEHOUSE_SPARK_REMOTE"] == "sc://127.0.0.1:15202"
    assert json.loads(scheduler.environment["AIRFLOW_CONN_SPARK_DEFAULT"])["host"] == "local[2]"


def test_hdfs_has_the_heaps_of_the_settings_and_a_checkpoint_that_of_the_namenode(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, namenode_heap="3g", datanode_heap="700m")
    heap = {part.name: part.argv[1] for part in services(settings, MACHINE)}
    assert (heap["namenode"], heap["datanode"]) == ("-Xmx3g", "-Xmx700m")
    assert hdfs_checkpoint(settings, MACHINE.java)[1] == "-Xmx3g"  # it holds the same files


@pytest.mark.parametrize(("given", "used"), [({}, 1), ({"ingest_every_minutes": 7}, 7)])
def test_ingest_runs_every_minute_unless_set(tmp_path: Path, given: dict[str, Any], used: int) -> None:
    assert local_settings(Settings(state=tmp_path, **given)).ingest_every_minutes == used


def test_nothing_of_the_callers_environment_but_names_and_language_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "HTTP_PROXY",
        "http_proxy",
        "PYTHONSTARTUP",
        "JAVA_TOOL_OPTIONS",
        "SPARK_REMOTE",
        "AIRFLOW__CORE__EXECUTOR",
    ):
        monkeypatch.setenv(name, "theirs")
    for part in stack(tmp_path, 0)[1]:
        assert "theirs" not in part.environment.values()
