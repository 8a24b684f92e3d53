"""Unknowns of a problem: numbers, arrays or containers, as one flat array."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.compiler.control.bodies import example_of
from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import node
from chainrule.values.containers import LEAF, Structure, flatten, unflatten
from chainrule.values.shapes import SEQUENCES, describe, ndarray
from chainrule.values.types import Value
from chainrule.values.vertices import stand_in

_np: Any = np
_scipy: Any = scipy.optimize
_NUMBERS: Any = (int, float, complex, np.number)


class Form:
    """The structure and the shapes of what a flat array stands for."""

    def __init__(
        self, structure: Structure, shapes: list[tuple[int, ...]], *, is_flat: bool
    ) -> None:
        """Keep them."""
        self._structure, self._shapes, self._is_flat = structure, shapes, is_flat

    def key(self) -> Hashable:
        """Return what two of the same form have in common."""
        return (self._structure, tuple(self._shapes), self._is_flat)

    def restored(self, x: Value) -> Any:
        """Return a flat array in this form."""
        if self._is_flat:
            return x
        parts, begin = list[Any](), 0
        for shape in self._shapes:
            size = math.prod(shape)
            part = x[begin : begin + size]  # type: ignore[index]
            parts.append(_np.reshape(part, shape) if shape else part[0])
            begin += size
        return unflatten(self._structure, parts)


class Unknowns:
    """The unknowns of a problem: a number, an array or a container, as a flat array.

    A list or a tuple of numbers is an array. Those of roots may be complex.
    """

    def __init__(self, x0: Any, *, may_be_complex: bool = False) -> None:
        """Take the first guess, whose shapes they keep."""
        if type(x0) in SEQUENCES and all(isinstance(x, _NUMBERS) for x in x0):
            x0 = _np.asarray(x0)  # as SciPy takes it
        self.structure: Structure
        leaves, self.structure = flatten(x0)
        if not leaves or any(isinstance(x, node) for x in leaves):
            instead = " Pass gd.value(x0)." if leaves else ""
            raise ArgumentError(
                f"a solver starts at plain numbers; received {describe(x0)}.{instead}"
            )
        self.shapes: list[tuple[int, ...]] = [np.shape(x) for x in leaves]
        if not may_be_complex and any(map(_np.iscomplexobj, leaves)):
            raise ArgumentError(
                "minima and fits are those of real unknowns; the first guess is "
                "complex. Take the real and the imaginary parts as unknowns: "
                "lambda x: f(x[:n] + 1j * x[n:])."
            )
        parts = [_flat(x) for x in leaves]
        self.start: Any = _np.concatenate(parts)
        self.example: Any = _np.array(example_of(self.start))
        self.is_flat: bool = self.structure is LEAF and np.ndim(x0) == 1
        self.form: Form = Form(self.structure, self.shapes, is_flat=self.is_flat)

    def flat(self) -> Unknowns:
        """Return them as one flat array."""
        return Unknowns(self.start, may_be_complex=True)

    def restored(self, x: Value) -> Any:
        """Return a flat array in the form of the first guess."""
        return self.form.restored(x)

    def of_flat(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of them as one of the flat array."""

        def flat(x: Value, *more: Value) -> Any:
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


def _flat(x: Value) -> Any:
    """Return a leaf as a flat array of inexact numbers; a traced one stays so."""
    if isinstance(x, stand_in):
        return _np.ravel(x) * 1.0
    return _np.ravel(_np.asarray(x, complex if _np.iscomplexobj(x) else float))


def unpacked(args: Any) -> Any:
    """Return a list or an array of arguments as a tuple, as SciPy takes it apart.

    Some of its functions take whatever is no tuple as one argument; they do not.
    """
    return tuple(args) if isinstance(args, (list, ndarray)) else args


__all__ = ["Form", "Unknowns", "unpacked"]
