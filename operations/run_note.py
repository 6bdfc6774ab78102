"""The note on a run, which Airflow's list of runs shows."""

from __future__ import annotations

from lakehouse.settings import Settings
from stack.airflow_login import connect


def note(settings: Settings, dag_id: str, run_id: str, words: str) -> None:
    """Writes the words on the run. Raises lakehouse.clients.airflow.AirflowError."""
    connect(settings).note(dag_id, run_id, words)
