"""The login of the stack's own Airflow."""

from __future__ import annotations

from lakehouse.clients.airflow import AirflowApi, AirflowError
from lakehouse.settings import Settings
from stack.environment import AIRFLOW_USER, airflow_password, password_file


def connect(settings: Settings) -> AirflowApi:
    """The stack's Airflow with the stack's login.

    Raises:
        AirflowError: there is no login, or Airflow does not answer.
    """
    try:
        password = airflow_password(settings.state)
    except (OSError, KeyError, ValueError):
        raise AirflowError(
            f"there is no login to Airflow in {password_file(settings.state)}; `make up` makes one, or set LAKEHOUSE_STATE "
            "to the folder of the stack that is meant"
        ) from None
    return AirflowApi(settings.airflow_url, AIRFLOW_USER, password)
