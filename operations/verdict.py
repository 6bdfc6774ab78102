"""What a run decided: its ledger entries and the audits of its days, read in Trino, as a verdict with words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse import names
from lakehouse.clients.trino import query
from lakehouse.ledger.vocabulary import Step, Verdict, sql_list
from lakehouse.settings import Settings
from lakehouse.texts import harmless

ABANDONED = Step.ABANDONED  # of an entry that has no verdict
RED = (Verdict.FAILED, ABANDONED)


@dataclass(frozen=True)
class Audited:
    """What a run decided: on what, how, the critical checks that failed, the page, and why it was abandoned."""

    subject: str
    verdict: str
    failed: tuple[str, ...]
    page: str
    why: str = ""
    refused: tuple[tuple[str, int], ...] = ()  # rule of rows, and how many rows it sent to quarantine

    @property
    def red(self) -> bool:
        return self.verdict in RED

    def warning(self, quality_url: str) -> str:
        """One line for the operator about single rows that were refused; empty if none was."""
        if not self.refused:
            return ""
        rules = ", ".join(f"audit:{rule} ({rows} rows)" for rule, rows in self.refused)
        return (
            f"{self.subject} is published but for single rows, which are in quarantine as {rules}. "
            f"See {quality_url}{self.page}"
        )

    def complaint(self, quality_url: str) -> str:
        """One line for the operator."""
        if self.verdict == ABANDONED:
            return f"{self.subject} was abandoned: {harmless(self.why) or 'no reason is recorded'}."
        checks = ", ".join(self.failed) or "no check is named"
        return f"{self.subject} failed its audit: {checks}. See {quality_url}{self.page}"


def entries_of(settings: Settings, run: str) -> list[Audited]:
    """The ledger entries that this run planned, decided or finished and that are decided or abandoned, lowest first."""
    ledger = names.LEDGER.qualified
    rows = query(
        settings,
        f"""
        select entry_id, any_value(kind) as kind, bool_or(step = '{Step.PLANNED}' and run = ?) as planned_here,
          bool_or(step = '{Step.DONE}') as done, bool_or(step = '{Step.ABANDONED}') as abandoned,
          max(why) filter (where step = '{Step.ABANDONED}') as why,
          max(verdict) filter (where step = '{Step.DECIDED}') as verdict,
          max(failed_checks) filter (where step = '{Step.DECIDED}') as failed_checks,
          any_value(refused) filter (where step = '{Step.DECIDED}') as refused,
          max(page) filter (where step in ({sql_list((Step.DECIDED, Step.ABANDONED))})) as page
        from {ledger}
        where entry_id in (select entry_id from {ledger} where run = ? and time > current_timestamp - interval '7' day)
        group by entry_id order by entry_id
        """,
        [run, run],
    )
    return judged(rows)


def judged(rows: Sequence[Mapping[str, Any]]) -> list[Audited]:
    """Entries as the ledger tells them, as decisions of one run; those still undecided say nothing yet.

    An abandoned entry counts against the run that planned it, not against the one that cleared it away; and not if the
    same run made it good, that is, a retry brought a later entry of the kind to its end.
    """
    ended = {row["kind"]: row["entry_id"] for row in rows if row["done"] and row["planned_here"]}
    found = []
    for row in rows:
        subject = f"entry {row['entry_id']} ({row['kind']})"
        failed, page = tuple(row["failed_checks"] or ()), row["page"] or ""
        if row["abandoned"]:
            if row["planned_here"] and ended.get(row["kind"], 0) < row["entry_id"]:
                found.append(Audited(subject, ABANDONED, failed, page, row["why"] or ""))
        elif row["verdict"]:
            refused = tuple((each[0], each[1]) for each in row.get("refused") or ())
            found.append(Audited(subject, row["verdict"], failed, page, refused=refused))
    return found


def days_of(settings: Settings, run: str) -> list[Audited]:
    """The last audit of each day that this run audited."""
    rows = query(
        settings,
        f"""
        select day, max_by(verdict, time) as verdict, max_by(failed, time) as failed, max_by(page, time) as page
        from {names.AUDITS.qualified} where run = ? group by day order by day
        """,
        [run],
    )
    return [
        Audited(f"day {row['day']}", row["verdict"] or "", tuple(row["failed"] or ()), row["page"] or "")
        for row in rows
    ]


def entries_and_days_of(settings: Settings, run: str) -> list[Audited]:
    """The entries and then the days of this run."""
    return [*entries_of(settings, run), *days_of(settings, run)]


def warning(audits: Iterable[Audited], quality_url: str) -> str | None:
    """What to tell the operator although the run is green; None if there is nothing."""
    return "\n".join(words for each in audits if (words := each.warning(quality_url))) or None


def complaint(audits: Iterable[Audited], quality_url: str, what_to_do: str) -> str | None:
    """What to tell the operator about what failed or was abandoned; None if nothing was."""
    lines = [each.complaint(quality_url) for each in audits if each.red]
    return "\n".join([*lines, what_to_do]) if lines else None
