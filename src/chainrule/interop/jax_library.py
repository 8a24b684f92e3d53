"""JAX's functions inside ours: differentiated there, by ``jax.vjp`` and ``jax.jvp``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.interop.flat import Bridge, Outside, Positions
from chainrule.interop.outer import Function, operation_of
from chainrule.values.shapes import describe
from chainrule.values.types import Value

jax: Any = importlib.import_module("jax")
jnp: Any = importlib.import_module("jax.numpy")


JaxArray = Outside
"""A ``jax.Array``."""


def from_jax(f: Callable[..., Any]) -> Bridge:
    """Return a function of JAX's arrays as an operation of ours.

    Parameters
    ----------
    f
        A function of JAX's arrays and containers of them; ``jax.jit`` makes it fast.

    Returns
    -------
    Bridge
        It takes numbers, arrays and nodes where ``f`` takes JAX's arrays, and returns
        NumPy's. It is differentiated at every order and in both directions, by JAX.

    Raises
    ------
    ArgumentError
        When called, if an argument would lose digits: JAX computes in ``float32``
        unless ``jax_enable_x64`` is set. If ``f`` returns no arrays.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, jax.numpy as jnp
    >>> f = gd.interop.from_jax(lambda x: jnp.sum(jnp.sin(x) * x))
    >>> gd.grad(f)(np.array([0.0, 1.0], np.float32))
    array([0.       , 1.3817732], dtype=float32)
    """
    return operation_of(Jax(), from_jax, f)


class Jax:
    """What JAX can do with a function of its arrays."""

    name = "JAX"

    def is_array(self, x: Value | JaxArray) -> bool:
        """Tell whether a value is an array of JAX's."""
        return isinstance(x, jax.Array)

    def entering(self, x: Value) -> JaxArray:
        """Return an array or a number as one of JAX's, if it keeps its digits."""
        value = np.asarray(x)
        dtype = jax.dtypes.canonicalize_dtype(value.dtype)
        if dtype != value.dtype and (
            value.dtype.kind in "fc" or not fits(value, dtype)
        ):
            raise ArgumentError(
                f"JAX would make {dtype} of {describe(x)}. Write "
                'jax.config.update("jax_enable_x64", True) where the program starts, '
                f"or pass np.{dtype}(x)."
            )
        return jnp.array(value, dtype)

    def leaving(self, x: JaxArray) -> Any:
        """Return an array of JAX's as NumPy's, one without axes as a number."""
        return np.array(x)[()]

    def run(self, f: Function, xs: Sequence[JaxArray]) -> list[JaxArray]:
        """Call a function."""
        return f(xs)

    def pull(
        self,
        f: Function,
        wanted: Positions,
        given: Positions,
        xs: Sequence[JaxArray],
        bars: Sequence[JaxArray],
    ) -> list[JaxArray]:
        """Return cotangents of the wanted operands, by ``jax.vjp``."""
        part = _part(f, xs, wanted, given)
        _, pullback = jax.vjp(part, *(xs[i] for i in wanted))
        return list(pullback(list(bars)))

    def push(
        self,
        f: Function,
        moving: Positions,
        taken: Positions,
        xs: Sequence[JaxArray],
        dots: Sequence[JaxArray],
    ) -> list[JaxArray]:
        """Return tangents of the results that are taken, by ``jax.jvp``."""
        part = _part(f, xs, moving, taken)
        return jax.jvp(part, [xs[i] for i in moving], list(dots))[1]


def fits(x: Any, dtype: Any) -> bool:
    """Tell whether whole numbers are the same ones in another dtype."""
    return x.dtype.kind not in "iu" or bool(np.all(x.astype(dtype) == x))


def _part(
    f: Function, xs: Sequence[JaxArray], places: Positions, results: Positions
) -> Callable[..., list[JaxArray]]:
    """Return some results as a function of the operands in some places."""

    def part(*moving: JaxArray) -> list[JaxArray]:
        operands = list(xs)
        for i, x in zip(places, moving, strict=True):
            operands[i] = x
        z = f(operands)
        return [z[i] for i in results]

    return part
