"""What rules compute with: an array library, and ``plain``, which is NumPy's."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ArgumentError, MissingRuleError
from chainrule.rules import shorter
from chainrule.rules.registry import rule_of
from chainrule.rules.supports import is_mask, masked_call
from chainrule.values.foreign import (
    PLAIN,
    first_foreign,
    is_foreign,
    made_like,
    may_occur,
    served_by,
)
from chainrule.values.shapes import describe, ndarray
from chainrule.values.types import (
    Array,
    Functions,
    Mask,
    Namespace,
    Operation,
    Parameters,
    Shape,
    Value,
)
from chainrule.values.vertices import as_array, first_stand_in

if TYPE_CHECKING:
    from chainrule.rules.base import rule


class namespace:
    """An array library as rules see it: its functions, and ours it does not have."""

    recorded: bool = False
    """Whether what is computed is recorded, to be differentiated in turn."""

    if TYPE_CHECKING:  # found by __getattr__, like all functions of the library
        linalg: Functions
        fft: Functions
        items_of: Operation

    def __init__(self, module: ModuleType) -> None:
        """Wrap an array library such as ``numpy``."""
        self._module = module

    def __getattr__(self, name: str) -> Callable[..., Array]:
        """Find a function of ours, of the library, or that a rule declares by name."""
        if _is_by_name(name, self._module):
            function = _called_by_name(rule_by_name(name))
        elif name in EXTRA:
            function = traceable(EXTRA[name])
        else:
            function = getattr(self._module, name)
        setattr(self, name, function)
        return function

    @staticmethod
    def apply(
        operation: type[rule], operands: Sequence[Value], parameters: Parameters
    ) -> Array:
        """Run the operation on plain values."""
        return evaluate(operation, operands, parameters)

    def supported_product(self, x: Value, y: Value, support: Mask | None) -> Array:
        """Return ``x * y`` on the support and zero elsewhere, computed only there."""
        return masked_call(np.multiply, (x, y), {"where": support})


EXTRA: dict[str, Operation] = {}
"""Functions rules may call on ``xp`` that array libraries do not have, or ours of
theirs."""

NAMED: dict[str, dict[str, type[rule]]] = {}
"""Rules of functions by name, by the last part of the name and by the whole. Rules may
call them on ``xp`` too, where the array library has no function of that name."""


def _is_by_name(name: str, module: ModuleType) -> bool:
    """Tell whether ``xp.name`` is a function by name: nothing else has that name."""
    return name in NAMED and name not in EXTRA and not hasattr(module, name)


def rule_by_name(name: str) -> type[rule]:
    """Return the rule of a function by name that rules call ``xp.name``."""
    found = NAMED[name]
    if len(found) > 1:
        raise ArgumentError(
            f"xp.{name} may be {' or '.join(found)}: rules declare each of them. Call "
            "the function that operation(...) made of the rule that you mean."
        )
    return next(iter(found.values()))


def _called_by_name(rule_class: type[rule]) -> Operation:
    """Return the function of a rule, which may not be imported yet, for traces too."""

    def call(*values: Value, **parameters: Any) -> Any:
        return whole(rule_class.forward, values, parameters)

    return call


def _broadcast_to(x: Any, shape: Shape, **layout: Any) -> Any:
    """Return ``np.broadcast_to(x, shape)``; where it is small, as an array of its own.

    To fill that takes less time than to make a view.
    """
    if not (x.__class__ in _FILLED_WITH and math.prod(shape) < _FILLED):
        broadcast: Any = EXTRA["broadcast_to"] if layout else np.broadcast_to
        return broadcast(x, shape, **layout)
    if x.__class__ is ndarray and x.ndim > len(shape):
        return np.broadcast_to(x, shape)  # which says why not
    z: Any = np.empty(shape, _FLOAT if x.__class__ is float else x.dtype)
    z[...] = x
    return z


_FILLED_WITH = frozenset((float, np.float64, ndarray))
_FILLED = 2048
_FLOAT = np.dtype(float)


def _astype(x: Any, dtype: Any) -> Any:
    """Return ``np.astype(x, dtype)``, which not every library has as a function."""
    return x.astype(dtype) if is_foreign(x) else np.astype(x, dtype)


def rule_called(name: str) -> type[rule] | None:
    """Return the rule of what rules call ``xp.name``, if there is such a function."""
    if _is_by_name(name, np):
        return rule_by_name(name) if len(NAMED[name]) == 1 else None
    function = EXTRA.get(name) or getattr(plain, name, None)
    return None if function is None else rule_of(function)


plain: Namespace = namespace(np)
"""The namespace of plain sweeps."""
vars(plain).update(
    sum=shorter.sum_of,
    transpose=shorter.transpose,
    reshape=shorter.reshape,
    roll=shorter.roll,
    tensordot=shorter.tensordot,
    broadcast_to=_broadcast_to,
    asarray=as_array,
    astype=_astype,
)


def evaluate(
    operation: type[rule], values: Sequence[Value], parameters: Parameters
) -> Any:
    """Run an operation on plain values: its forward, with ``where`` made definite."""
    if parameters and operation.entrywise and is_mask(parameters.get("where")):
        return masked_call(operation.forward, values, parameters)
    if parameters and may_occur():
        values = _beside_parameters(operation, values, parameters)
    if not operation.entrywise:
        for x in values:
            if x.__class__ not in PLAIN and is_foreign(x):
                return served(operation.forward, values, parameters, x)
    function = operation.forward
    return whole(shorter.SHORTER.get(function, function), values, parameters)


_SERVED = frozenset(("index", "indices", "where"))
"""The parameters of the library's operations that may be foreign arrays."""
_OURS = "chainrule.operations_grad."


def _beside_parameters(
    operation: type[rule], values: Sequence[Value], parameters: Parameters
) -> Sequence[Value]:
    """Return values, foreign ones if a mask beside them is.

    What says where, how far or how many has to be known: a library would compute it.
    """
    for name, given in parameters.items():
        like = first_foreign(given if isinstance(given, tuple) else (given,))
        if like is None:
            continue
        if name == "where":
            return [made_like(x, like) for x in values]
        if name not in _SERVED and operation.__module__.startswith(_OURS):
            raise ArgumentError(
                f"{operation.forward.__name__} needs to know {name}=; received "
                f"{describe(like)}, which is not asked for its entries. Pass plain "
                f"numbers, such as int({name})."
            )
    return values


def served(
    function: Operation, values: Sequence[Any], parameters: Parameters, foreign: Any
) -> Any:
    """Call a function that a library may not have; where it has not, raise and say so.

    Dask warns, and computes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*is not implemented by", FutureWarning)
        try:
            return served_by(function, foreign)(*values, **parameters)
        except NotImplementedError as error:
            raise MissingRuleError(
                f"{type(foreign).__module__} refused what was called on a node: "
                f"{error}. Write it with functions that it has, or of plain arrays in "
                "gd.map_reduce."
            ) from error
        except (FutureWarning, TypeError) as error:
            text = str(error)
            if "unexpected keyword argument" in text:
                raise MissingRuleError(
                    f"A function of {type(foreign).__module__} was called on a node: "
                    f"{text}. Write np.where(mask, x, 0.0) instead of where=, and "
                    "np.maximum(z, start) instead of initial=."
                ) from error
            if "not implemented by" not in text and "no implementation" not in text:
                raise
            library = type(foreign).__module__.partition(".")[0]
            what = text.partition(" You may")[0]
            raise MissingRuleError(
                f"A function that was called on a node of {library}'s arrays is none "
                f"of {library}'s: {what} Write it with functions that it has, or of "
                "plain arrays in gd.map_reduce."
            ) from error


def whole(function: Operation, values: Sequence[Value], parameters: Parameters) -> Any:
    """Call a function, as one step of a trace where that cannot look inside it.

    A function that fills an array of its own, or makes one of a stand-in, fails with
    one of these errors or returns an array of objects. With plain values nothing is
    looked at and nothing costs time.
    """
    try:
        z = function(*values, **parameters)
    except (TypeError, ValueError):
        trace = first_stand_in(*values, parameters)
        if trace is None:
            raise
        return trace.whole(function, values, parameters)
    if type(z) is ndarray and z.dtype.char == "O":
        trace = first_stand_in(*values, parameters)
        return z if trace is None else trace.whole(function, values, parameters)
    return z


def opaque(function: Operation) -> Operation:
    """Decorate a function that hands its operands to code for plain arrays alone.

    A trace does not run it: its call is one step. The ``forward`` of a rule is one
    where it calls functions of a library that do not ask their arguments first.
    """

    @functools.wraps(function)
    def call(*values: Value, **parameters: Any) -> Any:
        trace = first_stand_in(*values, parameters)
        if trace is not None:
            return trace.whole(call, values, parameters)
        foreign = first_foreign(values)
        if foreign is not None:
            raise MissingRuleError(
                f"{function.__name__} takes plain arrays, and was called on a node "
                f"that holds {describe(foreign)}. Write it with functions of NumPy, or "
                "call it on plain arrays in gd.map_reduce."
            )
        return function(*values, **parameters)

    return call


def traceable(function: Operation) -> Operation:
    """Return a function that is one step of a trace: see ``whole``."""

    @functools.wraps(function)
    def call(*values: Value, **parameters: Any) -> Any:
        return whole(function, values, parameters)

    return call
