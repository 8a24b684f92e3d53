"""What a program calls its values, read from its source."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Mapping

from chainrule.explainer.watching.source import SourceLocation, Span
from chainrule.values.vertices import vertex


@functools.lru_cache(maxsize=64)
def assigned_names(source: str) -> dict[Span, str]:
    """Return which expression, by its span, is assigned to which name in a source."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    names: dict[Span, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                _assigned(target, statement.value, names)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            _assigned(statement.target, statement.value, names)
        elif isinstance(statement, ast.AugAssign):
            if isinstance(statement.target, ast.Name):
                names[_span(statement)] = statement.target.id
        elif isinstance(statement, ast.NamedExpr):
            _assigned(statement.target, statement.value, names)
    return names


def _assigned(target: ast.expr, value: ast.expr, names: dict[Span, str]) -> None:
    if isinstance(target, ast.Name):
        names[_span(value)] = target.id
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for t, v in zip(target.elts, value.elts, strict=False):
            _assigned(t, v, names)


def _span(x: ast.expr | ast.stmt) -> Span:
    return (x.lineno, x.end_lineno or 0, x.col_offset, x.end_col_offset or 0)


def program_names(locations: Mapping[vertex, SourceLocation]) -> dict[vertex, str]:
    """Return the names that the expressions of nodes are assigned to, if they are."""
    assigned: dict[str, dict[Span, str]] = {}
    names: dict[vertex, str] = {}
    for z, location in locations.items():
        if location.derived:
            continue
        filename = location.filename
        if filename not in assigned:
            source = "".join(linecache.getlines(filename))
            assigned[filename] = assigned_names(source)
        if location.span in assigned[filename]:
            names[z] = assigned[filename][location.span]
    return names


@functools.lru_cache(maxsize=512)
def operand_texts(expression: str, count: int) -> tuple[str, ...]:
    """Return how the operands of an expression are written, ``()`` if it does not tell.

    >>> operand_texts("x @ self.w + b", 2), operand_texts("x.dot(w[0])", 2)
    (('x @ self.w', 'b'), ('x', 'w[0]'))
    """
    try:
        top = ast.parse(expression).body[0]
    except (SyntaxError, ValueError, IndexError):
        return ()
    parts: list[ast.expr] = []
    if isinstance(top, ast.AugAssign):
        parts = [top.target, top.value]
    elif isinstance(top, ast.Expr) and isinstance(top.value, ast.BinOp):
        parts = [top.value.left, top.value.right]
    elif isinstance(top, ast.Expr) and isinstance(top.value, ast.Call):
        parts = top.value.args
        if len(parts) < count and isinstance(top.value.func, ast.Attribute):
            parts = [top.value.func.value, *parts]
    return tuple(map(ast.unparse, parts)) if len(parts) == count else ()


__all__ = ["assigned_names", "operand_texts", "program_names"]
