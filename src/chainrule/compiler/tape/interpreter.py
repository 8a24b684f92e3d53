"""The tape VM: one interpreter over a flat float64 workspace, compiled once by numba.

A *tape* is an int64 array of shape (rows, 11), C-contiguous. Its columns are ::

    op  z  x  y  w  n  dx  dy  dw  m  k

An elementwise row does ``work[z+i] = f(work[x+i*dx], work[y+i*dy], work[w+i*dw])`` for
``i`` in ``range(n)``, where ``f`` belongs to the row's ``op`` (:data:`OPCODES`). A step
is 0 (one number for all), 1 (contiguous) or any integer. The destination is contiguous;
it may be an operand's place exactly (same start, step 1) and never overlaps one
otherwise. An operand that ``f`` does not have still names a place inside ``work``, such
as 0. Booleans are 0.0 and 1.0. The other rows are

- ``sum``, ``max``, ``min``: ``work[z]`` from the ``n`` elements ``work[x+i*dx]``;
- ``dot``: ``work[z]`` = sum of ``work[x+i*dx] * work[y+i*dy]`` over ``n`` elements;
- ``matmul``: ``z`` (m, n), row by row, = ``x`` (m, k) times ``y`` (k, n), where element
  (i, l) of ``x`` is at ``x + i*dx + l*dw`` and (l, j) of ``y`` at ``y + l*dy + j``.

The interpreter is Python text made from one expression an operation
(:mod:`chainrule.compiler.tape.interpreter_text`; :func:`text` shows it), compiled with
the IEEE meaning of each operation: no contraction, no reassociation, 1/0 is inf, no
exception.

What makes it fast: rows of one element take a switch of their own, in which the
commonest operations are all computed and the wanted one picked by index, because a jump
that the processor cannot foresee costs more than the other results; rows of many
elements have one loop per pattern of steps, which LLVM vectorises.

Nothing here imports numba before the first run. The first run ever compiles, for some
20 seconds; numba then keeps the machine code on disk: in ``NUMBA_CACHE_DIR`` if that is
set, else beside this file in ``__pycache__``, else, where that is read-only, in the
user's cache folder (``~/.cache/numba`` on Linux). Where none can be written each
process compiles. The name of a compiled function holds a hash of what it was made from,
so that an old entry is never taken for a new one.
"""

from __future__ import annotations

import functools
import glob
import importlib.util
import inspect
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.native import elementary
from chainrule.compiler.tape.interpreter_text import (
    OPCODES,
    interpreter_text,
    scan_text,
)

__all__ = ["OPCODES", "available", "loaded", "run", "run_scan", "text", "workspace"]

u = np.uint64  # an index that numba need not check for a negative value
Array = np.ndarray[Any, Any]
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False}


def available() -> bool:
    """Tell whether numba can be imported, without importing it."""
    return importlib.util.find_spec("numba") is not None


def loaded() -> bool:
    """Tell whether this process has run the VM, so that it costs nothing to start."""
    return _machine.cache_info().currsize > 0


def starting_seconds() -> float:
    """Estimate what the first run costs: numba's import, and compiling if it must."""
    if loaded():
        return 0.0
    return _STARTING if _is_kept() else _COMPILING


_STARTING, _COMPILING = 0.7, 25.0


@functools.cache
def _is_kept() -> bool:
    """Tell whether a disk has the machine code, where numba keeps it by default."""
    folders = [os.environ.get("NUMBA_CACHE_DIR", ""),
               os.path.join(os.path.dirname(__file__), "__pycache__"),
               os.path.join(os.path.expanduser("~"), ".cache", "numba")]  # fmt: skip
    name = f"*run_{_fingerprint()}*.nbi"
    return any(
        glob.glob(os.path.join(folder, *deeper, name))
        for folder in folders if folder
        for deeper in ((), ("*",))
    )  # fmt: skip


def text() -> str:
    """Return the interpreter's text, for reading."""
    return interpreter_text("run")


def workspace(size: int) -> Array:
    """Return ``size`` float64, not initialised, on a boundary of 64 bytes.

    Long rows run 1.4 to 1.7 times faster where their places are multiples of 8 in such
    a workspace: no vector then straddles two lines of the cache.
    """
    room = np.empty(size + 7)
    skip = -(room.ctypes.data // 8) % 8
    return room[skip : skip + size]


def run(code: Array, work: Array) -> None:
    """Run all rows of a tape once over ``work``, in place.

    Parameters
    ----------
    code
        The tape: int64, C-contiguous, shape (rows, 11).
    work
        The workspace: float64, contiguous, of one dimension. Places are not checked.
    """
    _machine()[0](code, work)


def run_scan(
    code: Array,
    work: Array,
    count: int,
    reverse: bool,  # noqa: FBT001
    ins: Array,
    outs: Array,
    carries: Array,
) -> None:
    """Run a tape ``count`` times: steps 0 to count-1, backwards if ``reverse``.

    Parameters
    ----------
    code, work
        As for :func:`run`.
    count, reverse
        Steps t = 0 to ``count - 1``, or from the last to the first.
    ins
        Before the rows of step t, for each (dst, src, step, n): n numbers from
        ``src + t*step`` to ``dst``.
    outs
        After them, for each (dst, step, src, n): from ``src`` to ``dst + t*step``.
    carries
        Then, for each (dst, src, n): from ``src`` to ``dst``; no source overlaps a
        destination. All three tables are int64, C-contiguous, of two dimensions.
    """
    _machine()[1](code, work, count, reverse, ins, outs, carries)


# --- rows with loops of their own -----------------------------------------------------


def _sum_by(work: Any, x: Any, dx: Any, n: Any) -> Any:
    """Return the sum of n elements, in eight partial sums."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    eights = n // u(8) * u(8)
    for j in range(u(0), eights, u(8)):
        i = x + j * dx
        s0 += work[i]
        s1 += work[i + dx]
        s2 += work[i + u(2) * dx]
        s3 += work[i + u(3) * dx]
        s4 += work[i + u(4) * dx]
        s5 += work[i + u(5) * dx]
        s6 += work[i + u(6) * dx]
        s7 += work[i + u(7) * dx]
    total = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
    for j in range(eights, n):
        total += work[x + j * dx]
    return total


def row_sum(work: Any, x: Any, dx: Any, n: Any) -> Any:
    """Return the sum of n elements; the contiguous case is compiled on its own."""
    return _sum_by(work, x, u(1), n) if dx == u(1) else _sum_by(work, x, dx, n)


def _dot_by(work: Any, x: Any, dx: Any, y: Any, dy: Any, n: Any) -> Any:
    """Return the sum of n products, in four partial sums."""
    s0 = s1 = s2 = s3 = 0.0
    fours = n // u(4) * u(4)
    for j in range(u(0), fours, u(4)):
        p = x + j * dx
        q = y + j * dy
        s0 += work[p] * work[q]
        s1 += work[p + dx] * work[q + dy]
        s2 += work[p + u(2) * dx] * work[q + u(2) * dy]
        s3 += work[p + u(3) * dx] * work[q + u(3) * dy]
    total = (s0 + s1) + (s2 + s3)
    for j in range(fours, n):
        total += work[x + j * dx] * work[y + j * dy]
    return total


def row_dot(work: Any, x: Any, dx: Any, y: Any, dy: Any, n: Any) -> Any:
    """Return the sum of n products; the contiguous case is compiled on its own."""
    if dx == u(1) and dy == u(1):
        return _dot_by(work, x, u(1), y, u(1), n)
    return _dot_by(work, x, dx, y, dy, n)


def _larger(a: Any, b: Any) -> Any:
    return a if a > b or a != a else b


def _smaller(a: Any, b: Any) -> Any:
    return a if a < b or a != a else b


def row_max(work: Any, x: Any, dx: Any, n: Any) -> Any:
    """Return the largest of n elements, nan if one is nan, from four partial ones."""
    t0 = t1 = t2 = t3 = work[x]
    fours = n // u(4) * u(4)
    for j in range(u(0), fours, u(4)):
        i = x + j * dx
        t0 = _larger(work[i], t0)
        t1 = _larger(work[i + dx], t1)
        t2 = _larger(work[i + u(2) * dx], t2)
        t3 = _larger(work[i + u(3) * dx], t3)
    for j in range(fours, n):
        t0 = _larger(work[x + j * dx], t0)
    return _larger(_larger(t0, t1), _larger(t2, t3))


def row_min(work: Any, x: Any, dx: Any, n: Any) -> Any:
    """Return the smallest of n elements, nan if one is nan."""
    t0 = t1 = t2 = t3 = work[x]
    fours = n // u(4) * u(4)
    for j in range(u(0), fours, u(4)):
        i = x + j * dx
        t0 = _smaller(work[i], t0)
        t1 = _smaller(work[i + dx], t1)
        t2 = _smaller(work[i + u(2) * dx], t2)
        t3 = _smaller(work[i + u(3) * dx], t3)
    for j in range(fours, n):
        t0 = _smaller(work[x + j * dx], t0)
    return _smaller(_smaller(t0, t1), _smaller(t2, t3))


def row_matmul(
    work: Any, z: Any, x: Any, y: Any, m: Any, n: Any, k: Any, dx: Any, dw: Any, dy: Any
) -> None:
    """Write the product of an (m, k) and a (k, n) matrix at z, row by row."""
    for i in range(m):
        p = x + i * dx
        q = z + i * n
        if n < u(8):
            for j in range(n):
                work[q + j] = row_dot(work, p, dw, y + j, dy, k)
        else:
            for j in range(n):
                work[q + j] = 0.0
            for h in range(k):
                a = work[p + h * dw]
                b = y + h * dy
                for j in range(n):
                    work[q + j] += a * work[b + j]


def any_far(work: Any, z: Any, n: Any) -> Any:
    """Tell whether an element is too large for the vectorised sine and cosine."""
    count = 0
    for i in range(n):
        count += 1 if abs(work[z + i]) > elementary.NEAR else 0
    return count > 0


def gather(work: Any, z: Any, x: Any, dx: Any, n: Any) -> None:
    """Copy n elements of any step to z, which may be their place."""
    if dx == u(1) and z != x:
        for i in range(n):
            work[z + i] = work[x + i]
    elif dx != u(1):
        for i in range(n):
            work[z + i] = work[x + i * dx]


def row_remainder(a: Any, b: Any) -> Any:
    """Return a - b*floor(a/b), with the sign of b, as NumPy's ``remainder``."""
    rest = np.fmod(a, b)
    if rest == 0.0:
        return math.copysign(0.0, b)
    return rest + b if (b < 0.0) != (rest < 0.0) else rest


def row_floor_divide(a: Any, b: Any) -> Any:
    """Return floor(a/b) as NumPy's ``floor_divide``: from the remainder."""
    if b == 0.0:
        return a / b
    rest = np.fmod(a, b)
    quotient = (a - rest) / b
    if rest != 0.0 and (b < 0.0) != (rest < 0.0):
        quotient -= 1.0
    if quotient == 0.0:
        return math.copysign(0.0, a / b)
    whole = np.floor(quotient)
    return whole + 1.0 if quotient - whole > 0.5 else whole


ROWS = (
    row_sum, row_dot, row_max, row_min, row_matmul, any_far, gather, row_remainder,
    row_floor_divide,
)  # fmt: skip


# --- compilation ----------------------------------------------------------------------


def _fingerprint() -> str:
    """Return a hash of what the machine code is made from, beside this file."""
    import hashlib  # not before it is needed: it loads a library

    made_from = text() + scan_text("scan") + inspect.getsource(elementary)
    return hashlib.sha256(made_from.encode()).hexdigest()[:12]


def names(scratch: Callable[[], Any]) -> dict[str, Any]:
    """Return what the text refers to; ``scratch()`` makes room for 8 numbers."""
    functions: dict[str, Any] = {f.__name__: f for f in elementary.FUNCTIONS}
    return {**functions, **globals(), "inf": math.inf, "scratch": scratch}


@functools.cache
def _machine() -> tuple[Callable[..., None], Callable[..., None]]:
    """Return the compiled ``run`` and ``run_scan``, from the disk where they are."""
    from numba.core import types
    from numba.extending import register_jitable

    for function in (*elementary.HELPERS, *elementary.FUNCTIONS):
        register_jitable(forceinline=True, **_OPTIONS)(function)
    for function in (_sum_by, _dot_by, _larger, _smaller):
        register_jitable(forceinline=True, **_OPTIONS)(function)
    for function in ROWS:
        register_jitable(**_OPTIONS)(function)
    tape, work = types.int64[:, ::1], types.float64[::1]
    space = names(_scratch())
    mark = _fingerprint()
    once = _jitted(interpreter_text(f"run_{mark}"), space, types.void(tape, work))
    compiled = next(iter(once.overloads.values()))
    name = compiled.fndesc.llvm_func_name
    address = compiled.library.get_pointer_to_function(name)
    space["run_at"] = _run_at(tape, work)
    signature = types.void(
        types.intp, tape, work, types.int64, types.boolean, tape, tape, tape
    )
    scan = _jitted(scan_text(f"run_scan_{mark}"), space, signature)
    return once, functools.partial(scan, address)


def _jitted(text: str, space: dict[str, Any], signature: Any) -> Any:
    """Compile generated text with numba, or take its machine code from the disk.

    The text passes for a part of this file, because numba keeps machine code only of
    functions whose file exists.
    """
    import numba

    exec(compile(text, __file__, "exec"), space)
    function = space[text[4 : text.index("(")]]
    try:
        return numba.njit(signature, cache=True, nogil=True, **_OPTIONS)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(signature, nogil=True, **_OPTIONS)(function)


def _scratch() -> Any:
    """Return a function for compiled code: eight float64 on the stack."""
    from numba import njit
    from numba.core import types
    from numba.extending import intrinsic
    from numba.np.numpy_support import carray

    def reserve(context: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            double = context.get_value_type(types.float64)
            with builder.goto_entry_block():
                return builder.alloca(double, size=8)

        return types.CPointer(types.float64)(), generate

    place: Any = intrinsic(reserve)

    @njit(forceinline=True)
    def scratch() -> Any:
        return carray(place(), 8)

    return scratch


def _run_at(tape: Any, work: Any) -> Any:
    """Return a function for compiled code that runs the interpreter at an address.

    To call it by name would compile the interpreter a second time, into the caller.
    """
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def run_at(context: Any, address: Any, code: Any, space: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = context.call_conv.get_function_type(types.none, (tape, work))
            function = builder.inttoptr(args[0], kind.as_pointer())
            kinds = (tape, work)
            context.call_conv.call_function(
                builder, function, types.none, kinds, args[1:]
            )
            return context.get_dummy_value()

        return types.none(types.intp, tape, work), generate

    return run_at
