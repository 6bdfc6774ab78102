"""What is changed to make a mutant, and what is left alone."""

from __future__ import annotations

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper

from tests.mutants.operators import Change, changes


def found(source: str) -> tuple[MetadataWrapper, list[Change]]:
    wrapper = MetadataWrapper(cst.parse_module(source))
    return wrapper, changes(wrapper)


def mutants(source: str) -> list[str]:
    """The texts that the source is changed into."""
    wrapper, every = found(source)
    texts = []
    for change in every:
        changed = wrapper.module.deep_replace(change.node, change.replacement)
        assert isinstance(changed, cst.Module)
        compile(changed.code, "mutant", "exec")
        texts.append(changed.code)
    assert source not in texts
    return texts


@pytest.mark.parametrize(
    ("source", "becomes"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a == b", ["a != b"]),
        ("a not in b", ["a in b"]),
        ("a is b", ["a is not b"]),
        ("a is None", ["a is not None"]),
        ("a < b <= c", ["a <= b <= c", "a >= b <= c", "a < b < c", "a < b > c"]),
        ("a or ''", ["a and ''", "(a)", "('')", "a or 'mutant'"]),
        ("not a", ["(a)"]),
        ("-a", ["(a)"]),
        ("a + b", ["a - b"]),
        ("a // b", ["a * b"]),
        ("a += 3", ["a -= 3", "a += 4"]),
        ("0", ["1"]),
        ("1", ["2", "0"]),
        ("1.5", ["2.5"]),
        ("x = True", ["x = False"]),
        ("x = None", ["x = 0"]),
        ("x = 'a'", ["x = 'amutant'"]),
        ("x = b'''a'''", ["x = b'''amutant'''"]),
        ("x = f'a {b:>{c}} d'", ["x = f'a mutant{b:>{c}} d'", "x = f'a mutant d'", "x = f'a {b:>{c}} dmutant'"]),
        ("a if b else c", ["c if b else a"]),
        ("a[b:c]", ["a[:c]", "a[b:]"]),
        ("if a: b", ["if not (a): b"]),
        ("[a for a in b if a]", ["[a for a in b if not (a)]"]),
        ("raise A", ["pass"]),
        ("a(b)", ["pass"]),
        ("log.info('said %s', 1)", ["pass"]),
        ("def a():\n    return b", ["def a():\n    return None"]),
        ("def a():\n    return None", ["def a():\n    return 0"]),
        ("while a: break", ["while not (a): break", "while a: pass"]),
        ("for a in b: continue", ["for a in b: pass"]),
    ],
)
def test_each_operator_changes_one_thing(source: str, becomes: list[str]) -> None:
    assert mutants(source) == becomes


@pytest.mark.parametrize(
    "source",
    [
        "'''A docstring.'''",
        "def a():\n    '''A docstring.'''",
        "a: 'b | None'",
        "def a(b: 'c') -> 'd': ...",
        "import a.b",
        "from a import b",
        "@a(frozen=True)\nclass B: ...",
        "if TYPE_CHECKING:\n    a = 1",
        "if __name__ == '__main__':\n    a(1)",
        "__all__ = ['a']",
        "x = a(help='said')",
        "x = 'select 1'",
        "x = f'''\n    with a as (select {b + 1}) select 1'''",
        "x = 'insert into a ' 'select 1'",
        "x = f'create or replace view {a}'",
    ],
)
def test_what_no_unit_test_should_know_is_left_alone(source: str) -> None:
    assert mutants(source) == []


def test_what_only_begins_like_sql_is_changed() -> None:
    for text in ("selected", "insertion", "create_topics", "with", "With a as b"):
        assert mutants(f"x = '{text}'") == [f"x = '{text}mutant'"]


def test_a_change_knows_its_lines_its_statement_and_its_function() -> None:
    source = "A = 1\n\n\ndef f(\n    b=2,\n):\n    if (\n        b\n        == 3\n    ):\n" + (
        "        return [\n            4,\n        ]\n"
    )
    _, every = found(source)
    by_text = {(change.operator, change.line): change for change in every}
    top, default, condition = by_text["number", 1], by_text["number", 5], by_text["number", 9]
    assert (list(top.lines), list(top.statement), list(top.around)) == ([1], [1], [])
    assert (list(default.statement), list(default.around)) == ([4, 5, 6], list(range(4, 14)))
    assert (list(condition.lines), list(condition.statement)) == ([9], [7, 8, 9, 10])
    inner = by_text["number", 12]
    assert (top.in_function, inner.in_function) == (False, True)
    assert (list(inner.lines), list(inner.statement)) == ([12], [11, 12, 13])
