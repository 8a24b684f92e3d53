"""Whole Jacobians and Hessians, one sweep per row or column."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chainrule import operations
from chainrule.errors import ArgumentError, CompileError
from chainrule.nodes.node_class import node
from chainrule.progress import watched
from chainrule.rules.supports import has_nan, zeros_of
from chainrule.sweeps.order import check_fresh
from chainrule.sweeps.sweep import fast_sweep
from chainrule.transforms.compressed import blocks_by_few_sweeps
from chainrule.transforms.derived import Argnums, DerivedFunction, P, positions_of
from chainrule.transforms.gradients import grad
from chainrule.transforms.recorded_call import Recording
from chainrule.transforms.seeds import (
    check_some_numeric,
    is_differentiable,
    ones_of,
    refuse_conjugation,
    units_of,
)
from chainrule.values.containers import unflatten
from chainrule.values.shapes import dtype_of, is_complex, ndarray, shape_of, size_of
from chainrule.values.types import Operation, Value
from chainrule.values.vertices import as_array, first_stand_in, raw, stand_in, vertex

Sweep = Callable[[Any], list[Any]]
"""One sweep of a recorded call: from a seed to the derivatives that it leaves."""


def jacobian(
    f: Callable[P, Any], argnums: Argnums = 0, *, mode: str = "auto"
) -> DerivedFunction[P]:
    """Return the function that computes the Jacobian of ``f``.

    ``J[i, j] = dz[i]/dx[j]``: the shape is that of the result followed by that of the
    argument. For containers it is the result's container of the argument's containers.
    Whole numbers and truth values beside floats in the result have ``None``.

    Parameters
    ----------
    mode
        ``"forward"`` sweeps once per input entry, ``"reverse"`` once per output entry;
        ``"auto"`` takes the one with fewer sweeps.

    Raises
    ------
    ArgumentError
        If a complex argument enters in a way that is not complex differentiable.

    Notes
    -----
    Of a large function whose Jacobian has few entries that are not zero by structure,
    many rows or columns are found by one sweep. Compiled, one sweep is traced and runs
    for all entries at once.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ArgumentError(
            f"jacobian needs mode 'auto', 'forward' or 'reverse'; received {mode!r}."
        )
    return DerivedFunction(_jacobian, f, argnums=argnums, mode=mode)


def _jacobian(
    f: Operation,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    *,
    argnums: Argnums,
    mode: str,
    symmetric: bool = False,
) -> Any:
    numbers, single = positions_of(argnums, args)
    run = Recording(f, args, numbers, keywords)
    check_some_numeric(run, "jacobian", numbers_only=True)
    complex_inputs = any(map(is_complex, run.inputs))
    complex_outputs = any(map(is_complex, run.outputs))
    if complex_inputs or complex_outputs:
        mode = "forward"
    products = "symmetric" if symmetric else mode
    if mode == "auto":
        columns = sum(x.size for x in run.inputs)
        rows = sum(size_of(z) for z in run.outputs)
        mode = "forward" if 2 * columns < rows else "reverse"
    forward = mode == "forward"
    mapped = functools.partial(_mapped, run)
    blocks = blocks_by_few_sweeps(run, mapped, forward=forward, mode=products)
    if blocks is None:
        blocks = _by_columns(run) if forward else _by_rows(run)
    if complex_inputs:
        _check_holomorphic(run, blocks)
    rows_of_blocks: list[Any] = []
    for z, row in zip(run.outputs, blocks, strict=True):
        arranged = run.arrange(row)
        block = arranged[0] if single else tuple(arranged)
        rows_of_blocks.append(block if is_differentiable(z) else None)
    return unflatten(run.structure, rows_of_blocks)


def _by_rows(run: Recording) -> list[list[Any]]:
    """Sweep back from each output entry: blocks[output][input]."""
    blocks: list[list[Any]] = []
    for i, z in enumerate(run.outputs):

        def swept(seed: Value, i: int = i) -> list[Any]:
            return run.pull({i: seed})[0]

        parts = rows_of(run, i)
        if parts is None:
            parts = _for_each_unit(z, swept, run, run.inputs, axis=0)
        pairs = zip(parts, run.inputs, strict=True)
        blocks.append([_block(part, z, x) for part, x in pairs])
    return blocks


def rows_of(run: Recording, i: int) -> list[Any] | None:
    """Sweep back from each entry of a plain array, ordered and checked once for all.

    Returns the rows of each input, stacked; ``None`` where a sweep is recorded, or
    leaves a nan, at which supports say what is zero.
    """
    z = run.outputs[i]
    if not isinstance(z, node) or not all(map(_is_plain, (z, *run.inputs))):
        return None
    ordered = run.ordered((z,))
    order, older = ordered.order, ordered.older
    shape, size = z.shape, z.size
    if older or not order or not shape:
        return None
    blocks: list[Any] = [np.zeros((size, *x.shape), x.dtype) for x in run.inputs]
    pairs = list(zip(run.inputs, blocks, strict=True))
    with (
        np.errstate(all="ignore"),
        watched(range(size), "jacobian", "sweeps") as rows,
    ):
        for row in rows:
            unit = np.zeros(size, z.dtype)
            unit[row] = 1
            bars = ordered.table()
            bars[z] = unit if len(shape) == 1 else unit.reshape(shape)
            leaves = fast_sweep(order, bars)
            for x, block in pairs:
                bar = bars.get(x)
                if bar is not None:
                    block[row] = bar
            if not row:
                check_fresh(leaves, order)
    return None if any(map(has_nan, blocks)) else blocks


def _is_plain(x: vertex) -> bool:
    value = raw(x)
    return type(value) in (float, ndarray) and dtype_of(value).kind == "f"


def _by_columns(run: Recording) -> list[list[Any]]:
    """Sweep forwards from each input entry: blocks[output][input]."""
    blocks: list[list[Any]] = [[] for _ in run.outputs]
    for j, x in enumerate(run.inputs):

        def swept(seed: Value, j: int = j) -> list[Any]:
            tangents: list[Any] = [None] * len(run.inputs)
            tangents[j] = seed
            return run.push(tangents)[0]

        parts = _for_each_unit(x, swept, run, run.outputs, axis=-1)
        for row, part, z in zip(blocks, parts, run.outputs, strict=True):
            row.append(_block(part, z, x))
    return blocks


def _for_each_unit(
    x: Value, swept: Sweep, run: Recording, likes: Sequence[Any], *, axis: int
) -> list[Any]:
    """Sweep from each unit of ``x``; stack each result along a new axis.

    In a trace one sweep stands for all, so that a program does not grow with ``x``.
    """

    def filled(seed: Value) -> list[Any]:
        pairs = zip(swept(seed), likes, strict=True)
        return [zeros_of(raw(like)) if v is None else v for v, like in pairs]

    size, shape = size_of(x), shape_of(x)
    if not size:
        return [np.zeros(0) for _ in likes]
    if shape == ():
        return filled(ones_of(x))
    if _trace_of(run) is None:
        units: Any = units_of(x)
    else:
        units = np.eye(size, dtype=dtype_of(raw(x))).reshape(size, *shape)
    stacks = _mapped(run, filled, units)
    return [_last(s) for s in stacks] if axis else stacks


def _trace_of(run: Recording) -> stand_in | None:
    return first_stand_in([raw(v) for v in (*run.inputs, *run.outputs)])


def _mapped(run: Recording, swept: Sweep, seeds: Any) -> list[Any]:
    """Sweep from each seed, and stack each result along a new axis."""
    trace = _trace_of(run)
    if trace is not None and len(seeds) > 1:
        try:
            return _in_blocks(trace, swept, seeds, max(run.sizes(), default=1))
        except CompileError:
            pass  # a custom derivative branches on a value
    with watched(seeds, "jacobian", "sweeps") as each:
        columns = zip(*map(swept, each), strict=True)
    return [operations.stack(list(c)) for c in columns]


AT_ONCE = 1 << 22
"""Entries of all sweeps' largest values that a trace keeps at a time: 32 megabytes."""


def _in_blocks(
    trace: stand_in, swept: Sweep, seeds: NDArray[Any], largest: int
) -> list[Any]:
    """Map a sweep over seeds, over so many at a time that memory suffices."""
    step = max(1, AT_ONCE // largest)
    starts = range(0, len(seeds), step)
    blocks = [trace.over(swept, seeds[i : i + step]) for i in starts]
    if len(blocks) == 1:
        return blocks[0]
    return [operations.concatenate(list(b)) for b in zip(*blocks, strict=True)]


def _last(x: Value) -> Any:
    """Return an array with its first axis moved to the end."""
    return operations.transpose(x, axes=(*range(1, len(shape_of(x))), 0))


def _block(part: Value, z: Value, x: vertex) -> Any:
    """Give stacked sweeps their shape: that of ``z``, then that of ``x``."""
    shape = (*shape_of(z), *x.shape)
    return part if shape_of(part) == shape else operations.reshape(part, shape)


def _check_holomorphic(run: Recording, blocks: list[list[Any]]) -> None:
    """Raise unless a push along i is i times the push along 1.

    The entries of an input are pushed together, with weights of which no two are
    alike: a sum could hide conjugates that cancel, as in ``np.diff(np.conj(z))``.
    """
    for j, x in enumerate(run.inputs):
        if x.dtype.kind != "c":
            continue
        weights: Any = distinct_weights(x.shape, x.dtype)
        tangents: list[Any] = [None] * len(run.inputs)
        tangents[j] = 1j * weights
        dots, _ = run.push(tangents)
        axes = tuple(range(-x.ndim, 0))
        for i, dot in enumerate(dots):
            terms: Any = as_array(raw(blocks[i][j])) * weights
            total, scale = terms, np.abs(terms)
            if axes:
                total, scale = total.sum(axis=axes), scale.sum(axis=axes)
            got = np.zeros_like(total) if dot is None else dot
            least = np.max(np.abs(raw(x)), initial=1e-8)
            size = np.abs(raw(run.outputs[i])) * x.size / least
            blocks[i][j] = refuse_conjugation(
                blocks[i][j], got, 1j * total, size, "jacobian", scale
            )


def distinct_weights(shape: tuple[int, ...], dtype: DTypeLike) -> Any:
    """Return real numbers between 1 and 2, spread evenly in an order of no pattern."""
    golden = (5**0.5 - 1) / 2
    steps: Any = np.arange(math.prod(shape)).reshape(shape)
    return (1.0 + golden * (steps + 1) % 1.0).astype(dtype)[()]


def hessian(f: Callable[P, Any], argnums: Argnums = 0) -> DerivedFunction[P]:
    """Return the function that computes the Hessian of a scalar ``f``.

    ``H[i, j] = d2f / dx[i] dx[j]``, of twice the shape of the argument. For containers
    and several arguments it is the argument's container of itself.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return DerivedFunction(_hessian, f, argnums=argnums)


def _hessian(
    f: Operation, args: Sequence[Any], keywords: Mapping[str, Any], *, argnums: Argnums
) -> Any:
    gradient = grad(f, argnums)
    return _jacobian(
        gradient, args, keywords, argnums=argnums, mode="reverse", symmetric=True
    )
