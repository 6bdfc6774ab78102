"""The version of judging: one hash of the contracts, the rules and the code that judge messages."""

from __future__ import annotations

import hashlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.contract.model import Contracts

# The modules whose text says what becomes of a message.
CODE = (
    ("expectations", "row_rules.py"),
    ("expectations", "rulebook.py"),
    ("jobs", "judging/canonical.py"),
    ("jobs", "judging/checks.py"),
    ("jobs", "judging/contract_sql.py"),
    ("jobs", "judging/duplicates.py"),
    ("jobs", "judging/headers.py"),
    ("jobs", "judging/message.py"),
    ("jobs", "staging/refusals.py"),
    ("lakehouse", "catalog/spark_sql.py"),
    ("lakehouse", "contract/decode.py"),
    ("lakehouse", "contract/evaluate.py"),
    ("lakehouse", "contract/keywords.py"),
    ("lakehouse", "contract/load.py"),
    ("lakehouse", "contract/message_form.py"),
    ("lakehouse", "contract/model.py"),
    ("lakehouse", "contract/nesting.py"),
    ("lakehouse", "contract/patterns.py"),
    ("lakehouse", "ledger/vocabulary.py"),
)


def hash_of(contracts: Contracts, rules: Path) -> str:
    """SHA-256 of all three, as hex digits. Any change of the code's text counts: a hash too many does no harm.

    `rules`: the folder of the rule files.
    """
    digest = hashlib.sha256(contracts.hash.encode())
    for package, module in CODE:
        text = pkgutil.get_data(package, module)  # also where the code was shipped as an archive
        if text is None:
            raise FileNotFoundError(
                f"{package}/{module} cannot be read, so the version of the judging code is not known"
            )
        digest.update(hashlib.sha256(text).digest())
    for file in sorted(rules.glob("*.yaml")):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
