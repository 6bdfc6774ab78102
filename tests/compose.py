"""The containers of docker/compose.yaml for tests: a project of its own, started and ended by make."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

from lakehouse.clients.airflow import AirflowApi, AirflowError
from lakehouse.settings import CHECKOUT, Settings
from stack.environment import AIRFLOW_USER
from stack.preflight import port_is_free

PROJECT = "lakehouse-test"
SECRETS = CHECKOUT / ".compose"
PUBLISHED = ("api_port", "trino_port", "airflow_port", "namenode_http_port", "metrics_port")


def start(*command: str) -> subprocess.Popen[str]:
    """A command of ours for this project; its error output is in its output."""
    environment = os.environ | {"COMPOSE_PROJECT_NAME": PROJECT}
    return subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def run(*command: str, seconds: float = 900, check: bool = True) -> str:
    """Runs a command to its end, and returns its output."""
    environment = os.environ | {"COMPOSE_PROJECT_NAME": PROJECT}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0 or not check, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def what_is_absent() -> str:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no container engine answers (`docker info`)"
    defaults = Settings.model_construct(port_offset=0)
    taken = [port for name in PUBLISHED if not port_is_free("127.0.0.1", port := default_of(name, defaults))]
    return f"ports {taken} are taken, by a stack perhaps" if taken else ""


def default_of(setting: str, settings: Settings) -> int:
    values = {"validated_data": {"port_offset": settings.port_offset}}
    return int(Settings.model_fields[setting].get_default(call_default_factory=True, **values))


def compose(*arguments: str, seconds: float = 900) -> str:
    """Runs a command of Compose."""
    program = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    return run(*program, "-f", "docker/compose.yaml", *arguments, seconds=seconds)


def airflow_of(settings: Settings) -> AirflowApi:
    return AirflowApi(settings.airflow_url, AIRFLOW_USER, password())


def password() -> str:
    return str(json.loads((SECRETS / "airflow_passwords").read_text())[AIRFLOW_USER])


def ingest(airflow: AirflowApi, seconds: float = 600) -> str:
    """Runs it once, behind whatever run is active, and returns how it ended."""
    until, run_id = time.monotonic() + seconds, airflow.trigger("ingest_events")
    while time.monotonic() < until:
        try:
            if (state := airflow.run_state("ingest_events", run_id)) in ("success", "failed"):
                return state
        except AirflowError:
            pass  # asked again
        time.sleep(2)
    raise TimeoutError(f"ingest_events {run_id} did not end in {seconds:.0f} s")
