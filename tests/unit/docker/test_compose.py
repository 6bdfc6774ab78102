"""docker/compose.yaml: valid by its schema, and the same services, needs and steps as the local stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.settings import CHECKOUT, Settings
from operations.personal_data import log_file
from stack.bootstrap import steps
from stack.containers.database import NAME as DATABASE
from stack.containers.database import NEEDED_BY
from stack.containers.service import CHECKS
from stack.environment import secret_files
from stack.restoring import JOBS
from stack.services import PORTS, Machine, services

FILE = CHECKOUT / "docker" / "compose.yaml"
HEALTHY, DONE = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return content


@pytest.fixture(scope="module")
def by_hand(whole: dict[str, Any]) -> dict[str, Any]:
    """What `up` does not start."""
    return {name: service for name, service in whole["services"].items() if "profiles" in service}


@pytest.fixture(scope="module")
def compose(whole: dict[str, Any], by_hand: dict[str, Any]) -> dict[str, Any]:
    """What `up` starts."""
    return whole | {"services": {name: part for name, part in whole["services"].items() if name not in by_hand}}


@pytest.fixture
def needs(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    """What each service and each step of the local stack needs."""
    settings = Settings(state=tmp_path)
    parts = services(settings, Machine(Path("/java"), Path("/trino-java")))
    needs = {part.name: part.needs for part in parts} | {
        step.name: step.needs for step in steps(settings, Path("/java"))
    }
    return {name: (*needed, DATABASE) if name in NEEDED_BY else needed for name, needed in needs.items()} | {
        DATABASE: ()
    }


def check_schema(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_file_is_valid_by_the_compose_schema() -> None:
    done = check_schema(FILE)
    assert done.returncode == 0, done.stdout


def test_schema_check_finds_a_misspelt_key(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text(FILE.read_text().replace("healthcheck:", "healthchek:"))
    assert check_schema(broken).returncode == 1


def test_every_service_and_step_of_the_local_stack_is_a_container_that_names_it(
    compose: dict[str, Any], needs: dict[str, tuple[str, ...]]
) -> None:
    assert {name: service["command"] for name, service in compose["services"].items()} == {
        name: [name] for name in needs
    }
    for name, service in compose["services"].items():
        assert "entrypoint" not in service, name


def test_each_waits_for_what_it_needs_in_the_local_stack_and_for_nothing_else(
    compose: dict[str, Any], needs: dict[str, tuple[str, ...]]
) -> None:
    waits = {name: service.get("depends_on", {}) for name, service in compose["services"].items()}
    assert waits == {
        name: {each: HEALTHY if each in CHECKS else DONE for each in needed} for name, needed in needs.items()
    }


def test_every_service_is_checked_as_the_local_stack_checks_it(compose: dict[str, Any]) -> None:
    for name in CHECKS:
        assert compose["services"][name]["healthcheck"]["test"] == ["CMD", "lakehouse-service", "--check", name]


def test_all_are_of_our_image_and_have_a_limit_of_memory(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["image"] == ("lakehouse-api" if name == "api" else "lakehouse"), name
        assert service["mem_limit"], name


def test_what_the_command_and_airflow_log_outlives_its_container(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name.startswith("airflow-"):
            assert any(
                each.split(":")[:2] == ["logs", str(log_file(Settings(state=Path("/state"))).parent)]
                for each in service["volumes"]
            ), name


def test_each_service_by_which_people_read_sees_whether_a_restore_has_ended(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        reads = name in PORTS and name not in JOBS
        assert ("backup:/state/backup:ro" in service.get("volumes", [])) == reads, name


def test_a_backup_is_made_by_hand_as_the_user_of_all_others_with_two_rights_more(by_hand: dict[str, Any]) -> None:
    """Begun as root; what it becomes is seen in tests/integration/test_containers_backup.py."""
    (service,) = by_hand.values()
    assert (service["image"], service["user"], service["cap_drop"]) == ("lakehouse", "root", ["ALL"])
    entry = service["entrypoint"]
    assert entry[:3] == ["setpriv", "--reuid=lakehouse", "--regid=lakehouse"]
    assert entry[-3:] == ["lakehouse-service", "--run", "lakehouse"]
    assert {each.split("=")[1] for each in entry if "-caps" in each} == {"+chown,+dac_override"}
    assert set(service["secrets"]) == set(secret_files(Path("/state")))


def test_no_version_of_compose_is_shut_out_by_a_name(compose: dict[str, Any]) -> None:
    """Compose 1.29 refuses a top-level name; it takes the project's name from docker/.env."""
    assert "name" not in compose
    assert (FILE.parent / ".env").read_text() == "COMPOSE_PROJECT_NAME=lakehouse\n"


def test_named_volumes_and_secrets_are_declared_and_used(compose: dict[str, Any]) -> None:
    parts = compose["services"].values()
    assert {volume.split(":")[0] for part in parts for volume in part.get("volumes", [])} == set(compose["volumes"])
    assert {secret for part in parts for secret in part.get("secrets", [])} == set(compose["secrets"])
    assert set(compose["secrets"]) == set(secret_files(Path("/state")))


def test_ports_are_published_on_loopback_only_and_are_the_default_ones(compose: dict[str, Any]) -> None:
    defaults = {getattr(Settings(), setting) for names in PORTS.values() for setting in names}
    for service in compose["services"].values():
        for port in service.get("ports", []):
            host, outside, inside = port.split(":")
            assert (host, outside) == ("127.0.0.1", inside)
            assert int(inside) in defaults


def test_every_setting_that_containers_are_given_is_one(compose: dict[str, Any]) -> None:
    for name in compose["x-settings"]:
        assert name.removeprefix("LAKEHOUSE_").lower() in Settings.model_fields
