"""The determinant of a matrix, expanded by minors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.gradbench.eval import Arguments, Eval, Function, Input, Size
from benchmarks.tools import Tools


def recursion(xp: Any, A: Any, row: int = 0, columns: Any = None) -> Any:
    """Determinant by the recursion as it is defined: l! products of elements.

    Operations: for each order of the columns an element, a product and a sum.
    """
    columns = tuple(range(A.shape[0])) if columns is None else columns
    if not columns:
        return 1.0
    total = 0.0
    for i, column in enumerate(columns):
        rest = columns[:i] + columns[i + 1 :]
        term = A[row, column] * recursion(xp, A, row + 1, rest)
        total = total - term if i % 2 else total + term
    return total


def by_minors(xp: Any, A: Any) -> Any:
    """Determinant by the same expansion, in which each minor is computed once.

    The minors of the last r rows are one vector, with an entry for each choice of r
    columns. That is 2**l minors in all, where the recursion computes equal ones again.

    Operations, for each row: two indices, a product, a sum along an axis.
    """
    size = A.shape[0]
    minors = xp.zeros(1) + 1.0
    for row in reversed(range(size)):
        columns, rest, signs = expansion(size, size - row)
        minors = xp.sum(A[row][columns] * signs * minors[rest], axis=1)
    return minors[0]


def expansion(size: int, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how minors of r rows are made of those with a row less.

    For each choice of r columns, and each of these columns: which it is, the place of
    the minor without it, and the sign of their product; shape (choices, r).
    """
    places = {choice: i for i, choice in enumerate(combinations(range(size), r - 1))}
    columns = np.array(list(combinations(range(size), r)))
    rest = [[places[c[:i] + c[i + 1 :]] for i in range(r)] for c in map(tuple, columns)]
    return columns, np.array(rest), (-1.0) ** np.arange(r)


def build_primal(tools: Tools) -> Callable[[Any], Any]:
    """Return the determinant, compiled."""
    return tools.compile(partial(by_minors, tools.xp))


def build_gradient(tools: Tools) -> Callable[[Any], Any]:
    """Return its gradient, compiled."""
    return tools.compile(tools.grad(partial(by_minors, tools.xp)))


def build_recursion(tools: Tools) -> Callable[[Any], Any]:
    """Return the gradient of the plain recursion, compiled."""
    return tools.compile(tools.grad(partial(recursion, tools.xp)))


def prepare(given: Input) -> Arguments:
    """Return the matrix."""
    return (np.array(given["A"], float).reshape(given["ell"], given["ell"]),), {}


def output(gradient: Any) -> list[float]:
    """Return the gradient's rows, one after the other."""
    return np.asarray(gradient).ravel().tolist()


def generate(*, ell: int) -> Input:
    """Return a matrix of numbers between 0 and 1."""
    return {"A": np.random.default_rng(14).random(ell * ell).tolist(), "ell": ell}


EVAL = Eval(
    "det",
    {
        "primal": Function(build_primal, prepare, peers=("jax",)),
        "gradient": Function(build_gradient, prepare, output, peers=("jax",)),
        "plain": Function(build_recursion, prepare, output, peers=("jax",)),
    },
    small=lambda: generate(ell=4),
    sizes=(
        Size("5 rows, plain recursion", "plain", lambda: generate(ell=5)),
        Size("9 rows", "gradient", lambda: generate(ell=9), 6.0, 6.5),
        Size("11 rows", "gradient", lambda: generate(ell=11), 600.0, 667.0),
    ),
    differences=lambda given: (partial(by_minors, np), prepare(given)[0]),
)
