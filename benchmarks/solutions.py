"""Whole solutions by SciPy's solvers: derivatives by chainrule, by differences, by JAX.

A comparison names a problem and a solver. Each peer solves it from the same first guess
with the same method; tracing and compiling are in the time, as they are for a user. The
table has three rows for a peer: seconds, calls that the solver made of the function and
of its derivatives, and its iterations.

- ``DIFFERENCES``: SciPy alone, with its differences; grouped by the pattern where one
  is known, which is written down for it.
- ``JAX``: SciPy with jitted derivatives, and sparse ones put together by hand.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize

from benchmarks.measure import DisagreementError, Row, row_of
from benchmarks.workload import Comparison, Peer, Workload

OURS = "chainrule"
DIFFERENCES = "scipy, differences"
JAX = "scipy, jax.jit"
LIBRARIES = (OURS, DIFFERENCES, JAX)
HERE = (DIFFERENCES,)
"""Peers that are there without any other library."""

SAME = 1e-3
"""How far the values at two solutions may be apart, relative to the first guess's."""


@dataclass(frozen=True)
class Counted:
    """What one solution took."""

    seconds: float
    calls: int
    iterations: int
    value: float


Solve = Callable[[str, Workload], tuple[Any, int]]
"""``solve(library, workload)`` returns SciPy's result, and how many calls it took."""


@dataclass(frozen=True)
class Solution(Comparison):
    """A comparison of whole solutions by one solver."""

    solve: Solve | None = None


class Counter:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.function(*args)


def of_numpy(workload: Workload) -> Callable[..., Any]:
    """Return a workload as the function of its argument that a user would write."""

    def function(x: Any) -> Any:
        return workload(np, x)

    return function


def of_jax(workload: Workload) -> tuple[Any, Any]:
    """Return JAX, and a workload as its function."""
    import jax

    jax.config.update("jax_enable_x64", True)
    constants = tuple(map(jax.numpy.asarray, workload.constants))

    def function(x: Any) -> Any:
        return workload(jax.numpy, x, constants=constants)

    return jax, function


def compare(comparison: Solution, *, smoke: bool) -> list[Row]:
    """Solve by both in turns, and return three rows for each peer."""
    peers = [p for p in comparison.peers if not smoke or p.library in HERE]
    if not peers:
        return [Row(comparison.name, "per call", timed(comparison, OURS).seconds)]
    rows: list[Row] = []
    for peer in peers:
        rounds = 1 if smoke else comparison.rounds
        pairs = [in_turn(comparison, peer, i) for i in range(rounds)]
        check(comparison, peer, pairs[0])
        rows += rows_of(comparison.name, peer, pairs)
    return rows


def in_turn(comparison: Solution, peer: Peer, i: int) -> tuple[Counted, Counted]:
    """Solve by chainrule and by a peer, every second time in the other order."""
    if i % 2:
        theirs = timed(comparison, peer.library)
        return timed(comparison, OURS), theirs
    ours = timed(comparison, OURS)
    return ours, timed(comparison, peer.library)


def timed(comparison: Solution, library: str) -> Counted:
    """Solve once, with new functions."""
    assert comparison.solve is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        result, calls = comparison.solve(library, comparison.workload)
        seconds = time.perf_counter() - start
    value = result.cost if "cost" in result else result.fun
    iterations = result.nit if "nit" in result else result.njev or result.nfev
    return Counted(seconds, calls, int(iterations), float(value))


def check(comparison: Solution, peer: Peer, pair: tuple[Counted, Counted]) -> None:
    """Raise unless both found as small a value."""
    first = comparison.workload(np, *comparison.workload.arguments)
    scale = float(np.sum(np.square(first)) / 2 if np.ndim(first) else abs(first))
    ours, theirs = (each.value for each in pair)
    scale = max(scale, abs(theirs))
    if not ours <= theirs + SAME * scale:
        raise DisagreementError(
            f"{comparison.name}: chainrule found {ours:.6g}, and {peer.name} "
            f"{theirs:.6g}, from {scale:.6g}."
        )


def rows_of(
    name: str, peer: Peer, pairs: Sequence[tuple[Counted, Counted]]
) -> list[Row]:
    """Return the rows of seconds, calls and iterations."""
    shown = Peer(peer.library, None, label=peer.label)
    seconds = row_of(name, "per call", peer, [(a.seconds, b.seconds) for a, b in pairs])
    calls = row_of(
        f"{name}, calls", "calls", shown, [(a.calls, b.calls) for a, b in pairs]
    )
    steps = [(a.iterations, b.iterations) for a, b in pairs]
    return [seconds, calls, row_of(f"{name}, iterations", "calls", shown, steps)]


# ------------------------------------------------------------------------------ solvers


def by_minimize(method: str, **options: Any) -> Solve:
    """Return what solves by a method of ``minimize`` that is given gradients."""

    def solve(library: str, workload: Workload) -> tuple[Any, int]:
        (x0,) = workload.arguments
        given: dict[str, Any] = {"method": method, "options": options}
        if library == OURS:
            from chainrule.scipy.optimize import minimize

            found = minimize(of_numpy(workload), x0, **given)
            return found, found.nfev + found.get("nhev", 0)
        if library == DIFFERENCES:
            counter = Counter(of_numpy(workload))
            return scipy.optimize.minimize(counter, x0, **given), counter.calls
        jax, f = of_jax(workload)
        both = jax.jit(jax.value_and_grad(f))

        def value_and_gradient(x: Any) -> Any:
            value, slope = both(x)
            return float(value), np.asarray(slope)

        if method == "Newton-CG":
            product = jax.jit(lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1])
            given["hessp"] = lambda x, v: np.asarray(product(x, v))
        found = scipy.optimize.minimize(value_and_gradient, x0, jac=True, **given)
        return found, found.nfev + found.get("nhev", 0)

    return solve


def by_least_squares(
    pattern: Callable[[int], Any] | None = None, **given: Any
) -> Solve:
    """Return what solves by ``least_squares``; a ``pattern`` of the size is known."""

    def solve(library: str, workload: Workload) -> tuple[Any, int]:
        (x0,) = workload.arguments
        if library == OURS:
            from chainrule.scipy.optimize import least_squares

            found = least_squares(of_numpy(workload), x0, **given)
            return found, found.nfev + found.njev
        if library == DIFFERENCES:
            counter = Counter(of_numpy(workload))
            known = None if pattern is None else pattern(x0.size)
            found = scipy.optimize.least_squares(
                counter, x0, jac_sparsity=known, **given
            )
            return found, counter.calls
        jax, f = of_jax(workload)
        run = jax.jit(f)
        slopes = jax.jit(jax.jacfwd(f))
        jac: Any = lambda x: np.asarray(slopes(x))  # noqa: E731
        if pattern is not None:
            jac = by_colours(jax, f, pattern(x0.size))
        found = scipy.optimize.least_squares(
            lambda x: np.asarray(run(x)), x0, jac=jac, **given
        )
        return found, found.nfev + found.njev

    return solve


def by_colours(jax: Any, f: Callable[..., Any], pattern: Any) -> Callable[..., Any]:
    """Return a banded Jacobian by JAX: three products, as a user puts them together."""
    pattern = pattern.tocsr()
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    seeds = np.zeros((3, pattern.shape[1]))
    for colour in range(3):
        seeds[colour, colour::3] = 1.0
    places = (pattern.indices % 3, rows)

    @jax.jit
    def entries(x: Any) -> Any:
        products = jax.vmap(lambda s: jax.jvp(f, (x,), (s,))[1])(seeds)
        return products[places]

    def jacobian(x: Any) -> Any:
        data = np.asarray(entries(x))
        return scipy.sparse.csr_array((data, pattern.indices, pattern.indptr))

    return jacobian


def with_constraint(constraint: Callable[..., Any], **options: Any) -> Solve:
    """Return what solves by SLSQP, where a function of ``(xp, x)`` is to be zero."""

    def solve(library: str, workload: Workload) -> tuple[Any, int]:
        (x0,) = workload.arguments
        given: dict[str, Any] = {"method": "SLSQP", "options": options}

        def zero(x: Any) -> Any:
            return constraint(np, x)

        if library == OURS:
            from chainrule.scipy.optimize import minimize

            made = {"type": "eq", "fun": zero}
            found = minimize(of_numpy(workload), x0, constraints=made, **given)
            return found, found.nfev + found.njev
        if library == DIFFERENCES:
            counter, limits = Counter(of_numpy(workload)), Counter(zero)
            made = {"type": "eq", "fun": limits}
            found = scipy.optimize.minimize(counter, x0, constraints=made, **given)
            return found, counter.calls + limits.calls
        jax, f = of_jax(workload)
        value, slope = jax.jit(f), jax.jit(jax.grad(f))
        limit = jax.jit(lambda x: constraint(jax.numpy, x))
        limit_slope = jax.jit(jax.jacfwd(lambda x: constraint(jax.numpy, x)))
        made = {
            "type": "eq",
            "fun": lambda x: np.asarray(limit(x)),
            "jac": lambda x: np.asarray(limit_slope(x)),
        }
        found = scipy.optimize.minimize(
            lambda x: float(value(x)),
            x0,
            jac=lambda x: np.asarray(slope(x)),
            constraints=made,
            **given,
        )
        return found, found.nfev + found.njev

    return solve
