"""`lakehouse sql` and SQLAlchemy on a real Trino, as analysts have them."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import sqlalchemy

from lakehouse.settings import CHECKOUT
from tests.real import Real

pytestmark = pytest.mark.timeout(300)

LAKEHOUSE = [sys.executable, "-m", "operations.cli", "sql"]


def sql(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAKEHOUSE, *arguments], cwd=CHECKOUT, input=typed, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_file_holds_several_statements_of_one_session(stack: Real, tmp_path: Path) -> None:
    text = "use lakehouse.game; -- for all; that follow\nselect count(*) as n from default_events where host = 'no;such';\n"
    file = tmp_path / "questions.sql"
    file.write_text(text)
    assert sql("--file", str(file)).stdout == sql(typed=text).stdout == "done\n\nn\n0\n"


def test_each_format_is_read_back(stack: Real) -> None:
    statement = "select 1 as n, cast(null as varchar) as \"nothing\", 'a,\"b\"' as t, x'00ff' as b, array[1, 2] as a"
    done = sql("--format", "csv", statement)
    assert list(csv.reader(done.stdout.splitlines())) == [
        ["n", "nothing", "t", "b", "a"],
        ["1", "", 'a,"b"', "00ff", "[1, 2]"],
    ]
    rows = json.loads(sql("--format", "json", statement).stdout)
    assert rows == [{"n": 1, "nothing": None, "t": 'a,"b"', "b": "00ff", "a": [1, 2]}]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("select nothing", "Trino refused the statement: line 1:8: Column 'nothing' cannot be resolved"),
        ("selec 1", "Trino refused the statement: line 1:1: mismatched input 'selec'. Expecting: "),
        (
            "select * from game.no_such",
            "Trino refused the statement: line 1:15: Table 'lakehouse.game.no_such' does not exist",
        ),
        ("delete from game.messages", "Trino refused the statement: Access Denied: "),
    ],
)
def test_a_refusal_is_one_clear_line(stack: Real, statement: str, words: str) -> None:
    done = sql(statement)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"Error: {words}")


def test_without_a_statement_a_terminal_gets_trinos_own_client(stack: Real) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    process = subprocess.Popen(
        LAKEHOUSE,
        cwd=CHECKOUT,
        env=os.environ | {"TERM": "xterm"},  # of a dumb one the pager asks whether it may go on
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        shown = ""
        for until, typed in (("trino:?.*> ", "select 6 * 7 as answer;\r"), (r" 42 [\s\S]*> ", "quit\r")):
            while not re.search(until, shown):
                assert select.select([ours], [], [], 60)[0], f"nothing more after {shown!r}"
                shown += os.read(ours, 4096).decode(errors="replace")
            os.write(ours, typed.encode())
        assert process.wait(timeout=30) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its pager too
        process.wait()
        os.close(ours)


def test_sqlalchemy_reads_tables_and_their_comments(stack: Real) -> None:
    url = stack.settings.trino_url.replace("http://", "trino://ada@") + "/lakehouse"
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            asked = sqlalchemy.text("select max(entry_id) from ops.batches where kind = :kind")
            (newest,) = connection.execute(asked, {"kind": "ingest"}).one()
        inspector = sqlalchemy.inspect(engine)
        columns = {column["name"]: column for column in inspector.get_columns("sword_purchases", "game")}
        tables = inspector.get_table_names("game")
    finally:
        engine.dispose()
    assert newest == stack.value("select max(entry_id) from ops.ledger where kind = 'ingest'")
    assert isinstance(columns["quantity"]["type"], sqlalchemy.BigInteger) and columns["quantity"]["comment"]
    assert {"sword_purchases", "daily_event_counts"} <= set(tables)
