"""Starting and stopping a stack of stub servers: what is done in which order, and the errors if it fails."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.settings import Settings
from stack import bootstrap, control, downloads, preflight, steps, supervisor
from stack.environment import local_settings
from stack.errors import NotReady, StackError
from stack.services import PORTS, Machine, Once, Service
from stack.steps import Step
from stack.supervisor import Supervisor

MACHINE = Machine(Path("/java17"), Path("/java25"))


class Supervisord(Supervisor):
    """In place of supervisord: keeps what it was told, and what each service does."""

    def __init__(self, did: list[str]) -> None:
        self.did = did
        self.running = False
        self.known: dict[str, dict[str, Any]] = {}

    def is_running(self) -> bool:
        return self.running

    def start(self, limit_seconds: float = 0) -> None:
        self.did.append("start supervisord")
        self.running = True

    def stop(self) -> None:
        self.did.append("stop supervisord")
        self.running = False

    def states(self) -> dict[str, dict[str, Any]]:
        return self.known

    def start_service(self, name: str) -> None:
        self.did.append(f"start {name}")
        self.known[name] = {"statename": "RUNNING", "stop": 0}

    def stop_service(self, name: str) -> None:
        self.did.append(f"stop {name}")
        self.known[name] = {"statename": "STOPPED", "stop": 0}


class Stack:
    """A stack of the services `kafka` and `api`, whose every deed is kept in `did`; what was said in `said`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = local_settings(Settings(state=folder / "s", servers=folder / "servers"))
        self.did: list[str] = []
        self.said: list[str] = []
        self.supervisor = Supervisord(self.did)
        self.parts: tuple[Service, ...] = (
            Service("kafka", (), {}, address="127.0.0.1:9092"),
            Service("api", (), {}, needs=("topics",)),
        )
        self.changed: set[str] = {"kafka", "api"}
        self.left: list[int] = []
        self.problems: list[str] = []
        self.checked: dict[str, Any] = {}
        self.now = 0.0
        self.answers: dict[str, Callable[[], None]] = {}

        def started(state: Path) -> Supervisord:
            assert state == self.settings.state
            return self.supervisor

        def did(what: str, result: Any = None) -> Callable[..., Any]:
            def deed(*_: Any) -> Any:
                self.did.append(what)
                return result

            return deed

        def problems(settings: Settings, **given: Any) -> list[str]:
            self.checked = given
            return self.problems

        def services(settings: Settings, machine: Machine) -> tuple[Service, ...]:
            contracts = control._contracts_hash(settings)
            code = control._code_hash()
            assert machine == Machine(MACHINE.java, MACHINE.trino_java, contracts, code)
            assert len(contracts) == len(code) == 64
            return self.parts

        def changed(parts: tuple[Service, ...], state: Path) -> set[str]:
            assert (parts, state) == (self.parts, self.settings.state)
            return self.changed

        def write(parts: tuple[Service, ...], state: Path, names: set[str]) -> None:
            assert (parts, state) == (self.parts, self.settings.state)
            self.did.append(" ".join(["configure", *sorted(names)]))

        def kill(state: Path) -> list[int]:
            assert state == self.settings.state
            self.did.append("kill")
            return self.left

        def fetch(servers: Path, say: Any) -> None:
            assert servers == self.settings.servers
            self.did.append("fetch")

        monkeypatch.setattr(control, "Supervisor", started)
        monkeypatch.setattr(control, "services", services)
        monkeypatch.setattr(control, "find_java", lambda environment: MACHINE.java)
        monkeypatch.setattr(control, "trino_java", lambda: MACHINE.trino_java)
        monkeypatch.setattr(control, "kill_processes", kill)
        monkeypatch.setattr(control, "changed", changed)
        monkeypatch.setattr(control, "write_configuration", write)
        monkeypatch.setattr(preflight, "problems", problems)
        monkeypatch.setattr(downloads, "fetch", fetch)
        monkeypatch.setattr(bootstrap, "job_environment", lambda settings, java: {"JAVA_HOME": str(java)})
        monkeypatch.setattr(bootstrap, "make_topics", did("topics"))
        monkeypatch.setattr(bootstrap, "make_views", did("views"))
        monkeypatch.setattr(bootstrap, "prepare_airflow", did("airflow"))

        def make_tables(settings: Settings, environment: dict[str, str]) -> None:
            assert environment == {"JAVA_HOME": "/java17"}
            self.did.append("tables")

        monkeypatch.setattr(bootstrap, "make_tables", make_tables)
        self.bootstrap_steps = bootstrap.steps
        monkeypatch.setattr(bootstrap, "steps", self.first_step)
        monkeypatch.setattr(control, "PROBES", {name: self.probe(name) for name in PORTS})
        clock = SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep)
        monkeypatch.setattr(control, "time", clock)
        monkeypatch.setattr(steps, "time", clock)

    def first_step(self, settings: Settings, java: Path) -> list[Step]:
        return self.bootstrap_steps(settings, java)[:1]

    def probe(self, name: str) -> Callable[[Settings], None]:
        def probe(settings: Settings) -> None:
            self.answers.get(name, lambda: None)()
            self.did.append(f"{name} answers")

        return probe

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def up(self) -> None:
        control.up(self.settings, self.said.append)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    return Stack(tmp_path, monkeypatch)


@pytest.fixture
def outdated(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack that runs by real files of configuration, whose every service has another one since."""
    monkeypatch.setattr(control, "changed", supervisor.changed)
    monkeypatch.setattr(control, "write_configuration", supervisor.write_configuration)
    stack.up()
    stack.parts = tuple(replace(part, argv=("new",)) for part in stack.parts)
    return stack


def test_a_first_start_clears_fetches_configures_and_starts_in_the_order_of_needs(stack: Stack) -> None:
    left = stack.settings.state / "tmp" / "left"
    left.mkdir(parents=True)
    stack.up()
    assert stack.did == [
        "kill",
        "fetch",
        "configure api kafka",
        "start supervisord",
        "start kafka",
        "kafka answers",
        "topics",
        "start api",
        "api answers",
    ]
    assert not left.exists() and left.parent.exists()
    assert {file.name for file in stack.settings.state.iterdir()} == {
        "airflow", "home", "logs", "services", "tmp", "up.lock",
    }  # fmt: skip
    assert stack.said == [
        f"Starting 2 services, logs in {stack.settings.state}/logs:",
        "  ✓ kafka                          0.0 s  127.0.0.1:9092",
        "  ✓ topics                         0.0 s",
        "  ✓ api                            0.0 s",
        "Up in 0 s.",
    ]
    every_port = [(name, setting) for name, settings in PORTS.items() for setting in settings]
    assert stack.checked["ports"] == every_port and stack.checked["memory_gb"] is None


def test_what_runs_and_did_not_change_is_only_asked(stack: Stack) -> None:
    stack.supervisor.running, stack.changed = True, set()
    stack.supervisor.known = {"kafka": {"statename": "RUNNING"}, "api": {"statename": "STARTING"}}
    tmp = stack.settings.state / "tmp" / "theirs"
    tmp.mkdir(parents=True)
    stack.up()
    assert stack.did == ["fetch", "configure", "kafka answers", "topics", "api answers"]
    assert tmp.exists()
    assert stack.said[0].startswith("  ✓ kafka") and stack.said[-1] == "Already up, checked in 0 s."
    assert stack.checked["memory_gb"] == 1000
    assert {name for name, _ in stack.checked["ports"]} == {n for n, p in PORTS.items() if p} - {"kafka", "api"}


def test_what_changed_or_keeps_ending_is_stopped_and_started(stack: Stack) -> None:
    stack.supervisor.running, stack.changed = True, {"kafka"}
    stack.supervisor.known = {"kafka": {"statename": "RUNNING"}, "api": {"statename": "BACKOFF"}}
    stack.up()
    assert stack.did[1:4] == ["stop kafka", "stop api", "configure api kafka"]
    assert {"start kafka", "start api"} <= set(stack.did)
    stack.supervisor.known = {"kafka": {"statename": "STARTING"}, "api": {"statename": "FATAL"}}
    stack.did.clear()
    stack.up()
    assert [deed for deed in stack.did if deed.startswith("stop")] == ["stop kafka"]
    assert "start api" in stack.did


def test_what_was_not_stopped_before_a_ctrl_c_is_started_anew_by_the_next_start(
    outdated: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, stopped = outdated.supervisor.stop_service, list[str]()

    def interrupted(name: str) -> None:
        if stopped:
            raise KeyboardInterrupt
        stop(name)
        stopped.append(name)

    monkeypatch.setattr(outdated.supervisor, "stop_service", interrupted)
    with pytest.raises(KeyboardInterrupt):
        outdated.up()
    monkeypatch.setattr(outdated.supervisor, "stop_service", stop)
    outdated.did.clear()
    outdated.up()
    assert "stop api" in outdated.did and {"start kafka", "start api"} <= set(outdated.did)
    outdated.did.clear()
    outdated.up()
    assert not [deed for deed in outdated.did if deed.startswith(("stop", "start"))]


def test_a_part_of_the_stack_that_is_started_leaves_the_files_of_the_others(outdated: Stack) -> None:
    """A running API whose contracts changed is still found to be old when another command has started the metastore."""
    outdated.supervisor.known["kafka"] = {"statename": "STOPPED"}
    assert control.start(outdated.settings, outdated.said.append, {"kafka"}) == {"kafka"}
    assert supervisor.changed(outdated.parts, outdated.settings.state) == {"api"}


def test_what_speaks_against_a_start_is_said_line_by_line_before_anything_is_fetched(stack: Stack) -> None:
    stack.problems = ["no Java", "no Maven"]
    with pytest.raises(StackError) as raised:
        stack.up()
    assert str(raised.value) == "no Java\nno Maven" and stack.did == ["kill"]


def test_spark_starts_anew_with_the_code_of_any_module_that_its_workers_may_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = []
    for package, text in (("jobs", ""), ("jobs", "x = 1"), ("lakehouse", ""), ("expectations", ""), ("dags", "x = 2")):
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "module.py").write_text(text)
        monkeypatch.setattr(control, "CHECKOUT", tmp_path)
        hashes.append(control._code_hash())
    assert len(set(hashes)) == 4 and hashes[-1] == hashes[-2]


def test_a_contract_that_cannot_be_used_is_said(stack: Stack, tmp_path: Path) -> None:
    settings = Settings(contracts=tmp_path / "none")
    with pytest.raises(StackError) as raised:
        control._contracts_hash(settings)
    folder = tmp_path / "none"
    words = f"{folder}: is no folder; contracts are files <event_type>.yaml in one folder"
    assert str(raised.value) == f"A contract cannot be used: {words}"


def test_only_one_up_is_at_work(stack: Stack) -> None:
    stack.settings.state.mkdir(parents=True)
    with (stack.settings.state / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StackError) as raised:
            stack.up()
    assert str(raised.value) == f"Another `up` is at work on {stack.settings.state}: wait for it to end."
    stack.up()


def not_ready(words: str = "no port") -> None:
    raise NotReady(words)


def test_a_service_is_asked_until_it_answers(stack: Stack) -> None:
    looks: list[float] = []

    def third_time() -> None:
        looks.append(stack.now)
        if len(looks) < 3:
            not_ready()

    stack.answers["kafka"] = third_time
    stack.up()
    assert looks == [0, 0.5, 1.0]
    assert stack.said[1] == "  ✓ kafka                          1.0 s  127.0.0.1:9092"
    assert stack.said[-1] == "Up in 1 s."


def test_a_service_that_does_not_answer_in_time_is_named_with_its_log(stack: Stack) -> None:
    stack.answers["kafka"] = not_ready
    log = stack.settings.state / "logs" / "kafka.log"
    log.parent.mkdir(parents=True)
    log.write_text("why\n")
    with pytest.raises(StackError) as raised:
        stack.up()
    reason = "no right answer within 240 s (no port); the last lines of its log:"
    assert str(raised.value) == f"kafka did not start: {reason}\n  | why\n  whole log: {log}"
    assert stack.now == 240.5 and "topics" not in stack.did


@pytest.mark.parametrize(
    ("states", "asked"),
    [
        ([("FATAL", 1)], 1),
        ([("BACKOFF", 1), ("STARTING", 1), ("EXITED", 2), ("BACKOFF", 2), ("BACKOFF", 3)], 5),
    ],
)
def test_a_service_whose_process_keeps_ending_is_not_waited_for(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, states: list[tuple[str, int]], asked: int
) -> None:
    stack.answers["kafka"] = not_ready
    left = list(states)

    def known() -> dict[str, Any]:
        if "start kafka" not in stack.did:
            return {}
        name, stop = left.pop(0)
        return {"kafka": {"statename": name, "stop": stop}}

    monkeypatch.setattr(stack.supervisor, "states", known)
    with pytest.raises(
        StackError, match="^kafka did not start: its process ends again and again; the last lines of its"
    ):
        stack.up()
    assert len(states) - len(left) == asked


def test_after_a_failure_others_are_given_up(stack: Stack) -> None:
    part = stack.parts[0]
    stack.answers["kafka"] = not_ready
    stack.supervisor.known = {"kafka": {"statename": "RUNNING", "stop": 0}}
    with pytest.raises(StackError, match="^given up, since another part failed$"):
        control._await(stack.settings, part, stack.supervisor, lambda: True)


def test_a_step_that_fails_is_named_with_its_error(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings) -> None:
        raise ValueError("no such topic")

    monkeypatch.setattr(bootstrap, "make_topics", refuse)
    with pytest.raises(StackError) as raised:
        stack.up()
    assert str(raised.value) == "topics: ValueError: no such topic"
    assert "start api" not in stack.did


def test_what_is_made_once_the_servers_answer_waits_for_these(stack: Stack) -> None:
    made = stack.bootstrap_steps(stack.settings, MACHINE.java)
    assert [(step.name, step.needs) for step in made] == [
        ("topics", ("kafka",)),
        ("tables", ("metastore", "spark")),
        ("views", ("tables", "trino")),
        ("dags", ("topics", "tables", "airflow-scheduler", "airflow-dag-processor")),
    ]


def test_each_of_these_steps_does_its_work(stack: Stack) -> None:
    for step in stack.bootstrap_steps(stack.settings, MACHINE.java):
        step.run(lambda: False)
    assert stack.did == ["topics", "tables", "views", "airflow"]


@pytest.mark.parametrize(("code", "fails"), [("print('formatted')", False), ("raise SystemExit('no disk')", True)])
def test_a_folder_is_prepared_once_and_its_failure_is_said(stack: Stack, code: str, fails: bool) -> None:
    marker = stack.settings.state / "kafka" / ".formatted"
    once = Once(marker, (sys.executable, "-c", code))
    stack.parts = (Service("kafka", (), {"A": "b"}, prepare=(once,)), stack.parts[1])
    log = stack.settings.state / "logs" / "kafka.log"
    if fails:
        with pytest.raises(StackError) as raised:
            stack.up()
        reason = "preparing its folder failed; the last lines of its log:"
        assert str(raised.value) == f"kafka did not start: {reason}\n  | no disk\n  whole log: {log}"
        assert not marker.exists() and "start kafka" not in stack.did
        return
    stack.up()
    stack.up()
    assert marker.exists() and log.read_text() == "formatted\n"


def test_data_that_are_there_are_never_prepared_anew_though_the_marker_is_missing(stack: Stack) -> None:
    data = stack.settings.state / "kafka" / "data"
    once = Once(data.parent / ".made", (sys.executable, "-c", "raise SystemExit(1)"), (data, "image_*"))
    data.mkdir(parents=True)
    assert not once.is_done()
    (data / "image_1").touch()
    stack.parts = (Service("kafka", (), {}, prepare=(once,)), stack.parts[1])
    stack.up()


def test_a_service_that_runs_is_not_prepared_again(stack: Stack) -> None:
    marker = stack.settings.state / "kafka" / ".formatted"
    once = Once(marker, (sys.executable, "-c", "raise SystemExit(1)"))
    stack.parts = (Service("kafka", (), {}, prepare=(once,)), stack.parts[1])
    stack.supervisor.running, stack.changed = True, set()
    stack.supervisor.known = {"kafka": {"statename": "RUNNING"}, "api": {"statename": "RUNNING"}}
    stack.up()


def test_down_stops_supervisord_waits_for_it_and_kills_what_is_left(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = stack.settings.state / "supervisord.pid"
    pid.parent.mkdir(parents=True)
    pid.write_text("1")
    stack.supervisor.running = True

    def sleep(seconds: float) -> None:
        stack.now += seconds
        if stack.now >= 3:
            pid.unlink(missing_ok=True)

    monkeypatch.setattr("stack.control.time.sleep", sleep)
    of_a_player = stack.settings.state / "tmp" / "spark" / "part-1.parquet"
    of_a_player.parent.mkdir(parents=True)
    of_a_player.write_text("an event")
    control.down(stack.settings, stack.said.append)
    assert stack.did == ["stop supervisord", "kill"] and stack.now == pytest.approx(3)
    assert not of_a_player.exists()
    assert stack.said == [f"Down. The data stay in {stack.settings.state}."]


def test_down_does_not_wait_for_ever_and_names_what_does_not_end(stack: Stack) -> None:
    pid = stack.settings.state / "supervisord.pid"
    pid.parent.mkdir(parents=True)
    pid.write_text("1")
    stack.supervisor.running, stack.left = True, [12, 13]
    with pytest.raises(StackError) as raised:
        control.down(stack.settings, stack.said.append)
    assert str(raised.value) == "These processes do not end: 12, 13"
    assert stack.now == pytest.approx(60.2, abs=0.3) and stack.did == ["stop supervisord", "kill"]


def test_down_of_what_is_not_up_still_kills_what_is_left(stack: Stack) -> None:
    control.down(stack.settings, stack.said.append)
    assert stack.did == ["kill"] and stack.now == 0
