"""An Airflow of the tests' own: a temporary home, the checkout's DAGs and plugins, no examples."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]

# Airflow reads its home while it is imported, so this cannot wait for a fixture.
_HOME = tempfile.TemporaryDirectory(prefix="lakehouse-airflow-")
os.environ.update(
    AIRFLOW_HOME=_HOME.name,
    AIRFLOW__CORE__DAGS_FOLDER=str(CHECKOUT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(CHECKOUT / "dags" / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
    AIRFLOW__API_AUTH__JWT_SECRET="only for tests " * 4,
)
for folder in (CHECKOUT / "dags", CHECKOUT / "dags" / "plugins"):
    sys.path.insert(0, str(folder))

with warnings.catch_warnings():  # what other people's packages warn of while they are imported is theirs to mend
    warnings.simplefilter("ignore")
    import airflow.api_fastapi.core_api.security
    import airflow.dag_processing.dagbag
    import airflow.providers.apache.spark.operators.spark_submit
    import airflow.providers.standard.sensors.python  # noqa: F401
