"""Code steps: every call in `jobs/` that writes a Delta table or a staged file, and every kill point, found by reading."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

JOBS = Path(__file__).parents[2] / "jobs"
# Statements that change a table, its files or its properties; queries are not among them.
WRITING_SQL = re.compile(
    r"^\s*(insert|merge|delete|update|optimize|vacuum|create|alter|drop|truncate|replace|restore|msck|reorg)\b", re.I
)
# Methods of DataFrameWriter (V1 and V2) and of DeltaTable that write.
WRITING_METHODS = {"save", "saveAsTable", "insertInto", "parquet", "writeTo", "overwritePartitions", "createOrReplace"} | {
    "whenMatchedDelete", "whenMatchedUpdate", "whenNotMatchedInsert", "executeCompaction", "executeZOrderBy", "vacuum",
    "restoreToVersion", "optimize",
}  # fmt: skip
WRITING_FILES = {"put", "move"}  # methods of Files
WRITERS = {"append_once", "add_rows", "delete_rows", "replace_newest"}  # functions of ours that commit


def functions(folder: Path = JOBS) -> Iterator[tuple[str, str, list[ast.AST]]]:
    """(module within jobs, function, nodes) of each top-level function, method and module body, with nested code."""
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        yield from _scopes(module, "", ast.parse(path.read_text()))


def _scopes(module: str, prefix: str, tree: ast.AST) -> Iterator[tuple[str, str, list[ast.AST]]]:
    own: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield module, prefix + node.name, list(ast.walk(node))
        elif isinstance(node, ast.ClassDef):
            yield from _scopes(module, f"{node.name}.", node)
        else:
            own += ast.walk(node)
    yield module, prefix.rstrip(".") or "<module>", own


def writes(nodes: list[ast.AST], folder: Path = JOBS) -> list[str]:
    """The calls of a function that write a table, sorted: `append_once`, `.save`, or `sql` and the statement's verb."""
    found: list[str] = []
    modules = {path.stem for path in folder.rglob("*.py")}
    for call in (n for n in nodes if isinstance(n, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in WRITERS:
            found.append(name)
        elif name in WRITING_METHODS and isinstance(call.func, ast.Attribute):
            of_module = isinstance(call.func.value, ast.Name) and call.func.value.id in modules
            if not of_module and not _is_read(call.func.value):
                found.append(f".{name}")
        elif name == "sql" and call.args:
            found += [f"sql {verb}" for verb in _verbs(call.args[0], nodes)]
    found += [f".{n.attr}" for n in nodes if isinstance(n, ast.Attribute) and n.attr in WRITING_FILES]  # also handed on
    return sorted(found)


def apps(nodes: list[ast.AST]) -> set[str]:
    """The transaction apps that a function names in words."""
    keywords = (k for n in nodes if isinstance(n, ast.Call) for k in n.keywords if k.arg == "app")
    return {str(k.value.value) for k in keywords if isinstance(k.value, ast.Constant)}


def _is_read(value: ast.AST) -> bool:
    """`spark.read.parquet(...)` reads."""
    return any(isinstance(n, ast.Attribute) and n.attr == "read" for n in ast.walk(value))


def _verbs(text: ast.AST, nodes: list[ast.AST]) -> set[str]:
    """The verb of a writing statement; for a name, by what the function assigns to it; `?` if unknown."""
    if isinstance(text, ast.Name):
        values = [
            n.value
            for n in nodes
            if isinstance(n, ast.Assign) and any(isinstance(t, ast.Name) and t.id == text.id for t in n.targets)
        ]
        return set().union(*(_verbs(value, nodes) for value in values)) if values else {"?"}
    literal = text.values[0] if isinstance(text, ast.JoinedStr) and text.values else text
    if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
        match = WRITING_SQL.match(literal.value)
        return {match[1].lower()} if match else set()
    return {"?"}


def kill_points(nodes: list[ast.AST]) -> set[str]:
    """Names given to `hooks.at`; what is put into a name at run time is `*`."""
    found = set()
    for call in (n for n in nodes if isinstance(n, ast.Call)):
        func = call.func
        is_hook = isinstance(func, ast.Attribute) and func.attr == "at" and ast.unparse(func.value).endswith("hooks")
        if is_hook and call.args:
            found.add(_template(call.args[0]))
    return found


def _template(text: ast.AST) -> str:
    if isinstance(text, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "*" for v in text.values)
    return str(text.value) if isinstance(text, ast.Constant) else "?"
