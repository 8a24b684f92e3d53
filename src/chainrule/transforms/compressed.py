"""Jacobians of which most entries are zero, by a few sweeps for many rows each."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ChainruleError
from chainrule.rules.supports import zeros_of
from chainrule.transforms.recorded_call import Recording
from chainrule.transforms.seeds import is_differentiable
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import dtype_of, shape_of, size_of
from chainrule.values.types import Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np
Swept = Callable[[Value], list[Any]]
Mapped = Callable[[Swept, Any], list[Any]]
"""Maps a sweep over seeds, and stacks what it returns."""
TRACED = 1 << 13
"""Entries of all sweeps together from which a program may be smaller with fewer."""
EAGER = 1 << 13
"""Vertices of all sweeps together from which fewer take less time."""
FEWEST = 16
"""Sweeps from which fewer may do."""


def blocks_by_few_sweeps(
    run: Recording, mapped: Mapped, *, forward: bool, mode: str
) -> list[list[Any]] | None:
    """Return the blocks of a Jacobian, by output and input, if few sweeps will do.

    ``forward`` says which sweeps there would be without this.
    """
    parts = _Parts(run)
    if not parts.are_real or not _may_pay(run, parts, forward=forward):
        return None
    sweep, ends = (parts.push, parts.inputs) if forward else (parts.pull, parts.outputs)
    values = [raw(x) for x in (*run.inputs, *run.outputs)]
    seed = np.zeros(sum(map(size_of, ends)), parts.dtype)
    if mode == "auto" and not parts.are_alike:  # each direction rounds to its ends
        mode = "forward" if forward else "reverse"
    plan = _planner()(sweep, seed, values, forward=forward, mode=mode)
    if plan is None:
        return None
    products: list[Any] = []
    try:
        for sweep, seeds in ((parts.push, plan.right), (parts.pull, plan.left)):
            if seeds is not None:
                found = sweep(seeds[0]) if len(seeds) == 1 else mapped(sweep, seeds)
                products.append(_np.reshape(found[0], (-1,)))
    except ChainruleError:
        return None  # a derivative of the user's has the other direction only
    flat = operations.concatenate(products) if len(products) > 1 else products[0]
    shape = sum(map(size_of, parts.outputs)), sum(map(size_of, parts.inputs))
    if not np.array_equal(plan.picked, np.arange(size_of(flat))):
        flat = flat[plan.picked]
    entries = operations.unindex(flat, index=(plan.places,), shape=(math.prod(shape),))
    return parts.blocks(operations.reshape(entries, shape), forward=forward)


@functools.cache
def _planner() -> Callable[..., Any]:
    """Return what finds the sweeps, which the compiler has."""
    return importlib.import_module("chainrule.compiler.sparsity.plans").plan_of


def _may_pay(run: Recording, parts: _Parts, *, forward: bool) -> bool:
    """Tell whether all sweeps would take longer than to look for a few."""
    sweeps = sum(map(size_of, parts.inputs if forward else parts.outputs))
    if sweeps < FEWEST:
        return False
    sizes = run.sizes()
    if first_stand_in([raw(x) for x in (*run.inputs, *run.outputs)]) is None:
        return sweeps * len(sizes) >= EAGER
    return sweeps * sum(sizes) >= TRACED


class _Parts:
    """The inputs and outputs of a recorded call as two vectors."""

    def __init__(self, run: Recording) -> None:
        self.run = run
        self.inputs: list[Any] = list(run.inputs)
        self.places = [i for i, z in enumerate(run.outputs) if is_differentiable(z)]
        self.outputs: list[Any] = [run.outputs[i] for i in self.places]
        leaves = [raw(x) for x in (*self.inputs, *self.outputs)]
        dtypes = set(map(dtype_of, leaves))
        self.are_real: bool = all(d.kind == "f" for d in dtypes)
        self.are_real &= not any(map(is_foreign, leaves))
        self.dtype: Any = _np.result_type(*dtypes)
        self.are_alike: bool = len(dtypes) == 1

    def push(self, seed: Value) -> list[Any]:
        """Sweep forwards from a vector of all inputs."""
        dots, _ = self.run.push(_split(seed, self.inputs))
        return self._joined([dots[i] for i in self.places], self.outputs)

    def pull(self, seed: Value) -> list[Any]:
        """Sweep back from a vector of all outputs."""
        seeds = dict(zip(self.places, _split(seed, self.outputs), strict=True))
        return self._joined(self.run.pull(seeds)[0], self.inputs)

    def _joined(self, parts: Sequence[Any], likes: Sequence[Any]) -> list[Any]:
        """Return what a sweep left as one vector; absent parts are zeros."""
        pairs = zip(parts, likes, strict=True)
        filled = [zeros_of(raw(x)) if part is None else part for part, x in pairs]
        flat = [_cast(_np.reshape(part, (-1,)), self.dtype) for part in filled]
        return [flat[0] if len(flat) == 1 else operations.concatenate(flat)]

    def blocks(self, matrix: Value, *, forward: bool) -> list[list[Any]]:
        """Return the blocks of a matrix, one for each output and input.

        They have the dtype that sweeps would leave, ``forward`` or back.
        """
        found: list[list[Any]] = [[None] * len(self.inputs) for _ in self.run.outputs]
        row = 0
        for i, z in zip(self.places, self.outputs, strict=True):
            column = 0
            for j, x in enumerate(self.inputs):
                rows, columns = size_of(z), size_of(x)
                part: Any = matrix
                if shape_of(matrix) != (rows, columns):
                    part = part[row : row + rows, column : column + columns]
                shape = (*shape_of(z), *shape_of(x))
                dtype = dtype_of(raw(z if forward else x))
                found[i][j] = _cast(operations.reshape(part, shape), dtype)
                column += columns
            row += size_of(z)
        return found


def _split(vector: Any, likes: Sequence[Any]) -> list[Any]:
    """Return a vector as consecutive parts of the shapes of values."""
    found: list[Any] = []
    at = 0
    for x in likes:
        size = size_of(x)
        part = vector if len(likes) == 1 else vector[at : at + size]
        found.append(_cast(_np.reshape(part, shape_of(x)), dtype_of(raw(x))))
        at += size
    return found


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype_of(raw(x)) == dtype else x.astype(dtype)


__all__ = ["blocks_by_few_sweeps"]
