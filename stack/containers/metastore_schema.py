"""Makes all tables of a metastore in PostgreSQL before the metastore starts; made again, it changes nothing.

The metastore itself would make each table when it first needs it, in the middle of a transaction for which the foreign key
of the new table then waits. Run as `python -m stack.containers.metastore_schema JARS COMMAND...`: a jar in the folder JARS
holds the metastore's description of its tables, COMMAND is DataNucleus' SchemaTool. The database is named in
LAKEHOUSE_METASTORE_DB_*.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

_JAR = "hive-standalone-metastore-server-*.jar"
_DESCRIPTION = "package.jdo"
# The names that the metastore gives its tables by, and how it counts: its own defaults (MetastoreConf).
_AS_THE_METASTORE = {
    "datanucleus.identifierFactory": "datanucleus1",
    "datanucleus.rdbms.useLegacyNativeValueStrategy": "true",
    "datanucleus.storeManagerType": "rdbms",
}


def properties(environment: Mapping[str, str]) -> str:
    """The file of properties that SchemaTool reads."""
    connection = {
        f"datanucleus.Connection{name}": environment[f"LAKEHOUSE_METASTORE_DB_{variable}"]
        for name, variable in (
            ("DriverName", "DRIVER"),
            ("URL", "URL"),
            ("UserName", "USER"),
            ("Password", "PASSWORD"),
        )
    }
    return "".join(f"{name}={value}\n" for name, value in (connection | _AS_THE_METASTORE).items())


def main(jars: Path, command: list[str], environment: Mapping[str, str]) -> int:
    """Returns the exit status of SchemaTool."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (jar,) = jars.glob(_JAR)
        with zipfile.ZipFile(jar) as opened:
            description = opened.extract(_DESCRIPTION, folder)
        file = folder / "schema.properties"
        file.touch(mode=0o600)  # it holds the password
        file.write_text(properties(environment))
        return subprocess.run([*command, "-props", str(file), description], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:], os.environ))
