"""A signal to the main process is told to its other processes before it takes its usual course."""

from __future__ import annotations

import subprocess
import sys

from lakehouse.settings import CHECKOUT

MAIN_AND_CHILD = """
import asyncio, os, signal, sys
from api import stopping

signal.signal(signal.SIGTERM, lambda *_: print("stops as ever", flush=True))
stopping.announce()
main = os.getpid()
child = os.fork()

async def serve():
    told = asyncio.Event()
    times = []
    stopping.when_announced(lambda: (times.append(1), told.set()))
    os.kill(main, signal.SIGTERM)
    await asyncio.wait_for(told.wait(), 20)
    await asyncio.sleep(0.05)
    sys.exit(len(times))

if child == 0:
    asyncio.run(serve())
print("told", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "time")
"""


def test_a_stop_is_told_once_to_each_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN_AND_CHILD], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("stops as ever\ntold 1 time\n", "")
