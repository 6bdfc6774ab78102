"""The forms of the DAGs that people start, and templates that make a job's arguments of them."""

from __future__ import annotations

from airflow.sdk import Param

from lakehouse.contract.keywords import INT64_MAX
from lakehouse.contract.model import Contracts
from lakehouse.texts import LONGEST, OR_NONE, REASON, SHORTEST

_FIELDS = ("reason", "event_type", "batch_id", "since", "until")
# Empty fields are left out. `tojson` quotes, so that no text can end the argument early.
SELECTION = f"--selection={{{{ dict(params.items() | selectattr(0, 'in', {_FIELDS}) | selectattr(1)) | tojson }}}}"
WAIVER = "{{ '--waiver=' ~ params.waiver if params.waiver else '' }}"
DRY_RUN = "{{ '--dry-run' if params.dry_run else '' }}"
TABLES = "{{ '--tables=' ~ params.tables | join(',') if params.tables else '' }}"
EXPECTED = "{{ '--expected=' ~ params.expected if params.expected else '' }}"


def selection(contracts: Contracts, *, why: str, **more: Param) -> dict[str, Param]:
    """The form of a change to open rows of ops.quarantine. It selects all of them if none of its fields is filled in.

    Args:
        why: describes the field of the reason.
        more: fields that stand before it.
    """
    return {
        "reason": Param(
            None,
            type=["null", "string"],
            title="Reason",
            description="Reason code as in ops.quarantine, such as `audit:quantity_possible`; a `*` at its end stands "
            "for any rest, as in `audit:*`. Empty: any.",
        ),
        "event_type": Param(
            None,
            type=["null", "string"],
            enum=[None, *contracts],
            title="Event type",
            description="Empty: any, those that could not be read included.",
        ),
        "batch_id": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=INT64_MAX,
            title="Batch",
            description="The ingest entry that brought the messages, as in ops.batches. Empty: any.",
        ),
        "since": _time("Since", "Messages that Kafka got at this time (UTC) or later. Empty: from the first."),
        "until": _time("Until", "Messages that Kafka got before this time (UTC). Empty: to the last."),
        **more,
        "why": required_reason(why),
        "dry_run": _dry_run(),
    }


def required_reason(description: str) -> Param:
    """The reason that is recorded with the change."""
    return Param(
        type="string", minLength=SHORTEST, maxLength=LONGEST, pattern=REASON, title="Why", description=description
    )


def optional_reason(title: str, description: str) -> Param:
    """A reason that is recorded if it is given."""
    return Param(
        None, type=["null", "string"], maxLength=LONGEST, pattern=OR_NONE + REASON, title=title, description=description
    )


def _dry_run() -> Param:
    """On unless switched off: a form that is sent too early then changes nothing."""
    return Param(
        True,
        type="boolean",
        title="Dry run",
        description="On: the run only says in the log of its first task what would happen, and changes nothing. "
        "Switch it off to do it.",
    )


def _time(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date-time", title=title, description=description)
