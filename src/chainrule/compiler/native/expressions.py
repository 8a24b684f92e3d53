"""LLVM's text for elementwise operations: from the Python expressions that define them.

In: an expression in ``a``, ``b``, ``c``, as the table of operations has them
(``operations.py``), and the functions that it names (``elementary.py``). Out: the
instructions that compute it, on one number or on a vector. So each operation stands
once, as a line of Python arithmetic, for the interpreter and for native code alike.

What is translated is what these expressions and functions are made of: arithmetic,
comparisons, ``x if condition else y`` (a ``select``: both are computed), assignments,
early returns, and calls. A call of the C library is made once per number; where it
stands in one arm of a condition, vectors none of whose numbers need it pass it by.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import math
import operator
import struct
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native import elementary
from chainrule.compiler.native.operations import EXPRESSIONS

LANES = 8
"""Numbers in a vector: one register of 512 bits, two of 256, four of 128."""


@dataclass(frozen=True)
class Value:
    """The name of a result, and its kind: ``double``, ``i64`` or ``i1``."""

    name: str
    kind: str


Known = Any
"""A ``Value``, or what is known already: a number, a tuple of them, a function."""


def type_of(kind: str, width: int) -> str:
    """Return the type of one number or of a vector."""
    return kind if width == 1 else f"<{width} x {kind}>"


def literal(x: Any, width: int = 1) -> str:
    """Return the text of a constant number, exactly."""
    if type(x) is np.uint64:
        text, kind = str(int(x)), "i64"
    else:
        bits = struct.unpack("<Q", struct.pack("<d", float(x)))[0]
        text, kind = f"0x{bits:016X}", "double"
    return text if width == 1 else f"splat ({kind} {text})"


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
    ast.RShift: _of.rshift,
}  # fmt: skip
_COMPARED = {
    ast.Lt: "olt",
    ast.LtE: "ole",
    ast.Gt: "ogt",
    ast.GtE: "oge",
    ast.Eq: "oeq",
    ast.NotEq: "une",
}
_INTRINSICS: dict[Any, str] = {
    abs: "fabs",
    math.sqrt: "sqrt",
    math.copysign: "copysign",
    np.floor: "floor",
    np.ceil: "ceil",
    np.trunc: "trunc",
    np.rint: "rint",
}
LIBRARY: dict[Any, str] = {
    math.sin: "sin", math.cos: "cos", math.tan: "tan", math.asin: "asin",
    math.acos: "acos", math.atan: "atan", math.atan2: "atan2", math.hypot: "hypot",
    math.asinh: "asinh", math.acosh: "acosh", math.atanh: "atanh", np.cbrt: "cbrt",
    np.exp2: "exp2", np.log2: "log2", np.log10: "log10", np.fmod: "fmod",
    _of.pow: "pow",
}  # fmt: skip
"""Functions of the C library, by what the expressions call them."""

_OWN = {f.__name__: f for f in elementary.FUNCTIONS}
_INLINE = frozenset(elementary.HELPERS)


class Writer:
    """Writes the instructions of one expression or function, for one width.

    Results are named ``{p}0``, ``{p}1``: the text is a template, in which ``{p}`` (and
    operands such as ``{a}``) are filled in for each use.
    """

    def __init__(self, width: int) -> None:
        """Start empty."""
        self.width = width
        self.lines: list[str] = []
        self.called: set[tuple[str, int]] = set()
        """The functions of this library that are called, by name and width."""
        self.external: set[str] = set()
        """Declarations of intrinsics and functions of the C library."""
        self._count = 0
        self._block = "start"

    def add(self, text: str, kind: str = "double") -> Value:
        """Write an instruction; return its result."""
        name = f"{{p}}{self._count}"
        self._count += 1
        self.lines.append(f"{name} = {text}")
        return Value(name, kind)

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
        if op is ast.Pow:
            return self.call(_of.pow, [x, y])
        if not isinstance(x, Value) and not isinstance(y, Value):
            return _PLAIN[op](x, y)
        kind = next(v.kind for v in (x, y) if isinstance(v, Value))
        word = (_FLOATS if kind == "double" else _WORDS)[op]
        kinds = type_of(kind, self.width)
        return self.add(f"{word} {kinds} {self.text(x)}, {self.text(y)}", kind)

    def _negative(self, tree: Any, space: Mapping[str, Known]) -> Known:
        x = self.expression(tree.operand, space)
        if not isinstance(x, Value):
            return -x
        if isinstance(tree.op, ast.Not):
            return self.add(f"xor {self.type(x)} {x.name}, {self.truth()}", "i1")
        return self.add(f"fneg {self.type(x)} {x.name}")

    def truth(self) -> str:
        """Return the constant that is true."""
        return "true" if self.width == 1 else "splat (i1 true)"

    def _compared(self, tree: Any, space: Mapping[str, Known]) -> Known:
        x = self.expression(tree.left, space)
        y = self.expression(tree.comparators[0], space)
        kind = next(v.kind for v in (x, y) if isinstance(v, Value))
        word = _COMPARED[type(tree.ops[0])]
        word = f"fcmp {word}" if kind == "double" else f"icmp {word[1:]}"
        kinds = type_of(kind, self.width)
        return self.add(f"{word} {kinds} {self.text(x)}, {self.text(y)}", "i1")

    def _both(self, tree: Any, space: Mapping[str, Known]) -> Known:
        word = "and" if isinstance(tree.op, ast.And) else "or"
        parts = [self.expression(v, space) for v in tree.values]
        kinds = type_of("i1", self.width)
        return functools.reduce(
            lambda x, y: self.add(f"{word} {kinds} {x.name}, {y.name}", "i1"), parts
        )

    def _chosen(self, tree: Any, space: Mapping[str, Known]) -> Known:
        test = self.expression(tree.test, space)
        if _is_costly(tree.body, space):
            return self._where_needed(test, tree, space)
        x = self.expression(tree.body, space)
        return self.select(test, x, self.expression(tree.orelse, space))

    def select(self, test: Value, x: Known, y: Known) -> Value:
        """Write a choice between two results."""
        kind = next((v.kind for v in (x, y) if isinstance(v, Value)), "double")
        kinds = type_of(kind, self.width)
        words = f"{self.type(test)} {test.name}, {kinds} {self.text(x)}"
        return self.add(f"select {words}, {kinds} {self.text(y)}", kind)

    def _where_needed(self, test: Value, tree: Any, space: Mapping[str, Known]) -> Any:
        """Write a choice whose first arm is computed only if a number needs it."""
        usual = self.expression(tree.orelse, space)
        some = test
        if self.width > 1:
            word = f"llvm.vector.reduce.or.v{self.width}i1"
            self.external.add(f"declare i1 @{word}({self.type(test)})")
            some = self.add(f"call i1 @{word}({self.type(test)} {test.name})", "i1")
        before, label = self._block, f"b{self._count}"
        self.lines.append(f"br i1 {some.name}, label %{label}rare, label %{label}")
        self.lines.append(f"{label}rare:")
        self._block = f"{label}rare"
        rare = self.select(test, self.expression(tree.body, space), usual)
        self.lines += [f"br label %{label}", f"{label}:"]
        kinds, arrived = self.type(rare), self._block
        self._block = label
        return self.add(
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
        return self.add(f"bitcast {self.type(x)} {x.name} to {kinds}", kind)

    def call(self, function: Any, args: Sequence[Known]) -> Known:
        """Write a call of a function that the expressions may name."""
        if function in (np.float64, np.uint64):
            return args[0] if isinstance(args[0], Value) else function(args[0])
        if function in _INLINE:
            return self.body(function, args)
        if function in _OWN.values():
            return self._own(function.__name__, args)
        if function in _INTRINSICS:
            return self._intrinsic(_INTRINSICS[function], args)
        return self._library(LIBRARY[function], args)

    def _operands(self, args: Sequence[Known]) -> str:
        kinds = type_of("double", self.width)
        return ", ".join(f"{kinds} {self.text(x)}" for x in args)

    def _own(self, name: str, args: Sequence[Known]) -> Value:
        self.called.add((name, self.width))
        kinds = type_of("double", self.width)
        return self.add(
            f"call {kinds} @{symbol(name, self.width)}({self._operands(args)})"
        )

    def _intrinsic(self, name: str, args: Sequence[Known]) -> Value:
        kinds = type_of("double", self.width)
        suffix = "f64" if self.width == 1 else f"v{self.width}f64"
        taken = ", ".join([kinds] * len(args))
        self.external.add(f"declare {kinds} @llvm.{name}.{suffix}({taken})")
        return self.add(f"call {kinds} @llvm.{name}.{suffix}({self._operands(args)})")

    def _library(self, name: str, args: Sequence[Known]) -> Value:
        """Write a call of the C library for each number."""
        self.external.add(
            f"declare double @{name}({', '.join(['double'] * len(args))})"
        )
        if self.width == 1:
            return self.add(f"call double @{name}({self._operands(args)})")
        kinds, found = type_of("double", self.width), "poison"
        for i in range(self.width):
            parts = [
                self.add(f"extractelement {kinds} {self.text(x)}, i32 {i}").name
                for x in args
            ]
            given = ", ".join(f"double {x}" for x in parts)
            z = self.add(f"call double @{name}({given})").name
            found = self.add(f"insertelement {kinds} {found}, double {z}, i32 {i}").name
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
                test = self.expression(line.test, space)
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
    ast.Name: Writer._name,
    ast.Constant: Writer._constant,
    ast.Attribute: Writer._attribute,
    ast.Subscript: Writer._item,
    ast.BinOp: Writer._two,
    ast.UnaryOp: Writer._negative,
    ast.Compare: Writer._compared,
    ast.BoolOp: Writer._both,
    ast.IfExp: Writer._chosen,
    ast.Call: Writer._called,
}


def _is_costly(tree: ast.expr, space: Mapping[str, Known]) -> bool:
    """Tell whether an arm calls the C library."""
    return any(
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and isinstance(part.func.value, ast.Name)
        and getattr(space.get(part.func.value.id), part.func.attr, None) in LIBRARY
        for part in ast.walk(tree)
    )


@functools.cache
def _parsed(function: Callable[..., Any]) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)  # noqa: S101
    return tree


# ------------------------------------------------------------------------- operations


@dataclass(frozen=True)
class Operation:
    """The text of an operation or function, and what has to be declared for it.

    That of an operation is a template of ``{a}``, ``{b}``, ``{c}`` and ``{p}``, and
    ``result`` the name of what it computes.
    """

    text: str
    result: str
    called: frozenset[tuple[str, int]]
    external: frozenset[str]


@functools.cache
def operation(name: str, width: int) -> Operation:
    """Return the instructions of an elementwise operation."""
    writer = Writer(width)
    tree = ast.parse(EXPRESSIONS[name], mode="eval").body
    space: dict[str, Known] = {p: Value(f"{{{p}}}", "double") for p in "abc"}
    space |= _OWN | {"math": math, "np": np, "inf": math.inf}
    result = writer.expression(tree, space)
    lines = "".join(f"  {line}\n" for line in writer.lines)
    called, external = frozenset(writer.called), frozenset(writer.external)
    return Operation(lines, result.name, called, external)


def symbol(name: str, width: int) -> str:
    """Return the name under which native code calls one of the library's functions."""
    return f"chainrule_{name}_{width}"


@functools.cache
def function(name: str, width: int) -> Operation:
    """Return the definition of one of the library's functions."""
    writer = Writer(width)
    names = list(inspect.signature(_OWN[name]).parameters)
    result = writer.body(_OWN[name], [Value(f"%{n}", "double") for n in names])
    kinds = type_of("double", width)
    taken = ", ".join(f"{kinds} %{n}" for n in names)
    lines = [line if line.endswith(":") else f"  {line}" for line in writer.lines]
    text = "\n".join(
        [
            f"define {kinds} @{symbol(name, width)}({taken}) {{",
            "start:",
            *lines,
            f"  ret {kinds} {writer.text(result)}",
            "}",
            "",
        ]
    ).replace("{p}", "%t")
    called, external = frozenset(writer.called), frozenset(writer.external)
    return Operation(text, symbol(name, width), called, external)


def module(
    parts: Iterable[str], called: Iterable[tuple[str, int]], external: Iterable[str]
) -> str:
    """Return definitions as a module, with the declarations of what they call."""
    found = set(external)
    for name, width in called:
        kinds = type_of("double", width)
        count = len(inspect.signature(_OWN[name]).parameters)
        taken = ", ".join([kinds] * count)
        found.add(f"declare {kinds} @{symbol(name, width)}({taken})")
    return "\n".join([*sorted(found), *parts])


__all__ = [
    "LANES",
    "LIBRARY",
    "Operation",
    "function",
    "literal",
    "module",
    "operation",
    "symbol",
    "type_of",
]
