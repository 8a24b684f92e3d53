"""Sparse Jacobians and Hessians beside asdex (with ``jax.jit``) and CasADi.

Each row of the table belongs to a peer: later calls, after each library has compiled;
the detection of the pattern (a ``Detection``), of a function that is new; and how much
memory a first and some later calls take (a ``Memory``), beside that of the non-zeros.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

import chainrule as gd
from benchmarks.compiled import settle
from benchmarks.measure import (
    SAME,
    DisagreementError,
    Row,
    collector_settled,
    in_turns,
    row_of,
    time_block,
)
from benchmarks.memory import forget_peak, peak
from benchmarks.workload import Comparison, Peer, Workload

ALONE, ASDEX, CASADI = "", "asdex, jax jit", "CasADi"
MEMORY = "its non-zeros"
LIBRARIES = (ALONE, ASDEX, CASADI, MEMORY)
TIMES = 10
"""How many times the memory of the non-zeros may be taken."""

Call = Callable[[], Any]


@dataclass(frozen=True)
class Sparse(Comparison):
    """A comparison of sparse Jacobians, or Hessians where the order is 2."""


@dataclass(frozen=True)
class Detection(Peer):
    """A peer whose detection of the pattern is compared."""

    builds: int = 3


@dataclass(frozen=True)
class Memory(Peer):
    """The memory that is taken at most, as a multiple of that of the non-zeros."""

    library: str = MEMORY


# ------------------------------------------------------------------------- libraries


def names_of(xp: Any) -> SimpleNamespace:
    """Return a namespace like NumPy's with what the workloads need beyond it."""

    def grid(x: Any) -> Any:
        side = int(x.size**0.5)
        return x.reshape(side, side)

    return SimpleNamespace(
        concatenate=xp.concatenate,
        sum=xp.sum,
        sin=xp.sin,
        roll=xp.roll,
        grid=grid,
        framed=lambda u: xp.pad(u, 1),
        flat=xp.ravel,
        first=lambda z: xp.reshape(z, (1,)),
    )


def casadi_names() -> SimpleNamespace:
    """Return CasADi's functions under the same names; its squares lie by columns."""
    import casadi as ca

    def grid(x: Any) -> Any:
        side = int(x.numel() ** 0.5)
        return ca.reshape(x, side, side)

    def framed(u: Any) -> Any:
        side = u.shape[0]
        column, row = ca.DM.zeros(side, 1), ca.DM.zeros(1, side + 2)
        return ca.vertcat(row, ca.horzcat(column, u, column), row)

    def roll(x: Any, by: int) -> Any:
        return ca.vertcat(x[-by:], x[:-by])

    return SimpleNamespace(
        concatenate=lambda parts: ca.vertcat(*parts),
        sum=ca.sum1,
        sin=ca.sin,
        roll=roll,
        grid=grid,
        framed=framed,
        flat=ca.vec,
        first=lambda z: z,
    )


def of(workload: Workload, xp: Any) -> Callable[[Any], Any]:
    """Return a workload as a function of its one argument."""
    return lambda x: workload.function(xp, x, *workload.constants)


def ours(workload: Workload) -> Call:
    """Return a call of chainrule's sparse derivative."""
    derivative = gd.sparse.jacobian if workload.order == 1 else gd.sparse.hessian
    run = derivative(of(workload, names_of(np)))
    (x,) = workload.arguments
    return lambda: run(x)


def asdex_call(workload: Workload) -> Call:
    """Return a call of asdex' sparse derivative, compiled by JAX."""
    import asdex
    import jax

    jax.config.update("jax_enable_x64", True)
    (x,) = map(jax.numpy.asarray, workload.arguments)
    derivative = asdex.jacobian if workload.order == 1 else asdex.hessian
    f = of(workload, names_of(jax.numpy))
    run = jax.jit(derivative(f, x, output_format="bcoo"))
    return lambda: jax.block_until_ready(run(x))


def casadi_call(workload: Workload) -> Call:
    """Return a call of CasADi's function of scalars."""
    import casadi as ca

    (x,) = workload.arguments
    constants = [
        c.tolist() if c.dtype.kind == "i" else ca.DM(c) for c in workload.constants
    ]
    unknown = ca.SX.sym("x", x.size)
    z = workload.function(casadi_names(), unknown, *constants)
    if workload.order == 1:
        matrix = ca.jacobian(z, unknown)
    else:
        matrix, _ = ca.hessian(z, unknown)
    run, point = ca.Function("f", [unknown], [matrix]), ca.DM(x)
    return lambda: run(point)


MAKERS = {ASDEX: asdex_call, CASADI: casadi_call}


def detection(library: str, workload: Workload) -> Call:
    """Return a call that finds the pattern of a new function."""
    (x,) = workload.arguments
    if library != ASDEX:
        f = of(workload, names_of(np))
        g = f if workload.order == 1 else gd.grad(f)
        return lambda: gd.sparse.sparsity(g, x)
    import asdex
    import jax

    jax.config.update("jax_enable_x64", True)
    x = jax.numpy.asarray(x)
    find = asdex.jacobian_sparsity if workload.order == 1 else asdex.hessian_sparsity
    return lambda: find(of(workload, names_of(jax.numpy)), x)


# ---------------------------------------------------------------------------- checks


def as_scipy(matrix: Any) -> Any:
    """Return a library's sparse matrix as one of SciPy's."""
    import scipy.sparse as sp

    if hasattr(matrix, "indices") and hasattr(matrix, "n_batch"):  # of JAX
        rows, columns = np.asarray(matrix.indices).T
        parts = np.asarray(matrix.data), (rows, columns)
        return sp.csr_array(sp.coo_array(parts, shape=matrix.shape))
    return sp.csr_array(matrix.sparse() if hasattr(matrix, "sparse") else matrix)


def require_same(name: str, own: Any, library: str, other: Any) -> None:
    """Raise if two matrices differ."""
    a, b = as_scipy(own), as_scipy(other)
    apart = abs(a - b).max() / abs(a).max()
    if not apart <= SAME:
        raise DisagreementError(
            f"{name}: chainrule and {library} differ by {apart:.1e} (relative), more "
            f"than {SAME:.0e}."
        )


def require_products(name: str, workload: Workload, matrix: Any) -> None:
    """Raise unless a product with a vector is the one that a sweep gives."""
    f, (x,) = of(workload, names_of(np)), workload.arguments
    direction = np.random.default_rng(0).standard_normal(x.size)
    if workload.order == 1:
        _, expected = gd.jvp(f, (x,), (direction,))
    else:
        expected = gd.hvp(f, x, direction)
    apart = np.abs(matrix @ direction - expected).max() / np.abs(expected).max()
    if not apart <= SAME:
        raise DisagreementError(f"{name}: a product differs by {apart:.1e}.")


# ---------------------------------------------------------------------------- timing


def compare(comparison: Sparse, *, smoke: bool) -> list[Row]:
    """Check a comparison and return one row per peer."""
    name, workload = comparison.name, comparison.workload
    call = ours(workload)
    require_products(name, workload, call())
    if smoke:
        return [Row(name, "per call", time_block(call, 1))]
    return [compare_peer(comparison, peer) for peer in comparison.peers]


def compare_peer(comparison: Sparse, peer: Peer) -> Row:
    """Return the medians of later calls, of detections, or the memory."""
    name, workload = comparison.name, comparison.workload
    if isinstance(peer, Memory):
        return memory(comparison)
    if isinstance(peer, Detection):
        return detections(comparison, peer)
    call, alone = ours(workload), peer.library == ALONE
    other = call if alone else MAKERS[peer.library](workload)
    require_same(name, call(), peer.library, other())
    for each in (call, other):
        settle(each)
    if alone:
        return Row(name, "per call", min(time_block(call, 1) for _ in range(9)))
    with collector_settled():
        pairs = in_turns(call, other, comparison.rounds)
    return row_of(name, "per call", peer, pairs)


def detections(comparison: Sparse, peer: Detection) -> Row:
    """Time detections, after each library has found a trifle."""
    workload = comparison.workload
    pairs: list[tuple[float, float]] = []
    libraries = ("chainrule", peer.library)
    if not workload.constants:  # a mesh has no small part
        workload = replace(workload, arguments=(workload.arguments[0][:9],))
    for library in libraries:
        detection(library, workload)()
    workload = comparison.workload
    with collector_settled():
        for _ in range(peer.builds):
            own, other = (time_block(detection(x, workload), 1) for x in libraries)
            pairs.append((own, other))
    return row_of(f"{comparison.name}, detection", "per call", peer, pairs)


def memory(comparison: Sparse) -> Row:
    """Return the memory of calls in a process of their own."""
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=new) as process:
        taken, nonzeros = process.submit(taken_by, comparison.workload).result()
    limit = TIMES * nonzeros
    return Row(
        f"{comparison.name}, memory",
        "bytes",
        taken,
        MEMORY,
        nonzeros,
        taken / nonzeros,
        TIMES,
        "at most",
        taken <= limit,
    )


def taken_by(workload: Workload) -> tuple[float, float]:
    """Return the bytes that calls take beyond a small one, and those of the matrix."""
    small = replace(workload, arguments=(workload.arguments[0][:400],))
    ours(small)()
    forget_peak()
    before = peak()
    call = ours(workload)
    matrix = call()
    for _ in range(3):
        call()
    parts = matrix.data, matrix.indices, matrix.indptr
    return (peak() - before) * 1e6, float(sum(x.nbytes for x in parts))


__all__ = [
    "ALONE",
    "ASDEX",
    "CASADI",
    "LIBRARIES",
    "Detection",
    "Memory",
    "Sparse",
    "compare",
]
