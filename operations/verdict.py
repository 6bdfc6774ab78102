"""The verdict on a run: what became of its ledger entries and of the days that it audited, read in Trino."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse import names
from lakehouse.clients.trino import query
from lakehouse.ledger.vocabulary import Step, Verdict, sql_list
from lakehouse.settings import Settings
from lakehouse.texts import harmless

ABANDONED = Step.ABANDONED  # stands for the verdict of an abandoned entry
RED = (Verdict.FAILED, ABANDONED)


@dataclass(frozen=True)
class Audited:
    """The verdict on one entry or one day of a run.

    subject: the entry or day, as people name it. failed: the critical checks that failed. page: under /quality/.
    why: an entry was abandoned. refused: rules of rows, and how many rows each sent to quarantine.
    """

    subject: str
    verdict: str
    failed: tuple[str, ...]
    page: str
    why: str = ""
    refused: tuple[tuple[str, int], ...] = ()

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
    """The verdicts on the entries that this run planned, decided or finished, lowest entry first."""
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
    return verdicts(rows)


def verdicts(rows: Sequence[Mapping[str, Any]]) -> list[Audited]:
    """The verdicts on entries, given as rows of the ledger. An entry that is not decided yet has none.

    An abandoned entry counts against the run that planned it, not against the run that abandoned it. It does not count
    if a retry in the same run planned another entry of the kind and brought it to its end.
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
