"""What is compiled, against which peers, and the targets; see ``../compiled.py``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import chainrule as gd
from benchmarks.compiled import (
    ALONE,
    EAGER,
    FORWARD,
    FUNCTION,
    JAX,
    JAX_REVERSE,
    Compilation,
    FirstCall,
    own_tool,
    trifle,
)
from benchmarks.gradbench.ba import observations
from benchmarks.gradbench.gmm import gmm_workload
from benchmarks.gradbench.lstm import lstm_workload
from benchmarks.gradbench.ode import ode_workload
from benchmarks.workload import Peer, Workload, at_most, faster
from benchmarks.workloads import large_arrays
from benchmarks.workloads.bodies import bodies_workload
from benchmarks.workloads.jacobians import tall_workload, wide_workload
from benchmarks.workloads.nested import valley
from benchmarks.workloads.scalars import chain_of


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield every comparison in the order of the table."""
    for block in scalar_programs, loops, mixtures, chains, jacobians:
        yield from filter(possible, block(tiny=tiny))


def possible(comparison: Compilation) -> bool:
    """Tell whether chainrule has what it takes."""
    names = {"compile"}
    names |= {"scan"} & set(comparison.workload.options)
    names |= {"vmap"} if comparison.transform == "jacobians" else set()
    return all(hasattr(gd, name) for name in names)


def scalar_programs(*, tiny: bool) -> Iterator[Compilation]:
    """Yield a trifle, and straight lines of scalar operations."""
    yield Compilation(
        "compiled: call of a trifle",
        Workload(trifle, (1.5, 2.5)),
        (Peer(ALONE, at_most(3e-6)), Peer(JAX)),
        transform="value",
    )
    short, long, longest = (20, 50, 100) if tiny else (1_000, 10_000, 1_000_000)
    yield Compilation(
        f"compiled: scalar program, {long:,}",
        chain_of(long),
        (
            Peer(ALONE, at_most(6e-9)),
            Peer(JAX),
            FirstCall(ALONE, at_most(0.15)),
            FirstCall(JAX),
        ),
        per_operation=True,
        transform="value",
    )
    yield Compilation(
        f"compiled: scalar program, {longest:,}",
        chain_of(longest),
        (FirstCall(ALONE, at_most(8.0), builds=1),),
        transform="value",
    )
    yield Compilation(
        f"compiled: scalar program, {short:,}, gradient",
        chain_of(short),
        (Peer(JAX), Peer(EAGER), FirstCall(JAX)),
        per_operation=True,
    )


def loops(*, tiny: bool) -> Iterator[Compilation]:
    """Yield the LSTM and the Runge-Kutta method, as Python loops and as scans."""
    layers, letters = (1, 3) if tiny else (2, 1024)
    loop = lstm_workload(layers=layers, letters=letters)
    scanned = lstm_workload(layers=layers, letters=letters, scan=own_tool)
    jax = Peer(JAX, faster(2.5), scanned, "jax jit, lax.scan")
    name = f"compiled: LSTM, {layers} layers, {letters:,} letters"
    ends = Peer(FUNCTION, at_most(3.5)), Peer(EAGER)
    first = FirstCall(ALONE, at_most(0.3)), FirstCall(JAX, label="jax jit, lax.scan")
    yield Compilation(name, loop, (jax, *ends, FirstCall(ALONE)), rounds=11)
    yield Compilation(f"{name}, scan", scanned, (jax, *ends, *first), rounds=11)
    if not tiny:
        longer = lstm_workload(layers=layers, letters=4 * letters, scan=own_tool)
        name = f"compiled: LSTM, {layers} layers, {4 * letters:,} letters, scan"
        yield Compilation(name, longer, first, rounds=11)
    size, steps = (5, 2) if tiny else (1_000, 10)
    loop = ode_workload(size=size, steps=steps)
    scanned = ode_workload(size=size, steps=steps, scan=own_tool)
    peers = (
        Peer(JAX, faster(1.5)),
        Peer(JAX, faster(1.5), scanned, "jax jit, lax.scan"),
        Peer(FUNCTION),
        FirstCall(JAX),
    )
    yield Compilation(f"compiled: ODE, {size:,} equations, {steps} steps", loop, peers)
    for count, limit in [(3, 0.5)] if tiny else [(5, 0.5), (20, 1.5)]:
        steps = 2 if tiny else 40
        yield Compilation(
            f"compiled: {count} bodies in space, {steps} steps",
            bodies_workload(count=count, steps=steps),
            (Peer(EAGER), Peer(JAX), FirstCall(ALONE, at_most(limit)), FirstCall(JAX)),
            rounds=11,
        )


def mixtures(*, tiny: bool) -> Iterator[Compilation]:
    """Yield the Gaussian mixture in its four sizes."""
    for d, k, limit in [(2, 5, 1.0), (10, 25, 0.9), (32, 50, 2.5), (64, 100, 2.5)]:
        if tiny and d > 2:
            continue
        peers = Peer(JAX, faster(limit)), Peer(FUNCTION, at_most(3.5)), FirstCall(JAX)
        workload = gmm_workload(points=10 if tiny else 1_000, d=d, k=k)
        name = f"compiled: GMM, d={d}, k={k}"
        yield Compilation(name, workload, peers, rounds=11 if d > 10 else 21)


def chains(*, tiny: bool) -> Iterator[Compilation]:
    """Yield the elementwise chain of the eager workloads, in its sizes."""
    for comparison in large_arrays.comparisons(tiny=tiny):
        if comparison.kept:
            continue
        peers = (
            Peer(FORWARD, at_most(2.0)),
            Peer(JAX),
            Peer(FUNCTION, at_most(3.5)),
            Peer(EAGER),
        )
        name = f"compiled: {comparison.name}"
        yield Compilation(name, comparison.workload, peers, rounds=11)


def jacobians(*, tiny: bool) -> Iterator[Compilation]:
    """Yield one Jacobian per observation, tall and wide ones, and a Hessian."""
    count = 5 if tiny else 31_843
    yield Compilation(
        f"compiled: bundle adjustment, {count:,} Jacobians",
        observations(count=count),
        (Peer(JAX, faster(4.0)), Peer(JAX_REVERSE), FirstCall(JAX)),
        rounds=11,
        transform="jacobians",
    )
    few, many = (4, 9) if tiny else (10, 1_000)
    yield Compilation(
        f"compiled: Jacobian, {many:,} x {few}",
        tall_workload(size=few, results=many),
        (Peer(JAX), Peer(JAX_REVERSE), FirstCall(JAX)),
        transform="jacobian",
    )
    yield Compilation(
        f"compiled: Jacobian, {few} x {many:,}",
        wide_workload(size=many, results=few),
        (Peer(JAX), Peer(JAX_REVERSE), FirstCall(JAX)),
        transform="jacobian",
    )
    size = 6 if tiny else 200
    x = np.random.default_rng(5).uniform(0.5, 1.5, size)
    yield Compilation(
        f"compiled: Hessian, {size} parameters",
        Workload(valley, (x,)),
        (Peer(JAX), Peer(EAGER), FirstCall(JAX)),
        rounds=11,
        transform="hessian",
    )
