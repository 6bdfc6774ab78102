"""The notebook of the report: its environment, what it is told of the stack, and Jupyter in the place of this process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from lakehouse.settings import CHECKOUT, Settings
from lakehouse.texts import without_colors
from stack.environment import local_settings
from stack.errors import StackError
from stack.preflight import port_is_free

REPORT = CHECKOUT / "notebooks" / "report.ipynb"
JUPYTER = CHECKOUT / ".venv-notebook" / "bin" / "jupyter"
EXECUTE_SECONDS = 900
PORT = 8888


def environment(settings: Settings) -> dict[str, str]:
    """The variables that tell a notebook where Trino and Spark are; what Jupyter writes goes into the state folder."""
    settings = local_settings(settings)
    home = settings.state.absolute() / "notebook"
    return {
        **{name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ},
        "HOME": str(home),
        "JUPYTER_PLATFORM_DIRS": "1",
        "LAKEHOUSE_TRINO": urlsplit(settings.trino_url).netloc,
        "LAKEHOUSE_SPARK": str(settings.spark_remote),
    }


def execute(settings: Settings) -> Path:
    """Executes the report against the stack, and writes it as a page. Returns the page's file.

    Raises:
        StackError: the environment of notebooks is not there, or a cell failed; says which and why.
    """
    page = settings.state.absolute() / "notebook" / "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    command = [_jupyter(), "nbconvert", "--execute", "--to", "html", "--output", page.name, "--output-dir", page.parent]
    command += [
        f"--HTMLExporter.{name}_url=" for name in ("mathjax", "require_js", "jquery")
    ]  # would be asked from elsewhere
    command += [f"--ExecutePreprocessor.timeout={EXECUTE_SECONDS}", REPORT]
    try:
        done = subprocess.run(
            list(map(str, command)),
            env=environment(settings),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=EXECUTE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StackError(
            f"the report is not done after {EXECUTE_SECONDS} s; are Trino and Spark up (`make status`)?"
        ) from None
    if done.returncode:
        raise StackError(f"a cell of {REPORT.name} failed:\n{_end_of(done.stderr)}")
    return page


def become_jupyter(settings: Settings) -> NoReturn:
    """Ends this process's own work: from here on its terminal is JupyterLab's, on loopback, which asks for its token.

    Raises:
        StackError: the environment of notebooks is not there, or the port is taken.
    """
    jupyter = str(_jupyter())
    if not port_is_free("127.0.0.1", PORT):
        raise StackError(f"port {PORT} is taken, by another JupyterLab perhaps: end that one")
    (settings.state.absolute() / "notebook").mkdir(parents=True, exist_ok=True)
    arguments = [jupyter, "lab", "--no-browser", "--ip=127.0.0.1", f"--port={PORT}", "--allow-root"]
    os.execve(jupyter, [*arguments, f"--notebook-dir={REPORT.parent}"], environment(settings))


def _jupyter() -> Path:
    if not JUPYTER.exists():
        raise StackError("the environment of notebooks is not there: run `make notebook` once")
    return JUPYTER


def _end_of(text: str, lines: int = 12) -> str:
    """The last lines, which name the error."""
    return "\n".join(without_colors(text).strip().splitlines()[-lines:])
