"""Lowering: a program as a tape for the VM, with NumPy calls where the VM has none.

In: a ``Program`` of real numbers. Out: a ``Tape``, called with the leaves of the
arguments like a ``Replay``.

Every value is known by the *places* of its entries in one flat workspace: an array of
integers of its shape. What only moves entries (a reshape, an index, a stack) therefore
runs no code at all: NumPy's own function is applied to the places. Elementwise rows,
reductions and small products become tape rows, one per stretch of places with constant
steps. Any other row is called by NumPy between two stretches of tape.
"""

from __future__ import annotations

import functools
import math
import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compile import native, vm
from chainrule.compile.program import Program, keeps_shape, replaced
from chainrule.compile.replay import Departed, NanFound
from chainrule.compile.trace import Row
from chainrule.operations_grad.indexing import picks_once, unindex
from chainrule.operations_grad.shaping import broadcast_to
from chainrule.shapes import SEQUENCES, ndarray, normalize_axes
from chainrule.supports import masked_result

_np: Any = np
Places = Any
"""An integer array: where in the workspace each entry of a value is."""

_FLOAT = np.dtype(np.float64)
_ALIGNED = 8  # rows that start at multiples of 64 bytes are quicker
FEW = 1 << 10
"""Arrays of constants with more entries than this stay in the workspace."""
SMALL_PRODUCT = 1 << 15
"""Products of matrices with more multiplications than this are left to BLAS."""


class CannotLowerError(Exception):
    """A row, or a whole program, has no form on the tape."""


@dataclass(frozen=True, eq=False)
class Called:
    """A row that NumPy runs: its operands' places, and where its result goes."""

    row: Row
    operands: list[Places]
    result: Places

    def __call__(self, work: Any, address: int) -> None:
        """Run it on the workspace."""
        row = self.row
        values = [
            _read(work, x, places)
            for x, places in zip(row.operands, self.operands, strict=True)
        ]
        known = dict(zip(row.operands, values, strict=True))
        args = replaced(row.args, known)
        given = {k: replaced(x, known) for k, x in row.given.items()}
        with np.errstate(all="ignore"):
            z = row.function(*args, **given)  # type: ignore[misc]
        if np.shape(z) != row.shape:
            raise Departed
        work[self.result] = z


class Interpreted:
    """Rows of tape that the VM runs."""

    def __init__(self, code: Any) -> None:
        """Keep the rows."""
        self.code = code

    def __call__(self, work: Any, address: int) -> None:
        """Run them on the workspace."""
        vm.run(self.code, work)


def _name_of(row: Row) -> str:
    return getattr(row.function, "__name__", "function")


def _read(work: Any, x: Row, places: Places) -> Any:
    """Return a value from the workspace, in the class it has elsewhere."""
    value = work[places]
    if x.dtype != np.float64:
        value = value.astype(x.dtype)
    if x.shape == ():
        return x.number(value) if x.number is not None else value[()]
    return value


class Builder:
    """Assigns places and writes tape rows, row by row of a program."""

    def __init__(self, program: Program) -> None:
        """Lower all rows."""
        self.size: int = 0
        self.at: dict[Row, Places] = {}
        self.code: list[list[int]] = []
        self.called: list[tuple[int, Called]] = []
        self.filled: list[tuple[Places, Any]] = []
        self._numbers: dict[Any, int] = {}
        self._arrays: dict[int, Places] = {}
        self.left: list[str] = []
        self.absent: int = self.new(())
        """The place of all entries that ``unindex`` leaves out: nothing to add."""
        self.filled.append((self.absent, 0.0))
        for x in program.inputs:
            _check_kind(x)
            self.at[x] = self.new(x.shape or ())
        for row in program.rows:
            self.at[row] = self._lowered(row)

    def new(self, shape: tuple[int, ...]) -> Places:
        """Return contiguous places of their own."""
        start = self.size
        if not shape:
            self.size += 1
            return start
        count = math.prod(shape)
        if count >= _ALIGNED:
            start = -(-start // _ALIGNED) * _ALIGNED
            self.size = start
        self.size += count
        return np.arange(start, start + count).reshape(shape)

    def constant(self, x: Any) -> Places:
        """Return the places of a constant."""
        if type(x) is not float and isinstance(x, ndarray) and x.shape:
            found = self._arrays.get(id(x))
            if found is None:
                if x.dtype.kind not in "fbiu":
                    raise CannotLowerError
                found = self._arrays[id(x)] = self.new(x.shape)
                self.filled.append((found, x.astype(np.float64)))
            return found
        if not isinstance(x, (float, int, np.generic, ndarray)) or isinstance(
            x, np.complexfloating
        ):
            raise CannotLowerError
        x = float(x)
        key = (x, math.copysign(1.0, x))
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = self.new(())
            self.filled.append((found, x))
        return found

    def places(self, x: Any) -> Places:
        """Return the places of an argument: of a row, a constant, or a nest of them."""
        if isinstance(x, Row):
            return self.at[x]
        if isinstance(x, SEQUENCES):
            return [self.places(v) for v in x]
        return self.constant(x)

    def _lowered(self, row: Row) -> Places:
        number = self._of_numbers(row)
        if number is not None:
            return number
        if row.shape is None:
            raise CannotLowerError  # several results
        _check_kind(row)
        form = _form_of(row)
        if form is not None:
            try:
                found = form(self, row)
                return found if row.shape else int(found)
            except CannotLowerError:
                pass
        operands = [self.at[x] for x in row.operands]
        result = self.new(row.shape)
        self.called.append((len(self.code), Called(row, operands, result)))
        self.left.append(_name_of(row))
        return result

    def _of_numbers(self, row: Row) -> int | None:
        """Write a ufunc of float64 numbers: most rows of long programs.

        ``None`` for any other row, and where the general form has more to look at.
        """
        f = row.function
        if row.dtype is not _FLOAT or row.shape != () or type(f) is not np.ufunc:
            return None
        op = _number_opcode(f)
        if op is None or row.given:
            return None
        places = [0, 0, 0]
        for i, x in enumerate(row.args):
            if type(x) is Row:
                if x.dtype is not _FLOAT:
                    return None
                places[i] = self.at[x]
                if places[i] == self.absent:
                    return None
            elif type(x) is float or type(x) is int:
                places[i] = self.constant(x)
            else:
                return None
        z = self.size
        self.size += 1
        self.code.append([op, z, *places, 1, 0, 0, 0, 0, 0])
        return z

    # ------------------------------------------------------------------- tape rows

    def elementwise(self, name: str, shape: Any, *operands: Places) -> Places:
        """Write an elementwise operation; return the places of its result."""
        op = vm.OPCODES[name]
        result = self.new(shape)
        if not shape:
            x, y, w = (*operands, 0, 0)[:3]
            self.code.append([op, result, x, y, w, 1, 0, 0, 0, 0, 0])
            return result
        if not result.size:
            return result
        z = int(result.flat[0])
        flat = np.stack([np.broadcast_to(p, shape).reshape(-1) for p in operands])
        for start, count, steps in _stretches(flat):
            self._row(op, z + start, flat[:, start].tolist(), count, steps)
        return result

    def _row(
        self, op: int, z: int, starts: Sequence[int], n: int, steps: Sequence[int],
        m: int = 0, k: int = 0,
    ) -> None:  # fmt: skip
        x, y, w = (*starts, *(0,) * (3 - len(starts)))
        dx, dy, dw = (*steps, *(0,) * (3 - len(steps)))
        self.code.append([op, z, x, y, w, n, dx, dy, dw, m, k])

    def reduced(self, name: str, pair: str, places: Places, axes: Any) -> Places:
        """Write a reduction over axes; ``pair`` is the operation on two entries."""
        kept = [i for i in range(places.ndim) if i not in axes]
        moved = np.transpose(places, [*axes, *kept])
        shape = moved.shape[len(axes) :]
        moved = moved.reshape(-1, *shape)
        count, size = moved.shape[0], int(np.prod(shape, dtype=int))
        if not count or not size:
            raise CannotLowerError
        if count == 1:
            return moved[0]
        if size >= 8 or count <= 4:
            total = moved[0]
            for part in moved[1:]:
                total = self.elementwise(pair, shape, total, part)
            return total
        result = self.new(shape)
        columns = moved.reshape(count, size)
        for j, z in enumerate(np.ravel(result).tolist()):
            self._reduced_one(name, pair, columns[:, j], z)
        return result

    def _reduced_one(self, name: str, pair: str, places: Places, z: int) -> None:
        parts = list(_stretches(places[None, :]))
        if len(parts) > 1:
            places = self.elementwise("copy", places.shape, places)
        step = int(places[1] - places[0])
        self._row(vm.OPCODES[name], z, [int(places[0])], len(places), (step,))

    def product(self, x: Places, y: Places) -> Places:
        """Write a product of two small matrices."""
        (m, k), (_, n) = x.shape, y.shape
        if not m * k * n or m * k * n > SMALL_PRODUCT:
            raise CannotLowerError
        if not _is_grid(x):
            x = self.elementwise("copy", x.shape, x)
        if not _is_grid(y) or (n > 1 and y[0, 1] - y[0, 0] != 1):
            y = self.elementwise("copy", y.shape, y)
        result = self.new((m, n))
        across = int(x[0, 1] - x[0, 0]) if k > 1 else 0
        down = int(x[1, 0] - x[0, 0]) if m > 1 else 0
        below = int(y[1, 0] - y[0, 0]) if k > 1 else 0
        self._row(
            vm.OPCODES["matmul"], int(result[0, 0]), [int(x[0, 0]), int(y[0, 0])], n,
            (down, below, across), m, k,
        )  # fmt: skip
        return result

    def dot(self, x: Places, y: Places) -> Places:
        """Write a sum of products of two vectors."""
        result = self.new(())
        flat = np.stack([x, y])
        if len(list(_stretches(flat))) > 1:
            flat = np.stack([self.elementwise("copy", x.shape, p) for p in flat])
        if x.size < 2:
            raise CannotLowerError
        steps = (flat[:, 1] - flat[:, 0]).tolist()
        starts = flat[:, 0].tolist()
        self._row(vm.OPCODES["dot"], int(result), starts, x.size, steps)
        return result


def _check_kind(row: Row) -> None:
    if row.shape is None or row.dtype is None:
        raise CannotLowerError
    if row.dtype != np.float64 and row.dtype.kind not in "bi":
        raise CannotLowerError


def _stretches(flat: Any) -> Any:
    """Yield start, count and steps of the stretches in which all places step evenly."""
    n = flat.shape[1]
    if n == 1:
        yield 0, 1, (0,) * len(flat)
        return
    d = np.diff(flat, axis=1)
    start = 0
    for b in np.flatnonzero((d[:, 1:] != d[:, :-1]).any(axis=0)).tolist():
        if b < start:
            continue
        yield start, b + 2 - start, d[:, start].tolist()
        start = b + 2
    if start < n:
        steps = d[:, start].tolist() if start < n - 1 else (0,) * len(flat)
        yield start, n - start, steps


def _is_grid(p: Places) -> bool:
    """Tell whether places of a matrix step evenly along both axes."""
    down, across = np.diff(p, axis=0), np.diff(p, axis=1)
    return bool((down == down[:1, :1]).all() and (across == across[:1, :1]).all())


# ----------------------------------------------------------------------- forms of rows

Form = Callable[[Builder, Row], Places]
_RENAMED = {"bitwise_and": "logical_and", "bitwise_or": "logical_or",
            "invert": "logical_not"}  # fmt: skip
_WHOLE_NUMBERS = {"add", "subtract", "multiply", "negative", "absolute", "maximum",
                  "minimum", "less", "less_equal", "greater", "greater_equal", "equal",
                  "not_equal", "logical_and", "logical_or", "logical_not"}  # fmt: skip


def _form_of(row: Row) -> Form | None:
    f = row.function
    if not keeps_shape(row):
        return None  # NumPy runs it, and its shape is looked at
    owner = getattr(f, "__self__", None)
    if isinstance(owner, np.ufunc):
        return _REDUCED.get(owner) if f.__name__ == "reduce" else None  # type: ignore
    if isinstance(f, np.ufunc):
        return _ufunc
    return _FORMS.get(f)


@functools.cache
def _number_opcode(f: Any) -> int | None:
    """Return the opcode of a ufunc that is one row of the tape for any numbers."""
    if f.signature is not None or f is np.power or f is np.positive:
        return None
    return vm.OPCODES.get(f.__name__)


def _ufunc(b: Builder, row: Row) -> Places:
    f: Any = row.function
    if row.given:
        raise CannotLowerError
    if f is np.matmul:
        return _product(b, row)
    if f is np.positive:
        return b.places(row.args[0])
    operands = row.operands
    if row.shape == () and row.dtype == _FLOAT and all(
        x.dtype == _FLOAT for x in operands
    ) and f.__name__ in vm.OPCODES:  # fmt: skip
        name = f.__name__
    else:
        name = operation_of(f, [*operands, row])
    args = row.args
    if name == "power" and not isinstance(args[1], Row) and np.ndim(args[1]) == 0:
        name, args = ("square", args[:1]) if args[1] == 2 else (name, args)
    if name == "add":
        return _added(b, row.shape, *map(b.places, args))
    return b.elementwise(name, row.shape, *map(b.places, args))


def _added(b: Builder, shape: Any, x: Places, y: Places) -> Places:
    """Write a sum; where one of two entries is absent, the other is the sum."""
    if not shape:
        return y if x == b.absent else x if y == b.absent else b.elementwise(
            "add", shape, x, y
        )  # fmt: skip
    flat: list[Any] = [np.ravel(np.broadcast_to(p, shape)) for p in (x, y)]
    x, y = flat
    both = (x != b.absent) & (y != b.absent)
    if both.all():
        return b.elementwise("add", shape, x.reshape(shape), y.reshape(shape))
    found: Any = _np.where(x == b.absent, y, x)
    if both.any():
        found[both] = b.elementwise("add", (int(both.sum()),), x[both], y[both])
    return found.reshape(shape)


def operation_of(f: Any, rows: Sequence[Row]) -> str:
    """Return the tape's name of a ufunc, if it means the same for these dtypes."""
    name = f.__name__
    kinds = {x.dtype.kind for x in rows if x.dtype is not None}
    if name in _RENAMED:
        if kinds != {"b"}:
            raise CannotLowerError
        name = _RENAMED[name]
    if name not in vm.OPCODES:
        raise CannotLowerError
    if "f" not in kinds and name not in _WHOLE_NUMBERS:
        raise CannotLowerError
    arithmetic = name in ("add", "subtract", "multiply", "negative", "absolute")
    if rows[-1].dtype == np.bool_ and arithmetic:
        raise CannotLowerError  # + of booleans is "or"
    return name


def _chosen(b: Builder, row: Row) -> Places:
    if row.given or len(row.args) != 3:
        raise CannotLowerError
    return b.elementwise("where", row.shape, *map(b.places, row.args))


def _masked(b: Builder, row: Row) -> Places:
    given = dict(row.given)
    f, mask = given.pop("forward"), given.pop("where")
    if given or not isinstance(f, np.ufunc):
        raise CannotLowerError
    name = operation_of(f, [*row.operands, row])
    z = b.elementwise(name, row.shape, *map(b.places, row.args))
    return b.elementwise("where", row.shape, b.places(mask), z, b.constant(0.0))


def _renamed(b: Builder, row: Row) -> Places:
    """Move places as the function moves entries."""
    args = list(row.args)
    if not isinstance(args[0], SEQUENCES) and row.operands != [args[0]]:
        raise CannotLowerError  # where to move them depends on values
    args[0] = b.places(args[0])
    if type(args[0]) is int:
        args[0] = np.asarray(args[0])
    return np.asarray(row.function(*args, **row.given))  # type: ignore[misc]


def _cast(b: Builder, row: Row) -> Places:
    source = row.args[0]
    if not isinstance(source, Row):
        raise CannotLowerError
    widening = "biuf".index(source.dtype.kind) <= "biuf".index(row.dtype.kind)  # type: ignore
    if not widening:
        raise CannotLowerError
    return b.places(source)


def _placed(b: Builder, row: Row) -> Places:
    index, shape = row.given.get("index"), row.given.get("shape")
    if len(row.operands) != 1 or not picks_once(index):
        raise CannotLowerError
    found: Any = _np.full(shape, b.absent)
    found[index] = b.places(row.args[0])
    return found


def _reduction(name: str, pair: str) -> Form:
    def form(b: Builder, row: Row) -> Places:
        x, *rest = row.args
        given: dict[str, Any] = dict(
            zip(("axis", "dtype", "out", "keepdims"), rest, strict=False)
        )
        given |= row.given
        default = 0 if hasattr(row.function, "__self__") else None
        axis = given.pop("axis", default)
        keepdims = given.pop("keepdims", False)
        if any(v is not None and v is not np._NoValue for v in given.values()):  # type: ignore
            raise CannotLowerError
        if not isinstance(x, Row) or (x.dtype == np.bool_ and name != "sum"):
            raise CannotLowerError
        places = np.asarray(b.places(x))
        axes = normalize_axes(axis, places.ndim)
        if not axes:
            return places
        found = b.reduced(name, pair, places, axes)
        if name == "sum":  # NumPy starts from 0, so that a sum of -0 is 0
            shape = np.shape(found)
            found = b.elementwise("add", shape, found, b.constant(0.0))
        return np.reshape(found, row.shape) if keepdims else found

    return form


def _product(b: Builder, row: Row) -> Places:
    if row.given:
        raise CannotLowerError
    x, y = (np.asarray(b.places(v)) for v in row.args)
    if (x.ndim, y.ndim) == (1, 1):
        return b.dot(x, y)
    if x.ndim not in (1, 2) or y.ndim not in (1, 2):
        raise CannotLowerError
    left = x[None, :] if x.ndim == 1 else x
    right = y[:, None] if y.ndim == 1 else y
    return b.product(left, right).reshape(row.shape)


_REDUCED: dict[Any, Form] = {
    np.add: _reduction("sum", "add"),
    np.maximum: _reduction("max", "maximum"),
    np.minimum: _reduction("min", "minimum"),
}
_FORMS: dict[Any, Form] = {
    np.where: _chosen,
    masked_result: _masked,
    unindex: _placed,
    np.sum: _REDUCED[np.add],
    np.max: _REDUCED[np.maximum],
    np.min: _REDUCED[np.minimum],
    np.dot: _product,
    np.astype: _cast,
    **dict.fromkeys(
        (np.reshape, np.ravel, np.transpose, np.swapaxes, np.expand_dims, np.squeeze,
         np.broadcast_to, broadcast_to, np.flip, np.roll, np.repeat, np.concatenate,
         np.stack, np.copy, np.diagonal, np.asarray, np.moveaxis, float,
         operator.getitem),
        _renamed,
    ),
}  # fmt: skip
"""How functions that are no ufuncs are written on the tape."""


# --------------------------------------------------------------------------- executor


TIMES = 5
"""How often the rows of a tape are timed for their shares."""


class Tape:
    """A program on the VM or in native code, as a function of its inputs' values."""

    def __init__(self, program: Program) -> None:
        """Lower the program; raise ``CannotLowerError`` if it holds no real numbers."""
        self.program = program
        self.name: str = "tape VM"
        b = Builder(program)
        self.left: list[str] = b.left
        code = np.array(b.code, dtype=np.int64).reshape(-1, 11)
        self.rows: int = len(code)
        self.entries: int = int(code[:, 5].sum()) - len(code)
        self._steps: list[Callable[[Any, int], None]] = []
        start = 0
        for end, called in [*b.called, (len(code), None)]:
            if end > start:
                self._steps.append(Interpreted(np.ascontiguousarray(code[start:end])))
            if called is not None:
                self._steps.append(called)
            start = end
        self._fresh = vm.workspace(b.size)
        self._fresh[:] = 0.0
        for places, value in b.filled:
            self._fresh[places] = value
        self._constants = constants_of(b)
        self._free: list[Any] = []
        self._inputs = [_writer(b.at[x]) for x in program.inputs]
        self._outputs = [_reader(x, b.at) for x in program.outputs]
        self._guards = [(g, _reader(g.row, b.at)) for g in program.guards]
        checks = [np.ravel(b.at[x]) for x in program.checks]
        self._checks: Any = np.unique(np.concatenate(checks)) if checks else None
        ends = [*program.outputs, *program.checks, *(g.row for g in program.guards)]
        self._ends: list[Places] = [b.at[x] for x in ends if isinstance(x, Row)]

    @property
    def workspace(self) -> int:
        """The bytes of one workspace."""
        return self._fresh.nbytes

    def shares(self) -> dict[str, float]:
        """Return which rows NumPy runs, and the share of the time that each takes.

        It is measured now, on the workspace of the last call.
        """
        if not self.left or not self._free:
            return dict.fromkeys(self.left, math.nan)
        held = self._free.pop()
        seconds = dict.fromkeys(self.left, 0.0)
        whole = 0.0
        try:
            for step in self._steps * TIMES:
                start = time.perf_counter()
                step(*held)
                took = time.perf_counter() - start
                whole += took
                if isinstance(step, Called):
                    seconds[_name_of(step.row)] += took
        finally:
            self._free.append(held)
        return {name: took / whole for name, took in seconds.items()}

    def hasten(self) -> None:
        """Have LLVM compile what the VM interprets."""
        read = np.zeros(len(self._fresh), dtype=bool)
        for places in self._ends:
            read[places] = True
        for step in self._steps:
            if isinstance(step, Called):
                for places in step.operands:
                    read[places] = True
        stretches = [x.code for x in self._steps if isinstance(x, Interpreted)]
        made = iter(native.compiled_stretches(stretches, read, self._constants))
        self._steps = [next(made) if isinstance(x, Interpreted) else x
                       for x in self._steps]  # fmt: skip
        self.name = "native code"

    def __call__(self, *leaves: Any) -> Any:
        """Run the program; raise ``Departed`` or ``NanFound`` where it is wrong."""
        try:
            held = self._free.pop()
        except IndexError:
            work = vm.workspace(len(self._fresh))
            work[:] = self._fresh
            held = work, work.ctypes.data
        work, address = held
        try:
            for place, x in zip(self._inputs, leaves, strict=True):
                work[place] = x
            for step in self._steps:
                step(work, address)
            for guard, read in self._guards:
                if not guard.holds(read(work)):
                    raise Departed
            if self._checks is not None and np.isnan(work[self._checks]).any():
                raise NanFound
            return tuple([read(work) for read in self._outputs])
        finally:
            self._free.append(held)

    def poison(self) -> None:
        """Fill what the tape writes with nan, so that an unwritten read shows."""
        self._free.clear()


class TapeLoop:
    """A scan's body on the VM or in native code, all steps in one call.

    Called like ``loops.Loop``: with the first carries and the xs, and what the body
    captured. On the VM the workspace holds the body's, then the xs, the results and the
    carries before each step.
    """

    __name__ = "scan"

    def __init__(
        self, program: Program, carried: int, mapped: int, count: int, *, reverse: bool
    ) -> None:
        """Lower the body; raise ``CannotLowerError`` where NumPy would have to run."""
        b = Builder(program)
        if b.called or program.guards:
            raise CannotLowerError
        self.count = count
        self.reverse = reverse
        inputs = [b.at[x] for x in program.inputs]
        self._starts = inputs[:carried]
        self._mapped = inputs[carried : carried + mapped]
        self._captured = inputs[carried + mapped :]
        self._likes: list[Any] = [_like_of(x) for x in program.outputs]
        self._ends = _own_places(b, program)
        self._flag: int = b.new(())
        for x in program.checks:
            _flagged(b, b.at[x], self._flag)
        self._code: Any = np.array(b.code, dtype=np.int64).reshape(-1, 11)
        self.operations: int = len(self._code) + int(self._code[:, 5].sum()) // 4
        self.times = count
        self._filled, self._constants = b.filled, constants_of(b)
        self._size = self._rows_end = b.size
        self._run: Any = self._interpreted
        self.name: str = "vm"
        self._free: list[Any] = []
        self._lay_out()

    def _lay_out(self) -> None:
        """Say where the VM finds the xs of all steps, and leaves their results."""

        def room(places: Places) -> tuple[int, int, slice]:
            start, n = _span(places)
            whole = slice(self._size, self._size + n * self.count)
            self._size = whole.stop
            return start, n, whole

        ins: list[list[int]] = []
        outs: list[list[int]] = []
        self._rows: list[slice] = []
        self._stores: list[slice] = []
        for p in self._mapped:
            start, n, whole = room(p)
            self._rows.append(whole)
            ins.append([start, whole.start, n, n])
        carried = len(self._starts)
        for p in [*self._ends[carried:], *self._starts]:
            start, n, whole = room(p)
            self._stores.append(whole)
            outs.append([whole.start, n, start, n])
        moves = [[_span(p)[0], *_span(e)]
                 for p, e in zip(self._starts, self._ends, strict=False)]  # fmt: skip
        self._tables = [np.array(t, dtype=np.int64).reshape(-1, w)
                        for t, w in ((ins, 4), (outs, 4), (moves, 3))]  # fmt: skip

    @property
    def workspace(self) -> int:
        """The bytes of one workspace."""
        return 8 * self._size

    def hasten(self) -> None:
        """Have LLVM compile the loop, which the VM interprets until then."""
        carried = len(self._starts)
        steps = native.Steps(
            self._code, self.count, self.reverse,
            [_span(p) for p in self._mapped],
            [(_span(p)[0], *_span(e))
             for p, e in zip(self._starts, self._ends, strict=False)],
            [_span(e) for e in self._ends[carried:]],
        )  # fmt: skip
        read = np.zeros(self._rows_end, dtype=bool)
        read[self._flag] = True
        self._native: Any = native.compiled_steps(steps, read, self._constants)
        self._size = self._rows_end
        self._free = []
        self._run, self.name = self._compiled, "native"

    def __call__(
        self, leaves: Sequence[Any], captured: Sequence[Any],
        stored: Sequence[bool] | None = None,
    ) -> Any:  # fmt: skip
        """Run the loop.

        ``stored`` says for each carry whether those before all steps are wanted, then
        for each other result whether those of all steps are. In native code the others
        take no memory; what is returned for them is of no use.
        """
        free = self._free
        work = free.pop() if free else self._made()
        if stored is None:
            stored = [True] * len(self._ends)
        try:
            for places, x in zip(self._captured, captured, strict=True):
                work[_writer(places)] = x
            work[self._flag] = 0.0
            lasts, stacks = self._run(work, leaves, stored)
            if work[self._flag]:
                raise NanFound
            n = len(self._starts)
            first = [_taken(x, (), like)
                     for x, like in zip(lasts, self._likes, strict=False)]  # fmt: skip
            wanted = [*stored[n:], *stored[:n]]
            stacked = [*self._likes[n:], *self._likes[:n]]
            rest = [_taken(x, (self.count,), like) if want else np.empty(0)
                    for x, like, want in
                    zip(stacks, stacked, wanted, strict=True)]  # fmt: skip
            return (*first, *rest)
        finally:
            free.append(work)

    def _interpreted(
        self, work: Any, leaves: Sequence[Any], stored: Sequence[bool]
    ) -> tuple[Any, Any]:
        """Run all steps on the VM; return the last carries, and what steps left."""
        n = len(self._starts)
        for places, x in zip(self._starts, leaves, strict=False):
            work[_writer(places)] = x
        for part, x in zip(self._rows, leaves[n:], strict=True):
            work[part] = np.ravel(x)
        vm.run_scan(self._code, work, self.count, self.reverse, *self._tables)
        lasts = [np.array(work[p]) for p in self._starts]
        return lasts, [work[part].copy() for part in self._stores]

    def _compiled(
        self, work: Any, leaves: Sequence[Any], stored: Sequence[bool]
    ) -> tuple[Any, Any]:
        """Run all steps in native code.

        Step t takes part ``t & mask`` of an array: all parts with mask -1, one and the
        same with 0, and two in turns with 1.
        """
        n, count = len(self._starts), self.count
        masks = np.full(len(leaves) + len(self._ends) - n, -1, dtype=np.int64)
        m = len(leaves) - n
        taken: list[Any] = []
        for i, x in enumerate(leaves[n:]):
            if np.ndim(x):
                taken.append(np.ascontiguousarray(x, dtype=np.float64))
            else:  # the steps do not read it
                taken.append(np.zeros(1))
                masks[i] = 0
        for i, keep in enumerate(stored):
            if not keep:
                masks[m + i] = 1 if i < n else 0
        carried = [np.empty((count + 1 if keep else 2, _span(p)[1]))
                   for p, keep in zip(self._starts, stored, strict=False)]  # fmt: skip
        results = zip(self._ends[n:], stored[n:], strict=True)
        given = [np.empty((count if keep else 1, _span(p)[1])) for p, keep in results]
        first, last = (count, 0) if self.reverse else (0, count)
        parts = masks[m:].tolist()
        for array, x, mask in zip(carried, leaves, parts, strict=False):
            array[first & mask] = np.ravel(x)
        arrays = (masks, *taken, *carried, *given)
        self._native(work.ctypes.data, *map(id, arrays))
        lasts = [x[last & mask].copy()
                 for x, mask in zip(carried, parts, strict=False)]  # fmt: skip
        before = slice(1, None) if self.reverse else slice(count)
        return lasts, [*given, *(x[before] for x in carried)]

    def _made(self) -> Any:
        work = vm.workspace(self._size)
        work[:] = 0.0
        for places, value in self._filled:
            work[places] = value
        return work


def constants_of(b: Builder) -> dict[int, float]:
    """Return the numbers that a tape reads and never writes, by their places."""
    found: dict[int, float] = {}
    for places, x in b.filled:
        if type(places) is int:
            found[places] = float(x)
        elif places.size <= FEW:
            flat = np.ravel(x).tolist()
            found |= dict(zip(np.ravel(places).tolist(), flat, strict=True))
    return found


def _own_places(b: Builder, program: Program) -> list[Places]:
    """Return contiguous places for each output, of its own and written in each run.

    Where an output has none, such as an input or a part of another output, it is
    copied.
    """
    own = np.zeros(b.size, dtype=bool)
    for row in b.code:
        own[row[1] : row[1] + _written(row)] = True
    found: list[Places] = []
    for x in program.outputs:
        places = b.places(x)
        flat = np.ravel(places)
        start, n = _span(places)
        even = flat.size > 0 and bool((np.diff(flat) == 1).all())
        if isinstance(x, Row) and even and own[start : start + n].all():
            own[start : start + n] = False
            found.append(places)
        else:
            found.append(_copied(b, x))
    return found


def _written(row: Sequence[int]) -> int:
    """Return how many numbers a row of tape writes."""
    op, n = row[0], row[5]
    if op == vm.OPCODES["matmul"]:
        return row[9] * n
    return n if op < vm.OPCODES["sum"] else 1


def _span(places: Places) -> tuple[int, int]:
    """Return start and length of contiguous places."""
    if type(places) is int:
        return places, 1
    return (int(places.flat[0]) if places.size else 0), places.size


def _copied(b: Builder, x: Any) -> Places:
    """Return contiguous places of an output's own."""
    places = b.places(x)
    if not isinstance(x, Row):
        return b.elementwise("copy", np.shape(x), places)
    return b.elementwise("copy", x.shape, places)


def _flagged(b: Builder, places: Places, flag: int) -> None:
    """Raise a flag where a value is nan."""
    found = b.elementwise("isnan", np.shape(places), places)
    if np.ndim(found):
        flat = np.ravel(found)
        found = int(b.reduced("max", "maximum", flat, (0,))) if flat.size > 1 else int(
            flat[0]
        )  # fmt: skip
    b.code.append([vm.OPCODES["maximum"], flag, flag, found, 0, 1, 0, 0, 0, 0, 0])


def _like_of(x: Any) -> Any:
    return x if isinstance(x, Row) else np.asarray(x)


def _taken(found: Any, many: tuple[int, ...], like: Any) -> Any:
    """Return numbers of the workspace in the shape and dtype of a result."""
    shape = like.shape if isinstance(like, Row) else np.shape(like)
    return np.reshape(found, (*many, *shape)).astype(like.dtype, copy=False)[()]


def _writer(places: Places) -> Any:
    """Return the index that writes an input."""
    if type(places) is int:
        return places
    start, count = int(places.flat[0]) if places.size else 0, places.size
    return slice(start, start + count) if places.ndim == 1 else places


def _reader(x: Any, at: dict[Row, Places]) -> Callable[[Any], Any]:
    """Return the function that reads a value in its own class."""
    if not isinstance(x, Row):
        return lambda work: x.copy() if isinstance(x, ndarray) else x
    places, dtype, number = at[x], x.dtype, x.number
    if x.shape == ():
        place = int(places)
        if number is not None:
            return lambda work: number(work[place])
        if dtype == np.float64:
            return lambda work: work[place]
        return lambda work: work[place].astype(dtype)
    flat = places.reshape(-1)
    even = flat.size > 0 and bool((np.diff(flat) == 1).all())
    if even and dtype == np.float64:
        start, end, shape = int(flat[0]), int(flat[-1]) + 1, x.shape
        return lambda work: work[start:end].reshape(shape).copy()
    if dtype == np.float64:
        return lambda work: work[places]
    return lambda work: work[places].astype(dtype)


__all__ = ["Builder", "CannotLowerError", "Tape", "TapeLoop"]
