"""Sample calls of the functions of NumPy and SciPy, one for each.

A function is tried on ``CANDIDATES``, or called as ``calls.py`` says, with NumPy's and
SciPy's own functions alone: the first call that returns finite numbers which depend on
an array of floats is its sample. Where no call depends on one, it is locally constant;
where none returns such numbers, it is no function of arrays of floats.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.coverage.calls import CALLS, SKIPPED, Call, candidates, distributions

NAMESPACES = (
    *("numpy", "numpy.linalg", "numpy.fft", "scipy.special", "scipy.stats"),
    *("scipy.linalg", "scipy.signal", "scipy.ndimage", "scipy.fft"),
    *("scipy.integrate", "scipy.interpolate", "scipy.spatial.distance"),
)
STEP = 1e-5
MOVES = 1e-7
"""A slope larger than this is none of a locally constant function."""


@dataclass(frozen=True)
class Sample:
    """A call of a function, and which of its operands its result depends on."""

    namespace: str
    name: str
    operands: tuple[Any, ...]
    call: Call
    moving: tuple[int, ...]


def found(module: ModuleType, name: str) -> Any:
    """Return what a name with dots is in a module."""
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part)
    return value


def names(namespace: str) -> Iterator[str]:
    """Return the functions of a namespace, and the methods of its distributions."""
    module = import_module(namespace)
    if namespace == "scipy.stats":
        yield from distributions()
    for name in getattr(module, "__all__", dir(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or name in SKIPPED or isinstance(value, ModuleType):
            continue
        if f"{namespace}.{name}" in CALLS or (
            callable(value) and not inspect.isclass(value)
        ):
            yield name


def numbers_of(z: Any) -> Iterator[Any]:
    """Return the arrays of floats among results; those of tests by their names."""
    kind = getattr(getattr(z, "dtype", None), "kind", None)
    if kind == "O":
        raise TypeError("an array of objects among the results")
    if kind is not None:
        if kind in "fc":
            yield z
    elif hasattr(z, "statistic"):
        yield from numbers_of((z.statistic, getattr(z, "pvalue", ())))
    elif type(z) in (float, complex):
        yield np.asarray(z)
    elif hasattr(z, "__len__") and not isinstance(z, str | bytes | dict):
        for part in z:
            yield from numbers_of(part)


def weights(shape: Sequence[int], phase: float) -> Any:
    """Return numbers that differ from each other, the same in every library."""
    count = int(np.prod(shape, dtype=int))
    return np.cos(phase + np.arange(1.0, count + 1.0)).reshape(shape)


def total(xp: Any, z: Any) -> Any:
    """Return the results of a call as one number, each entry by a weight."""
    parts = [
        xp.sum(xp.real(part) * weights(part.shape, 0.0))
        + (
            xp.sum(xp.imag(part) * weights(part.shape, 0.5))
            if part.dtype.kind == "c"
            else 0.0
        )
        for part in numbers_of(z)
    ]
    if not parts:
        raise TypeError("no arrays of floats among the results")
    return sum(parts[1:], start=parts[0])


def direction(x: Any) -> Any:
    """Return the direction in which slopes are taken."""
    return weights(np.shape(x), 2.0) * np.maximum(np.abs(x), 0.1)


def of_one(f: Callable[..., Any], operands: Sequence[Any], i: int) -> Any:
    """Return a function of several operands as one of its i-th."""
    return lambda x: f(*operands[:i], x, *operands[i + 1 :])


def slope(f: Callable[[Any], Any], x: Any) -> float:
    """Return the slope of a function along the direction, by differences."""
    d = direction(x)
    return float((f(x + STEP * d) - f(x - STEP * d)) / (2 * STEP))


def is_smooth(f: Callable[[Any], Any], x: Any) -> bool:
    """Tell whether slopes to both sides, and near by, agree: no step and no kink."""
    d, here = STEP * direction(x), f(x)
    ahead, behind, near = f(x + d) - here, here - f(x - d), f(x + d / 2) - here
    size = max(abs(ahead), abs(behind), MOVES * STEP)
    return bool(abs(ahead - behind) + abs(ahead - 2 * near) <= 1e-2 * size)


def plain(function: Any, call: Call) -> Callable[..., Any]:
    """Return a call as one number, of NumPy's or SciPy's own function."""
    return lambda *x: total(np, call(function, *map(np.copy, x)))


def accepted(function: Any, operands: tuple[Any, ...], call: Call) -> Any:
    """Return which operands a call depends on; ``None`` if it is no sample."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for words in (".*truncated to an integer", "non-integer arg"):
                warnings.filterwarnings("error", message=words)
            f = plain(function, call)
            if not np.isfinite(f(*operands)):
                return None
            ones = [(of_one(f, operands, i), x) for i, x in enumerate(operands)]
            if not all(is_smooth(*one) for one in ones):
                return None
            slopes = [slope(*one) for one in ones]
    except Exception:
        return None
    if not np.all(np.isfinite(slopes)):
        return None
    return tuple(i for i, s in enumerate(slopes) if abs(s) > MOVES)


def sample(namespace: str, name: str) -> Sample | str:
    """Return the sample of a function, or a word for why there is none."""
    full, constant = f"{namespace}.{name}", False
    function = found(import_module(namespace), name)
    tries = [CALLS[full]] if full in CALLS else candidates(namespace, function)
    for operands, call in tries:
        moving = accepted(function, operands, call)
        if moving:
            return Sample(namespace, name, operands, call, moving)
        constant |= moving is not None
    return "locally constant" if constant else "no sample"


def samples(
    namespace: str, wanted: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, Sample | str]]:
    """Return what there is of each function of a namespace that is wanted."""
    for name in sorted(set(names(namespace))):
        is_wanted = wanted is None or wanted(name)
        yield name, sample(namespace, name) if is_wanted else "not wanted"
