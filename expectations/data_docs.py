"""Exports recorded results of checks as Great Expectations' own Data Docs: files that need no network.

`python -m expectations.data_docs FOLDER --entry N ...`, or by the command `lakehouse quality export`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expectations.results import Outcome
from expectations.rulebook import RuleError, load_rules
from expectations.suites import ENOUGH_HISTORY, PlannedExpectation, batch_suite
from expectations.validation import great_expectations
from lakehouse.clients.trino import QueryError, query
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import ContractError, Contracts
from lakehouse.settings import Settings, SettingsError
from lakehouse.texts import harmless_lines, words_of_file

RESULTS = """
select name, description, severity, outcome, observed, rows_checked, rows_failing, audited_at from ops.checks
where entry_id = ? order by name
"""
# What Data Docs load from elsewhere, and the scripts that need it.
_FROM_ELSEWHERE = re.compile(
    r"<script.*?</script>|<style.*?</style>|<link[^>]*>|<img[^>]*https?:[^>]*>|<a [^>]*href=\"https?:.*?</a>",
    re.DOTALL | re.IGNORECASE,
)
_STYLE = """<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 70rem; padding: 0 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } ul { padding-left: 1.2rem; }
th, td { border-bottom: 1px solid #8884; padding: .3rem .6rem; text-align: left; vertical-align: top; }
.collapse { display: block; } .badge { font-weight: 600; } .navbar, .breadcrumb, .modal, .btn, .sticky { display: none; }
</style>"""


def export(
    folder: Path, entries: Mapping[int, Sequence[Mapping[str, Any]]], planned: Sequence[PlannedExpectation]
) -> int:
    """Writes a page an entry and an index of them. Returns how many pages it wrote.

    entries: rows of ops.checks by entry. planned: the checks as they are today; a result whose check is gone, and a check
    that did not run, are left out.
    """
    by_name = {each.name: each for each in planned}
    folder.mkdir(parents=True, exist_ok=True)
    links = []
    for entry_id, rows in sorted(entries.items(), reverse=True):
        known = [row for row in rows if row["name"] in by_name and row["outcome"] != Outcome.SKIPPED]
        name = f"entry-{entry_id:06d}.html"
        (folder / name).write_text(_page(entry_id, known, by_name), encoding="utf-8")
        failed = sum(row["outcome"] != Outcome.PASSED for row in known)
        links.append(f'<li><a href="{name}">entry {entry_id}</a>: {len(known)} results, {failed} not passed</li>')
    listed = f"<ul>{''.join(links)}</ul>" if links else "<p>No results are recorded.</p>"
    title = "Data Docs of Great Expectations"
    index = f'<!doctype html><meta charset="utf-8"><title>{title}</title>{_STYLE}<h1>{title}</h1>{listed}'
    (folder / "index.html").write_text(index, encoding="utf-8")
    return len(links)


def offline(html: str) -> str:
    """The page without what it would load from elsewhere, with a style of its own."""
    return _FROM_ELSEWHERE.sub("", html).replace("</head>", f"{_STYLE}</head>", 1)


def _page(entry_id: int, rows: Sequence[Mapping[str, Any]], by_name: Mapping[str, PlannedExpectation]) -> str:
    great_expectations()
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    results = [_result(row, by_name[row["name"]]) for row in rows]
    passed = sum(each.success for each in results)
    suite = ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=f"entry {entry_id}",
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results) if results else None,
        },
        meta={
            "run_id": {
                "run_name": f"entry {entry_id}",
                "run_time": str(max((row["audited_at"] for row in rows), default="")),
            },
            "active_batch_definition": {},
            "batch_markers": {},
        },
    )
    view: Any = DefaultJinjaPageView()
    return offline(str(view.render(ValidationResultsPageRenderer().render(suite))))


def _result(row: Mapping[str, Any], planned: PlannedExpectation) -> Any:
    gx = great_expectations()
    from great_expectations.core import ExpectationValidationResult

    kwargs = dict(planned.kwargs)
    if planned.column is not None:  # a condition of ours, not a column of a table
        kwargs["column"] = planned.name
    expectation = getattr(gx.expectations, planned.expectation)(**kwargs)
    counted = {"element_count": row["rows_checked"], "unexpected_count": row["rows_failing"]}
    if row["rows_checked"] and row["rows_failing"] is not None:
        counted["unexpected_percent"] = 100 * row["rows_failing"] / row["rows_checked"]
    return ExpectationValidationResult(
        success=row["outcome"] == Outcome.PASSED,
        expectation_config=expectation.configuration,
        result={"observed_value": row["observed"], "partial_unexpected_list": [], **counted},
    )


def planned_today(contracts: Contracts, settings: Settings) -> tuple[PlannedExpectation, ...]:
    """Every check that a batch can have."""
    return batch_suite(contracts, load_rules(settings.rules), list(contracts), [1] * ENOUGH_HISTORY, {"": 1.0}, 1)


def main(arguments: Sequence[str]) -> int:
    """Reads the results through Trino and writes the files. Returns 0, or 1 after one line of what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m expectations.data_docs", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entry", type=int, action="append", required=True)
    given = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        entries = {each: query(settings, RESULTS, [each]) for each in given.entry}
        planned = planned_today(load_contracts(settings.contracts), settings)
        pages = export(given.folder, {each: rows for each, rows in entries.items() if rows}, planned)
    except (SettingsError, ContractError, RuleError, QueryError, OSError) as error:
        words = words_of_file(error, given.folder) if isinstance(error, OSError) else str(error)
        print(f"Error: {harmless_lines(words)}", file=sys.stderr)
        return 1
    print(f"{pages} pages of Data Docs in {given.folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
