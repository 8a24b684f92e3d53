"""Which arguments a sparse derivative is taken in, and the real arrays in them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.tracing.trace import joined
from chainrule.errors import ArgumentError
from chainrule.rules.supports import is_inexact
from chainrule.transforms.derived import positions_of
from chainrule.transforms.products import jvp, vjp
from chainrule.values.containers import LEAF, flatten, unflatten
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import describe, dtype_of, shape_of
from chainrule.values.types import Array, Shape
from chainrule.values.vertices import raw, stand_in, vertex

_np: Any = np
Argnums = int | str | Sequence[int | str]
"""Positions of arguments, or their names."""
Flat = Callable[..., tuple[Any, ...]]
"""A function from leaves to leaves."""


def keys_of(
    f: Callable[..., Any],
    argnums: Argnums,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
) -> tuple[list[int | str], bool]:
    """Return where the arguments stand in a call, and whether a single one is meant."""
    single = isinstance(argnums, (int, str, np.integer))
    wanted: list[Any] = [argnums] if single else list(argnums)  # type: ignore[arg-type]
    keys = [_key(f, x, args, keywords) for x in wanted]
    if len(set(keys)) != len(keys):
        raise ArgumentError(f"argnums={argnums!r} names an argument twice.")
    return keys, single


def _key(
    f: Callable[..., Any], which: Any, args: Sequence[Any], keywords: Mapping[str, Any]
) -> int | str:
    if not isinstance(which, str):
        return positions_of(which, args)[0][0]
    if which in keywords:
        return which
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    if which in names[: len(args)]:
        return names.index(which)
    raise ArgumentError(
        f"argnums={which!r} names no argument that was given. Pass it by position, or "
        f"as {which}=."
    )


class Chosen:
    """The arguments of a call that are differentiated: real arrays and floats in them.

    Attributes
    ----------
    shapes, sizes
        Those of the leaves that are differentiated.
    dtype
        The one that holds all of them.
    alone
        Whether there is a single argument, which is no container.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        argnums: Argnums,
        args: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> None:
        """Find the leaves; raise if an argument has none."""
        self.single: bool
        keys, self.single = keys_of(f, argnums, args, keywords)
        self.keys: list[int | str] = keys
        self.places: list[tuple[Any, list[bool]]] = []
        found: list[Any] = []
        for key in keys:
            x = args[key] if isinstance(key, int) else keywords[key]
            leaves, structure = flatten(x)
            moves = list(map(_is_real, leaves))
            if not any(moves):
                raise ArgumentError(
                    "a sparse derivative is taken in real arrays, or containers of "
                    f"them; received {describe(x)}. Pass np.asarray(x, float)."
                )
            self.places.append((structure, moves))
            found += [v for v, moving in zip(leaves, moves, strict=True) if moving]
        self.alone: bool = self.single and self.places[0][0] is LEAF
        self.shapes: list[Shape] = list(map(shape_of, found))
        self.sizes: list[int] = [int(_np.prod(s)) for s in self.shapes]
        self.dtypes: list[Any] = list(map(dtype_of, found))
        self.dtype: Any = _np.result_type(*self.dtypes)

    def leaves(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Any]:
        """Return the leaves that are differentiated."""
        found: list[Any] = []
        for key, (_, moves) in zip(self.keys, self.places, strict=True):
            x = args[key] if isinstance(key, int) else keywords[key]
            leaves, _ = flatten(x)
            found += [v for v, moving in zip(leaves, moves, strict=True) if moving]
        return found

    def with_leaves(
        self, args: Sequence[Any], keywords: Mapping[str, Any], leaves: Sequence[Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of the call with others in the place of its leaves."""
        following = iter(leaves)
        positional, named = list(args), dict(keywords)
        for key, (structure, moves) in zip(self.keys, self.places, strict=True):
            into: Any = positional if isinstance(key, int) else named
            old, _ = flatten(into[key])
            pairs = zip(old, moves, strict=True)
            new = [next(following) if moving else v for v, moving in pairs]
            into[key] = unflatten(structure, new)
        return positional, named

    def arranged(self, leaves: Sequence[Any]) -> Any:
        """Return one thing per leaf as the arguments are; ``None`` for other leaves."""
        following = iter(leaves)
        found = [
            next(following)
            if structure is LEAF
            else unflatten(structure, [next(following) if m else None for m in moves])
            for structure, moves in self.places
        ]
        return found[0] if self.single else tuple(found)

    def function(
        self, f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Callable[..., tuple[Any, ...]]:
        """Return ``f`` as a function from these leaves to those of its result."""

        def flat(*leaves: Any) -> tuple[Any, ...]:
            positional, named = self.with_leaves(args, keywords, leaves)
            return tuple(inexact(f(*positional, **named)))

        return flat

    def times(self, flat: Flat, leaves: Sequence[Any], vector: Array) -> Any:
        """Return the Jacobian of a function of the leaves, times a vector."""
        return together(jvp(flat, tuple(leaves), self.parts(vector))[1])

    def parts(self, vector: Array) -> tuple[Any, ...]:
        """Return a vector as one part per leaf, of its shape."""
        found = split(vector, self.shapes)
        if len(set(self.dtypes)) == 1:
            return tuple(found)
        pairs = zip(found, self.dtypes, strict=True)
        return tuple(x.astype(dtype) for x, dtype in pairs)


def _is_real(x: Any) -> bool:
    """Tell whether a leaf is a real float, or an array of these."""
    return isinstance(x, float) or (hasattr(x, "dtype") and x.dtype.kind == "f")


def is_followed(x: Any) -> bool:
    """Tell whether somebody outside differentiates a leaf, or traces it."""
    return isinstance(x, (vertex, stand_in))


def refuse_followed(leaves: Sequence[Any]) -> None:
    """Raise if there is a node among the arguments of a sparse derivative."""
    for x in leaves:
        if is_foreign(x):
            raise ArgumentError(
                "a sparse derivative sees all entries of its arguments; received "
                f"{describe(x)}. Pass np.asarray(x)."
            )
        if is_followed(x):
            raise ArgumentError(
                "a sparse matrix holds plain numbers, which nobody differentiates or "
                f"compiles; received {describe(x)}. Take products with the matrix, "
                "gd.linear_map(f, x) @ v, or pass gd.value(x)."
            )


def as_plain(x: Any) -> Any:
    """Return the value under nodes, or at which a function is traced."""
    value = raw(x)
    traced: Any = value
    return traced.value if isinstance(value, stand_in) else value


def times_from_left(
    flat: Callable[..., Any], leaves: Sequence[Any], shapes: Sequence[Shape], u: Array
) -> Any:
    """Return a vector times the Jacobian of a function, whose results have shapes."""
    _, pull = vjp(flat, *leaves)
    return together(pull(tuple(split(u, shapes))))


def named_as(f: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with another one's name, by which messages speak of it."""

    def called(*args: Any, **keywords: Any) -> Any:
        return run(*args, **keywords)

    called.__name__ = getattr(f, "__name__", "f")
    return called


def inexact(result: Any) -> list[Any]:
    """Return the leaves of a result that are real or complex floats."""
    return [x for x in joined(flatten(result)[0]) if is_inexact(raw(x))]


def split(vector: Array, shapes: Sequence[Shape]) -> list[Any]:
    """Return a vector as consecutive parts of these shapes."""
    if len(shapes) == 1:
        return [_np.reshape(vector, shapes[0])]
    found: list[Any] = []
    at = 0
    for shape in shapes:
        size = int(_np.prod(shape))
        found.append(_np.reshape(vector[at : at + size], shape))
        at += size
    return found


def together(parts: Sequence[Any]) -> Any:
    """Return arrays and numbers as one vector."""
    flat = [_np.reshape(x, (-1,)) for x in parts]
    return flat[0] if len(flat) == 1 else _np.concatenate(flat)


__all__ = [
    "Argnums",
    "Chosen",
    "as_plain",
    "inexact",
    "is_followed",
    "keys_of",
    "named_as",
    "refuse_followed",
    "split",
    "times_from_left",
    "together",
]
