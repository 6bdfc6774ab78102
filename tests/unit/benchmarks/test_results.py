"""The page of results keeps the last table of each kind."""

from __future__ import annotations

from benchmarks.__main__ import SECTIONS, with_section

RUN, HISTORY, _ = SECTIONS


def test_a_table_takes_the_place_of_the_last_one_of_its_kind_alone() -> None:
    page = with_section("", HISTORY, "| old history |\n")
    page = with_section(page, RUN, "| old run |\n")
    assert (
        page.index(f"# {RUN}\n")
        < page.index("| old run |")
        < page.index(f"# {HISTORY}\n")
        < page.index("| old history |")
    )
    page = with_section(page, RUN, "| new run |\n")
    assert "| old run |" not in page and "| old history |" in page
    page = with_section(page, HISTORY, "| new history |\n")
    assert "| new run |" in page and "| old history |" not in page
    assert page.count("How it is measured") == 2 and page.endswith("| new history |\n")


def test_a_table_of_another_kind_stays_behind_the_others() -> None:
    page = with_section("# The last comparison\n\n| other |\n", RUN, "| run |")
    page = with_section(page, HISTORY, "| history |")
    assert [page.index(each) for each in ("| run |", "| history |", "| other |")] == sorted(
        page.index(each) for each in ("| run |", "| history |", "| other |")
    )


def test_what_stands_under_a_table_goes_with_it() -> None:
    page = with_section("# Notes\n\nA note.\n\n# The last history\n\nx\n\nA word on it.\n", HISTORY, "| t |")
    assert "A word on it." not in page and page.startswith(f"# {HISTORY}\n")
