"""What solvers are given: plain functions of one flat array, and their derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compiler.control.bodies import example_of
from chainrule.compiler.tracing.active import ACTIVE
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.scipy.optimize.kinks import Minimised
from chainrule.scipy.optimize.tall import Carried, is_tall
from chainrule.scipy.optimize.unknowns import Form, Unknowns
from chainrule.solving.kept import Warmed, known_for
from chainrule.solving.reading import Reading, nodes_read
from chainrule.sparse.matrices import SparseDerivative, State
from chainrule.transforms.as_called import AsCalled
from chainrule.transforms.closures import Opened, opened
from chainrule.transforms.gradients import grad, value_and_grad
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.products import hvp
from chainrule.transforms.values import contains_nodes, value
from chainrule.values.containers import flatten, is_container
from chainrule.values.shapes import SEQUENCES, shape_of
from chainrule.values.types import Value

_np: Any = np
Derive = Callable[[Callable[[Value], Any]], Callable[..., Any]]
FEW, PRODUCTS = 200, 100
"""Unknowns up to which all matrices are dense; products at most of a sparse one."""


class Problem:
    """A function of unknowns and of other arguments, and what solvers ask of it.

    What it reads is taken out of it (``closures.opened``): what is compiled is a
    function of these ``values`` too, and is kept for the next solve, if it is the same
    but for them. In a trace a solver is one row, and runs with those of each call.

    Attributes
    ----------
    is_node
        Whether an argument, or what the function closes over, is a node.
    values
        What is taken out: plain values where the solver runs.
    """

    def __init__(self, f: Callable[..., Any], unknowns: Unknowns, args: Any) -> None:
        """Call the function once, to see what it is."""
        self.f = f
        self.unknowns = unknowns
        self.args: tuple[Any, ...] = args if isinstance(args, tuple) else (args,)
        self._is_traced: bool = is_tracing()
        found = opened((f, self.args))
        held = found.values
        is_same = self._is_traced or found.key is not None
        self._whole: Opened | None = found if is_same else None
        self.values: tuple[Any, ...] = tuple(map(value, held)) if is_same else ()
        key = None if found.key is None else (found.key, unknowns.form.key())
        self._known: dict[str, Any] = known_for(key)
        first = self._of(tuple(map(example_of, self.values)))(unknowns.example)
        self._closes_over: bool = contains_nodes(first)
        self._has_nodes: bool = contains_nodes(self.args)
        if not self.is_node and any(map(holds_nodes, [*held, *found.fixed])):
            self._has_nodes = self._is_traced or self._may_read_nodes()
        self.first: Any = value(first)

    def reading(
        self, x: Value, known: Collection[node] = (), *, with_x: bool = False
    ) -> Reading:
        """Return the nodes that the function reads at a point: see ``nodes_read``."""
        restored = self.unknowns.restored
        return nodes_read(self.f, self.args, restored, x, known, with_x=with_x)

    def _may_read_nodes(self) -> bool:
        """Tell whether a result depends on a node that the function holds."""
        found = self.f(self.unknowns.restored(self.unknowns.example), *self.args)
        has_nodes = contains_nodes(found)
        return has_nodes or self.reading(self.unknowns.example).may

    @property
    def is_node(self) -> bool:
        """Whether the solution has a derivative."""
        return self._has_nodes or self._closes_over

    def supplies(self, derivative: Any) -> bool:
        """Tell whether a derivative is ours: none is given, or a trace is made.

        What a function of the user's reads is taken out of the problem's alone.
        """
        return self._is_traced or is_left_to_us(derivative)

    def given(self, derivative: Any) -> Any:
        """Return a derivative of the user's as a function of the flat array."""
        if not callable(derivative):
            return derivative
        flat, args = self.unknowns.of_flat(derivative), value(self.args)

        def plain(*x: Value) -> Any:
            return value(flat(*x, *args))

        return plain

    def shown(self, callback: Callable[..., Any] | None) -> Any:
        """Return a callback as one of the flat array.

        What it changes of the function is seen by the next call.
        """
        flat = self.unknowns.of_steps(callback)
        if flat is None or self._is_traced or not self.values:
            return flat

        @functools.wraps(flat)
        def followed(*args: Any, **keywords: Any) -> Any:
            told = flat(*args, **keywords)
            now = opened((self.f, self.args))
            if self._whole is not None and now.key == self._whole.key:
                self.values = tuple(map(value, now.values))
            return told

        return followed

    def of(self, x: Value) -> Any:
        """Return the function of the flat array, as it was when the solver had run."""
        return self._as_solved(self.unknowns.restored(x), *self.args)

    @functools.cached_property
    def _as_solved(self) -> AsCalled:
        """The function, with what it reads now in all sweeps."""
        return AsCalled.now(self.f)

    def at(self, values: Sequence[Any]) -> Problem:
        """Return the problem with the plain values of a call."""
        same: Problem = object.__new__(Problem)
        kind = functools.cached_property
        for name, x in vars(self).items():
            if not isinstance(getattr(Problem, name, None), kind):
                setattr(same, name, x)
        same.values = tuple(values)
        return same

    @functools.cached_property
    def _of(self) -> Callable[[Sequence[Any]], Callable[[Value], Any]]:
        """What returns the function of the flat array that reads plain values."""
        form = self.unknowns.form
        if self._whole is None:
            return self._of_whole
        return functools.partial(_reading, self._whole.template().filled, form)

    def _of_whole(self, values: Sequence[Any]) -> Callable[[Value], Any]:
        """Return the function of the flat array, with all that it reads inside."""
        pair = self.f, value(self.args)
        return _reading(lambda _: pair, self.unknowns.form, values)

    def _plain(self, name: str, derive: Derive, make: Derive | None = None) -> Any:
        """Return a function of plain numbers: compiled, unless it closes over nodes."""
        run = _derived(derive, self._of, len(self.values))
        made = run if self._closes_over else self._known.get(name)
        if made is None:
            made = self._known[name] = Warmed(run, make)

        def plain(x: Value, *more: Value) -> Any:
            return value(made(x, *more, *self.values))

        return plain

    @functools.cached_property
    def value(self) -> Callable[..., Any]:
        """The function itself."""
        return self._plain("value", _itself)

    @functools.cached_property
    def value_and_gradient(self) -> Callable[..., Any]:
        """Its value and gradient."""
        return self._plain("value and gradient", value_and_grad)

    @functools.cached_property
    def gradient(self) -> Callable[..., Any]:
        """Its gradient."""
        return self._plain("gradient", grad)

    @functools.cached_property
    def hessian(self) -> Callable[..., Any]:
        """The matrix of its second derivatives."""
        return self._plain("hessian", _hessian)

    @functools.cached_property
    def second(self) -> Callable[..., Any]:
        """The second derivatives of a function that need not be real."""
        return self._plain("second", _second)

    @functools.cached_property
    def weighted_hessian(self) -> Callable[..., Any]:
        """The Hessian of the product of an array of functions with weights."""
        return self._plain("weighted hessian", _weighted_hessian)

    @functools.cached_property
    def sparse_hessian(self) -> Callable[..., Any] | None:
        """The Hessian as a sparse matrix; ``None`` where it is none, or is small."""
        return self._sparse("hessian", _itself, symmetric=True)

    @functools.cached_property
    def sparse_weighted_hessian(self) -> Callable[..., Any] | None:
        """That of the product with weights, as a sparse matrix; or ``None``."""
        weights = _np.ones(_np.size(self.first))
        return self._sparse("weighted hessian", _weighted, weights, symmetric=True)

    @functools.cached_property
    def sparse_jacobian(self) -> Callable[..., Any] | None:
        """The Jacobian as a sparse matrix; ``None`` where it is none, or is small."""
        return self._sparse("jacobian", _itself, symmetric=False)

    def _sparse(self, name: str, derive: Any, *more: Any, symmetric: bool) -> Any:
        if self._closes_over:
            return None
        start, of, values, known = (
            self.unknowns.example,
            self._of,
            self.values,
            self._known,
        )
        if not self._is_traced and any(map(_has_zeros, values)):
            of, values, known = self._of_whole, (), {}  # its zeros are in the pattern
        shapes = [shape_of(x) for x in values]
        name = f"sparse {name} {shapes}"
        if name not in known:
            run = _derived(derive, of, len(values))
            known[name] = sparse_or_none(
                run, start, *more, *values, symmetric=symmetric
            )
        made = known[name]
        if made is None or not values:
            return made

        def at_values(x: Value, *more: Value) -> Any:
            return made(x, *more, *self.values)

        at_values.is_sparse = True  # type: ignore[attr-defined]
        return at_values

    @functools.cached_property
    def product(self) -> Callable[..., Any]:
        """The product of its Hessian with a vector."""
        return self._plain("product", _product)

    @property
    def minimised(self) -> Minimised:
        """What is asked of the function at a minimum."""
        return Minimised(self.value, self.gradient, self.product)

    @functools.cached_property
    def jacobian(self) -> Callable[..., Any]:
        """The matrix of its first derivatives."""
        if int(np.size(self.first)) < self.unknowns.start.size:
            return self._plain("jacobian by rows", _by_rows)
        if not is_tall(np.shape(self.first), self.unknowns.start.size):
            return self._plain("jacobian by columns", _by_columns)
        made = functools.partial(Carried, _derived(_itself, self._of, len(self.values)))
        return self._plain("jacobian by entries", _by_columns, made)


def _reading(
    filled: Callable[[Sequence[Any]], Any], form: Form, values: Sequence[Any]
) -> Callable[[Value], Any]:
    """Return a function of a flat array that reads values."""
    f, args = filled(values)

    def of(x: Value) -> Any:
        return f(form.restored(x), *args)

    return of


def _derived(derive: Derive, of: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return what is derived of a function, whose values are the last arguments."""

    def run(*given: Value) -> Any:
        last = len(given) - count
        return derive(of(given[last:]))(*given[:last])

    return run


def _has_zeros(x: Value) -> bool:
    """Tell whether a value is a matrix, of which some entries are zero."""
    return _np.ndim(x) > 1 and _np.count_nonzero(x) < _np.size(x)


def _itself(f: Callable[[Value], Any]) -> Callable[..., Any]:
    return f


def _hessian(f: Callable[[Value], Any]) -> Callable[..., Any]:
    return jacobian(grad(f), mode="forward")


def _second(f: Callable[[Value], Any]) -> Callable[..., Any]:
    return jacobian(_by_columns(f), mode="forward")


def _weighted(f: Callable[[Value], Any]) -> Callable[..., Any]:
    def weighted(x: Value, weights: Value) -> Any:
        return _np.sum(_np.ravel(f(x)) * weights)

    return weighted


def _weighted_hessian(f: Callable[[Value], Any]) -> Callable[..., Any]:
    return jacobian(grad(_weighted(f)), mode="forward")


def _product(f: Callable[[Value], Any]) -> Callable[..., Any]:
    def product(x: Value, v: Value) -> Any:
        return hvp(f, (x,), (v,))[0]

    return product


def _by_rows(f: Callable[[Value], Any]) -> Callable[..., Any]:
    return jacobian(f, mode="reverse")


def _by_columns(f: Callable[[Value], Any]) -> Callable[..., Any]:
    return jacobian(f, mode="forward")


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
    except Exception:  # full, or there is no program at the first guess
        return None
    return found if sweeps <= most else None


def is_tracing() -> bool:
    """Tell whether a trace is being made here."""
    return bool(ACTIVE.traces)


def as_number(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function without the axes of a result of one entry."""

    def number(*args: Any) -> Any:
        z = f(*args)
        return _np.reshape(z, ()) if _np.shape(z) and _np.size(z) == 1 else z

    return number


def as_array(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose results may be lists or containers as one of arrays."""

    def array(*args: Any, **keywords: Any) -> Any:
        z = f(*args, **keywords)
        if isinstance(z, SEQUENCES):
            return operations.asarray(z)
        if is_container(z):
            parts: Any = flatten(z)[0]
            return operations.concatenate([_np.ravel(x) for x in parts])
        return z

    return array


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
