"""What is changed to make a mutant: each operator gives the nodes of a module that it would put in a node's place.

Not changed is what no unit test should know:
* docstrings, annotations and imports, which do nothing, and decorators (mypy holds a frozen class frozen);
* what only runs outside tests: `if TYPE_CHECKING`, `if __name__ == "__main__"`;
* texts for people that nothing is decided by: of a line of the log (that there is one counts), and what `--help` says;
* SQL: a text of it is right if the server answers rightly, which the tests on real servers ask. A unit test could only
  repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

SQL = re.compile(
    r"\s*(select|insert into|delete from|(create|drop|alter) (or replace )?(table|view|schema)|with \w+ as)\b"
)
LOGGERS = {"log", "_log", "logger", "logging"}
HELP = {"help", "epilog", "metavar"}
ADDED = "mutant"  # what a changed text has more

COMPARISONS: dict[type[cst.BaseCompOp], tuple[type[cst.BaseCompOp], ...]] = {
    cst.LessThan: (cst.LessThanEqual, cst.GreaterThanEqual),
    cst.LessThanEqual: (cst.LessThan, cst.GreaterThan),
    cst.GreaterThan: (cst.GreaterThanEqual, cst.LessThanEqual),
    cst.GreaterThanEqual: (cst.GreaterThan, cst.LessThan),
    cst.Equal: (cst.NotEqual,),
    cst.NotEqual: (cst.Equal,),
    cst.In: (cst.NotIn,),
    cst.NotIn: (cst.In,),
    cst.Is: (cst.IsNot,),
    cst.IsNot: (cst.Is,),
}
BINARY: dict[type[cst.BaseBinaryOp], type[cst.BaseBinaryOp]] = {
    cst.Add: cst.Subtract,
    cst.Subtract: cst.Add,
    cst.Multiply: cst.Divide,
    cst.Divide: cst.Multiply,
    cst.FloorDivide: cst.Multiply,
    cst.Modulo: cst.Multiply,
    cst.Power: cst.Multiply,
    cst.BitAnd: cst.BitOr,
    cst.BitOr: cst.BitAnd,
    cst.BitXor: cst.BitAnd,
    cst.LeftShift: cst.RightShift,
    cst.RightShift: cst.LeftShift,
}
AUGMENTED: dict[type[cst.BaseAugOp], type[cst.BaseAugOp]] = {
    cst.AddAssign: cst.SubtractAssign,
    cst.SubtractAssign: cst.AddAssign,
    cst.MultiplyAssign: cst.DivideAssign,
    cst.DivideAssign: cst.MultiplyAssign,
    cst.BitOrAssign: cst.BitAndAssign,
    cst.BitAndAssign: cst.BitOrAssign,
}
NAMES = {"True": "False", "False": "True", "None": "0"}


@dataclass(frozen=True)
class Change:
    """One place of a module, what would stand there, and the lines that a test must reach to notice it."""

    node: cst.CSTNode
    replacement: cst.CSTNode
    operator: str
    line: int
    lines: range  # of the node itself
    statement: range  # of the statement it is in, of a compound one its head
    around: range  # of the outermost function or class it is in; empty in the module itself
    in_function: bool  # else it runs while the module is imported, be it within a test


def changes(wrapper: MetadataWrapper) -> list[Change]:
    """All that can be changed in a module, in the order of its text."""
    finder = _Finder()
    wrapper.visit(finder)
    return finder.found


def replacements(node: cst.CSTNode) -> Iterator[tuple[str, cst.CSTNode]]:
    """What each operator would put in the node's place, with the operator's name."""
    match node:
        case cst.Comparison(comparisons=targets):
            for index, target in enumerate(targets):
                for other in COMPARISONS[type(target.operator)]:
                    changed = target.with_changes(operator=other())
                    yield (
                        "comparison",
                        node.with_changes(comparisons=[*targets[:index], changed, *targets[index + 1 :]]),
                    )
        case cst.BooleanOperation():
            other_way: type[cst.BaseBooleanOp] = cst.Or if isinstance(node.operator, cst.And) else cst.And
            yield "and/or", node.with_changes(operator=other_way())
            yield "left operand only", _in_parentheses(node.left)
            yield "right operand only", _in_parentheses(node.right)
        case cst.UnaryOperation(operator=cst.Not() | cst.Minus()):
            yield "unary", _in_parentheses(node.expression)
        case cst.BinaryOperation() if type(node.operator) in BINARY:
            yield "arithmetic", node.with_changes(operator=BINARY[type(node.operator)]())
        case cst.AugAssign() if type(node.operator) in AUGMENTED:
            yield "arithmetic", node.with_changes(operator=AUGMENTED[type(node.operator)]())
        case cst.Integer():
            yield "number", cst.Integer(str(node.evaluated_value + 1))
            if node.evaluated_value == 1:
                yield "number", cst.Integer("0")
        case cst.Float():
            yield "number", cst.Float(str(node.evaluated_value + 1))
        case cst.Name() if node.value in NAMES:
            other_name = NAMES[node.value]
            yield "constant", cst.Integer(other_name) if other_name.isdigit() else cst.Name(other_name)
        case cst.SimpleString():
            yield (
                "text",
                node.with_changes(value=_longer(node)),
            )  # one change: texts are many, and are not to outweigh the rest
        case cst.FormattedStringText():
            yield "text", node.with_changes(value=node.value + ADDED)
        case cst.FormattedStringExpression():
            yield "value left out of text", cst.FormattedStringText(ADDED)
        case cst.IfExp():
            yield "branches", node.with_changes(body=node.orelse, orelse=node.body)
        case cst.If() | cst.While() | cst.CompIf():
            if not isinstance(node.test, cst.UnaryOperation | cst.Comparison | cst.BooleanOperation):
                yield "condition", node.with_changes(test=cst.UnaryOperation(cst.Not(), _in_parentheses(node.test)))
        case cst.Slice():
            if node.lower is not None:
                yield "slice", node.with_changes(lower=None)
            if node.upper is not None:
                yield "slice", node.with_changes(upper=None)
        case cst.Raise():
            yield "raise left out", cst.Pass()
        case cst.Expr(value=cst.Call() | cst.Await()):
            yield "call left out", cst.Pass()
        case cst.Return() if node.value is not None and not _is_none(node.value):
            yield "returns None", cst.Return(cst.Name("None"))
        case cst.Break():
            yield "break left out", cst.Pass()
        case cst.Continue():
            yield "continue left out", cst.Pass()


class _Finder(cst.CSTVisitor):
    """Walks over a module, but for what is not changed, and keeps where it is."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Change] = []
        self._statements = [range(0)]
        self._around = [range(0)]
        self._functions = 0  # that are open
        self._skipped: set[cst.CSTNode] = set()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if node in self._skipped or _left_alone(node):
            return False
        self._skipped.update(_skipped_in(node))
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement | cst.ExceptHandler | cst.Else):
            self._statements.append(self._head(node))
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._around.append(self._around[-1] or self._lines(node))
            self._functions += isinstance(node, cst.FunctionDef)
        for operator, replacement in replacements(node):
            lines, statement, around = self._lines(node), self._statements[-1], self._around[-1]
            in_function = self._functions > 0
            self.found.append(Change(node, replacement, operator, lines.start, lines, statement, around, in_function))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if original_node in self._skipped or _left_alone(original_node):
            return
        if isinstance(
            original_node, cst.SimpleStatementLine | cst.BaseCompoundStatement | cst.ExceptHandler | cst.Else
        ):
            self._statements.pop()
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._around.pop()
            self._functions -= isinstance(original_node, cst.FunctionDef)

    def _lines(self, node: cst.CSTNode) -> range:
        position = self.get_metadata(PositionProvider, node)
        assert isinstance(position, CodeRange)
        return range(position.start.line, position.end.line + 1)

    def _head(self, node: cst.CSTNode) -> range:
        lines, body = self._lines(node), getattr(node, "body", None)
        if isinstance(body, cst.IndentedBlock) and body.body:
            return range(lines.start, max(lines.start + 1, self._lines(body.body[0]).start))
        return lines


def _left_alone(node: cst.CSTNode) -> bool:
    """Whether neither the node nor anything in it is changed."""
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Import() | cst.ImportFrom():
            return True
        case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
            return True
        case cst.If(test=cst.Name(value="TYPE_CHECKING")):
            return True
        case cst.If(test=cst.Comparison(left=cst.Name(value="__name__"))):
            return True
        case cst.Call(func=cst.Attribute(value=cst.Name(value=name))) if name in LOGGERS:
            return True
        case cst.Arg(keyword=cst.Name(value=name)) if name in HELP:
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))]):
            return True
        case cst.SimpleString() | cst.FormattedString() | cst.ConcatenatedString():
            return bool(SQL.match(_text(node)))
        case _:
            return False


def _skipped_in(node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    """The parts of a node whose change Python itself refuses: the format of a value, a literal beside `is`."""
    match node:
        case cst.FormattedStringExpression(format_spec=[*parts]):
            return parts
        case cst.Comparison(comparisons=[cst.ComparisonTarget(operator=cst.Is() | cst.IsNot(), comparator=literal)]):
            return [literal] if isinstance(literal, cst.Name) else []
        case _:
            return []


def _text(node: cst.BaseExpression) -> str:
    """The words of a text, of one with values in it those before the first value."""
    match node:
        case cst.SimpleString():
            return node.raw_value
        case cst.ConcatenatedString():
            return _text(node.left)
        case cst.FormattedString(parts=[cst.FormattedStringText() as first, *_]):
            return first.value
        case _:
            return ""


def _longer(node: cst.SimpleString) -> str:
    quotes = len(node.quote)
    return node.value[:-quotes] + ADDED + node.value[-quotes:]


def _is_none(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    parentheses: Sequence[cst.LeftParen] = node.lpar
    return node if parentheses else node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
