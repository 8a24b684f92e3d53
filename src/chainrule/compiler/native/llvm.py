"""Native code: functions written instruction by instruction, and compiled by LLVM.

In: what a ``Writer`` writes into a ``Unit``. Out: ``Functions``, which are called with
integers: addresses, and the bounds of loops. Vectors and loops are written out here, so
LLVM is asked for machine instructions only, and compiling takes some ten microseconds
per instruction. It needs llvmlite.

Functions read arrays by the addresses of the Python objects (``id``), which the caller
keeps alive; see ``Writer.entries``.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import re
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.compiler.native.c_library import address
from chainrule.compiler.native.expressions import (
    LANES,
    Operation,
    function,
    module,
    operation,
    type_of,
)
from chainrule.locks import reentrant_lock

VECTOR = f"<{LANES} x double>"
_COMPILING = reentrant_lock()


@functools.cache
def available() -> bool:
    """Tell whether llvmlite can be imported, without importing it."""
    return importlib.util.find_spec("llvmlite") is not None and _DATA > 0


def loaded() -> bool:
    """Tell whether this process has loaded LLVM."""
    return _llvm.cache_info().currsize > 0


def _place_of_data() -> int:
    """Return where in an array object the address of its entries is; 0 if nowhere.

    Reading it in native code takes a nanosecond, by ``x.ctypes.data`` half a
    microsecond per array.
    """
    if sys.implementation.name != "cpython":
        return 0
    place = object.__basicsize__
    for x in (np.zeros(3), np.zeros((2, 2), dtype=bool)):
        found = ctypes.c_void_p.from_address(id(x) + place).value
        if found != x.ctypes.data:
            return 0
    return place


_DATA = _place_of_data()


# --------------------------------------------------------------------------- linking


@functools.cache
def _llvm() -> Any:
    """Return llvmlite's binding."""
    binding: Any = importlib.import_module("llvmlite.binding")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@functools.cache
def _make_known(name: str) -> None:
    """Have native code find a function of the C library."""
    _llvm().add_symbol(name, address(name))


def compiled(text: str, effort: int) -> Any:
    """Return the engine that holds the machine code of a module."""
    llvm = _llvm()
    for name in _OF_C.findall(text, 0, text.find("define ")):
        _make_known(name)
    target: Any = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    cpu = llvm.get_host_cpu_name()
    machine = target.create_target_machine(cpu=cpu, features=features, opt=effort)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
    engine.finalize_object()
    return engine


_OF_C = re.compile(r"^declare double @(?!chainrule_)(\w+)\(", re.MULTILINE)
_LINKED: dict[tuple[str, int], Any] = {}


def link(called: Iterable[tuple[str, int]]) -> None:
    """Have functions of the library compiled, and known by their symbols."""
    made: dict[tuple[str, int], Operation] = {}
    waiting = list(called)
    while waiting:
        key = waiting.pop()
        if key not in _LINKED and key not in made:
            made[key] = function(*key)
            waiting += made[key].called
    if not made:
        return
    known = {key for f in made.values() for key in f.called} - set(made)
    external = {line for f in made.values() for line in f.external}
    engine = compiled(module([f.text for f in made.values()], known, external), 2)
    for key, f in made.items():
        _llvm().add_symbol(f.result, engine.get_function_address(f.result))
        _LINKED[key] = engine


class Functions:
    """Functions in machine code; each keeps what it lies in alive."""

    def __init__(self, unit: Unit, effort: int) -> None:
        """Compile a unit."""
        with _COMPILING:
            link(unit.called)
            self._engine: Any = compiled(unit.text(), effort)

    def address(self, name: str) -> int:
        """Return the address of a function."""
        return self._engine.get_function_address(name)

    def function(self, name: str, count: int) -> Any:
        """Return a function that takes so many addresses or integers."""
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * count)
        found: Any = kind(self.address(name))
        found.engine = self._engine
        return found


# --------------------------------------------------------------------------- writing


class Unit:
    """The text of a module: functions, and the declarations that they need."""

    def __init__(self) -> None:
        """Start empty."""
        self.parts: list[str] = []
        self.called: set[tuple[str, int]] = set()
        self.external: set[str] = set()

    def text(self) -> str:
        """Return the module."""
        return module(self.parts, self.called, self.external)


def objects(count: int) -> list[str]:
    """Return the parameters of a function of arrays: the addresses of the objects."""
    return [f"ptr %array{i}" for i in range(count)]


class Loop:
    """A loop that is being written: its counter, and what its turns hand on.

    The body sets ``after`` to the new values of ``carried``; after the loop it has
    those that hold there.
    """

    def __init__(self, i: str, carried: list[str]) -> None:
        """Name them."""
        self.i = i
        self.carried = carried
        self.after: list[str] = []


class Writer:
    """Writes one function, instruction by instruction."""

    def __init__(self, unit: Unit, parameters: Sequence[str]) -> None:
        """Begin a function of addresses and integers."""
        self.unit = unit
        self.parameters: list[str] = list(parameters)
        self.lines: list[Any] = []
        self.block: str = "start"
        self._count = 0

    def fresh(self) -> str:
        """Return a name that is not taken."""
        self._count += 1
        return f"%r{self._count}_"

    def add(self, text: str) -> str:
        """Write an instruction; return the name of its result."""
        name = self.fresh()
        self.lines.append(f"  {name} = {text}\n")
        return name

    def do(self, text: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {text}\n")

    def operation(self, name: str, width: int, *operands: str) -> str:
        """Write one of the tape's operations; return the name of its result."""
        found = operation(name, width)
        self.unit.called |= found.called
        self.unit.external |= found.external
        a, b, c = (*operands, "", "", "")[:3]
        p = self.fresh()
        self.lines.append(found.text.format(a=a, b=b, c=c, p=p))
        return found.result.format(a=a, b=b, c=c, p=p)

    def load(self, pointer: str, count: int = 1) -> str:
        """Return so many numbers from an address on, as a vector if there are more."""
        return self.add(f"load {type_of('double', count)}, ptr {pointer}, align 8")

    def store(self, x: str, pointer: str, count: int = 1) -> None:
        """Write so many numbers to an address."""
        self.do(f"store {type_of('double', count)} {x}, ptr {pointer}, align 8")

    def moved(self, pointer: str, i: str | int) -> str:
        """Return the address so many numbers on."""
        return self.add(f"getelementptr double, ptr {pointer}, i64 {i}")

    def gathered(self, numbers: Sequence[str], width: int) -> str:
        """Return a vector of numbers."""
        kind, found = type_of("double", width), "poison"
        if width == 1:
            return numbers[0]
        for i, x in enumerate(numbers):
            found = self.add(f"insertelement {kind} {found}, double {x}, i64 {i}")
        return found

    def splat(self, x: str, width: int = LANES) -> str:
        """Return a vector of one number."""
        if width == 1:
            return x
        kind, zeros = type_of("double", width), f"<{width} x i32> zeroinitializer"
        one = self.add(f"insertelement {kind} poison, double {x}, i64 0")
        return self.add(f"shufflevector {kind} {one}, {kind} poison, {zeros}")

    def resized(self, x: str, have: int, want: int) -> str:
        """Return a vector cut or filled up to another length."""
        if have == want:
            return x
        kind = f"<{have} x double>"
        places = ", ".join(
            f"i32 {i}" if i < have else "i32 poison" for i in range(want)
        )
        return self.add(
            f"shufflevector {kind} {x}, {kind} poison, <{want} x i32> <{places}>"
        )

    def folded(self, x: str, name: str) -> str:
        """Return what is left of a vector when an operation has paired its halves."""
        width = LANES
        while width > 1:
            width //= 2
            halves = [
                ", ".join(
                    f"i32 {i + start}" if i < width else "i32 poison"
                    for i in range(LANES)
                )
                for start in (0, width)
            ]
            parts = [
                self.add(
                    f"shufflevector {VECTOR} {x}, {VECTOR} poison, "
                    f"<{LANES} x i32> <{places}>"
                )
                for places in halves
            ]
            x = self.operation(name, LANES, *parts)
        return self.add(f"extractelement {VECTOR} {x}, i64 0")

    def filled(self, x: str, count: int, other: str) -> str:
        """Return a vector with all lanes from one on replaced by another vector's."""
        if count == LANES:
            return x
        places = ", ".join(f"i32 {i if i < count else LANES + i}" for i in range(LANES))
        return self.add(
            f"shufflevector {VECTOR} {x}, {VECTOR} {other}, <{LANES} x i32> <{places}>"
        )

    @contextmanager
    def loop(
        self,
        stop: str | int,
        step: int = 1,
        carried: Sequence[tuple[str, str]] = (),
        *,
        start: str | int = 0,
        certain: bool = True,
    ) -> Generator[Loop]:
        """Write a loop over ``range(start, stop, step)``.

        ``carried`` has type and first value of what a turn hands to the next. Unless it
        is ``certain`` that there is a turn, that is tested.
        """
        label = self.fresh()[1:]
        before, i = self.block, f"%{label}i"
        found = Loop(i, [f"%{label}c{j}" for j in range(len(carried))])
        opening = f"br label %{label}body"
        if not certain:
            some = self.add(f"icmp slt i64 {start}, {stop}")
            opening = f"br i1 {some}, label %{label}body, label %{label}end"
        head = len(self.lines)
        self.lines.append("")
        self.block = f"{label}body"
        yield found
        after = self.add(f"add i64 {i}, {step}")
        more = self.add(f"icmp slt i64 {after}, {stop}")
        self.do(f"br i1 {more}, label %{label}body, label %{label}end")
        top = [f"  {opening}", f"{label}body:"]
        bottom = [f"{label}end:"]
        counter = (i, ("i64", str(start)), after)
        others = zip(found.carried, carried, found.after, strict=True)
        for name, (kind, first), last in (counter, *others):
            both = f"[ {first}, %{before} ], [ {last}, %{self.block} ]"
            top.append(f"  {name} = phi {kind} {both}")
            if not certain and name != i:
                bottom.append(f"  {name}end = phi {kind} {both}")
        if not certain:
            found.after = [f"{name}end" for name in found.carried]
        self.lines[head] = "\n".join(top) + "\n"
        self.lines.append("\n".join(bottom) + "\n")
        self.block = f"{label}end"

    def entries(self, i: int) -> str:
        """Return the address of an array's entries; ``%array{i}`` is the object's."""
        at = self.add(f"getelementptr i8, ptr %array{i}, i64 {_DATA}")
        return self.add(f"load ptr, ptr {at}")

    def at(self, pointer: str, i: str | int, step: int) -> str:
        """Return the address so many steps of so many bytes on."""
        if not step or i == 0:
            return pointer
        moved = i * step if type(i) is int else self.add(f"mul i64 {i}, {step}")
        return self.add(f"getelementptr i8, ptr {pointer}, i64 {moved}")

    def shared_turns(self, most: int | None = None) -> str:
        """Return the length of this thread's part, ``%first`` to ``%last``, of an axis.

        With ``most`` it ends there at the latest.
        """
        stop = "%last"
        if most is not None:
            late = self.add(f"icmp sgt i64 %last, {most}")
            stop = self.add(f"select i1 {late}, i64 {most}, i64 %last")
        return self.add(f"sub i64 {stop}, %first")

    @contextmanager
    def where(self, test: str) -> Generator[None]:
        """Write what is done only where a condition holds; no value leaves it."""
        label = self.fresh()[1:]
        self.do(f"br i1 {test}, label %{label}then, label %{label}after")
        self.lines.append(f"{label}then:\n")
        self.block = f"{label}then"
        yield
        self.do(f"br label %{label}after")
        self.lines.append(f"{label}after:\n")
        self.block = f"{label}after"

    def finish(self, name: str) -> None:
        """Hand the function to its unit."""
        taken = ", ".join(self.parameters)
        lines = "".join(self.lines)
        self.unit.parts.append(
            f"define void @{name}({taken}) {{\nstart:\n{lines}  ret void\n}}\n"
        )


__all__ = ["VECTOR", "Functions", "Unit", "Writer", "available", "loaded", "objects"]
