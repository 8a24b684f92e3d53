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
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.c_library import c_name
from chainrule.compiler.native.operations import INTRINSICS
from chainrule.compiler.native.own_functions import name_of_native, native_of, symbol
from chainrule.compiler.native.text import Text, Unit, literal, type_of
from chainrule.errors import ArgumentError
from chainrule.rules.expressions import by_ieee, constant_value, parts_of
from chainrule.rules.plain_functions import is_docstring, parsed_function


@dataclass(frozen=True)
class Value:
    """The name of a result, and its kind: ``double``, ``float``, ``i64`` or ``i1``."""

    name: str
    kind: str


Known = Any
"""A ``Value``, or what is known already: a number, a tuple of them, a function."""


_Words = dict[type[ast.AST], str]
_FLOATS: _Words = {
    ast.Add: "fadd",
    ast.Sub: "fsub",
    ast.Mult: "fmul",
    ast.Div: "fdiv",
}
_BITS: _Words = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
_SUMS: _Words = {ast.Add: "add", ast.Sub: "sub"}
_WORDS = {**_BITS, **_SUMS, ast.LShift: "shl", ast.RShift: "lshr"}
_of: Any = operator
_PLAIN: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _of.add, ast.Sub: _of.sub, ast.Mult: _of.mul,
    ast.Div: _of.truediv, ast.BitAnd: _of.and_, ast.BitOr: _of.or_,
    ast.BitXor: _of.xor, ast.LShift: _of.lshift,
    ast.RShift: _of.rshift, ast.Pow: _of.pow, ast.Mod: _of.mod,
    ast.FloorDiv: _of.floordiv,
}  # fmt: skip
_COMPARED: dict[type[ast.AST], tuple[str, str, Callable[..., Any]]] = {
    ast.Lt: ("olt", "ult", _of.lt),
    ast.LtE: ("ole", "ule", _of.le),
    ast.Gt: ("ogt", "ugt", _of.gt),
    ast.GtE: ("oge", "uge", _of.ge),
    ast.Eq: ("oeq", "eq", _of.eq),
    ast.NotEq: ("une", "ne", _of.ne),
}
"""Comparisons of floats, of words, and in Python."""


class Expression(Text):
    """Writes the instructions of one expression or function, for one width."""

    def __init__(
        self, names: str, width: int, native: Any = None, real: str = "double"
    ) -> None:
        """Begin; ``names`` is what the names of results begin with.

        ``native`` is the function that is written, if it is one; ``real`` is the kind
        of its numbers.
        """
        super().__init__(Unit(), names)
        self.width = width
        self.native = native
        self.real = real
        self.is_scalar: bool = False
        """Whether each number is computed by a call of the C library."""

    def put(self, text: str, kind: str = "") -> Value:
        """Write an instruction; return its result."""
        return Value(self.add(text), kind or self.real)

    def type(self, x: Value) -> str:
        """Return the type of a result."""
        return type_of(x.kind, self.width)

    def text(self, x: Known) -> str:
        """Return an operand."""
        return x.name if isinstance(x, Value) else literal(x, self.width, self.real)

    # ------------------------------------------------------------------ expressions

    def expression(self, tree: ast.expr, space: Mapping[str, Known]) -> Known:
        """Write an expression; return its result, or its value where it is constant."""
        if type(tree) not in _EXPRESSIONS:
            raise _unknown(tree)
        return _EXPRESSIONS[type(tree)](self, tree, space)

    def _name(self, tree: Any, space: Mapping[str, Known]) -> Known:
        return space[tree.id] if tree.id in space else getattr(builtins, tree.id)

    def _constant(self, tree: Any, space: Mapping[str, Known]) -> Known:
        return constant_value(tree) if self.native is None else tree.value

    def _attribute(self, tree: Any, space: Mapping[str, Known]) -> Known:
        return getattr(self.expression(tree.value, space), tree.attr)

    def _item(self, tree: Any, space: Mapping[str, Known]) -> Known:
        items: Any = self.expression(tree.value, space)
        return items[self.expression(tree.slice, space)]

    def _two(self, tree: Any, space: Mapping[str, Known]) -> Known:
        x, y = self.expression(tree.left, space), self.expression(tree.right, space)
        op: type[ast.AST] = tree.op.__class__
        if op not in _PLAIN:
            raise _unknown(tree)
        if not isinstance(x, Value) and not isinstance(y, Value):
            return by_ieee(_PLAIN[op], x, y)
        if op not in _BITS:
            x, y = self.as_number(x), self.as_number(y)
        if op in (ast.Pow, ast.Mod, ast.FloorDiv):
            return self.function(op.__name__, [x, y])
        kind = next(v.kind for v in (x, y) if isinstance(v, Value))
        words = _FLOATS if kind == self.real else _WORDS
        if op not in words:
            raise _unknown(tree)
        kinds = type_of(kind, self.width)
        return self.put(f"{words[op]} {kinds} {self.text(x)}, {self.text(y)}", kind)

    def _one(self, tree: Any, space: Mapping[str, Known]) -> Known:
        if isinstance(tree.op, ast.Not):
            test = self.test(tree.operand, space)
            if not isinstance(test, Value):
                return not test
            true = "true" if self.width == 1 else "splat (i1 true)"
            return self.put(f"xor {self.type(test)} {test.name}, {true}", "i1")
        x = self.as_number(self.expression(tree.operand, space))
        if not isinstance(tree.op, ast.USub) or getattr(x, "kind", "") == "i64":
            raise _unknown(tree)
        if not isinstance(x, Value):
            return -x
        return self.put(f"fneg {self.type(x)} {x.name}")

    def test(self, tree: ast.expr, space: Mapping[str, Known]) -> Value | bool:
        """Write a condition; a number holds if it is not 0, nan too."""
        x = self.expression(tree, space)
        if not isinstance(x, Value):
            return bool(x)
        if x.kind == "i1":
            return x
        return self.put(f"fcmp une {self.type(x)} {x.name}, {self.text(0.0)}", "i1")

    def as_number(self, x: Known) -> Known:
        """Return a result as a number: 1 or 0 for a condition."""
        if isinstance(x, Value):
            return self.select(x, 1.0, 0.0) if x.kind == "i1" else x
        return float(x) if isinstance(x, bool) else x

    def _compared(self, tree: Any, space: Mapping[str, Known]) -> Known:
        if len(tree.ops) > 1 or type(tree.ops[0]) not in _COMPARED:
            raise _unknown(tree)
        of_floats, of_words, in_python = _COMPARED[type(tree.ops[0])]
        x = self.expression(tree.left, space)
        y = self.expression(tree.comparators[0], space)
        if not isinstance(x, Value) and not isinstance(y, Value):
            return bool(in_python(x, y))
        kind = next(v.kind for v in (x, y) if isinstance(v, Value))
        if kind == "i1" and of_words not in ("eq", "ne"):
            raise _unknown(tree)
        word = f"fcmp {of_floats}" if kind == self.real else f"icmp {of_words}"
        kinds = type_of(kind, self.width)
        return self.put(f"{word} {kinds} {self.text(x)}, {self.text(y)}", "i1")

    def _both(self, tree: Any, space: Mapping[str, Known]) -> Known:
        word = "and" if isinstance(tree.op, ast.And) else "or"
        tests = [self.test(v, space) for v in tree.values]
        deciding = word == "or"
        if deciding in tests:
            return deciding
        parts = [x for x in tests if isinstance(x, Value)]
        if not parts:
            return not deciding
        kinds = type_of("i1", self.width)
        return functools.reduce(
            lambda x, y: self.put(f"{word} {kinds} {x.name}, {y.name}", "i1"), parts
        )

    def _chosen(self, tree: Any, space: Mapping[str, Known]) -> Known:
        test = self.test(tree.test, space)
        if not isinstance(test, Value):
            return self.expression(tree.body if test else tree.orelse, space)
        if self._is_costly(tree.body, space):
            return self._where_needed(test, tree, space)
        x = self.expression(tree.body, space)
        return self.select(test, x, self.expression(tree.orelse, space))

    def select(self, test: Value, x: Known, y: Known) -> Value:
        """Write a choice between two results."""
        if {v.kind if isinstance(v, Value) else "" for v in (x, y)} - {"i1"}:
            x, y = self.as_number(x), self.as_number(y)
        kind = next((v.kind for v in (x, y) if isinstance(v, Value)), self.real)
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
            if not isinstance(bits, Value):
                return bits.view(*args)
            return self._reinterpreted(bits, _KINDS[args[0]])
        return self.call(self.expression(tree.func, space), args)

    def _reinterpreted(self, x: Value, kind: str) -> Value:
        kinds = type_of(kind, self.width)
        return self.put(f"bitcast {self.type(x)} {x.name} to {kinds}", kind)

    def call(self, function: Any, args: Sequence[Known]) -> Known:
        """Write a call of a function that the expressions may name."""
        if function in _KINDS:
            (x,) = args
            if isinstance(x, Value) and x.kind != _KINDS[function]:
                raise ArgumentError(f"native code has no {function.__name__}(x).")
            return x if isinstance(x, Value) else function(x)
        if function in (abs, round) or getattr(math, function.__name__, 0) is function:
            if not any(isinstance(x, Value) for x in args):
                return by_ieee(function, *args)
            return self.function(function.__name__, args)
        own = name_of_native(function)
        return self.body(function, args) if own is None else self.call_own(own, args)

    def function(self, name: str, args: Sequence[Known]) -> Known:
        """Write a function of ``math``, or an operator: a rule's or the C library's."""
        args = list(map(self.as_number, args))
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
        kinds, called = type_of(self.real, self.width), symbol(name, self.width)
        taken = ", ".join([kinds] * len(args))
        self.unit.called[name, self.width] = f"declare {kinds} @{called}({taken})"
        numbers = map(self.as_number, args)
        given = ", ".join(f"{kinds} {self.text(x)}" for x in numbers)
        return self.put(f"call {kinds} @{called}({given})")

    def _intrinsic(self, name: str, args: Sequence[Known]) -> Value:
        kinds, suffix = type_of(self.real, self.width), _SUFFIXES[self.real]
        suffix = suffix if self.width == 1 else f"v{self.width}{suffix}"
        given = [self.text(x) for x in args]
        found = self.external(kinds, f"llvm.{name}.{suffix}", kinds, given)
        return Value(found, self.real)

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
        tree = parsed_function(function)
        names = [a.arg for a in tree.args.args]
        space = {**function.__globals__, **dict(zip(names, args, strict=True))}
        return self._statements(tree.body, space)

    def _statements(self, lines: Sequence[ast.stmt], space: dict[str, Known]) -> Known:
        """Write lines; return what they return, or note in ``space`` what they set."""
        for i, line in enumerate(lines):
            if isinstance(line, ast.Return) and line.value is not None:
                return self.expression(line.value, space)
            if isinstance(line, ast.If):
                test, rest = self.test(line.test, space), lines[i + 1 :]
                if not isinstance(test, Value):
                    taken = line.body if test else line.orelse
                    return self._statements([*taken, *rest], space)
                if not any(isinstance(x, ast.Return) for x in ast.walk(line)):
                    self._either(test, line, space)
                    continue
                yes = self._statements([*line.body, *rest], dict(space))
                no = self._statements([*line.orelse, *rest], dict(space))
                return self.select(test, yes, no)
            if isinstance(line, ast.AugAssign | ast.Assign | ast.AnnAssign):
                self._assigned(line, space)
            elif not is_docstring(line):
                raise _unknown(line)
        return None

    def _either(self, test: Value, line: ast.If, space: dict[str, Known]) -> None:
        """Write both branches of a condition, and choose of each name that differs."""
        yes, no = dict(space), dict(space)
        self._statements(line.body, yes)
        self._statements(line.orelse, no)
        for name, x in yes.items():
            if name in no and no[name] is not x:
                space[name] = self.select(test, x, no[name])

    def _assigned(self, line: Any, space: dict[str, Known]) -> None:
        targets: Any = line.targets if isinstance(line, ast.Assign) else [line.target]
        if line.value is None or not all(isinstance(x, ast.Name) for x in targets):
            raise _unknown(line)
        value: ast.expr = line.value
        if isinstance(line, ast.AugAssign):
            value = ast.BinOp(line.target, line.op, value)
        result = self.expression(value, space)
        for x in targets:
            space[x.id] = result


_SUFFIXES = {"double": "f64", "float": "f32"}
_KINDS: dict[Any, str] = {np.float64: "double", np.uint64: "i64"}


def _unknown(tree: ast.AST) -> ArgumentError:
    """Return the error for what has no form in native code."""
    return ArgumentError(f"native code has no form of {ast.unparse(tree)!r}.")


_EXPRESSIONS: dict[type[ast.AST], Callable[..., Known]] = {
    ast.Name: Expression._name,
    ast.Constant: Expression._constant,
    ast.Attribute: Expression._attribute,
    ast.Subscript: Expression._item,
    ast.BinOp: Expression._two,
    ast.UnaryOp: Expression._one,
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


__all__ = ["Expression", "Known", "Value"]
