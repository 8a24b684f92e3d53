"""Signatures: what is the same in all calls that share their programs.

In: the leaves of a call's arguments. Out: a hashable signature of each (shape and
dtype, the class of a number, or the value of what is neither), and those of them that
are numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.tracing.arguments import (
    Frozen,
    check_leaf,
    check_static,
    is_mapped,
    plain_array,
)
from chainrule.compiler.tracing.rows import NUMBERS
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.values.containers import Structure, unflatten
from chainrule.values.foreign import Library, is_foreign
from chainrule.values.shapes import TUPLE, describe, generic, kind_of, ndarray
from chainrule.values.vertices import first_stand_in, raw, stand_in, vertex

LeafSignature = type | tuple[Any, ...]
"""A class of numbers, ``(shape, dtype)``, or ``("constant", value, class)``."""

LIMIT = 2**63
"""Of integers from here on NumPy makes arrays of another dtype."""


class Arrangement(NamedTuple):
    """How leaves are arranged in a call's arguments.

    ``structure`` is that of the positional arguments, or where there are keywords, as
    ``named`` tells, of both. ``orders`` are the orders of the keys of dicts.
    """

    structure: Structure
    named: bool
    orders: tuple[Any, ...]

    def arguments(self, leaves: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """Return positional arguments and keywords with these leaves."""
        tree = unflatten(self.structure, leaves)
        return tree if self.named else (tree, {})


@dataclass(frozen=True, eq=False)
class Signature:
    """The arrangement of arguments, what each leaf is like, and the static values."""

    arrangement: Arrangement
    leaves: Sequence[LeafSignature]
    statics: Mapping[str, Any]

    def constants(self) -> tuple[Sequence[Any], dict[str, Any]]:
        """Return the arguments with ``None`` in place of the numbers."""
        return self.arrangement.arguments(
            [
                None if isinstance(x, type) or is_numeric(x) else x[1]
                for x in self.leaves
            ]
        )


class unsigned(int):
    """The class, in signatures, of integers that NumPy holds as unsigned ones."""


class unlimited(int):
    """The class, in signatures, of integers that NumPy holds as objects."""


UNCOMPILED: Any = Library
"""The signature of a foreign array: the function itself is called."""
_UNCOMPILED = (
    "A compiled function received {}, whose entries it does not see: it runs "
    "uncompiled here, and compiled on each chunk by gd.map_reduce."
)


def leaf_signature(x: Any, numbers: list[Any]) -> LeafSignature:
    """Return the signature of a leaf; append it to ``numbers`` if it is numeric.

    That of a node is ``vertex``, that of a traced value ``stand_in``, and that of a
    foreign array ``UNCOMPILED``, also under a node.
    """
    kind = kind_of(x)
    if kind is ndarray:
        if x.dtype.kind in "fcbiu":
            numbers.append(x)
            return (x.shape, x.dtype)
        if holds_nodes(x):
            return vertex
        if first_stand_in(x) is not None:
            return stand_in
        raise ArgumentError(
            f"A compiled function takes arrays of numbers; received {describe(x)}."
        )
    if kind in NUMBERS:
        numbers.append(x)
        return kind if kind is not int or -LIMIT <= x < LIMIT else _large(x)
    if isinstance(x, generic) and x.dtype.kind in "fcbiu":
        numbers.append(x)
        return (np.generic, x.dtype)
    if is_foreign(raw(x)):
        warnings.warn(_UNCOMPILED.format(describe(raw(x))), UserWarning, stacklevel=2)
        return UNCOMPILED
    if isinstance(x, vertex):
        return vertex
    if isinstance(x, stand_in):
        return stand_in
    if is_mapped(x) and x.dtype.kind in "fcbiu":
        numbers.append(plain_array(x))
        return (x.shape, x.dtype)
    if kind in (set, frozenset, slice, bytearray):
        return ("constant", Frozen(x), static_key(x))
    return ("constant", x, kind)


def _large(x: int) -> type:
    return unsigned if 0 <= x < 2 * LIMIT else unlimited


def is_numeric(leaf: LeafSignature) -> bool:
    """Tell whether a leaf of this signature is a number or an array of numbers."""
    return isinstance(leaf, type) or leaf[0] != "constant"


def describe_leaf(leaf: LeafSignature) -> str:
    """Return a leaf's signature for people."""
    if isinstance(leaf, type):
        return leaf.__name__
    if leaf[0] == "constant":
        return repr(leaf[1])
    return str(leaf[1]) if leaf[0] is np.generic else f"{leaf[1]}{list(leaf[0])}"


def static_key(x: Any) -> Any:
    """Return a key of constants that tells 1 from 1.0 and True."""
    kind = kind_of(x)
    if kind is dict:
        return tuple([(k, static_key(v)) for k, v in x.items()])
    if isinstance(x, TUPLE):
        return (x.__class__, *map(static_key, x))
    if kind is set or kind is frozenset:
        return (kind, frozenset(map(static_key, x)))
    if kind is slice:
        return (kind, *map(static_key, (x.start, x.stop, x.step)))
    if kind is bytearray:
        return (kind, bytes(x))
    return (x.__class__, repr(x) if isinstance(x, (float, complex)) else x)


def refuse(statics: Mapping[str, Any], leaves: Sequence[Any]) -> None:
    """Raise if a value cannot be part of a signature."""
    for name, x in statics.items():
        check_static(name, x, static_key(x))
    for x in leaves:
        check_leaf(x, leaf_signature(x, []))
