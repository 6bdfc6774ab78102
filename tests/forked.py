"""Runs jobs as processes without start-up time: forked from a process that has imported what all of them import."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


class ForkedJob:
    """jobs/<name>.py as its own process, as `subprocess.Popen` would start it with both outputs in one pipe."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        change: Callable[[], None] | None = None,
    ) -> None:
        """`change`, a function of a module, is called in the process before the job is."""
        self.args = [name, *arguments]
        descriptor, output = tempfile.mkstemp(prefix="job-", dir=environment["TMPDIR"])
        os.close(descriptor)
        self._output = Path(output)
        self._process = _CONTEXT.Process(
            target=_run, args=(name, list(arguments), dict(environment), str(folder), output, change)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired if it is still running then."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0, self._output.read_bytes())
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Waits as `wait` does. Returns what the job printed."""
        self.wait(timeout)
        text = self._output.read_text(errors="replace")
        self._output.unlink(missing_ok=True)
        return text, None

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _run(
    name: str,
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
    output: str,
    change: Callable[[], None] | None,
) -> None:
    """In the forked process: becomes the job."""
    os.setsid()
    with open(output, "wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [f"jobs/{name}.py", *arguments]
    code: object = 0
    try:
        if change:
            change()
        runpy.run_module(f"jobs.{name}", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else (1 if code else 0))
