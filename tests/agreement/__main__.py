"""Holds the evaluator against Spark's SQL on many random messages: python -m tests.agreement --events 1000000 --seed 1

Goes on where it was stopped, from what is written in `--state`. Ends with 1 if a cell differs that no decision explains.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.settings import CHECKOUT
from tests.agreement.compare import MAX_BYTES, both, differences
from tests.agreement.everything import contracts_with_everything
from tests.agreement.messages import Messages

STATE = CHECKOUT / ".stack" / "agreement"


def main() -> int:
    """Compares batch by batch; prints a line for each, and the first differences of each kind."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--batch", type=int, default=20_000)
    options.add_argument("--state", type=Path, default=STATE)
    asked = options.parse_args()
    file = asked.state / f"seed-{asked.seed}-batch-{asked.batch}.json"
    asked.state.mkdir(parents=True, exist_ok=True)
    done = json.loads(file.read_text()) if file.exists() else {"events": 0, "reasons": {}, "why": {}, "open": 0}
    spark = _spark()
    with tempfile.TemporaryDirectory() as folder:
        contracts = contracts_with_everything(Path(folder))
    while done["events"] < asked.events:
        messages = Messages(asked.seed * 1_000_000 + done["events"] // asked.batch, MAX_BYTES)
        sql, ours = both(spark, messages.take(asked.batch), contracts)
        found = differences(sql, ours, contracts)
        for each in [each for each in found if each.why is None][:5]:
            print(f"DIFFERS {each.column}: sql {each.sql!r:.200} ours {each.ours!r:.200}\n  in {each.value!r:.600}")
        done = {
            "events": done["events"] + asked.batch,
            "reasons": Counter(done["reasons"]) + Counter(str(row["reason_code"]) for row in ours),
            "why": Counter(done["why"]) + Counter(each.why for each in found if each.why),
            "open": done["open"] + sum(each.why is None for each in found),
        }
        file.write_text(json.dumps(done))
        good = done["reasons"]["None"]
        print(
            f"{done['events']:,} of {asked.events:,} events, {good:,} good, unexplained cells: {done['open']}",
            flush=True,
        )
    print(f"reasons: {len(done['reasons'])}; decided differences, in cells: {json.dumps(done['why'])}")
    return 1 if done["open"] else 0


def _spark() -> SparkSession:
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:-DontCompileHugeMethods -Xss8m",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


if __name__ == "__main__":
    raise SystemExit(main())
