"""docker/compose.yaml: valid by its schema, whole, and the same stack as the local one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.settings import CHECKOUT, Settings
from stack.services import PORTS

FILE = CHECKOUT / "docker" / "compose.yaml"
FETCHED = (CHECKOUT / ".servers",)  # mounted, but fetched and not committed


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return content


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


def test_every_mounted_file_and_build_file_exists(compose: dict[str, Any]) -> None:
    missing = [
        str(path)
        for service in compose["services"].values()
        for path in [*_mounted(service), *_build_files(service)]
        if not path.exists() and not path.is_relative_to(FETCHED[0])
    ]
    assert missing == []


def test_every_configuration_file_of_a_server_is_mounted(compose: dict[str, Any]) -> None:
    mounted = {path for service in compose["services"].values() for path in _mounted(service)}
    folders = ("kafka", "hdfs", "metastore", "spark", "trino", "airflow")
    files = [
        file
        for folder in folders
        for file in (CHECKOUT / "docker" / folder).rglob("*")
        if file.is_file() and file.name != "Dockerfile"
    ]
    assert [str(file) for file in files if not mounted & {file, *file.parents}] == []


def test_every_local_service_is_a_container(compose: dict[str, Any]) -> None:
    """All but Redis: without LAKEHOUSE_REDIS_URL there is no live state."""
    assert set(PORTS) - {"redis"} <= set(compose["services"])


def test_services_depend_on_services_that_are_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, how in service.get("depends_on", {}).items():
            needed = compose["services"][name]
            assert how["condition"] != "service_healthy" or "healthcheck" in needed, name


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert used == set(compose["volumes"])


def test_ports_are_published_on_loopback_only_and_are_the_default_ones(compose: dict[str, Any]) -> None:
    defaults = {getattr(Settings(), setting) for names in PORTS.values() for setting in names}
    for service in compose["services"].values():
        for port in service.get("ports", []):
            host, outside, inside = port.split(":")
            assert (host, outside) == ("127.0.0.1", inside)
            assert int(inside) in defaults


def test_every_variable_of_the_configuration_files_is_given_to_the_containers(compose: dict[str, Any]) -> None:
    given = set(compose["x-settings"])
    for file in (CHECKOUT / "docker").rglob("*"):
        if file.suffix in {".xml", ".properties", ".conf"}:
            for name, default in re.findall(r"\$\{(?:env[.:]|ENV:)(\w+)(:-[^}]*)?\}", file.read_text()):
                assert default or name in {*given, "NAME"}, f"{file.name} reads {name}"


def test_images_are_official_and_have_a_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "build" not in service:
            assert re.fullmatch(r"(apache|trinodb)/\w+:\d[\w.]*", service["image"]), name


def _mounted(service: dict[str, Any]) -> list[Path]:
    sources = (volume.split(":")[0] for volume in service.get("volumes", []))
    return [(FILE.parent / source).resolve() for source in sources if source.startswith(".")]


def _build_files(service: dict[str, Any]) -> list[Path]:
    if "build" not in service:
        return []
    context = (FILE.parent / service["build"]["context"]).resolve()
    return [context, context / service["build"]["dockerfile"]]


LIKE_IN_THE_IMAGE = """
import json, sys
from importlib.metadata import packages_distributions
image, owners = set(sys.argv[1].split()), packages_distributions()

class Hidden:
    @staticmethod
    def find_spec(name, *_):
        of = {each.lower().replace("_", "-") for each in owners.get(name, [])}
        if of and not of & image:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Hidden)
import api.app, api.__main__
print(json.dumps(sorted({each for name in sys.modules for each in owners.get(name, [])})))
"""


def test_the_image_of_the_api_holds_all_that_it_imports_and_names_nothing_else() -> None:
    held = re.findall(r"^([\w.-]+)==", (CHECKOUT / "requirements" / "api.txt").read_text(), re.MULTILINE)
    named = re.findall(r"^([\w-]+)", (CHECKOUT / "requirements" / "api.in").read_text(), re.MULTILINE)
    command = [sys.executable, "-c", LIKE_IN_THE_IMAGE, " ".join(held)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    imported = {name.lower().replace("_", "-") for name in json.loads(done.stdout)}
    assert set(named) - imported == set()
