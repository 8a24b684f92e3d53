"""Loops over integers: a Python function of them, in machine code where there is LLVM.

In: a function of whole numbers and of arrays of them, in plain Python: assignments,
``if``, ``while``, ``for i in range(...)``, ``max``, calls of other such functions.
Arrays of floats are copied between and added up. Out: the same, some hundred times as
fast. Where there is no LLVM the function itself runs: it is the reference.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import textwrap
from collections import Counter
from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native import llvm
from chainrule.compiler.native.text import Unit
from chainrule.values.shapes import ndarray

Ints = MutableSequence[int]
"""An array of int32, as a parameter's annotation."""
Longs = MutableSequence[int]
"""An array of int64."""
Floats = MutableSequence[float]
"""An array of float64."""
_DTYPES = {
    "Ints": np.dtype(np.int32),
    "Longs": np.dtype(np.int64),
    "Floats": np.dtype(np.float64),
}
_KINDS = {"Ints": "i32", "Longs": "i64", "Floats": "double"}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.RShift: "ashr",
}
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "slt",
    ast.LtE: "sle",
    ast.Gt: "sgt",
    ast.GtE: "sge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}


def integer_loops(f: Callable[..., int]) -> Callable[..., int]:
    """Decorate a function of integers and arrays, which returns an integer.

    Its parameters are annotated as ``int``, ``Ints``, ``Longs`` or ``Floats``. No index
    is checked, and none may be negative.
    """
    kinds = inspect.get_annotations(f)
    dtypes = [_DTYPES.get(kind) for name, kind in kinds.items() if name != "return"]

    @functools.wraps(f)
    def run(*args: Any) -> int:
        sizes = [x.size for x in args if isinstance(x, ndarray)]
        if not sizes:
            return f(*args)  # a call inside such a run
        _SEEN[f] += sum(sizes)
        if _SEEN[f] < FEW or not llvm.available():
            return _in_python(f, args)
        result = np.zeros(1, np.int64)
        for x, dtype in zip(args, dtypes, strict=False):
            if dtype and not (x.dtype == dtype and x.flags.c_contiguous):
                raise TypeError(f"this loop runs over contiguous arrays of {dtype}")
        given = [x.ctypes.data if isinstance(x, ndarray) else int(x) for x in args]
        _compiled(f)(*given, result.ctypes.data)
        return int(result[0])

    return run


FEW = 1 << 14
"""Entries of arrays, in all calls, up to which Python runs a loop uncompiled."""
_SEEN: Counter[Any] = Counter()


def _in_python(f: Callable[..., int], args: Sequence[Any]) -> int:
    """Run a function on lists, whose entries Python reads sooner than an array's."""
    given = [x.tolist() if isinstance(x, ndarray) else x for x in args]
    result = f(*given)
    for x, changed in zip(args, given, strict=True):
        if isinstance(x, ndarray) and x.flags.writeable:
            x[:] = changed
    return result


@functools.cache
def _compiled(f: Callable[..., int]) -> Any:
    """Return a function in machine code; it takes addresses and integers."""
    unit = Unit()
    needed, known = [f], [f]
    while needed:
        translation = _Translation(needed.pop())
        unit.parts.append(translation.text)
        new = [g for g in translation.calls if g not in known]
        needed += new
        known += new
    count = len(inspect.signature(f).parameters) + 1
    return llvm.Functions(unit, 2).function(f.__name__, count)


class _Translation:
    """The text of one function, in LLVM's language."""

    def __init__(self, f: Callable[..., int]) -> None:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(f))).body
        assert isinstance(tree, ast.FunctionDef)  # noqa: S101  it is one of ours
        self.names: dict[str, Any] = f.__globals__
        self.calls: list[Callable[..., int]] = []
        self.numbers = itertools.count()
        self.lines: list[str] = []
        self.loops: list[tuple[str, str]] = []
        parameters = [a.arg for a in tree.args.args]
        kinds = {a.arg: ast.unparse(a.annotation or a) for a in tree.args.args}
        whole = {a for a in parameters if kinds[a] == "int"}
        self.arrays = set(parameters) - whole
        self.kinds = {a: _KINDS[kinds[a]] for a in self.arrays}
        names = whole | {
            x.id
            for x in ast.walk(tree)
            if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)
        }
        head = ", ".join(f"i64 %{p}" for p in [*parameters, "result"])
        opened = [f"  %{n}.at = alloca i64" for n in sorted(names)]
        opened += [f"  store i64 %{n}, ptr %{n}.at" for n in sorted(whole)]
        opened += [f"  %{n}.p = inttoptr i64 %{n} to ptr" for n in sorted(self.arrays)]
        self.block(tree.body)
        body = "\n".join([*opened, "  %result.p = inttoptr i64 %result to ptr"])
        text = "\n".join([*self.lines, "  ret void"])
        self.text = f"define void @{tree.name}({head}) {{\nentry:\n{body}\n{text}\n}}\n"

    def new(self, of: str = "v") -> str:
        """Return a name that nothing has."""
        return f"%{of}{next(self.numbers)}"

    def say(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def label(self, name: str) -> None:
        self.lines.append(f"{name[1:]}:")

    # ------------------------------------------------------------------- statements

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Translate statements."""
        for statement in body:
            getattr(self, f"_{type(statement).__name__}")(statement)

    def _Expr(self, tree: ast.Expr) -> None:
        """Leave a docstring away."""
        if isinstance(tree.value, ast.Call):
            self.value(tree.value)

    def _Assign(self, tree: ast.Assign) -> None:
        value = self.value(tree.value)
        for target in tree.targets:
            self.store(self.kind(target), value, self.place(target))

    def _AugAssign(self, tree: ast.AugAssign) -> None:
        place, z, kind = self.place(tree.target), self.new(), self.kind(tree.target)
        x, y = self.load(kind, place), self.value(tree.value)
        of_float = kind == "double"
        operation = ("f" if of_float else "") + _OPERATORS[type(tree.op)]
        self.say(f"{z} = {operation} {kind if of_float else 'i64'} {x}, {y}")
        self.store(kind, z, place)

    def _If(self, tree: ast.If) -> None:
        inside, other, after = self.new("then"), self.new("else"), self.new("after")
        self.say(f"br i1 {self.test(tree.test)}, label {inside}, label {other}")
        for name, body in ((inside, tree.body), (other, tree.orelse)):
            self.label(name)
            self.block(body)
            self.say(f"br label {after}")
        self.label(after)

    def _While(self, tree: ast.While) -> None:
        head, inside, after = self.new("head"), self.new("body"), self.new("after")
        self.say(f"br label {head}")
        self.label(head)
        self.say(f"br i1 {self.test(tree.test)}, label {inside}, label {after}")
        self._repeat(tree.body, inside, head, after)
        self.label(after)

    def _For(self, tree: ast.For) -> None:
        bounds = [self.value(x) for x in tree.iter.args]  # type: ignore[attr-defined]
        start, stop = bounds if len(bounds) > 1 else ("0", *bounds)
        counter, i, ends, more = (self.new() for _ in range(4))
        head, inside, on = self.new("head"), self.new("body"), self.new("next")
        after = self.new("after")
        self.lines.insert(0, f"  {counter} = alloca i64")
        self.say(f"store i64 {start}, ptr {counter}")
        self.say(f"br label {head}")
        self.label(head)
        self.say(f"{i} = load i64, ptr {counter}")
        self.say(f"{ends} = icmp slt i64 {i}, {stop}")
        self.say(f"br i1 {ends}, label {inside}, label {after}")
        name: str = tree.target.id  # type: ignore[attr-defined]
        self._repeat(tree.body, inside, on, after, f"store i64 {i}, ptr %{name}.at")
        self.label(on)
        self.say(f"{more} = add i64 {i}, 1")
        self.say(f"store i64 {more}, ptr {counter}")
        self.say(f"br label {head}")
        self.label(after)

    def _repeat(
        self,
        body: Sequence[ast.stmt],
        inside: str,
        on: str,
        after: str,
        first: str = "",
    ) -> None:
        """Translate a loop's body, which goes on at a label, and ends at another."""
        self.loops.append((on, after))
        self.label(inside)
        if first:
            self.say(first)
        self.block(body)
        self.say(f"br label {on}")
        self.loops.pop()

    def _leave(self, label: str) -> None:
        self.say(f"br label {label}")
        self.label(self.new("dead"))

    def _Break(self, tree: ast.Break) -> None:
        self._leave(self.loops[-1][1])

    def _Continue(self, tree: ast.Continue) -> None:
        self._leave(self.loops[-1][0])

    def _Return(self, tree: ast.Return) -> None:
        value = self.value(tree.value)
        self.say(f"store i64 {value}, ptr %result.p")
        self.say("ret void")
        self.label(self.new("dead"))

    # ------------------------------------------------------------------ expressions

    def kind(self, tree: ast.expr) -> str:
        """Return the type of a name or an entry."""
        array = tree.value if isinstance(tree, ast.Subscript) else None
        return self.kinds[array.id] if isinstance(array, ast.Name) else "i64"

    def load(self, kind: str, place: str) -> str:
        """Return what is at a place: a float, or an integer as all of them are."""
        z = self.new()
        self.say(f"{z} = load {kind}, ptr {place}")
        if kind == "i32":
            short, z = z, self.new()
            self.say(f"{z} = sext i32 {short} to i64")
        return z

    def store(self, kind: str, x: str, place: str) -> None:
        """Write a number to a place."""
        if kind == "i32":
            whole, x = x, self.new()
            self.say(f"{x} = trunc i64 {whole} to i32")
        self.say(f"store {kind} {x}, ptr {place}")

    def place(self, tree: ast.expr) -> str:
        """Return where a name or an entry is."""
        if isinstance(tree, ast.Name):
            return f"%{tree.id}.at"
        index, place = self.value(tree.slice), self.new()  # type: ignore[attr-defined]
        array = tree.value.id  # type: ignore[attr-defined]
        kind = self.kinds[array]
        self.say(f"{place} = getelementptr {kind}, ptr %{array}.p, i64 {index}")
        return place

    def value(self, tree: ast.expr | None) -> str:
        """Return a number."""
        match tree:
            case ast.Constant(int(x)):
                return str(x)
            case ast.UnaryOp(ast.USub(), ast.Constant(int(x))):
                return str(-x)
            case ast.BinOp(left, op, right):
                x, y, z = self.value(left), self.value(right), self.new()
                self.say(f"{z} = {_OPERATORS[type(op)]} i64 {x}, {y}")
                return z
            case ast.Name(name) if name in self.arrays:
                return f"%{name}"
            case ast.Call(ast.Name(name), args):
                return self._call(name, list(map(self.value, args)))
            case ast.Name() | ast.Subscript():
                place = self.place(tree)
                return self.load(self.kind(tree), place)
            case _:
                raise TypeError(
                    f"no form in machine code: {ast.dump(tree or ast.Pass())}"
                )

    def _call(self, name: str, args: Sequence[str]) -> str:
        """Call another of these functions, or choose the larger of two numbers."""
        if name == "max":
            larger, z = self.new(), self.new()
            self.say(f"{larger} = icmp sgt i64 {args[0]}, {args[1]}")
            self.say(f"{z} = select i1 {larger}, i64 {args[0]}, i64 {args[1]}")
            return z
        f = self.names[name].__wrapped__
        if f not in self.calls:
            self.calls.append(f)
        place, address, z = self.new(), self.new(), self.new()
        self.lines.insert(0, f"  {place} = alloca i64")
        self.say(f"{address} = ptrtoint ptr {place} to i64")
        given = ", ".join(f"i64 {x}" for x in [*args, address])
        self.say(f"call void @{name}({given})")
        self.say(f"{z} = load i64, ptr {place}")
        return z

    def test(self, tree: ast.expr) -> str:
        """Return a truth value; ``and`` and ``or`` look at their operands in turn."""
        match tree:
            case ast.Compare(left, [op], [right]):
                x, y, z = self.value(left), self.value(right), self.new()
                self.say(f"{z} = icmp {_COMPARED[type(op)]} i64 {x}, {y}")
                return z
            case ast.BoolOp(op, [first, *rest]):
                other = ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
                return self._in_turns(first, other, both=isinstance(op, ast.And))
            case _:
                raise TypeError(f"no form in machine code: {ast.dump(tree)}")

    def _in_turns(self, first: ast.expr, second: ast.expr, *, both: bool) -> str:
        found, on, after = self.new("n"), self.new("second"), self.new("after")
        self.lines.insert(0, f"  {found} = alloca i1")
        x = self.test(first)
        self.say(f"store i1 {x}, ptr {found}")
        ways = (on, after) if both else (after, on)
        self.say(f"br i1 {x}, label {ways[0]}, label {ways[1]}")
        self.label(on)
        self.say(f"store i1 {self.test(second)}, ptr {found}")
        self.say(f"br label {after}")
        self.label(after)
        z = self.new()
        self.say(f"{z} = load i1, ptr {found}")
        return z


__all__ = ["Floats", "Ints", "Longs", "integer_loops"]
