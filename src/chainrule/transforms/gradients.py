"""Functions of functions: grad, vjp, jvp, jacobian, hessian and their relatives.

Each records one call of ``f`` (``recording``) and sweeps it. Any nesting gives any
order, because a sweep over a nested recording is itself recorded. Arguments and results
may be dicts, lists, tuples, named tuples and dataclasses; inside them only inexact
leaves are differentiated, others pass untouched and their entry is ``None``. A
container whose numbers are all whole ones is taken as floats. None of these touches
``node.grad``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ArgumentError, CompileError, NotScalarError
from chainrule.nodes.node_class import node
from chainrule.rules.supports import zeros_of
from chainrule.transforms.recorded_call import CollectorPaused, Recording
from chainrule.transforms.seeds import (
    check_numeric,
    check_returned,
    check_some_numeric,
    check_tuples,
    entrywise,
    is_differentiable,
    ones_of,
    refuse_conjugation,
    seeds_of,
    tangent_tree,
    tangents_of,
    units_of,
)
from chainrule.values.containers import (
    LEAF,
    flatten,
    is_container,
    map_leaves,
    unflatten,
)
from chainrule.values.shapes import TUPLE, describe, dtype_of, ndarray, shape_of
from chainrule.values.vertices import as_array, first_stand_in, raw, stand_in

Argnums = int | Sequence[int]


class DerivedFunction:
    """A function derived from another one, such as ``grad(f)``.

    It is called like ``f``, carries its name and documentation, works as a method, and
    pickles if ``f`` does.
    """

    def __init__(self, method: Callable[..., Any], f: Any, **options: Any) -> None:
        """Keep how (``method``), of what (``f``), and with which options."""
        if not callable(f):
            raise ArgumentError(
                f"{method.__name__.strip('_')} needs a function; received "
                f"{describe(f)}. Write gd.grad(f)(x), not gd.grad(f(x))."
            )
        self.method = method
        self.f = f
        self.__wrapped__ = f  # inspect.signature finds the parameters of f
        self.options = options
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            if hasattr(f, name):
                setattr(self, name, getattr(f, name))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Differentiate the call ``f(*args, **keywords)``."""
        with CollectorPaused():
            return self.method(self.f, args, keywords, **self.options)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method does."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        """Show what it was made of."""
        return f"<{self.method.__name__.strip('_')} of {self.f!r}>"


# ------------------------------------------------------------------------- gradients


def grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> DerivedFunction:
    """Return the function that computes the gradient of ``f``.

    The gradient of ``f: R^n -> R`` is the vector of partial derivatives; it has the
    structure and shapes of the argument. One forward run and one reverse sweep give it.

    Parameters
    ----------
    f
        Returns a real scalar (or, with ``has_aux``, a pair of it and anything).
    argnums
        The position of the argument to differentiate, or a tuple of positions, which
        gives a tuple of gradients.
    has_aux
        Whether ``f`` returns ``(result, aux)``; then ``(gradient, aux)`` is returned.

    Raises
    ------
    NotScalarError
        If ``f`` returns a complex or non-scalar result.
    ArgumentError
        If ``argnums`` is out of range, the argument holds no numbers, or the result is
        a whole number or a truth value, which is not differentiable.

    Notes
    -----
    For complex arguments the result is conjugated once, so that ``x - rate * grad``
    descends (PyTorch's convention). Source: Griewank & Walther, section 3.2.

    Whole numbers are differentiated as floats, also in a container that holds no other
    numbers: start values are often written so. Beside floats they are counts and
    indices, which stay as they are and have the entry ``None``.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.grad(lambda x, y: x * y + x**2)(2.0, 3.0)
    7.0
    >>> gd.grad(lambda p: p["slope"] ** 2)({"slope": 3})
    {'slope': 6.0}
    >>> gd.grad(lambda p: sum(p["x"] for _ in range(p["n"])))({"x": 1.0, "n": 4})
    {'x': 4.0, 'n': None}
    """
    return DerivedFunction(_grad, f, argnums=argnums, has_aux=has_aux)


def _grad(f: Any, args: Any, keywords: Any, *, argnums: Argnums, has_aux: bool) -> Any:
    found = _value_and_grad(f, args, keywords, argnums=argnums, has_aux=has_aux)
    return (found[1], found[0][1]) if has_aux else found[1]


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> DerivedFunction:
    """Return the function that computes ``(f(x), gradient)``; see ``grad``.

    With ``has_aux`` it returns ``((f(x), aux), gradient)``.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return DerivedFunction(_value_and_grad, f, argnums=argnums, has_aux=has_aux)


def _value_and_grad(
    f: Any, args: Any, keywords: Any, *, argnums: Argnums, has_aux: bool
) -> Any:
    numbers, single = _positions(argnums, args)
    run = Recording(f, args, numbers, keywords, has_aux=has_aux)
    z = _scalar_output(run)
    if isinstance(z, node) and z.serial > run.start:
        bars, recorded = run.pull({0: ones_of(z)})
        recorded = recorded or (has_aux and run.nested())
    else:
        bars, recorded = [None] * len(run.inputs), isinstance(z, node)
    grads = [_gradient(bar, x) for bar, x in zip(bars, run.inputs, strict=True)]
    arranged = run.arrange(grads)
    value = run.settle(z, recorded=recorded, copy=True)
    if has_aux:
        value = (value, run.settle(run.aux, recorded=recorded, copy=True))
    return value, arranged[0] if single else tuple(arranged)


def _gradient(bar: Any, x: node) -> Any:
    """Return an input's gradient: its cotangent conjugated, or zeros."""
    if bar is None:
        return zeros_of(x._value)
    if type(bar) is float or bar.dtype.kind != "c":
        return bar
    return operations.conj(bar)


def elementwise_grad(f: Callable[..., Any], argnums: Argnums = 0) -> DerivedFunction:
    """Return the derivative of an elementwise ``f``, entry by entry.

    It is the gradient of ``sum(f(x))``: right where each entry of the result depends on
    the matching entry of the argument only. Where the result is complex it is the
    complex derivative, which is not conjugated.

    Raises
    ------
    ArgumentError
        If a result is a whole number or a truth value, or if it is complex and the
        argument enters in a way that is not complex differentiable.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.elementwise_grad(np.sin)(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    return DerivedFunction(_elementwise_grad, f, argnums=argnums)


def _elementwise_grad(f: Any, args: Any, keywords: Any, *, argnums: Argnums) -> Any:
    numbers, single = _positions(argnums, args)
    run = Recording(f, args, numbers, keywords)
    check_returned(run, "elementwise_grad")
    for z in run.outputs:
        check_numeric(z, "elementwise_grad")
    bars = entrywise(run)
    if not any(_kind(z) == "c" for z in run.outputs):
        bars = [_gradient(bar, x) for bar, x in zip(bars, run.inputs, strict=True)]
    grads = [zeros_of(x._value) if bar is None else bar
             for bar, x in zip(bars, run.inputs, strict=True)]  # fmt: skip
    arranged = run.arrange(grads)
    return arranged[0] if single else tuple(arranged)


# ------------------------------------------------------- products with the Jacobian


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return ``f(*primals)`` and its pullback, the product with J transposed.

    ``pullback(z_grad)`` takes a cotangent in the structure of the result and returns a
    tuple with one cotangent per primal, in their structures. It may be called often; it
    keeps the recording alive. The transpose is plain: nothing is conjugated. Whole
    numbers and truth values beside floats in the result take no cotangent: ``None``.

    Returns
    -------
    tuple
        ``(value, pullback)``, or ``(value, pullback, aux)`` with ``has_aux``.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> value, pullback = gd.vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> value, pullback(1.0)
    (6.0, (3.0, 2.0))
    """
    with CollectorPaused():
        run = Recording(f, primals, range(len(primals)), {}, has_aux=has_aux, copy=True)
        check_some_numeric(run, "vjp")
        nested = run.nested()

    def pullback(z_grad: Any) -> tuple[Any, ...]:
        """Return the cotangents of the primals."""
        seeds = seeds_of(run, z_grad)
        bars, _ = run.pull(seeds)
        grads = [
            zeros_of(x._value) if bar is None else bar
            for bar, x in zip(bars, run.inputs, strict=True)
        ]
        return tuple(run.arrange(grads))

    tree = unflatten(run.structure, run.outputs)
    value = run.settle(tree, recorded=nested, copy=True)
    if has_aux:
        return value, pullback, run.settle(run.aux, recorded=nested, copy=True)
    return value, pullback


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Return ``f(*primals)`` and its tangent, the product of J with the tangents.

    The call is recorded and swept forwards, so memory grows with the recording. Whole
    numbers and truth values beside floats have the tangent ``None``.

    Parameters
    ----------
    primals, tangents
        Tuples of the same length; each tangent in the structure of its primal, ``None``
        where that is not differentiated.

    Raises
    ------
    ShapeError
        If tangents and primals differ in number, structure or shape.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    check_tuples(primals, tangents, "jvp")
    with CollectorPaused():
        run = Recording(f, primals, range(len(primals)), {})
        check_some_numeric(run, "jvp")
        dots, recorded = run.push(tangents_of(run, tangents))
        recorded = recorded or run.nested()
        tree = unflatten(run.structure, run.outputs)
        value = run.settle(tree, recorded=recorded, copy=True)
        return value, tangent_tree(run, dots, recorded=recorded)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return ``f(*primals)`` and its derivative there, a linear function of tangents.

    Examples
    --------
    >>> import chainrule as gd
    >>> value, pushforward = gd.linearize(lambda x: x**2, 3.0)
    >>> value, pushforward(1.0)
    (9.0, 6.0)
    """
    with CollectorPaused():
        run = Recording(f, primals, range(len(primals)), {}, copy=True)
        check_some_numeric(run, "linearize")
        nested = run.nested()

    def pushforward(*tangents: Any) -> Any:
        """Return the tangent of the result."""
        check_tuples(primals, tangents, "the linear function")
        dots, recorded = run.push(tangents_of(run, tangents))
        return tangent_tree(run, dots, recorded=recorded or nested)

    tree = unflatten(run.structure, run.outputs)
    return run.settle(tree, recorded=nested, copy=True), pushforward


def hvp(f: Callable[..., Any], primals: Any, vectors: Any) -> Any:
    """Return the product of the Hessian of a scalar function with vectors.

    Forward over reverse: one recorded gradient, swept forwards once; the Hessian is
    never formed.

    Parameters
    ----------
    primals, vectors
        Tuples of arguments and of vectors like them; or one argument and one vector,
        which need not be put in tuples.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.ones(2),))
    (array([ 6., 12.]),)
    """
    if not isinstance(primals, TUPLE):
        return hvp(f, (primals,), (vectors,))[0]
    check_tuples(primals, vectors, "hvp")
    return jvp(grad(f, tuple(range(len(primals)))), primals, vectors)[1]


# -------------------------------------------------------------- whole matrices


def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, *, mode: str = "auto"
) -> DerivedFunction:
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
    Compiled, one sweep is traced and runs for all entries at once.

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


def _jacobian(f: Any, args: Any, keywords: Any, *, argnums: Argnums, mode: str) -> Any:
    numbers, single = _positions(argnums, args)
    run = Recording(f, args, numbers, keywords)
    check_some_numeric(run, "jacobian", numbers_only=True)
    complex_inputs = any(x.dtype.kind == "c" for x in run.inputs)
    complex_outputs = any(_kind(z) == "c" for z in run.outputs)
    if complex_inputs or complex_outputs:
        mode = "forward"
    if mode == "auto":
        columns = sum(x.size for x in run.inputs)
        rows = sum(int(np.size(raw(z))) for z in run.outputs)
        mode = "forward" if 2 * columns < rows else "reverse"
    blocks = _by_columns(run) if mode == "forward" else _by_rows(run)
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

        def swept(seed: Any, i: int = i) -> list[Any]:
            return run.pull({i: seed})[0]

        parts = _for_each_unit(z, swept, run, run.inputs, axis=0)
        pairs = zip(parts, run.inputs, strict=True)
        blocks.append([_block(part, z, x) for part, x in pairs])
    return blocks


def _by_columns(run: Recording) -> list[list[Any]]:
    """Sweep forwards from each input entry: blocks[output][input]."""
    blocks: list[list[Any]] = [[] for _ in run.outputs]
    for j, x in enumerate(run.inputs):

        def swept(seed: Any, j: int = j) -> list[Any]:
            tangents: list[Any] = [None] * len(run.inputs)
            tangents[j] = seed
            return run.push(tangents)[0]

        parts = _for_each_unit(x, swept, run, run.outputs, axis=-1)
        for row, part, z in zip(blocks, parts, run.outputs, strict=True):
            row.append(_block(part, z, x))
    return blocks


def _for_each_unit(
    x: Any, swept: Callable[[Any], list[Any]], run: Recording, likes: Sequence[Any],
    *, axis: int,
) -> list[Any]:  # fmt: skip
    """Sweep from each unit of ``x``; stack each result along a new axis.

    In a trace one sweep stands for all, so that a program does not grow with ``x``.
    """

    def filled(seed: Any) -> list[Any]:
        pairs = zip(swept(seed), likes, strict=True)
        return [zeros_of(raw(like)) if v is None else v for v, like in pairs]

    size, shape = int(np.size(raw(x))), shape_of(x)
    if not size:
        return [np.zeros(0) for _ in likes]
    if shape == ():
        return filled(ones_of(x))
    trace = first_stand_in([raw(v) for v in (*run.inputs, *run.outputs)])
    if trace is not None and size > 1:
        seeds = np.eye(size, dtype=dtype_of(raw(x))).reshape(size, *shape)
        try:
            stacks = _in_blocks(trace, filled, seeds, run.largest())
        except CompileError:
            pass  # a custom derivative branches on a value
        else:
            return [_last(s) for s in stacks] if axis else stacks
    columns = zip(*map(filled, units_of(x)), strict=True)
    return [operations.stack(list(c), axis=axis) for c in columns]


AT_ONCE = 1 << 22
"""Entries of all sweeps' largest values that a trace keeps at a time: 32 megabytes."""


def _in_blocks(
    trace: stand_in, swept: Callable[[Any], list[Any]], seeds: Any, largest: int
) -> list[Any]:
    """Map a sweep over seeds, over so many at a time that memory suffices."""
    step = max(1, AT_ONCE // largest)
    blocks = [trace.over(swept, seeds[i : i + step])
              for i in range(0, len(seeds), step)]  # fmt: skip
    if len(blocks) == 1:
        return blocks[0]
    return [operations.concatenate(list(b)) for b in zip(*blocks, strict=True)]


def _last(x: Any) -> Any:
    """Return an array with its first axis moved to the end."""
    return operations.transpose(x, axes=(*range(1, len(shape_of(x))), 0))


def _block(part: Any, z: Any, x: Any) -> Any:
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
        weights: Any = _distinct_weights(x.shape, x.dtype)
        tangents: list[Any] = [None] * len(run.inputs)
        tangents[j] = 1j * weights
        dots, _ = run.push(tangents)
        axes = tuple(range(-x.ndim, 0))
        for i, dot in enumerate(dots):
            terms: Any = as_array(raw(blocks[i][j])) * weights
            total, scale = (t.sum(axis=axes) if axes else t
                            for t in (terms, np.abs(terms)))  # fmt: skip
            got = np.zeros_like(total) if dot is None else dot
            least = np.max(np.abs(raw(x)), initial=1e-8)
            size = np.abs(raw(run.outputs[i])) * x.size / least
            blocks[i][j] = refuse_conjugation(
                blocks[i][j], got, 1j * total, size, "jacobian", scale
            )


def _distinct_weights(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return real numbers between 1 and 2, spread evenly in an order of no pattern."""
    golden = (5**0.5 - 1) / 2
    steps: Any = np.arange(math.prod(shape)).reshape(shape)
    return (1.0 + golden * (steps + 1) % 1.0).astype(dtype)[()]


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> DerivedFunction:
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


def _hessian(f: Any, args: Any, keywords: Any, *, argnums: Argnums) -> Any:
    gradient = grad(f, argnums)
    return _jacobian(gradient, args, keywords, argnums=argnums, mode="reverse")


# ------------------------------------------------------------------------ values


def value(x: Any) -> Any:
    """Return the plain value of a node, or of every node in a container.

    The history is left behind: what is computed from the value is constant.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.value(gd.node(2.0) * 3.0)
    6.0
    """
    if isinstance(x, node):
        return x.value
    return map_leaves(_plain_value, x)


def _plain_value(x: Any) -> Any:
    if isinstance(x, ndarray) and x.dtype == object:
        return np.array([raw(v) for v in x.flat]).reshape(x.shape)
    return x.value if isinstance(x, node) else x


def stop_gradient(x: Any) -> Any:
    """Return ``x`` with its derivative defined as zero, at every order.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.grad(lambda x: x * gd.stop_gradient(x))(3.0)
    3.0
    """
    return value(x)


def zero_grad(*nodes: Any) -> None:
    """Set ``.grad`` of the given nodes, or of all nodes in containers, back to 0.0.

    Raises
    ------
    ArgumentError
        If something else than nodes is given.
    """
    for x in flatten(nodes)[0]:
        if not isinstance(x, node):
            raise ArgumentError(
                f"zero_grad takes nodes, or containers of them; received {describe(x)}."
            )
        x.grad = 0.0


# ------------------------------------------------------------------- checks and seeds


def _positions(argnums: Argnums, args: Sequence[Any]) -> tuple[list[int], bool]:
    """Return positions as non-negative numbers, and whether a single one was given."""
    single = isinstance(argnums, int | np.integer) and not isinstance(argnums, bool)
    given: Any = argnums
    numbers: list[Any] = [given] if single else list(given)
    for i in numbers:
        if not isinstance(i, int | np.integer) or not -len(args) <= i < len(args):
            raise ArgumentError(
                f"argnums={argnums!r} is out of range: the function was called with "
                f"{len(args)} positional arguments. Pass the argument by position."
            )
    found = [int(i) % len(args) for i in numbers]
    if len(set(found)) != len(found):
        raise ArgumentError(f"argnums={argnums!r} names an argument twice.")
    return found, single


def _scalar_output(run: Recording) -> Any:
    """Return the one real scalar output of a call, or raise."""
    if run.structure is not LEAF and (
        len(run.outputs) != 1 or is_container(unflatten(run.structure, run.outputs))
    ):
        raise NotScalarError(
            "grad needs a function that returns one real scalar; this one returned a "
            f"container of {len(run.outputs)} values. Return one of them, use "
            "has_aux=True for the others, or use gd.jacobian."
        )
    z = run.outputs[0]
    if type(z) is node and type(z._value) in (float, np.float64):
        return z
    check_numeric(z, "grad")
    if shape_of(z) != () or _kind(z) == "c":
        remedy = (
            "Return np.real(z) or np.abs(z)**2, or use gd.vjp or gd.jacobian."
            if _kind(z) == "c"
            else "Call np.sum(...) first, or use gd.jacobian or gd.vjp."
        )
        raise NotScalarError(
            f"grad needs a function that returns one real scalar; this one returned "
            f"{describe(raw(z))}. {remedy}"
        )
    return z


def _kind(z: Any) -> str:
    return dtype_of(raw(z)).kind
