"""The version of judging: one hash of the contracts, the rules and the code that judge messages."""

from __future__ import annotations

import hashlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.contract.model import Contracts

# The modules whose text says what becomes of a message.
CODE = (
    ("expectations", "row_rules.py"),
    ("expectations", "rulebook.py"),
    ("jobs", "judging/batches.py"),
    ("jobs", "judging/duplicates.py"),
    ("jobs", "judging/headers.py"),
    ("jobs", "judging/judge.py"),
    ("jobs", "judging/message.py"),
    ("jobs", "judging/version.py"),
    ("jobs", "judging/workers.py"),
    ("jobs", "judging/x_rules.py"),
    ("jobs", "staging/candidates.py"),
    ("jobs", "staging/refusals.py"),
    ("lakehouse", "catalog/spark_sql.py"),
    ("lakehouse", "contract/conditions.py"),
    ("lakehouse", "contract/decode.py"),
    ("lakehouse", "contract/evaluate.py"),
    ("lakehouse", "contract/event_id.py"),
    ("lakehouse", "contract/fingerprint.py"),
    ("lakehouse", "contract/form.py"),
    ("lakehouse", "contract/judge.py"),
    ("lakehouse", "contract/keywords.py"),
    ("lakehouse", "contract/load.py"),
    ("lakehouse", "contract/model.py"),
    ("lakehouse", "contract/nesting.py"),
    ("lakehouse", "contract/patterns.py"),
    ("lakehouse", "contract/typed.py"),
    ("lakehouse", "faults.py"),
    ("lakehouse", "ledger/vocabulary.py"),
)


def hash_of(contracts: Contracts, rules: Path) -> str:
    """SHA-256 of all three, as hex digits; `rules`: the folder of the rule files."""
    digest = hashlib.sha256(contracts.hash.encode())
    digest.update(bytes.fromhex(code_hash()))
    for file in sorted(rules.glob("*.yaml")):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


class VersionError(RuntimeError):
    """A worker of Spark has other judging code than the job that sent it work."""


def check(code: str) -> None:
    """To be called in a worker with the job's `code_hash`.

    Raises:
        VersionError: this process has another.
    """
    if code != code_hash():
        raise VersionError(
            f"a worker of Spark has the judging code {code_hash()[:12]}, the job {code[:12]}: bring the same code to all of "
            "them (restart a warm Spark with `make down` and `make up`, or set LAKEHOUSE_SHIP_CODE), and run again"
        )


@cache
def code_hash() -> str:
    """SHA-256 of the code that judges, as hex digits. Any change of its text counts: a hash too many does no harm."""
    digest = hashlib.sha256()
    for package, module in CODE:
        text = pkgutil.get_data(package, module)  # also where the code was shipped as an archive
        if text is None:
            raise FileNotFoundError(
                f"{package}/{module} cannot be read, so the version of the judging code is not known"
            )
        digest.update(hashlib.sha256(text).digest())
    return digest.hexdigest()


code_hash()  # now, beside the import of what it is about: files that change later are not what this process runs
