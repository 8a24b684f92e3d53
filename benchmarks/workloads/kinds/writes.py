"""Programs that fill and change arrays, beside the functional form that JAX asks for.

Ours are NumPy as those write it who fill arrays. Theirs carry the arrays through
``lax.scan`` and change them by ``x.at[i].set``. The second peer is the same text on
plain arrays, without a derivative, and the third the gradient that is not compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import EAGER, FORWARD, JAX, Compilation, own_tool
from benchmarks.workload import Peer, Workload, faster
from benchmarks.workloads.kinds.kind import compared
from benchmarks.workloads.kinds.simulations import Scan


def filtered(xp: Any, signal: Any, decay: Any) -> Any:
    """Energy of a signal after a recursive filter.

    Operations of a step: two indices, a product, a sum, a write of an entry.
    """
    out = signal * 0.0
    for i in range(1, len(signal)):
        out[i] = out[i - 1] * decay + signal[i]
    return xp.sum(out * out)


def filtered_by_scan(xp: Any, signal: Any, decay: Any, *, scan: Scan) -> Any:
    """The same with the array as a carry."""

    def step(out: Any, i: Any) -> tuple[Any, None]:
        return out.at[i].set(out[i - 1] * decay + signal[i]), None

    out, _ = scan(step, signal * 0.0, xp.arange(1, len(signal)))
    return xp.sum(out * out)


def upwind(xp: Any, u: Any, speed: Any, *, steps: int) -> Any:
    """Squares of what is carried along a ring, changed in place.

    Operations of a step: three slices, differences, a product, two writes.
    """
    u = u * 1.0
    for _ in range(steps):
        last = u[-1] * 1.0
        u[1:] -= speed * (u[1:] - u[:-1])
        u[0] -= speed * (u[0] - last)
    return xp.sum(u**4)


def upwind_by_scan(xp: Any, u: Any, speed: Any, *, steps: int, scan: Scan) -> Any:
    """The same with the array as a carry."""

    def step(u: Any, _: Any) -> tuple[Any, None]:
        last = u[-1]
        v = u.at[1:].add(-speed * (u[1:] - u[:-1]))
        return v.at[0].add(-speed * (u[0] - last)), None

    u, _ = scan(step, u, None, length=steps)
    return xp.sum(u**4)


def masses(xp: Any, x: Any, stiffness: Any, *, steps: int) -> Any:
    """Energy of a chain of springs after steps of Verlet's method.

    Operations of a step: differences of slices, a cube, products, four writes.
    """
    x, v, force = x * 1.0, x * 0.0, x * 0.0
    for _ in range(steps):
        stretch = x[1:] - x[:-1]
        pull = stiffness * stretch + 0.1 * stretch**3
        force[:-1] = pull
        force[-1] = 0.0
        force[1:] -= pull
        v += 0.05 * force
        x += 0.05 * v
    return xp.sum(v * v) + xp.sum(x * x)


def masses_by_scan(xp: Any, x: Any, stiffness: Any, *, steps: int, scan: Scan) -> Any:
    """The same with the arrays as carry."""

    def step(state: Any, _: Any) -> tuple[Any, None]:
        x, v = state
        stretch = x[1:] - x[:-1]
        pull = stiffness * stretch + 0.1 * stretch**3
        force = xp.zeros_like(x).at[:-1].set(pull).at[1:].add(-pull)
        v = v + 0.05 * force
        return (x + 0.05 * v, v), None

    (x, v), _ = scan(step, (x, x * 0.0), None, length=steps)
    return xp.sum(v * v) + xp.sum(x * x)


def eliminated(xp: Any, a: Any) -> Any:
    """Logarithm of a determinant, by elimination in the place of the matrix.

    Operations of a step: indices of a column, a row and a block, a quotient, an outer
    product, two writes. At the end: diagonal, abs, log, sum.
    """
    a = a * 1.0
    for k in range(len(a) - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= xp.outer(a[k + 1 :, k], a[k, k + 1 :])
    return xp.sum(xp.log(xp.abs(xp.diagonal(a))))


def eliminated_functionally(xp: Any, a: Any) -> Any:
    """The same, each step with a new matrix."""
    for k in range(len(a) - 1):
        a = a.at[k + 1 :, k].divide(a[k, k])
        a = a.at[k + 1 :, k + 1 :].add(-xp.outer(a[k + 1 :, k], a[k, k + 1 :]))
    return xp.sum(xp.log(xp.abs(xp.diagonal(a))))


def aligned(xp: Any, scores: Any, gap: Any) -> Any:
    """Smoothed score of the best alignment of two sequences, by a table.

    Operations of a step: four indices, sums, logaddexp twice, a write of an entry.
    """
    rows, columns = scores.shape
    table = xp.concatenate([scores * 0.0, scores[:1] * 0.0])
    table = xp.concatenate([table, table[:, :1]], axis=1)
    for i in range(1, rows + 1):
        table[i, 0] = -gap * i
    for j in range(1, columns + 1):
        table[0, j] = -gap * j
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            skipped = xp.logaddexp(table[i - 1, j] - gap, table[i, j - 1] - gap)
            met = table[i - 1, j - 1] + scores[i - 1, j - 1]
            table[i, j] = xp.logaddexp(met, skipped)
    return table[rows, columns]


def aligned_by_scan(xp: Any, scores: Any, gap: Any, *, scan: Scan) -> Any:
    """The same, row by row and entry by entry."""

    def row(before: Any, given: Any) -> tuple[Any, None]:
        i, scored = given
        first = -gap * i

        def entry(left: Any, above: Any) -> tuple[Any, Any]:
            diagonal, over, score = above
            skipped = xp.logaddexp(over - gap, left - gap)
            z = xp.logaddexp(diagonal + score, skipped)
            return z, z

        _, rest = scan(entry, first, (before[:-1], before[1:], scored))
        return before.at[0].set(first).at[1:].set(rest), None

    rows, columns = scores.shape
    start = -gap * xp.arange(columns + 1.0)
    last, _ = scan(row, start, (xp.arange(1.0, rows + 1.0), scores))
    return last[-1]


def hidden(xp: Any, moves: Any, seen: Any, signals: Any) -> Any:
    """Likelihood of signals under a hidden Markov chain, all of it kept in a table.

    Operations of a step: two indices, a product with a matrix, a product, sum, log, a
    quotient, a write of a row.
    """
    moves = xp.exp(moves) / xp.sum(xp.exp(moves), axis=1, keepdims=True)
    seen = xp.exp(seen) / xp.sum(xp.exp(seen), axis=1, keepdims=True)
    alpha = seen.T[signals] * 0.0
    alpha[0] = seen[:, signals[0]] / len(moves)
    total = 0.0
    for t in range(1, len(signals)):
        alpha[t] = (alpha[t - 1] @ moves) * seen[:, signals[t]]
        scale = xp.sum(alpha[t])
        alpha[t] /= scale
        total = total + xp.log(scale)
    return total + xp.log(xp.sum(alpha[-1]))


def hidden_by_scan(xp: Any, moves: Any, seen: Any, signals: Any, *, scan: Scan) -> Any:
    """The same with the row before as the carry."""
    moves = xp.exp(moves) / xp.sum(xp.exp(moves), axis=1, keepdims=True)
    seen = xp.exp(seen) / xp.sum(xp.exp(seen), axis=1, keepdims=True)

    def step(state: Any, signal: Any) -> tuple[Any, None]:
        alpha, total = state
        alpha = (alpha @ moves) * seen[:, signal]
        scale = xp.sum(alpha)
        return (alpha / scale, total + xp.log(scale)), None

    start = seen[:, signals[0]] / len(moves)
    (last, total), _ = scan(step, (start, 0.0), signals[1:])
    return total + xp.log(xp.sum(last))


def shock(xp: Any, u: Any, slope: Any, *, steps: int) -> Any:
    """Squares of Burgers' solution by finite volumes between two ghost cells.

    Operations of a step: slices, squares, where, differences, products, three writes.
    """
    cells = xp.concatenate([u[:1], u, u[-1:]]) * 1.0
    for _ in range(steps):
        cells[0], cells[-1] = cells[1] * 1.0, cells[-2] * 1.0
        left, right = cells[:-1], cells[1:]
        flux = 0.25 * (left**2 + right**2) - slope * (right - left)
        cells[1:-1] -= 0.2 * (flux[1:] - flux[:-1])
    return xp.sum(cells[1:-1] ** 2)


def shock_by_scan(xp: Any, u: Any, slope: Any, *, steps: int, scan: Scan) -> Any:
    """The same with the cells as a carry."""

    def step(cells: Any, _: Any) -> tuple[Any, None]:
        cells = cells.at[0].set(cells[1]).at[-1].set(cells[-2])
        left, right = cells[:-1], cells[1:]
        flux = 0.25 * (left**2 + right**2) - slope * (right - left)
        return cells.at[1:-1].add(-0.2 * (flux[1:] - flux[:-1])), None

    cells = xp.concatenate([u[:1], u, u[-1:]])
    cells, _ = scan(step, cells, None, length=steps)
    return xp.sum(cells[1:-1] ** 2)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    rng = np.random.default_rng(20261127)
    n, steps, side = (8, 3, 4) if tiny else (400, 100, 16)
    scan = {"scan": own_tool}
    laps = {"steps": steps}
    wave = 1.0 + 0.3 * np.sin(np.linspace(0.0, 6.0, n))
    matrix = rng.normal(size=(side, side)) + side * np.eye(side)
    chain = rng.normal(size=(4, 4)), rng.normal(size=(4, 5))
    signals = rng.integers(0, 5, steps)
    programs = [
        ("filter", filtered, filtered_by_scan, (wave, 0.9), (), {}, scan),
        ("upwind", upwind, upwind_by_scan, (wave, 0.4), (), laps, {**laps, **scan}),
        ("springs", masses, masses_by_scan, (wave, 0.8), (), laps, {**laps, **scan}),
        ("elimination", eliminated, eliminated_functionally, (matrix,), (), {}, {}),
        (
            "alignment",
            aligned,
            aligned_by_scan,
            (rng.normal(size=(side, side)), 0.3),
            (),
            {},
            scan,
        ),
        ("hidden states", hidden, hidden_by_scan, chain, (signals,), {}, scan),
        ("shock", shock, shock_by_scan, (wave, 0.3), (), laps, {**laps, **scan}),
    ]
    for name, ours, theirs, arguments, constants, own, other in programs:
        functional = Workload(theirs, arguments, constants, other)
        peers = (
            Peer(JAX, faster(1.0), functional, "jax jit, functional"),
            Peer(FORWARD),
            Peer(EAGER),
        )
        workload = Workload(ours, arguments, constants, own)
        yield compared("writes", name, workload, peers)
