"""PostgreSQL, which keeps what Airflow and the metastore know where they run in containers; a laptop has SQLite and Derby."""

from __future__ import annotations

from lakehouse.settings import Settings
from stack.environment import DATABASE_USER, POSTGRESQL
from stack.errors import NotReady
from stack.services import Once, Service

NAME = "postgres"
PORT = 5432
NEEDED_BY = ("metastore", "airflow-api-server")
# A first start that was cut short is begun anew. The server that makes the databases has no network and ends by itself.
_MAKE = f"""
rm -rf "$1.part"
{POSTGRESQL}/initdb --pgdata="$1.part" --username={DATABASE_USER} --pwfile="$2" --auth=scram-sha-256 --encoding=UTF8 \\
  --locale=C.UTF-8
echo 'host all all all scram-sha-256' >> "$1.part/pg_hba.conf"
printf 'create database airflow;\\ncreate database metastore;\\n' | {POSTGRESQL}/postgres --single -D "$1.part" postgres
mv -T "$1.part" "$1"
"""


def database(settings: Settings) -> Service:
    """The server, which listens on its default port."""
    data = settings.state / "postgres" / "data"
    return Service(
        NAME,
        (
            f"{POSTGRESQL}/postgres",
            *("-D", str(data), "-p", str(PORT)),
            *("-c", f"listen_addresses={settings.bind}"),
            *("-c", f"unix_socket_directories={settings.state / 'tmp'}"),
            *("-c", "shared_buffers=64MB"),
        ),
        {"LANG": "C.UTF-8"},
        prepare=(
            Once(
                data.parent / ".made",
                ("/bin/sh", "-euc", _MAKE, "sh", str(data), str(settings.database_password_file)),
                data=(data, "PG_VERSION"),
            ),
        ),
    )


def probe_database(settings: Settings) -> None:
    """Runs SELECT 1 in the database of Airflow."""
    import psycopg2

    password = settings.database_password_file.read_text()
    try:
        connection = psycopg2.connect(
            host="127.0.0.1", port=PORT, user=DATABASE_USER, password=password, dbname="airflow", connect_timeout=5
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1")
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise NotReady(str(error).strip()) from error
