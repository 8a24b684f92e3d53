"""Random programs of numbers of all classes, and what they return by the rule.

The rule: an operator on Python's integers, booleans and complex numbers does as Python
does, one on Python floats has NumPy's results, and a NumPy function does as NumPy does.
``reference`` runs a program by it; plain Python differs where a float's operator raises
or has a complex result.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

import chainrule as gd

INTS = [0, 1, -1, 2, 3, -7, 2**40, 2**53 + 1, 2**62, 2**63, -(2**80)]
FLOATS = [0.0, -0.0, 0.5, -2.0, 3.25, 1e308, np.inf, -np.inf, np.nan]
SMALL = [0, 1, -1, 2, 5, -3, 2**31, 2**53 + 1, 2**62]
COMPLEX = [1 + 2j, -0.5j, 0j, complex(np.inf, 0.0), complex(-1.0, np.nan)]


def _array(rng, values, dtype, shape=(3,)):
    return np.array([values[i] for i in rng.integers(len(values), size=np.prod(shape))],
                    dtype).reshape(shape)  # fmt: skip


def _mostly(rng, values, usual):
    """Draw one of the usual values, or, rarely, any."""
    values = values if rng.random() < 0.3 else values[:usual]
    return values[rng.integers(len(values))]


KINDS: dict[str, Any] = {
    "int": lambda rng: _mostly(rng, INTS, 6),
    "bool": lambda rng: bool(rng.random() < 0.5),
    "float": lambda rng: _mostly(rng, FLOATS, 5),
    "complex": lambda rng: COMPLEX[rng.integers(2)],
    "np.float64": lambda rng: np.float64(_mostly(rng, FLOATS, 5)),
    "np.float32": lambda rng: np.float32(_mostly(rng, FLOATS, 5)),
    "np.int64": lambda rng: np.int64(_mostly(rng, SMALL, 6)),
    "np.int8": lambda rng: np.int8(_mostly(rng, [0, 1, -1, 5, 127, -128], 4)),
    "np.bool": lambda rng: np.bool(rng.random() < 0.5),
    "ints": lambda rng: _array(rng, SMALL[: 6 if rng.random() < 0.7 else 9], np.int64),
    "bytes": lambda rng: _array(rng, [0, 1, 7, 100, 255], np.uint8),
    "bools": lambda rng: _array(rng, [True, False], np.bool_),
    "square bools": lambda rng: _array(rng, [True, False], np.bool_, (3, 3)),
    "floats": lambda rng: _array(rng, FLOATS[: 5 if rng.random() < 0.7 else 9], float),
    "0-d": lambda rng: np.array(_mostly(rng, FLOATS, 5)),
    "complexes": lambda rng: _array(rng, COMPLEX, complex),
}
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv,
    operator.mod, operator.pow, operator.and_, operator.or_, operator.xor, operator.lt,
    operator.le, operator.gt, operator.ge, operator.eq, operator.ne, operator.matmul,
]  # fmt: skip
UNARY = [operator.neg, operator.pos, operator.abs]
NUMPY = [np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.remainder,
         np.power, np.less, np.greater_equal, np.equal,
         np.bitwise_and, np.bitwise_xor, np.logical_or, np.matmul, np.dot,
         np.arctan2]  # fmt: skip
OF_ONE = [np.negative, np.absolute, np.square, np.sign, np.logical_not, np.isnan,
          np.sum, np.max, np.cumsum, np.any, np.mean, np.prod, np.argmax, np.real,
          np.conj, np.sqrt, np.reciprocal, np.exp2, np.ravel, np.floor]  # fmt: skip


def _shifted(x):
    return x << 3


def _inverted(x):
    return ~x


def _half(x):
    return x**0.5


def _once(x):
    return x / 1


def _same(x):
    return 1 * x


def _large(x):
    return x + 2**60


def _divided(x, y):
    return divmod(x, y)[1]


def _chosen(x, y, z):
    return np.where(x, y, z)


def _branch(x, y, z):
    return y if np.all(x) else z


def _counted(x, y):
    total = y
    for _ in range(operator.index(x) % 3):
        total = total + y
    return total


def _as_float(x):
    return np.asarray(x).astype(float) if not hasattr(x, "astype") else x.astype(float)


OTHERS = [_shifted, _inverted, _half, _once, _same, _large, _divided, _chosen, _branch,
          _counted]  # fmt: skip
ARITY = dict.fromkeys((*OPERATORS, *NUMPY, _divided, _counted), 2)
ARITY |= dict.fromkeys((_chosen, _branch), 3)
PYTHON = (int, bool, float, complex)


def plain(f, *operands):
    return f(*operands)


def reference(f, *operands):
    """Apply an operation by the rule."""
    numbers = all(isinstance(x, PYTHON) for x in operands)
    by_operator = f in OPERATORS or f in (_half, _once, _same, _divided, *UNARY)
    floats = any(isinstance(x, float) for x in operands) or f is _half
    complexes = any(isinstance(x, complex) for x in operands)
    if not (numbers and by_operator and (floats or complexes)):
        return f(*operands)
    try:
        found = f(*operands)
        if complexes or type(found) is not complex:
            return found
    except (ZeroDivisionError, OverflowError):
        pass
    kind = np.complex128 if complexes else np.float64
    found = f(kind(operands[0]), *operands[1:])
    return found.item() if all(type(x) in PYTHON for x in operands) else found


def drawn(rng):
    """Return a plan: the kinds of the arguments, and the steps."""
    kinds = [list(KINDS)[i] for i in rng.integers(len(KINDS), size=3)]
    steps = []
    for _ in range(int(rng.integers(2, 8))):
        group = [OPERATORS, OPERATORS, NUMPY, OF_ONE, UNARY, OTHERS][rng.integers(6)]
        f = group[rng.integers(len(group))]
        steps.append((f, rng.integers(0, 99, size=ARITY.get(f, 1)).tolist()))
    return kinds, steps


def program(steps, apply=plain):
    """Return the function of a plan: each step makes one more value."""

    def f(*args):
        values = [*args, 2, 0.5]
        for function, places in steps:
            found = apply(function, *(values[i % len(values)] for i in places))
            values.append(found)
        return values[len(args) + 2 :]

    return f


def fitting(steps, args):
    """Return the steps that can be run, and whose results are small."""
    values, kept = [*args, 2, 0.5], []
    traced = [True] * len(args) + [False, False]
    for function, places in steps:
        operands = [values[i % len(values)] for i in places]
        if not any(traced[i % len(values)] for i in places):
            continue  # of constants: Python's own
        if function is operator.pow and any(abs(x) > 99 for x in operands
                                            if type(x) is int):  # fmt: skip
            continue  # a number without end
        try:
            found = reference(function, *operands)
        except Exception:
            continue
        if np.asarray(found).dtype.kind in "biufcO" and np.size(found) < 99:
            values.append(found)
            traced.append(True)
            kept.append((function, places))
    return kept


def outcome(f, *args):
    """Return what a call returns, or the class of its error."""
    try:
        with np.errstate(all="ignore"):
            return f(*args)
    except Exception as error:
        return type(error)


def alike(found: Any, expected: Any) -> bool:
    """Tell whether two outcomes are the same: classes of errors, or lists of values."""
    if isinstance(expected, type) or isinstance(found, type):
        refused = isinstance(found, type) and issubclass(
            found, gd.errors.ChainruleError
        )
        return found is expected or refused
    return len(found) == len(expected) and all(map(_same_value, found, expected))


def _same_value(a: Any, e: Any) -> bool:
    if type(e) is int or np.asarray(e).dtype == object:
        return np.asarray(a).dtype.kind in "iuO" and bool(np.all(a == e))
    a, e = np.asarray(a), np.asarray(e)
    if a.shape != e.shape or a.dtype != e.dtype:
        return False
    if a.dtype.kind in "biu":
        return np.array_equal(a, e)
    rtol = 1e-5 if a.dtype.itemsize // (1 + (a.dtype.kind == "c")) == 4 else 1e-12
    with np.errstate(all="ignore"):
        close = np.allclose(a, e, rtol=rtol, atol=0.0, equal_nan=True)
        parts = ("real", "imag") if a.dtype.kind == "c" else ("real",)
        signs = all(
            np.array_equal(
                np.signbit(getattr(a, p))[e == 0], np.signbit(getattr(e, p))[e == 0]
            )
            for p in parts
        )
    return bool(close and (signs or a.dtype.kind == "c"))


def too_large(steps: Any, args: Any) -> bool:
    """Tell whether a power of an argument may be a number without end."""
    powers = any(f is operator.pow for f, _ in steps)
    return powers and any(type(x) is int and abs(x) > 99 for x in args)


def in_scan(f):
    """Return a function that is one step of a scan, twice, on what it closes over."""

    def run(*args):
        return list(gd.scan(lambda c, x: (c, tuple(f(*args))), 0.0, np.arange(2.0))[1])

    return run


def on_carry(f):
    """Return a function that is one step of a scan, twice, on its carry."""

    def run(*args):
        return list(gd.scan(lambda c, x: (c, tuple(f(*c))), args, np.arange(2.0))[1])

    return run


def in_vmap(f):
    """Return a function that is applied to two examples: the first argument, twice."""
    mapped = gd.vmap(lambda x, *others: tuple(f(x, *others)), (0, None, None))
    return lambda x, *others: list(mapped(np.stack([x, x]), *others))


PLACES = {"plain": lambda f: f, "scan": in_scan, "carry": on_carry, "vmap": in_vmap}
