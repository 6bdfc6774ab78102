"""Starts, stops and describes the local stack."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from lakehouse.settings import CHECKOUT, Settings
from lakehouse.texts import words_of
from stack import bootstrap, downloads, preflight
from stack.environment import local_settings, make_folders
from stack.errors import NotReady, StackError
from stack.java import find_java, trino_java
from stack.locks import locked
from stack.probes import PROBES
from stack.processes import kill_processes
from stack.progress import EVERY_SECONDS
from stack.restoring import refuse_half_restored
from stack.services import PORTS, Machine, Once, Service, services
from stack.steps import Step, run_steps
from stack.supervisor import Supervisor, changed, write_configuration

Say = Callable[[str], None]
_DOWN_SECONDS = 60.0  # that supervisord may take to end all services


def up(settings: Settings, say: Say) -> None:
    """Starts all services that do not run, and returns when each of them does its work.

    Raises:
        StackError: something is missing on this machine, or a service did not start; the message says what to do.
    """
    settings = local_settings(settings)
    began = time.monotonic()
    with only_one(settings.state):
        refuse_half_restored(settings.state)
        starting = start(settings, say)
        say(f"{'Up' if starting else 'Already up, checked'} in {time.monotonic() - began:.0f} s.")


def start(settings: Settings, say: Say, names: Collection[str] | None = None) -> set[str]:
    """Starts what does not run, for whoever holds `only_one`. Returns the services that it started.

    Args:
        names: of the services and steps of the start that are meant; none: all.

    Raises:
        StackError: see `up`.
    """
    supervisor = Supervisor(settings.state)
    if not supervisor.is_running():
        kill_processes(settings.state)  # processes that a killed supervisord left
        shutil.rmtree(settings.state / "tmp", ignore_errors=True)  # files that killed servers left
    running = _running(supervisor)
    _preflight(settings, running)
    downloads.fetch(settings.servers, say)
    machine = Machine(find_java(os.environ), trino_java(), _contracts_hash(settings), _code_hash())
    parts = services(settings, machine)
    wanted = {part.name for part in parts if names is None or part.name in names}
    starting = wanted - (running - changed(parts, settings.state))
    if supervisor.is_running():
        retire(supervisor, starting)
    write_configuration(parts, settings.state, starting)
    if not supervisor.is_running():
        supervisor.start()
    if starting:
        say(f"Starting {len(starting)} services, logs in {settings.state / 'logs'}:")
    _start(settings, machine, parts, starting, supervisor, say, names)
    return starting


def _contracts_hash(settings: Settings) -> str:
    from lakehouse.contract.load import load_contracts
    from lakehouse.contract.model import ContractError

    try:
        return load_contracts(settings.contracts).hash
    except ContractError as error:
        raise StackError(f"A contract cannot be used: {error}") from None


def _code_hash() -> str:
    """SHA-256 of all code that Spark's workers can import, as hex digits."""
    digest = hashlib.sha256()
    for package in ("expectations", "jobs", "lakehouse"):
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            digest.update(f"{file.relative_to(CHECKOUT)}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def down(settings: Settings, say: Say) -> None:
    """Stops all processes of the stack, whatever their parent is now. The data stay."""
    settings = local_settings(settings)
    supervisor = Supervisor(settings.state)
    if supervisor.is_running():
        supervisor.stop()
        began = said = time.monotonic()
        while supervisor.is_running() or (settings.state / "supervisord.pid").exists():
            now = time.monotonic()
            if now > began + _DOWN_SECONDS:
                break
            if now > said + EVERY_SECONDS:
                said = now
                say(f"  … servers are ending, {now - began:.0f} s so far")
            time.sleep(0.2)
    left = kill_processes(settings.state)
    if left:
        raise StackError(f"These processes do not end: {', '.join(map(str, left))}")
    shutil.rmtree(settings.state / "tmp", ignore_errors=True)  # it may hold events, of players who are erased later
    say(f"Down. The data stay in {settings.state}.")


def _start(
    settings: Settings,
    machine: Machine,
    parts: tuple[Service, ...],
    starting: set[str],
    supervisor: Supervisor,
    say: Say,
    names: Collection[str] | None,
) -> None:
    by_name = {part.name: part for part in parts}

    def tell(step: Step, seconds: float) -> None:
        part = by_name.get(step.name)
        say(f"  ✓ {step.title or step.name:<28} {seconds:5.1f} s  {part.address if part else ''}".rstrip())

    def wait(running: list[Step], seconds: float) -> None:
        say(f"  … {', '.join(step.title or step.name for step in running)}, {seconds:.0f} s so far")

    steps = [_service_step(settings, part, part.name in starting, supervisor) for part in parts]
    steps += bootstrap.steps(settings, machine.java)
    if names is not None:
        steps = [replace(s, needs=tuple(need for need in s.needs if need in names)) for s in steps if s.name in names]
    outcome = run_steps(steps, tell, wait)
    for name, error in outcome.errors.items():
        log = settings.state / "logs" / f"{name}.log"
        if name in by_name:
            raise StackError(f"{name} did not start: {error}\n{bootstrap.tail(log)}\n  whole log: {log}") from error
        raise StackError(f"{name}: {words_of(error)}") from error


def _service_step(settings: Settings, part: Service, start: bool, supervisor: Supervisor) -> Step:
    def run(give_up: Callable[[], bool]) -> None:
        if start:
            for once in part.prepare:
                _prepare(once, part, settings.state)
            supervisor.start_service(part.name)
        _await(settings, part, supervisor, give_up)

    return Step(part.name, part.needs, run)


def _await(settings: Settings, part: Service, supervisor: Supervisor, give_up: Callable[[], bool]) -> None:
    """Probes until the service answers rightly. Gives up early if its process keeps ending."""
    until = time.monotonic() + part.limit_seconds
    ends: set[int] = set()
    reason = "not probed"
    while True:
        try:
            PROBES[part.name](settings)
            return
        except NotReady as error:
            reason = str(error)
        info = supervisor.states()[part.name]
        if info["statename"] in ("BACKOFF", "EXITED", "FATAL"):
            ends.add(info["stop"])
        if len(ends) >= 3 or info["statename"] == "FATAL":
            raise StackError("its process ends again and again; the last lines of its log:")
        if give_up():
            raise StackError("given up, since another part failed")
        if time.monotonic() > until:
            raise StackError(f"no right answer within {part.limit_seconds} s ({reason}); the last lines of its log:")
        time.sleep(0.5)


def _prepare(once: Once, part: Service, state: Path) -> None:
    if once.is_done():
        return
    once.marker.parent.mkdir(parents=True, exist_ok=True)
    log = state / "logs" / f"{part.name}.log"
    with log.open("a") as out:
        done = subprocess.run(
            once.argv, env=part.environment, stdout=out, stderr=subprocess.STDOUT, timeout=180, check=False
        )
    if done.returncode:
        raise StackError("preparing its folder failed; the last lines of its log:")
    once.marker.touch()


def _preflight(settings: Settings, running: set[str]) -> None:
    make_folders(settings.state)
    wanted = [(name, setting) for name, names in PORTS.items() if name not in running for setting in names]
    # A stack that is up has its memory already.
    memory = 1e3 if running else None
    lines = preflight.problems(settings, environment=os.environ, ports=wanted, memory_gb=memory)
    if lines:
        raise StackError("\n".join(lines))


def _running(supervisor: Supervisor) -> set[str]:
    if not supervisor.is_running():
        return set()
    return {name for name, info in supervisor.states().items() if info["statename"] in ("RUNNING", "STARTING")}


def retire(supervisor: Supervisor, names: set[str]) -> None:
    """Stops those of the services that run: their configuration changed, they keep ending, or their data are made anew."""
    for name, info in supervisor.states().items():
        if name in names and info["statename"] in ("STARTING", "RUNNING", "BACKOFF"):
            supervisor.stop_service(name)


def only_one(state: Path) -> AbstractContextManager[None]:
    """Locks out a second `up` of the same stack."""
    return locked(state / "up.lock", StackError(f"Another `up` is at work on {state}: wait for it to end."))
