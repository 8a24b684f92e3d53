"""Functions of a matrix against mpmath, along a direction.

Errors are relative to the norm of the result, or of its first or second derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

import chainrule as gd
from tests.scipy.accuracy import DIGITS, attribute

COUNT = 4
STEP = mp.mpf(10) ** -12
"""Of the differences, with 60 digits; their error is its square."""


@dataclass(frozen=True)
class OfMatrix:
    """A function of a positive definite matrix, or of any well-conditioned one."""

    home: str
    title: str
    exact: Callable[[Any], Any]
    limits: tuple[float, float, float] = (1e-12, 1e-10, 1e-10)
    symmetric: bool = False
    rest: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The function, as users write it."""
        return f"{self.home}.{self.title}"

    @property
    def names(self) -> Sequence[str]:
        """The name of the operand."""
        return ("A",)


def measured(entry: OfMatrix) -> list[float]:
    """Return the errors of the value and of two derivatives along a direction."""
    a, b = drawn(entry)
    f = attribute(entry)
    found: list[Any] = [f(a, *entry.rest)]
    g: Any = lambda t: f(a + t * b, *entry.rest)  # noqa: E731
    for _ in range(2):
        g = slope_of(g)
        found.append(g(0.0))
    with mp.workdps(3 * DIGITS // 2):
        at = [
            entry.exact(mp.matrix(a.tolist()) + k * STEP * mp.matrix(b.tolist()))
            for k in (-1, 0, 1)
        ]
        low, mid, high = (x if isinstance(x, mp.matrix) else mp.matrix([x]) for x in at)
        exact = mid, (high - low) / (2 * STEP), (high - 2 * mid + low) / STEP**2
        return [error(x, e) for x, e in zip(found, exact, strict=True)]


def slope_of(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the derivative of an array in a number, forwards."""
    return lambda t: gd.jvp(f, (t,), (1.0,))[1]


def drawn(entry: OfMatrix) -> tuple[Any, Any]:
    """Return a matrix with eigenvalues from 1 to 4 or so, and a direction."""
    rng = np.random.default_rng(len(entry.title))
    noise = rng.uniform(-0.4, 0.4, (COUNT, COUNT))
    b = rng.uniform(-1.0, 1.0, (COUNT, COUNT))
    a = np.diag(np.arange(1.0, COUNT + 1.0)) + noise
    return ((a + a.T) / 2, (b + b.T) / 2) if entry.symmetric else (a, b)


def error(found: Any, exact: Any) -> float:
    """Return the relative error of an array."""
    flat = mp.matrix(np.ravel(np.asarray(found)).tolist())
    wanted = mp.matrix([x for line in exact.tolist() for x in line])
    return float(mp.norm(flat - wanted) / mp.norm(wanted))


def rows(entry: OfMatrix) -> list[list[str]]:
    """Return the line of the table."""
    numbers = (f"{e:.0e}" for e in measured(entry))
    kind = "symmetric" if entry.symmetric else "general"
    return [[entry.name, "A", f"{kind} {COUNT} x {COUNT}", *numbers]]


def _power(a: Any) -> Any:
    return mp.expm(mp.mpf("0.3") * mp.logm(a))


ENTRIES = [
    OfMatrix("np.linalg", "inv", mp.inverse),
    OfMatrix("np.linalg", "det", mp.det),
    OfMatrix("np.linalg", "matrix_power", lambda a: a**5, rest=(5,)),
    OfMatrix("np.linalg", "cholesky", mp.cholesky, symmetric=True),
    OfMatrix(
        "np.linalg",
        "eigvalsh",
        lambda a: mp.eigsy(a, eigvals_only=True),
        symmetric=True,
    ),
    OfMatrix("scipy.linalg", "inv", mp.inverse),
    OfMatrix("scipy.linalg", "det", mp.det),
    OfMatrix("scipy.linalg", "expm", mp.expm),
    OfMatrix("scipy.linalg", "logm", mp.logm),
    OfMatrix("scipy.linalg", "sqrtm", mp.sqrtm),
    OfMatrix("scipy.linalg", "cosm", mp.cosm),
    OfMatrix("scipy.linalg", "sinm", mp.sinm),
    OfMatrix("scipy.linalg", "fractional_matrix_power", _power, rest=(0.3,)),
    OfMatrix("scipy.linalg", "svdvals", lambda a: mp.svd_r(a, compute_uv=False)),
]
