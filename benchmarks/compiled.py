"""Compiled functions: ``gd.compile`` beside ``jax.jit``, on one thread.

A comparison names a workload and what is compiled of it: the function itself, its value
with its gradient, a Hessian, a Jacobian, or one Jacobian per example. Both libraries
compile the same text and take its arrays, data included, as arguments. Each row of the
table belongs to a peer:

- a library: calls of the compiled function, after ``SETTLING`` seconds of others, and
  more until the choice of what runs it is made, timed in turns as everywhere;
- ``ALONE``: the same calls against a number of seconds;
- a ``FirstCall``: what the first call takes, which traces and compiles. The library has
  compiled a trifle before, so starting it is not counted; a new function is made for
  each timing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from benchmarks.handwritten import C, Handwritten, build_handwritten, compiler
from benchmarks.measure import (
    SAME,
    DisagreementError,
    Row,
    collector_settled,
    count_operations,
    distance,
    in_turns,
    row_of,
    time_block,
)
from benchmarks.tools import Tools, chainrule_tools, jax_tools
from benchmarks.workload import Comparison, Peer, Workload

OURS = "chainrule compiled"
FUNCTION = "its function, compiled"
EAGER = "chainrule eager"
FORWARD = "numpy forward"
JAX, JAX_REVERSE = "jax jit", "jax jit, jacrev"
ALONE = ""
SETTLING, PATIENCE = 0.8, 10.0
"""Seconds of calls, after the first, before later calls are timed; executors are made
beside the calls and chosen by the clock, and that is waited for so long at most."""

LEAST_CALLS = 4
"""How many of them there are at least."""

LIBRARIES = (ALONE, OURS, FUNCTION, EAGER, FORWARD, JAX, JAX_REVERSE, C)
"""What a peer may be; ``OURS`` is there with a workload of its own."""

NOBODY = (Peer(ALONE),)
"""Where no peer is here, the time is shown by itself."""

HERE = (ALONE, OURS, FUNCTION, EAGER, FORWARD)
"""Those that are there without any other library."""

SAME_BY_HAND = 1e-6
"""How far gradients may be from those by hand, which are computed less exactly."""

EXAMPLES = 3
"""How many examples of a batch are compared with the function that is not compiled."""

Call = Callable[[], Any]


@dataclass(frozen=True)
class Compilation(Comparison):
    """A comparison of compiled functions.

    Attributes
    ----------
    transform
        What is compiled: ``"value"``, ``"gradient"`` (and the value), ``"hessian"``,
        ``"jacobian"``, or ``"jacobians"``: one for each entry of the first axis.
    """

    transform: str = "gradient"


@dataclass(frozen=True)
class FirstCall(Peer):
    """A peer whose first calls are compared; there are ``builds`` of each."""

    builds: int = 3


OWN = ("vmap", "scan", "while_loop", "special")
"""Options of a workload under which it is given what the library has."""


# ------------------------------------------------------------------------- libraries


def own_tool(*_: Any) -> Any:
    """Stand in a workload's options for a tool of the library that runs it."""
    raise NotImplementedError("transformed() puts the library's own tool here.")


def transformed(tools: Tools, workload: Workload, transform: str) -> Any:
    """Return the function of all arrays that computes what is asked for."""
    own = {name: getattr(tools, name) for name in OWN if name in workload.options}
    options = {**workload.options, **own}

    def function(*arrays: Any) -> Any:
        return workload.function(tools.xp, *arrays, **options)

    many = len(workload.arguments)
    places: Any = 0 if many == 1 else tuple(range(many))
    if transform == "value":
        return function
    if transform == "gradient":
        return tools.value_and_grad(function, places)
    if transform == "hessian":
        return tools.hessian(function, places)
    jacobian = tools.jacobian(function, places)
    return tools.vmap(jacobian) if transform == "jacobians" else jacobian


def build(library: str, workload: Workload, transform: str) -> Call:
    """Return a call of the library's new, not yet compiled function."""
    if library in (JAX, JAX_REVERSE):
        return build_jax(library, workload, transform)
    tools = chainrule_tools()
    arrays = (*workload.arguments, *workload.constants)
    if library in (FUNCTION, FORWARD):
        transform = "value"
    run = transformed(tools, workload, transform)
    if library in (OURS, FUNCTION):
        run = tools.compile(run)
    return partial(run, *arrays)


def build_jax(library: str, workload: Workload, transform: str) -> Call:
    """Return a call of JAX's; it ends when the numbers are there."""
    import jax

    tools = jax_tools(reverse=library == JAX_REVERSE)
    arrays = [jax.numpy.asarray(x) for x in (*workload.arguments, *workload.constants)]
    run = tools.compile(transformed(tools, workload, transform))
    return lambda: jax.block_until_ready(run(*arrays))


# ---------------------------------------------------------------------------- checks


def check(comparison: Compilation, peers: Sequence[Peer]) -> None:
    """Raise unless what is compiled agrees with what is not, and with the peers."""
    workload, transform = comparison.workload, comparison.transform
    ours = leaves(build(OURS, workload, transform)())
    if transform == "jacobians":
        few, count = examples(workload), EXAMPLES
    else:
        few, count = workload, None
    expected = leaves(build(EAGER, few, transform)())
    found = [x if count is None else x[:count] for x in ours]
    require_same(comparison.name, EAGER, found, expected)
    for peer in peers:
        if isinstance(peer, Handwritten):
            if compiler() is not None:
                theirs = leaves(build_handwritten(peer.source, workload)())
                require_same(comparison.name, peer.name, ours, theirs, SAME_BY_HAND)
        elif peer.library in (OURS, JAX, JAX_REVERSE):
            other = peer.workload or workload
            theirs = leaves(build(peer.library, other, transform)())
            require_same(comparison.name, peer.name, ours, theirs)


def examples(workload: Workload) -> Workload:
    """Return the workload on the first few examples of its batch."""
    arguments, constants = (
        tuple(x[:EXAMPLES] for x in arrays)
        for arrays in (workload.arguments, workload.constants)
    )
    return Workload(workload.function, arguments, constants, workload.options)


def leaves(result: Any) -> list[np.ndarray]:
    """Return the arrays of nested tuples and lists of them."""
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in leaves(part)]
    return [np.asarray(result)]


def require_same(
    name: str,
    other: str,
    ours: Sequence[Any],
    theirs: Sequence[Any],
    most: float = SAME,
) -> None:
    """Raise if two lists of arrays differ; a zero must be met by a zero."""
    for x, y in zip(ours, theirs, strict=True):
        apart = distance(x, y) if np.any(x) else float(np.max(np.abs(y)))
        if not apart <= most:
            raise DisagreementError(
                f"{name}: {OURS} and {other} differ by {apart:.1e} (relative), more "
                f"than {most:.0e}."
            )


# ---------------------------------------------------------------------------- timing


def compare(comparison: Compilation, *, smoke: bool) -> list[Row]:
    """Check a comparison and return one row per peer."""
    peers = [p for p in comparison.peers if not smoke or p.library in HERE]
    check(comparison, peers)
    return [compare_peer(comparison, peer, smoke=smoke) for peer in peers or NOBODY]


def compare_peer(comparison: Compilation, peer: Peer, *, smoke: bool) -> Row:
    """Return the medians of the first calls, or of later ones."""
    if isinstance(peer, FirstCall):
        pairs = first_calls(comparison, peer, 1 if smoke else peer.builds)
        return row(f"{comparison.name}, first call", "per call", peer, pairs)
    if isinstance(peer, Handwritten) and compiler() is None:
        peer = Peer(ALONE, label=f"{C}: no compiler here")
    pairs = later_calls(comparison, peer, 1 if smoke else comparison.rounds)
    if not comparison.per_operation:
        return row(comparison.name, "per call", peer, pairs)
    count = count_operations(comparison.workload)
    pairs = [(a / count, b / count) for a, b in pairs]
    return row(comparison.name, "per operation", peer, pairs)


def later_calls(
    comparison: Compilation, peer: Peer, rounds: int
) -> list[tuple[float, float]]:
    """Time what is compiled already, and by the executor that it keeps."""
    ours, theirs = builders(comparison, peer)
    with collector_settled():
        call, other = ours(), theirs()
        if rounds > 1:
            for each in (call, other):
                settle(each)
        return in_turns(call, other, rounds)


def settle(call: Call) -> None:
    """Call for as long as it takes until no other executor will be tried."""
    call()
    start, calls = time.perf_counter(), 0
    while calls < LEAST_CALLS or not is_over(time.perf_counter() - start, call):
        call()
        calls += 1


def is_over(seconds: float, call: Call) -> bool:
    """Tell whether a function has been called for long enough to be settled."""
    if seconds < SETTLING or seconds > PATIENCE:
        return seconds > PATIENCE
    stats = getattr(getattr(call, "func", None), "stats", None)  # ours has it
    return stats is None or all(p["settled"] for p in stats()["programs"])


def trifle(xp: Any, x: Any, y: Any) -> Any:
    """Two operations, so that nearly all of the time is the call.

    Operations: x * y, z + x.
    """
    return x * y + x


def first_calls(
    comparison: Compilation, peer: Peer, builds: int
) -> list[tuple[float, float]]:
    """Time functions that are new, after each library has compiled a trifle."""
    for library in (OURS, peer.library):
        if library != ALONE:
            build(library, Workload(trifle, (1.5, 2.5)), "gradient")()
    ours, theirs = builders(comparison, peer)
    with collector_settled():
        return [(time_block(ours(), 1), time_block(theirs(), 1)) for _ in range(builds)]


def builders(
    comparison: Compilation, peer: Peer
) -> tuple[Callable[[], Call], Callable[[], Call]]:
    """Return what builds a new function of ours, and one of the peer's."""
    transform = comparison.transform
    ours = partial(build, OURS, comparison.workload, transform)
    if peer.library == ALONE:
        return ours, lambda: nothing
    if isinstance(peer, Handwritten):
        return ours, partial(build_handwritten, peer.source, comparison.workload)
    other = peer.workload or comparison.workload
    return ours, partial(build, peer.library, other, transform)


def nothing() -> None:
    """Stand for the peer where there is none."""


def row(name: str, unit: str, peer: Peer, pairs: Sequence[tuple[float, float]]) -> Row:
    """Return the medians; of our time by itself where the peer is ``ALONE``."""
    if peer.library != ALONE:
        return row_of(name, unit, peer, pairs)
    ours = median(a for a, _ in pairs)
    if peer.target is None:
        return Row(name, unit, ours, peer.label)
    limit = peer.target.limit
    return Row(name, unit, ours, limit=limit, kind="at most", met=ours <= limit)
