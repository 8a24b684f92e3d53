"""What solvers are given: plain functions of one flat array, and their derivatives."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.compiler.api import compile as compiled
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.sparse.matrices import SparseDerivative, State
from chainrule.transforms.gradients import grad, value_and_grad
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.products import hvp
from chainrule.transforms.values import value
from chainrule.values.containers import Structure, flatten, unflatten
from chainrule.values.shapes import describe
from chainrule.values.types import Value

_np: Any = np
_scipy: Any = scipy.optimize
FEW = 200
"""Unknowns up to which all matrices are dense."""
PRODUCTS = 100
"""So many products at most, for a matrix to be taken as a sparse one."""


class Unknowns:
    """The unknowns of a problem: a number, an array or a container, as a flat array."""

    def __init__(self, x0: Any) -> None:
        """Take the first guess, whose shapes they keep."""
        self.structure: Structure
        leaves, self.structure = flatten(x0)
        if not leaves or any(isinstance(x, node) for x in leaves):
            raise ArgumentError(
                f"a solver starts at plain numbers; received {describe(x0)}. Pass "
                "gd.value(x0)."
            )
        self.shapes: list[tuple[int, ...]] = [np.shape(x) for x in leaves]
        parts = [_np.ravel(_np.asarray(x, float)) for x in leaves]
        self.start: Any = _np.concatenate(parts)
        self.is_flat: bool = len(leaves) == 1 and np.shape(x0) == self.start.shape

    def restored(self, x: Value) -> Any:
        """Return a flat array in the form of the first guess."""
        if self.is_flat:
            return x
        parts, begin = list[Any](), 0
        for shape in self.shapes:
            size = math.prod(shape)
            part = x[begin : begin + size]  # type: ignore[index]
            parts.append(_np.reshape(part, shape) if shape else part[0])
            begin += size
        return unflatten(self.structure, parts)

    def of_flat(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of them as one of the flat array."""

        def flat(x: Value, *more: Any) -> Any:
            return f(self.restored(x), *more)

        return flat

    def of_steps(self, callback: Callable[..., Any] | None) -> Any:
        """Return a callback in either form of SciPy's, of the flat array."""
        if callback is None:
            return None
        if set(inspect.signature(callback).parameters) != {"intermediate_result"}:
            return self.of_flat(callback)

        def shown(intermediate_result: Any) -> Any:
            step = _scipy.OptimizeResult(intermediate_result)
            step["x"] = self.restored(intermediate_result.x)
            return callback(intermediate_result=step)

        return shown


class Problem:
    """A function of unknowns and of other arguments, and what solvers ask of it.

    Attributes
    ----------
    is_node
        Whether an argument, or what the function closes over, is a node.
    """

    def __init__(self, f: Callable[..., Any], unknowns: Unknowns, args: Any) -> None:
        """Call the function once, to see what it is."""
        self.f = f
        self.unknowns = unknowns
        self.args: tuple[Any, ...] = args if isinstance(args, tuple) else (args,)
        leaves, self._structure = flatten(self.args)
        self._has_nodes: bool = any(map(holds_nodes, leaves))
        first = self.of(unknowns.start, *value(self.args))
        self._closes_over: bool = any(map(holds_nodes, flatten(first)[0]))
        self.first: Any = value(first)

    @property
    def is_node(self) -> bool:
        """Whether the solution has a derivative."""
        return self._has_nodes or self._closes_over

    def of(self, x: Value, *args: Any) -> Any:
        """Return the function of the flat array."""
        return self.f(self.unknowns.restored(x), *args)

    def _plain(self, derived: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of plain numbers: compiled, unless it closes over nodes."""
        args = value(self.args)

        def with_args(x: Value, *more: Any) -> Any:
            return derived(x, *more, *args)

        run: Any = with_args if self._closes_over else compiled(with_args)

        def plain(x: Value, *more: Any) -> Any:
            return value(run(x, *more))

        return plain

    @functools.cached_property
    def value(self) -> Callable[..., Any]:
        """The function itself."""
        return self._plain(self.of)

    @functools.cached_property
    def value_and_gradient(self) -> Callable[..., Any]:
        """Its value and gradient."""
        return self._plain(value_and_grad(self.of))

    @functools.cached_property
    def gradient(self) -> Callable[..., Any]:
        """Its gradient."""
        return self._plain(grad(self.of))

    @functools.cached_property
    def hessian(self) -> Callable[..., Any]:
        """The matrix of its second derivatives."""
        return self._plain(jacobian(grad(self.of), mode="forward"))

    @functools.cached_property
    def sparse_hessian(self) -> Callable[..., Any] | None:
        """The Hessian as a sparse matrix; ``None`` where it is none, or is small."""
        return self._sparse(symmetric=True)

    @functools.cached_property
    def sparse_jacobian(self) -> Callable[..., Any] | None:
        """The Jacobian as a sparse matrix; ``None`` where it is none, or is small."""
        return self._sparse(symmetric=False)

    def _sparse(self, *, symmetric: bool) -> Callable[..., Any] | None:
        if self._closes_over:
            return None
        args = value(self.args)

        def of(x: Value) -> Any:
            return self.of(x, *args)

        return sparse_or_none(of, self.unknowns.start, symmetric=symmetric)

    @functools.cached_property
    def product(self) -> Callable[..., Any]:
        """The product of its Hessian with a vector."""

        def along(x: Value, v: Value, *args: Any) -> Any:
            def of(y: Value) -> Any:
                return self.of(y, *args)

            return hvp(of, (x,), (v,))[0]

        return self._plain(along)

    @functools.cached_property
    def jacobian(self) -> Callable[..., Any]:
        """The matrix of its first derivatives."""
        wide = int(np.size(self.first)) < self.unknowns.start.size
        return self._plain(jacobian(self.of, mode="reverse" if wide else "forward"))


def sparse_or_none(
    f: Callable[..., Any], x: Any, *args: Any, symmetric: bool
) -> SparseDerivative | None:
    """Return the sparse derivative in the first argument, where it takes few products.

    That of few unknowns is left dense, and so is one whose pattern is not known here.
    """
    if x.size <= FEW:
        return None
    found, given = SparseDerivative(f, symmetric=symmetric), (x, *args)
    most = min(PRODUCTS, x.size // 4)
    try:
        pattern = State(found, given, {}).found(given, {})[0]
        if pattern.nnz > 2 * most * min(pattern.shape):  # no colours are that good
            return None
        sweeps = found.state_at(given, {}).sweeps
    except ArgumentError:  # full, or there is no program at the first guess
        return None
    return found if sweeps <= most else None


def is_left_to_us(given: Any) -> bool:
    """Tell whether a derivative is not given, or only as a way of differences."""
    return given is None or given is False or isinstance(given, str)


def parts_of(
    f: Callable[..., Any],
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return a function that returns its value and derivative as two functions."""

    def first(*args: Any) -> Any:
        return f(*args)[0]

    def second(*args: Any) -> Any:
        return f(*args)[1]

    return first, second


def flat_bounds(bounds: Any, size: int) -> tuple[Any, Any]:
    """Return lower and upper bounds of flat unknowns."""
    if bounds is None:
        return _np.full(size, -_np.inf), _np.full(size, _np.inf)
    if hasattr(bounds, "lb"):
        pair: Sequence[Any] = (bounds.lb, bounds.ub)
    elif len(bounds) == 2 and size != 2:
        pair = bounds
    else:
        low = [-_np.inf if b[0] is None else b[0] for b in bounds]
        high = [_np.inf if b[1] is None else b[1] for b in bounds]
        pair = (low, high)
    low, high = (_np.broadcast_to(_np.asarray(b, float), (size,)) for b in pair)
    return low, high
