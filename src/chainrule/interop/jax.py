"""NumPy functions inside JAX: differentiated here, and called from there.

In: a function of arrays. Out: a function of JAX's arrays, one primitive of JAX. What
JAX asks a primitive for are functions of arrays again (``flat``): its derivative is a
primitive that is linear in tangents, whose transpose is one that pulls cotangents, and
one of many examples is a map. So ``grad``, ``jvp``, ``vmap``, ``jit`` and whatever is
nested of them need no more than one rule each.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.interop.flat import (
    Base,
    Bases,
    Bridge,
    Filling,
    Flat,
    Mapped,
    Outside,
    Pulled,
    Pushed,
)
from chainrule.interop.jax_library import JaxArray, fits
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Value

jax: Any = importlib.import_module("jax")
jnp: Any = importlib.import_module("jax.numpy")
ad: Any = importlib.import_module("jax.interpreters.ad")
batching: Any = importlib.import_module("jax.interpreters.batching")
mlir: Any = importlib.import_module("jax.interpreters.mlir")
_extended: Any = importlib.import_module("jax.extend.core")


Shaped = Outside
"""Shape and dtype, as ``jax.ShapeDtypeStruct``."""
Key = tuple[tuple[int, ...], Any]
"""A shape, and a dtype of NumPy's."""


def function(f: Callable[..., Any], *, result: Any = None) -> Bridge:
    """Return ``f``, a function of NumPy's arrays, as a function of JAX's arrays.

    Parameters
    ----------
    f
        A function of arrays, numbers and containers of them, which returns such. It may
        be compiled: ``function(gd.compile(f))``.
    result
        Shapes and dtypes of the result: a container of ``jax.ShapeDtypeStruct``, or a
        function of the arguments, with such in the place of arrays, that returns one.
        ``jit`` needs them. Without it they are those of the last call with arguments of
        these shapes; if there was none, of a trial with made-up numbers.

    Returns
    -------
    Bridge
        It takes JAX's arrays where ``f`` takes NumPy's, and returns such. NumPy's
        arrays among the arguments count as JAX's; Python's numbers, and whatever is
        none, are passed to ``f`` as they are. ``jit``, ``grad``, ``jvp``, ``vmap``,
        ``jacfwd``, ``hessian`` and other transforms of JAX apply to it, in any nesting.

    Raises
    ------
    ArgumentError
        In ``jit``, if the trial fails; when called, if ``f`` returns no numbers.
    ShapeError
        In ``jit``, if a result has not the shape that was promised.

    Notes
    -----
    JAX computes in ``float32`` unless ``jax_enable_x64`` is set: ``f`` is given such
    arrays then, and what it returns in double precision is rounded to it.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, jax
    >>> f = gd.interop.jax.function(lambda x: np.sum(np.sin(x) * x))
    >>> jax.jit(jax.grad(f))(np.array([0.0, 1.0]))
    Array([0.       , 1.3817732], dtype=float32)
    """
    bases = Bases(f, functools.partial(_Shaped, result))

    def bridged(*args: Any, **keywords: Any) -> Any:
        base, operands = bases.taken(args, keywords, _is_operand)
        results = _called(base, list(map(_entering, operands)))
        returned: Any = base.returned
        return returned.filled(results)

    return Bridge(functools.partial(function, result=result), f, bridged)


def _is_operand(x: Value | JaxArray) -> bool:
    return isinstance(x, jax.Array | np.ndarray | np.generic)


def _entering(x: Value | JaxArray) -> JaxArray:
    """Return an argument as an array of JAX's, of a dtype that NumPy has."""
    array = jnp.asarray(x)
    dtype: Any = array.dtype
    if not isinstance(dtype, np.dtype) or str(dtype.kind) not in "biufc":
        raise ArgumentError(
            f"NumPy has no {array.dtype}. Write x.astype(jnp.float32); gradients flow "
            "through it. Of a random key take jax.random.key_data(key)."
        )
    return array


# ---------------------------------------------------------------- shapes of the results


class _Shaped(Base):
    """A function for arguments of one structure, and the shapes of its results.

    Attributes
    ----------
    result
        What the user said of the shapes.
    """

    def __init__(self, result: Any, f: Callable[..., Any], arguments: Filling) -> None:
        super().__init__(f, arguments)
        self.result = result
        self._shapes: dict[tuple[Any, ...], tuple[list[Key], Any]] = {}

    def __call__(self, *xs: Value) -> list[Any]:
        """Call the function; note the shapes of its results."""
        results = super().__call__(*xs)
        self._shapes.setdefault(
            tuple(map(_key, xs)), ([_key(z) for z in results], self.returned)
        )
        return results

    def shapes(self, xs: Sequence[Shaped]) -> list[Shaped]:
        """Return the shapes and dtypes of the results for such arguments."""
        key = tuple(map(_key, xs))
        if key not in self._shapes:
            if self.result is None:
                self._try(xs)
            else:
                self._shapes[key] = self._given(xs)
        found, self.returned = self._shapes[key]
        return [_shape_of(*known) for known in found]

    def _given(self, xs: Sequence[Shaped]) -> tuple[list[Key], Filling]:
        result = self.result
        if callable(result):
            args, keywords = self._arguments.filled(xs)
            result = result(*args, **keywords)
        filling = Filling(result, lambda x: hasattr(x, "shape") and hasattr(x, "dtype"))
        taken, filling.taken = filling.taken, []
        return list(map(_key, taken)), filling

    def _try(self, xs: Sequence[Shaped]) -> None:
        """Call the function with made-up numbers."""
        errors: list[Exception] = []
        for numbers in _made_up(xs):
            try:
                with np.errstate(all="ignore"):
                    self(*numbers)
            except Exception as error:
                errors.append(error)
            else:
                return
        text = f"{type(errors[0]).__name__}: {errors[0]}".rstrip(".")
        raise ArgumentError(
            f"The shapes of what {getattr(self.f, '__name__', 'a function')}() returns "
            f"are not known in jit, and a trial with made-up numbers raised {text}. "
            "Give them, result=jax.ShapeDtypeStruct(shape, dtype), or call the "
            "function once before jit."
        ) from errors[0]


def _made_up(xs: Sequence[Shaped]) -> Iterator[list[Any]]:
    """Yield numbers of some shapes: positive ones, with regular matrices; 0; 1."""
    rng = np.random.default_rng(0)
    yield [_positive(rng, x).astype(x.dtype) for x in xs]
    yield [np.zeros(x.shape, x.dtype) for x in xs]
    yield [np.ones(x.shape, x.dtype) for x in xs]


def _positive(rng: np.random.Generator, x: Shaped) -> Any:
    """Return positive numbers; symmetric and definite where a matrix is square."""
    if np.dtype(x.dtype).kind not in "fc":
        return np.ones(x.shape)
    shape: tuple[int, ...] = x.shape
    numbers = np.reshape(rng.uniform(0.5, 1.5, math.prod(shape)), shape)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return numbers
    return numbers + numbers.swapaxes(-1, -2) + 3 * shape[-1] * np.eye(shape[-1])


def _shaped(x: Value | Shaped) -> Shaped:
    """Return the shape of a value, and the dtype that JAX gives it."""
    return _shape_of(*_key(x))


def _shape_of(shape: tuple[int, ...], dtype: Any) -> Shaped:
    return jax.ShapeDtypeStruct(shape, jax.dtypes.canonicalize_dtype(dtype))


def _key(x: Value | Shaped) -> Key:
    return shape_of(x), np.dtype(dtype_of(x))


def shapes_of(flat: Flat, xs: Sequence[Shaped]) -> list[Shaped]:
    """Return the shapes and dtypes of what a function of arrays returns."""
    if isinstance(flat, Pulled):
        return [_shaped(xs[i]) for i in flat.wanted]
    if isinstance(flat, Pushed):
        results = shapes_of(flat.of, xs[: len(xs) - flat.linear])
        return [results[i] for i in flat.taken]
    if isinstance(flat, Mapped):
        pairs = list(zip(xs, flat.axes, strict=True))
        count = next(x.shape[0] for x, axis in pairs if axis is not None)
        one = [
            x if axis is None else jax.ShapeDtypeStruct(x.shape[1:], x.dtype)
            for x, axis in pairs
        ]
        results = shapes_of(flat.of, one)
        return [jax.ShapeDtypeStruct((count, *z.shape), z.dtype) for z in results]
    known: Any = flat
    return known.shapes(xs)


def _is_inexact(x: JaxArray) -> bool:
    return np.dtype(x.dtype).kind in "fc"


# ------------------------------------------------------------------------ the primitive

step: Any = _extended.Primitive("chainrule")
"""A function of arrays, its parameter ``flat``, called with JAX's arrays."""
step.multiple_results = True


def _called(flat: Flat, operands: Sequence[JaxArray]) -> list[JaxArray]:
    return step.bind(*operands, flat=flat)


def _run(flat: Flat, shapes: Sequence[Shaped], *operands: JaxArray) -> list[Any]:
    """Call the function with NumPy's arrays, which are its own."""
    results = flat.run(*(np.array(x) for x in operands))
    for z, known in zip(results, shapes, strict=True):
        if np.shape(z) != known.shape:
            raise ShapeError(
                f"A NumPy function that JAX calls returned an array of shape "
                f"{np.shape(z)}, where {known.shape} was promised. In jit, shapes of "
                "results depend on those of the arguments alone; say them by result=."
            )
    return [_leaving(z, k.dtype) for z, k in zip(results, shapes, strict=True)]


def _leaving(x: Value, dtype: np.dtype[Any]) -> Any:
    """Return a result in JAX's dtype; whole numbers must fit."""
    value = np.asarray(x)
    if not fits(value, dtype):
        raise ArgumentError(
            f"A NumPy function returned whole numbers that {dtype}, JAX's dtype for "
            'them, does not hold. Write jax.config.update("jax_enable_x64", True) '
            "where the program starts, or return floats."
        )
    return np.asarray(value, dtype)


@step.def_impl
def _at_once(*operands: JaxArray, flat: Flat) -> list[JaxArray]:
    """Call the function now, outside jit."""
    xs = [np.array(x) for x in operands]
    results = flat.run(*xs)
    return [jnp.asarray(_leaving(z, _shaped(z).dtype)) for z in results]


@step.def_abstract_eval
def _abstractly(*operands: Shaped, flat: Flat) -> list[Shaped]:
    """Return shapes alone."""
    shapes = shapes_of(flat, operands)
    return [jax.core.ShapedArray(x.shape, x.dtype) for x in shapes]


def _by_callback(*operands: JaxArray, flat: Flat) -> list[JaxArray]:
    """Call the function from code that JAX has compiled."""
    shapes = shapes_of(flat, operands)
    _refuse_unseen(flat, shapes, operands)
    host = functools.partial(_run, flat, shapes)
    return jax.pure_callback(host, shapes, *operands, vmap_method="sequential")


def _refuse_unseen(
    flat: Flat, shapes: Sequence[Shaped], operands: Sequence[JaxArray]
) -> None:
    """Raise where JAX would not call a function, as no result is to have entries.

    Then nobody sees that with other numbers they have some.
    """
    known = isinstance(flat, _Shaped) and flat.result is not None
    if known or not operands or any(z.size for z in shapes):
        return
    if all(x.size for x in operands):
        raise ArgumentError(
            "In jit, the results of a NumPy function are taken to be empty, as they "
            "were for other numbers of these shapes. If that is so, say it: "
            f"result=jax.ShapeDtypeStruct({shapes[0].shape}, dtype). If it depends on "
            "the numbers, jit cannot call it; write jnp.where(mask, x, 0.0)."
        )


def _pushed(
    operands: Sequence[JaxArray], dots: Sequence[Any], *, flat: Flat
) -> tuple[list[JaxArray], list[Any]]:
    """Push tangents forward, by a step that is linear in them."""
    results = _called(flat, operands)
    moving = tuple(i for i, t in enumerate(dots) if type(t) is not ad.Zero)
    taken = tuple(i for i, z in enumerate(results) if _is_inexact(z))
    tangents: list[Any] = [ad.Zero(_tangent_of(z)) for z in results]
    if moving and taken:
        first = len(operands) - flat.linear
        if moving[0] >= first:  # it is its own derivative
            linear = map(ad.instantiate_zeros, dots[first:])
            pushed = _called(flat, [*operands[:first], *linear])
        else:
            seeds = [dots[i] for i in moving]
            pushed = _called(flat.pushed(moving, taken), [*operands, *seeds])
        for i, t in zip(taken, pushed, strict=True):
            tangents[i] = t
    return results, tangents


def _tangent_of(x: JaxArray) -> Shaped:
    return jax.typeof(x).to_tangent_aval()


def _transpose(bars: Sequence[Any], *operands: JaxArray, flat: Flat) -> list[Any]:
    """Pull cotangents back through a step, to what it is linear in."""
    if not flat.linear:
        raise ArgumentError(
            "JAX does not know whether a NumPy function is linear, as "
            "jax.linear_transpose needs it. Write jax.vjp(f, x)[1]."
        )
    first = len(operands) - flat.linear
    undefined = [ad.is_undefined_primal(x) for x in operands]
    wanted = tuple(i for i, u in enumerate(undefined[first:]) if u)
    given = tuple(i for i, b in enumerate(bars) if type(b) is not ad.Zero)
    grads = [
        ad.Zero(x.aval.to_tangent_aval()) if u else None
        for x, u in zip(operands, undefined, strict=True)
    ]
    if given:
        seeds = [bars[i] for i in given]
        pulled = _called(flat.transposed(wanted, given), [*operands[:first], *seeds])
        for i, g in zip(wanted, pulled, strict=True):
            grads[first + i] = g
    return grads


def _batched(
    operands: Sequence[JaxArray], dims: Sequence[Any], *, flat: Flat
) -> tuple[list[JaxArray], list[int]]:
    """Call the function for each example."""
    first = len(operands) - flat.linear
    pairs = list(zip(operands, dims, strict=True))
    count = next(x.shape[d] for x, d in pairs if d is not None)
    xs: list[Any] = []
    axes: list[int | None] = []
    for i, (x, d) in enumerate(pairs):
        if d is None and i >= first:  # each has a cotangent of its own
            x, d = jnp.broadcast_to(x, (count, *x.shape)), 0
        mapped = d is not None
        xs.append(jnp.moveaxis(x, d, 0) if mapped else x)
        axes.append(0 if mapped else None)
    results = _called(flat.mapped(tuple(axes)), xs)
    return results, [0] * len(results)


mlir.register_lowering(step, mlir.lower_fun(_by_callback, multiple_results=True))
ad.primitive_jvps[step] = _pushed
ad.primitive_transposes[step] = _transpose
batching.primitive_batchers[step] = _batched
