"""Functions in plain arithmetic, which rules have for native code: what they may hold.

They are translated from their source (:mod:`chainrule.compiler.native.translation`).
Besides what expressions hold there are assignments, ``if``, items of constants, bits of
words, and calls of other such functions.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.rules.expressions import is_test
from chainrule.rules.grammar import COUNTS, Grammar
from chainrule.values.shapes import TUPLE

if TYPE_CHECKING:
    from chainrule.rules.base import rule

Plain = Callable[..., Any]
_NUMBERS: Any = (bool, int, float, np.uint64)


def is_docstring(line: ast.stmt) -> bool:
    """Tell whether a statement is a text that stands alone."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


@functools.cache
def parsed_function(function: Plain) -> ast.FunctionDef:
    """Return a function as a tree, or raise where it has no source of its own."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError) as error:
        raise ArgumentError(
            f"{function!r} is translated into native code from its source, which "
            "cannot be read. Define it in a file or a notebook, by def."
        ) from error
    if not isinstance(tree, ast.FunctionDef):
        raise ArgumentError(
            f"{function!r} is translated into native code, and not made by def. Write "
            "it as a function in the class, or one of its module."
        )
    return tree


def check_native(cls: type[rule]) -> None:
    """Raise unless the ``native`` function of a rule can be translated."""
    native: Any = cls.native
    what = f"{cls.__name__}.native"
    if not inspect.isfunction(native):
        raise ArgumentError(f"{what} is {native!r}. Write it as a static method.")
    check_function(native, what, len(cls.operand_names), ())


def check_function(
    function: Plain, what: str, count: int, callers: tuple[Plain, ...]
) -> None:
    """Raise unless a function of ``count`` numbers can be translated."""
    if function in callers:
        raise ArgumentError(f"{what} calls itself. Write its steps one by one.")
    code = function.__code__
    if function.__closure__:
        raise ArgumentError(
            f"{what} reads {code.co_freevars[0]!r} of the function around it. Define "
            "it in the module, and what it reads too."
        )
    tree = parsed_function(function)
    own, a = code.co_varnames[: code.co_argcount], tree.args
    defaults = [*a.defaults, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    if len(own) != count or defaults or tree.decorator_list[:-1]:
        raise ArgumentError(
            f"{what} takes ({', '.join(own)}{', ...' * bool(defaults)}), where it is "
            f"given {count} numbers. Let it take one for each operand and nothing else."
        )
    reader = _Reader(what, function, (*callers, function))
    if not reader.statements(tree.body):
        raise ArgumentError(f"{what} may end without a return. Let it return a number.")


class _Reader(Grammar):
    """Reads a function."""

    operators = (
        *Grammar.operators,
        *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
    )

    def __init__(self, what: str, function: Plain, callers: tuple[Plain, ...]) -> None:
        """Begin with the parameters of the function."""
        code = function.__code__
        super().__init__(what, code.co_varnames[: code.co_argcount])
        self.local: set[str] = set(code.co_varnames[: code.co_argcount])
        self.outside: Mapping[str, Any] = function.__globals__
        self.callers = callers
        self.known = "It may name its parameters, numbers of its module, and"

    def readers(self) -> Any:
        """Return what reads each kind of tree."""
        return {**super().readers(), ast.Subscript: self._item}

    def statements(self, lines: Sequence[ast.stmt]) -> bool:
        """Read statements; tell whether they always return."""
        for line in lines:
            if isinstance(line, ast.Return) and line.value is not None:
                self.number(line.value)
                return True
            if isinstance(line, ast.If):
                self.condition(line.test)
                before = set(self.local)
                yes = self.statements(line.body)
                left, self.local = self.local, before
                no = self.statements(line.orelse)
                if yes and no:
                    return True
                self.local = left if no else self.local if yes else left & self.local
            elif isinstance(line, ast.Assign | ast.AugAssign | ast.AnnAssign):
                self._assigned(line)
            elif not is_docstring(line):
                self.refuse(
                    f"has the line {ast.unparse(line).splitlines()[0]!r}",
                    "It may hold assignments of names, if, and return.",
                )
        return False

    def _assigned(self, line: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        targets = line.targets if isinstance(line, ast.Assign) else [line.target]
        names = [x.id for x in targets if isinstance(x, ast.Name)]
        if line.value is None or len(names) != len(targets):
            self.refuse(f"has the line {ast.unparse(line)!r}", "Assign to one name.")
        if isinstance(line, ast.AugAssign):
            self.number(ast.BinOp(ast.Name(names[0]), line.op, line.value))
        else:
            self.number(line.value)
        self.local |= set(names)

    def number(self, tree: ast.expr) -> None:
        """Read a number; true is 1."""
        if is_test(tree):
            self.condition(tree, strict=True)
        else:
            super().number(tree)

    def is_test(self, tree: ast.expr) -> bool:
        """Tell whether a tree may be true or false: names of conditions are too."""
        return is_test(tree) or isinstance(tree, ast.Name)

    def found(self, tree: ast.expr) -> Any:
        """Return what a name outside of the function means."""
        if isinstance(tree, ast.Attribute):
            owner = self.found(tree.value)
            if not hasattr(owner, tree.attr):
                self.refuse(f"names {ast.unparse(tree)}", f"{self.known} math.")
            return getattr(owner, tree.attr)
        if isinstance(tree, ast.Name) and tree.id not in self.local:
            if tree.id in self.outside:
                return self.outside[tree.id]
            if hasattr(builtins, tree.id):
                return getattr(builtins, tree.id)
        where = f"{self.known} math, and all of these must be defined before it."
        self.refuse(f"names {ast.unparse(tree)}", where)

    def name(self, tree: ast.Name) -> None:
        """Read a name: of its own, or of a number of its module."""
        if tree.id not in self.local:
            self._check_number(tree)

    def attribute(self, tree: ast.Attribute) -> None:
        """Read a number of a module."""
        self._check_number(tree)

    def _check_number(self, tree: ast.expr) -> None:
        x = self.found(tree)
        numbers: Any = x if isinstance(x, TUPLE) else (x,)
        if not all(isinstance(v, _NUMBERS) for v in numbers):
            self.refuse(f"names {ast.unparse(tree)}, which is no number", "Write one.")

    def _item(self, tree: ast.Subscript) -> None:
        items, index = tree.value, tree.slice
        if not isinstance(items, ast.Name) or not isinstance(index, ast.Constant):
            self.refuse(f"holds {ast.unparse(tree)!r}", "Write an item of a constant.")
        self.name(items)

    def call(self, tree: ast.Call) -> None:
        """Read a call of ``math``, of a word's type, or of another plain function."""
        if tree.keywords:
            self.refuse(f"calls {ast.unparse(tree)}", "Give arguments by position.")
        name, given = ast.unparse(tree.func), tree.args
        if isinstance(tree.func, ast.Attribute) and tree.func.attr == "view":
            self.number(tree.func.value)
            if len(given) != 1 or self.found(given[0]) not in (np.float64, np.uint64):
                self.refuse(f"calls {name}", "Give it np.float64 or np.uint64.")
            return
        f = self.found(tree.func)
        math_name = getattr(f, "__name__", "")
        count = COUNTS.get(math_name) if getattr(math, math_name, 0) is f else None
        if f in (abs, round, np.float64, np.uint64):
            count = 1
        for x in given:
            self.number(x)
        if inspect.isfunction(f):
            check_function(
                f, f"{f.__name__}, which {self.what} calls,", len(given), self.callers
            )
        elif count != len(given):
            self.refuse(
                f"calls {ast.unparse(tree)}",
                f"{self.known} math: {' '.join(COUNTS)}; and other such functions.",
            )


__all__ = ["check_function", "check_native", "is_docstring", "parsed_function"]
