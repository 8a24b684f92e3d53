"""Timing the evals on inputs of our own, and checking their derivatives first.

Each library has a process of its own for each input, one right after the other. It has
compiled a trifle before, so starting it is not counted. What the suite scores is the
mean of all runs of a second, or of ten runs, the first one included. Beside it stand
the first run, and the median of the later half, which is the steady time.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from statistics import fmean, median
from time import perf_counter
from typing import Any

import numpy as np
import optree

import chainrule as gd
from benchmarks.gradbench.eval import Eval, Size
from benchmarks.gradbench.evals import EVALS
from benchmarks.gradbench.tool import repeated
from benchmarks.measure import DisagreementError
from benchmarks.tools import Tools, as_it_is, chainrule_tools, jax_tools, torch_tools

RUNS, SECONDS, PATIENCE = 10, 1.0, 10.0
"""How many runs at least, for how long at least, and when a long one is the last."""

SAME = 1e-8
"""How far results of two libraries may be apart, relative to the largest entry."""

MAKERS = {"chainrule": chainrule_tools, "jax": jax_tools, "torch": torch_tools}


@dataclass(frozen=True)
class Times:
    """Seconds of the first run, of all runs on average, and of later ones."""

    first: float
    mean: float
    steady: float


@dataclass(frozen=True)
class Line:
    """A line of the table; ``times`` by library."""

    name: str
    size: str
    times: dict[str, Times]
    bar: float | None
    suite: float | None


def lines(name: str) -> list[Line]:
    """Check the eval of this name, and time its inputs."""
    apart(check, name)
    return [line(name, i) for i in range(len(EVALS[name].sizes))]


def line(name: str, i: int) -> Line:
    """Time the i-th input of an eval with each library that runs it."""
    size = EVALS[name].sizes[i]
    libraries = "chainrule", *EVALS[name].functions[size.function].peers
    times = {library: apart(time_one, name, i, library) for library in libraries}
    return Line(name, size.label, times, size.bar, size.suite)


def apart(function: Any, *arguments: Any) -> Any:
    """Call the function in a process of its own."""
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=new) as process:
        return process.submit(function, *arguments).result()


def time_one(name: str, i: int, library: str) -> Times:
    """Time a new function of this library."""
    tools = MAKERS[library]()
    start(tools)
    size: Size = EVALS[name].sizes[i]
    call = EVALS[name].functions[size.function].call(tools, size.make())
    return times_of(call)


def start(tools: Tools) -> None:
    """Compile a trifle, so that the library is up."""
    x = tools.array(np.ones(2))
    tools.wait(tools.compile(tools.grad(lambda x: (x * x).sum()))(x))


def times_of(call: Any) -> Times:
    """Return the first, the mean and the steady time of a call."""
    begin = perf_counter()
    times: list[int] = []
    while len(times) < RUNS or sum(times) < 1e9 * SECONDS:
        times += repeated(call, 1, 0.0)[1]
        if perf_counter() - begin > PATIENCE and len(times) > 1:
            break
    later = times[(len(times) + 1) // 2 :]
    return Times(times[0] / 1e9, fmean(times) / 1e9, median(later) / 1e9)


# ---------------------------------------------------------------------------- checks


def check(name: str, *, peers: bool = True) -> None:
    """Raise unless compiled derivatives agree with uncompiled ones, and with others'.

    On a small input: each function is compared with the same text uncompiled and on the
    peers, and the derivative of the uncompiled one with central differences.
    """
    found: Eval = EVALS[name]
    given = found.small()
    if found.differences is not None:
        f, arguments = found.differences(given)
        step = {} if found.step is None else {"step": found.step}
        gd.check_gradients(f, arguments, order=found.order, **step)
    for label, function in found.functions.items():
        ours = function.call(chainrule_tools(), given)()
        eager = replace(chainrule_tools(), compile=as_it_is)
        others = {"uncompiled": function.call(eager, given)()}
        for library in function.peers if peers else ():
            others[library] = function.call(MAKERS[library](), given)()
        for other, theirs in others.items():
            require_same(f"{name}: {label}, compiled and {other}", ours, theirs)


def require_same(what: str, ours: Any, theirs: Any) -> None:
    """Raise if two containers of arrays differ."""
    pairs = zip(optree.tree_leaves(ours), optree.tree_leaves(theirs), strict=True)
    for x, y in pairs:
        x, y = np.asarray(x), np.asarray(y)
        apart = float(np.max(np.abs(x - y))) / (float(np.max(np.abs(x))) or 1.0)
        if not apart <= SAME:
            raise DisagreementError(
                f"{what} differ by {apart:.1e} (relative), more than {SAME:.0e}."
            )
