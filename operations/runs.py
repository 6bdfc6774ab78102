"""What the commands that start a DAG share: one-line errors, the start of a run, the wait for its end, its messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from lakehouse import job_log
from lakehouse.clients.airflow import ENDED, FAILED, SUCCESS, AirflowApi
from lakehouse.texts import TextError, recorded, words_of
from operations.terminal import waiting

RUN_SECONDS = 2 * 3600.0
POLL_SECONDS = 1.0
_WORST = 15  # lines of an error that are shown


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended, the messages of its jobs, the errors of its tasks, and where to see it."""

    state: str
    messages: tuple[str, ...]
    errors: tuple[str, ...]
    link: str

    @property
    def good(self) -> bool:
        return self.state == SUCCESS


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns the named errors of settings, contracts, Trino, Kafka and Airflow into the command's one line."""
    from kafka.errors import KafkaError

    from lakehouse.clients.airflow import AirflowError
    from lakehouse.clients.hdfs import HdfsError
    from lakehouse.clients.trino import QueryError
    from lakehouse.contract.model import ContractError
    from lakehouse.erasure_list import ErasureListError
    from lakehouse.ledger.offsets import OffsetsError
    from lakehouse.settings import SettingsError
    from operations.completeness import DayError
    from stack.errors import StackError

    told = (
        *(SettingsError, ContractError, QueryError, AirflowError, OffsetsError, DayError),
        *(HdfsError, ErasureListError, StackError),
    )
    try:
        yield
    except told as error:
        raise click.ClickException(str(error)) from error
    except KafkaError as error:
        raise click.ClickException(f"Kafka does not answer: {words_of(error)}; see `make status`") from error


def check_why(why: str, option: str = "--why") -> str:
    """The text as it is recorded, without blanks around it. Raises click.BadParameter if it cannot be recorded."""
    try:
        return recorded(why)
    except TextError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def start(
    api: AirflowApi,
    dag_id: str,
    conf: dict[str, Any],
    say: Callable[[str], None],
    wait: bool,
    seconds: float = RUN_SECONDS,
) -> None:
    """Starts a run and, if it is to `wait`, prints how it ended.

    Raises:
        AirflowError: Airflow refused the run. SystemExit(1): the run is red, or did not end within `seconds`.
    """
    run_id = api.trigger(dag_id, conf)
    say(f"started {dag_id}: {api.link(dag_id, run_id)}")
    if not wait:
        return
    with waiting(f"{dag_id} is at work"):
        outcome = follow(api, dag_id, run_id, seconds)
    for line in (*outcome.messages, *outcome.errors):
        say(line)
    say(f"{dag_id} {'ended well' if outcome.good else outcome.state}: {outcome.link}")
    if not outcome.good:
        raise SystemExit(1)


def follow(api: AirflowApi, dag_id: str, run_id: str, seconds: float = RUN_SECONDS) -> RunOutcome:
    """Waits until the run has ended, at most so long, and collects the messages of its tasks."""
    until = time.monotonic() + seconds
    while (state := api.run_state(dag_id, run_id)) not in ENDED:
        if time.monotonic() > until:
            return RunOutcome(f"is still {state} after {seconds:.0f} s", (), (), api.link(dag_id, run_id))
        time.sleep(POLL_SECONDS)
    said: list[str] = []
    errors: list[str] = []
    for task in sorted(api.task_instances(dag_id, run_id), key=lambda task: task["start_date"] or ""):
        if task["state"] in ENDED and task["try_number"]:
            messages = api.task_messages(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])
            said += job_messages(messages)
            if task["state"] == FAILED:
                errors += [f"{task['task_id']} failed:", *error_lines(messages)]
    return RunOutcome(state, tuple(said), tuple(errors), api.link(dag_id, run_id))


def job_messages(messages: Iterable[Any]) -> list[str]:
    """The lines that a job wrote for people, without those that only told how far it was."""
    lines = (job_log.read(text) for text in map(_text, messages))
    return [line.shown for line in lines if line and line.level != "debug"]


def error_lines(messages: Iterable[Any]) -> list[str]:
    """The end of the last exception's message, or the last line that is an error, indented."""
    words = ""
    for message in messages:
        if not isinstance(message, Mapping):
            continue
        details = message.get("error_detail")
        if details:
            words = str(details[-1].get("exc_value") or details[-1].get("exc_type") or words)
        elif message.get("level") in ("error", "critical") and not words:
            words = _text(message)
    return [f"  {line}" for line in words.strip().splitlines()[-_WORST:]]


def _text(message: Any) -> str:
    return str(message.get("event", "") if isinstance(message, Mapping) else message).strip()
