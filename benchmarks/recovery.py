"""`python -m benchmarks.recovery`: how long a replay and a rebuild take, each beside the ingest of the same events.

On a stack of its own, as `make bench`. Prints seconds and ratios; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import yaml

from benchmarks.spark_jobs import count, ingest
from benchmarks.spark_jobs import job_seconds as seconds
from benchmarks.stack import fill, measuring
from lakehouse.clients.trino import query
from lakehouse.settings import CHECKOUT

BY = ("--who", "bench", "--why", "a measurement")
NOBODY = {"name": "nobody_buys", "condition": "quantity < 0", "description": "Refuses every horse of the load."}


def refusing(folder: Path) -> str:
    """A copy of the contracts with a rule that refuses every event of the load."""
    shutil.copytree(CHECKOUT / "contracts", folder, dirs_exist_ok=True)
    file = folder / "purchase_horse.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "x-rules": [NOBODY]}, sort_keys=False))
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--replayed", type=int, default=100_000)
    parser.add_argument("--rebuilt", type=int, default=1_000_000)
    options = parser.parse_args()
    with measuring() as settings, tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        fill(settings, 2_000)
        ingest(settings)  # warms Spark up
        fill(settings, options.replayed)
        refused = ingest(settings, contracts=refusing(Path(folder)))
        took = seconds(settings, "replay", f"--selection={json.dumps({'reason': 'rule:nobody_buys'})}", *BY)
        print(
            f"replay of {options.replayed:,} rows: {took:.0f} s; their ingest into quarantine {refused:.0f} s",
            flush=True,
        )
        assert count(settings, "ops.quarantine_open") == 0
        fill(settings, options.rebuilt - options.replayed)
        ingested = ingest(settings)
        (day,) = query(settings, "select max(event_date) as day from raw.events")
        rows = count(settings, "game.horse_purchases")
        same = seconds(settings, "rebuild", "--day", str(day["day"]), *BY)
        print(f"rebuild of a day of {rows:,} events, nothing to change: {same:.0f} s", flush=True)
        other = seconds(settings, "rebuild", "--day", str(day["day"]), *BY, header_rules='{"Host": "hash"}')
        print(
            f"the same with every row changed: {other:.0f} s; ingest of {options.rebuilt - options.replayed:,}: {ingested:.0f} s"
        )
        assert count(settings, "game.horse_purchases") == rows


if __name__ == "__main__":
    main()
