"""What a rule is tested on: declared beside its formula, drawn when a test runs.

A rule lists ``cases``; each names its operands by shape, or by a ``Sample`` where a
plain normal array would leave the domain, and its parameters::

    cases = (case((3, 4)), case((3, 4), axis=0), case(positive(2, 3), axis=(0, 1)))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.values.shapes import TUPLE

Array = Any


class Sample:
    """A way to draw one operand: a kind of array and its shape."""

    def __init__(
        self, kind: str, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0
    ) -> None:
        """Keep it, with the interval of a uniform kind."""
        self.kind: str = kind
        self.shape: tuple[int, ...] = shape
        self.low: float = low
        self.high: float = high

    def draw(self, rng: np.random.Generator) -> Array:
        """Return a float64 array of this kind."""
        return _DRAW[self.kind](self, rng)


class Case:
    """One call of a rule: operands (shapes, samples or constants) and parameters."""

    def __init__(self, operands: tuple[Any, ...], parameters: dict[str, Any]) -> None:
        """Keep them."""
        self.operands: tuple[Any, ...] = operands
        self.parameters: dict[str, Any] = parameters

    def draw(self, rng: np.random.Generator) -> tuple[Any, ...]:
        """Return the operands: a tuple of ints is a shape, all else stays."""
        return tuple(_draw_operand(x, rng) for x in self.operands)


Cases = tuple[Case, ...]
Dtypes = tuple[str, ...]
"""Names of dtypes."""
REAL: Dtypes = ("float32", "float64")
DOUBLE: Dtypes = ("float64", "complex128")
Domain = Mapping[str, tuple[float, float]]
"""The interval of an operand, by its name."""
Conventions = tuple[tuple[tuple[float, ...], tuple[float | None, ...]], ...]
"""Boundary points: operands, and the partials there (``None``: of no interest)."""


def case(*operands: Any, **parameters: Any) -> Case:
    """Return a call with these operands and keyword parameters."""
    return Case(operands, parameters)


def within(low: float, high: float, *shape: int) -> Sample:
    """Draw uniformly between ``low`` and ``high``."""
    return Sample("uniform", shape, low, high)


def positive(*shape: int) -> Sample:
    """Draw uniformly between 0.5 and 2."""
    return Sample("uniform", shape, 0.5, 2.0)


def distinct(*shape: int) -> Sample:
    """Draw values at least 0.3 apart, none of them near zero, in random order."""
    return Sample("distinct", shape)


def symmetric(*shape: int) -> Sample:
    """Draw symmetric matrices with distinct eigenvalues."""
    return Sample("symmetric", shape)


def spd(*shape: int) -> Sample:
    """Draw symmetric positive definite matrices, well conditioned."""
    return Sample("spd", shape)


def regular(*shape: int) -> Sample:
    """Draw well-conditioned square matrices."""
    return Sample("regular", shape)


def _draw_operand(x: Any, rng: np.random.Generator) -> Any:
    if isinstance(x, Sample):
        return x.draw(rng)
    if isinstance(x, TUPLE) and all(type(n) is int for n in x):
        return Sample("uniform", x).draw(rng)
    return x


def _uniform(s: Sample, rng: np.random.Generator) -> Array:
    return rng.uniform(s.low, s.high, s.shape)


def _distinct(s: Sample, rng: np.random.Generator) -> Array:
    size = int(np.prod(s.shape))
    values = 0.4 * (np.arange(size) - size / 2 + 0.5) + rng.uniform(-0.05, 0.05, size)
    return rng.permutation(values).reshape(s.shape)


def _square(s: Sample, rng: np.random.Generator) -> Array:
    return rng.normal(size=s.shape)


def _symmetric(s: Sample, rng: np.random.Generator) -> Array:
    a = _square(s, rng)
    return a + np.swapaxes(a, -1, -2) + np.diag(2.0 * np.arange(s.shape[-1]))


def _spd(s: Sample, rng: np.random.Generator) -> Array:
    a = _square(s, rng)
    n = s.shape[-1]
    return a @ np.swapaxes(a, -1, -2) / n + np.diag(1.0 + np.arange(n))


def _regular(s: Sample, rng: np.random.Generator) -> Array:
    return 0.3 * _square(s, rng) + np.diag(2.0 + np.arange(s.shape[-1]))


_DRAW = {
    "uniform": _uniform,
    "distinct": _distinct,
    "symmetric": _symmetric,
    "spd": _spd,
    "regular": _regular,
}
