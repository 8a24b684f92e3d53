"""Python into LLVM's language: expressions, and functions in plain arithmetic.

What is translated is what the expressions and ``native`` functions of rules are made
of: arithmetic, comparisons, ``x if condition else y`` (a ``select``: both are
computed), assignments, early returns, and calls. A call of the C library is made once
per number; where it stands in one arm of a condition, vectors none of whose numbers
need it pass it by.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import math
import operator
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.c_library import c_name
from chainrule.compiler.native.operations import INTRINSICS
from chainrule.compiler.native.own_functions import name_of_native, native_of, symbol
from chainrule.compiler.native.text import Text, Unit, literal, type_of
from chainrule.rules.expressions import parts_of


@dataclass(frozen=True)
class Value:
    """The name of a result, and its kind: ``double``, ``i64`` or ``i1``."""

    name: str
    kind: str


Known = Any
"""A ``Value``, or what is known already: a number, a tuple of them, a function."""


_FLOATS: dict[type[ast.AST], str] = {
    ast.Add: "fadd",
    ast.Sub: "fsub",
    ast.Mult: "fmul",
    ast.Div: "fdiv",
}
_WORDS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "lshr",
}
_of: Any = operator
_PLAIN: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _of.add, ast.Sub: _of.sub, ast.Mult: _of.mul,
    ast.Div: _of.truediv, ast.BitAnd: _of.and_, ast.BitOr: _of.or_,
    ast.BitXor: _of.xor, ast.LShift: _of.lshift,
    ast.RShift: _of.rshift, ast.Pow: _of.pow, ast.Mod: _of.mod,
    ast.FloorDiv: _of.floordiv,
}  # fmt: skip
_COMPARED = {
    ast.Lt: "olt",
    ast.LtE: "ole",
    ast.Gt: "ogt",
    ast.GtE: "oge",
    ast.Eq: "oeq",
    ast.NotEq: "une",
}


class Expression(Text):
    """Writes the instructions of one expression or function, for one width."""

    def __init__(self, names: str, width: int, native: Any = None) -> None:
        """Begin; ``names`` is what the names of results begin with.

        ``native`` is the function that is written, if it is one.
        """
        super().__init__(Unit(), names)
        self.width = width
        self.native = native
        self.is_scalar: bool = False
        """Whether each number is computed by a call of the C library."""

    def put(self, text: str, kind: str = "double") -> Value:
        """Write an instruction; return its result."""
        return Value(self.add(text), kind)

    def type(self, x: Value) -> str:
        """Return the type of a result."""
        return type_of(x.kind, self.width)

    def text(self, x: Known) -> str:
        """Return an operand."""
        return x.name if isinstance(x, Value) else literal(x, self.width)

    # ------------------------------------------------------------------ expressions

    def expression(self, tree: ast.expr, space: Mapping[str, Known]) -> Known:
        """Write an expression; return its result, or its value where it is constant."""
        return _EXPRESSIONS[type(tree)](self, tree, space)

    def _name(self, tree: Any, space: Mapping[str, Known]) -> Known:
        return space[tree.id] if tree.id in space else getattr(builtins, tree.id)

    def _constant(self, tree: Any, space: Mapping[str, Known]) -> Known:
        return tree.value

    def _attribute(self, tree: Any, space: Mapping[str, Known]) -> Known:
        return getattr(self.expression(tree.value, space), tree.attr)

    def _item(self, tree: Any, space: Mapping[str, Known]) -> Known:
        items: Any = self.expression(tree.value, space)
        return items[self.expression(tree.slice, space)]

    def _two(self, tree: Any, space: Mapping[str, Known]) -> Known:
        x, y = self.expression(tree.left, space), self.expression(tree.right, space)
        op: type[ast.AST] = tree.op.__class__
        if not isinstance(x, Value) and not isinstance(y, Value):
            return _PLAIN[op](x, y)
        if op in (ast.Pow, ast.Mod, ast.FloorDiv):
            return self.function(op.__name__, [x, y])
        kind = next(v.kind for v in (x, y) if isinstance(v, Value))
        word = (_FLOATS if kind == "double" else _WORDS)[op]
        kinds = type_of(kind, self.width)
        return self.put(f"{word} {kinds} {self.text(x)}, {self.text(y)}", kind)

    def _negative(self, tree: Any, space: Mapping[str, Known]) -> Known:
        if isinstance(tree.op, ast.Not):
            test = self.test(tree.operand, space)
            true = "true" if self.width == 1 else "splat (i1 true)"
            return self.put(f"xor {self.type(test)} {test.name}, {true}", "i1")
        x = self.expression(tree.operand, space)
        if not isinstance(x, Value):
            return -x
        return self.put(f"fneg {self.type(x)} {x.name}")

    def test(self, tree: ast.expr, space: Mapping[str, Known]) -> Value:
        """Write a condition; a number holds if it is not 0, nan too."""
        x = self.expression(tree, space)
        if x.kind == "i1":
            return x
        zero = literal(0.0, self.width)
        return self.put(f"fcmp une {self.type(x)} {x.name}, {zero}", "i1")

    def number(self, tree: ast.expr, space: Mapping[str, Known]) -> Value:
        """Write an expression as a number: 1 or 0 for a condition."""
        x = self.expression(tree, space)
        return self.select(x, 1.0, 0.0) if x.kind == "i1" else x

    def _compared(self, tree: Any, space: Mapping[str, Known]) -> Known:
        x = self.expression(tree.left, space)
        y = self.expression(tree.comparators[0], space)
        kind = next(v.kind for v in (x, y) if isinstance(v, Value))
        word = _COMPARED[type(tree.ops[0])]
        word = f"fcmp {word}" if kind == "double" else f"icmp {word[1:]}"
        kinds = type_of(kind, self.width)
        return self.put(f"{word} {kinds} {self.text(x)}, {self.text(y)}", "i1")

    def _both(self, tree: Any, space: Mapping[str, Known]) -> Known:
        word = "and" if isinstance(tree.op, ast.And) else "or"
        parts = [self.test(v, space) for v in tree.values]
        kinds = type_of("i1", self.width)
        return functools.reduce(
            lambda x, y: self.put(f"{word} {kinds} {x.name}, {y.name}", "i1"), parts
        )

    def _chosen(self, tree: Any, space: Mapping[str, Known]) -> Known:
        test = self.test(tree.test, space)
        if self._is_costly(tree.body, space):
            return self._where_needed(test, tree, space)
        x = self.expression(tree.body, space)
        return self.select(test, x, self.expression(tree.orelse, space))

    def select(self, test: Value, x: Known, y: Known) -> Value:
        """Write a choice between two results."""
        kind = next((v.kind for v in (x, y) if isinstance(v, Value)), "double")
        kinds = type_of(kind, self.width)
        words = f"{self.type(test)} {test.name}, {kinds} {self.text(x)}"
        return self.put(f"select {words}, {kinds} {self.text(y)}", kind)

    def _where_needed(self, test: Value, tree: Any, space: Mapping[str, Known]) -> Any:
        """Write a choice whose first arm is computed only if a number needs it."""
        usual = self.expression(tree.orelse, space)
        some = self.any_of(test.name, self.width)
        before, label = self.block, f"b{len(self.lines)}"
        self.do(f"br i1 {some}, label %{label}rare, label %{label}")
        self.begin(f"{label}rare")
        before_it = self.is_scalar
        rare = self.select(test, self.expression(tree.body, space), usual)
        self.is_scalar = before_it
        self.do(f"br label %{label}")
        kinds, arrived = self.type(rare), self.block
        self.begin(label)
        return self.put(
            f"phi {kinds} [ {rare.name}, %{arrived} ], "
            f"[ {self.text(usual)}, %{before} ]"
        )

    # ------------------------------------------------------------------------ calls

    def _called(self, tree: Any, space: Mapping[str, Known]) -> Known:
        args: list[Any] = [self.expression(x, space) for x in tree.args]
        if isinstance(tree.func, ast.Attribute) and tree.func.attr == "view":
            bits = self.expression(tree.func.value, space)
            return self._reinterpreted(bits, "double" if bits.kind == "i64" else "i64")
        return self.call(self.expression(tree.func, space), args)

    def _reinterpreted(self, x: Value, kind: str) -> Value:
        kinds = type_of(kind, self.width)
        return self.put(f"bitcast {self.type(x)} {x.name} to {kinds}", kind)

    def call(self, function: Any, args: Sequence[Known]) -> Known:
        """Write a call of a function that the expressions may name."""
        if function in (np.float64, np.uint64):
            return args[0] if isinstance(args[0], Value) else function(args[0])
        if function in (abs, round) or getattr(math, function.__name__, 0) is function:
            if not any(isinstance(x, Value) for x in args):
                return function(*args)
            return self.function(function.__name__, args)
        own = name_of_native(function)
        return self.body(function, args) if own is None else self.call_own(own, args)

    def function(self, name: str, args: Sequence[Known]) -> Known:
        """Write a function of ``math``, or an operator: a rule's or the C library's."""
        native = native_of(name)
        own = None if native in (None, self.native) else name_of_native(native)
        if own is not None:
            return self.call_own(own, args)
        name = {"abs": "fabs", "round": "rint"}.get(name, name)
        if name in INTRINSICS:
            return self._intrinsic(name, args)
        return self._library(c_name(name), args)

    def _is_costly(self, tree: ast.expr, space: Mapping[str, Known]) -> bool:
        """Tell whether an arm calls the C library."""
        calls = (x for x in ast.walk(tree) if isinstance(x, ast.Call | ast.BinOp))
        names = {parts_of(x)[0] for x in calls if _is_of_math(x, space)}
        return any(
            native_of(name) in (None, self.native)
            and name not in ("abs", "round", *INTRINSICS)
            for name in names
        )

    def call_own(self, name: str, args: Sequence[Known]) -> Value:
        """Write a call of the function of an operation."""
        kinds, called = type_of("double", self.width), symbol(name, self.width)
        taken = ", ".join([kinds] * len(args))
        self.unit.called[name, self.width] = f"declare {kinds} @{called}({taken})"
        given = ", ".join(f"{kinds} {self.text(x)}" for x in args)
        return self.put(f"call {kinds} @{called}({given})")

    def _intrinsic(self, name: str, args: Sequence[Known]) -> Value:
        kinds = type_of("double", self.width)
        suffix = "f64" if self.width == 1 else f"v{self.width}f64"
        given = [self.text(x) for x in args]
        found = self.external(kinds, f"llvm.{name}.{suffix}", kinds, given)
        return Value(found, "double")

    def _library(self, name: str, args: Sequence[Known]) -> Value:
        """Write a call of the C library for each number."""
        self.is_scalar = True
        given = [self.text(x) for x in args]
        if self.width == 1:
            return Value(self.external("double", name, "double", given), "double")
        kinds, found = type_of("double", self.width), "poison"
        for i in range(self.width):
            parts = [self.add(f"extractelement {kinds} {x}, i32 {i}") for x in given]
            z = self.external("double", name, "double", parts)
            found = self.add(f"insertelement {kinds} {found}, double {z}, i32 {i}")
        return Value(found, "double")

    # ------------------------------------------------------------------- statements

    def body(self, function: Callable[..., Any], args: Sequence[Known]) -> Known:
        """Write what a function does; return its result."""
        tree = _parsed(function)
        names = [a.arg for a in tree.args.args]
        space = {**function.__globals__, **dict(zip(names, args, strict=True))}
        return self._statements(tree.body, space)

    def _statements(self, lines: Sequence[Any], space: dict[str, Known]) -> Known:
        for i, line in enumerate(lines):
            if isinstance(line, ast.Return):
                assert line.value is not None  # noqa: S101
                return self.expression(line.value, space)
            if isinstance(line, ast.If):
                test = self.test(line.test, space)
                rest = dict(space)
                early = self._statements(line.body, space := dict(space))
                if early is not None:
                    return self.select(
                        test, early, self._statements(lines[i + 1 :], rest)
                    )
                for name, x in rest.items():
                    if space[name] is not x:
                        space[name] = self.select(test, space[name], x)
            elif isinstance(line, ast.Assign):
                target: Any = line.targets[0]
                space[target.id] = self.expression(line.value, space)
            elif isinstance(line, ast.AugAssign):
                target = line.target
                both = ast.BinOp(target, line.op, line.value)
                space[target.id] = self.expression(both, space)
        return None


_EXPRESSIONS: dict[type[ast.AST], Callable[..., Known]] = {
    ast.Name: Expression._name,
    ast.Constant: Expression._constant,
    ast.Attribute: Expression._attribute,
    ast.Subscript: Expression._item,
    ast.BinOp: Expression._two,
    ast.UnaryOp: Expression._negative,
    ast.Compare: Expression._compared,
    ast.BoolOp: Expression._both,
    ast.IfExp: Expression._chosen,
    ast.Call: Expression._called,
}


def _is_of_math(tree: ast.expr, space: Mapping[str, Known]) -> bool:
    """Tell whether a tree is a call of a function of ``math``, or such an operator."""
    if isinstance(tree, ast.BinOp):
        return isinstance(tree.op, ast.Pow | ast.Mod | ast.FloorDiv)
    f: Any = tree.func  # type: ignore[attr-defined]
    return isinstance(f, ast.Attribute) and getattr(f.value, "id", "") == "math"


@functools.cache
def _parsed(function: Callable[..., Any]) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)  # noqa: S101
    return tree


__all__ = ["Expression", "Known", "Value"]
