"""Arrangements in files: how arguments and results lie in tuples, lists and dicts.

In: a structure, with something for each leaf. Out: JSON: lists, ``{"tuple": [...]}``,
``{"dict": [[key, value], ...]}`` and ``null``, with the leaves in their places. Classes
that are entered in a registry of containers are refused, for a file names none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.compiler.dispatch.signature import (
    LeafSignature,
    leaf_signature,
    unlimited,
    unsigned,
)
from chainrule.compiler.files.errors import refuse, require
from chainrule.compiler.files.programs import function_value
from chainrule.compiler.files.values import (
    DEPTH,
    Json,
    dtype_of,
    dtype_text,
    read,
    shape_of,
    written,
)
from chainrule.compiler.tracing.arguments import Frozen
from chainrule.compiler.tracing.rows import NUMBERS
from chainrule.errors import FileError
from chainrule.values.containers import flatten, unflatten
from chainrule.values.shapes import generic, kind_of

_CLASSES: Any = {x.__name__: x for x in (*NUMBERS, unsigned, unlimited)}


class Leaf:
    """What stands in the place of a leaf, with what is said of it."""

    def __init__(self, content: Any) -> None:
        """Keep it."""
        self.content = content


def tree_json(structure: Any, contents: Sequence[Json]) -> Json:
    """Return a structure with the JSON of each leaf."""
    return _json(unflatten(structure, [Leaf(x) for x in contents]))


def _json(x: Any) -> Json:
    kind = kind_of(x)
    if kind is Leaf:
        return {"leaf": x.content}
    if x is None:
        return None
    if kind is list:
        return [_json(v) for v in x]
    if kind is tuple:
        return {"tuple": [_json(v) for v in x]}
    if kind is dict:
        return {"dict": [[written(k), _json(v)] for k, v in x.items()]}
    raise refuse(
        f"arguments or results lie in a {kind.__name__}, and a file names no classes: "
        "use tuples, lists and dicts there"
    )


def tree_of(x: Json, depth: int = 0) -> Any:
    """Return the tree of JSON, with a ``Leaf`` for each leaf."""
    require(depth < DEPTH, "containers lie too deeply inside each other")
    if x is None:
        return None
    if kind_of(x) is list:
        return [tree_of(v, depth + 1) for v in x]
    require(kind_of(x) is dict and len(x) == 1, "a container is of no kind")
    ((name, content),) = x.items()
    if name == "leaf":
        return Leaf(content)
    if name == "tuple":
        return tuple([tree_of(v, depth + 1) for v in content])
    require(name == "dict", f"{name[:20]!r} is no container")
    found = {read(k): tree_of(v, depth + 1) for k, v in content}
    require(len(found) == len(content), "a key stands twice")
    return found


def structure_of(tree: Any) -> tuple[list[Any], Any]:
    """Return what is said of the leaves of a tree, and its structure."""
    leaves, structure = flatten(tree)
    require(all(kind_of(x) is Leaf for x in leaves), "a leaf is no leaf")
    return [x.content for x in leaves], structure


# ----------------------------------------------------------------- leaves of arguments


def leaf_json(leaf: LeafSignature) -> Json:
    """Return what a leaf of the arguments is like."""
    if isinstance(leaf, type):
        return leaf.__name__
    if leaf[0] == "constant":
        if isinstance(leaf[1], Frozen):
            raise refuse(f"an argument is {leaf[1]!r}, which can be changed")
        return {"constant": written(leaf[1], function_value)}
    if leaf[0] is generic:
        return {"number": dtype_text(leaf[1])}
    return {"array": [dtype_text(leaf[1]), list(leaf[0])]}


def leaf_of(x: Json) -> LeafSignature:
    """Return the signature of a leaf."""
    if kind_of(x) is str:
        require(x in _CLASSES, f"{x[:20]!r} is no class of numbers")
        return _CLASSES[x]
    ((name, content),) = x.items()
    if name == "number":
        return generic, dtype_of(content)
    if name == "array":
        text, shape = content
        return shape_of(shape), dtype_of(text)
    require(name == "constant", f"{name[:20]!r} is no kind of argument")
    value = constant_of(content)
    found = leaf_signature(value, [])
    if isinstance(found, type) or found[0] != "constant":
        raise FileError(f"{value!r} is no constant argument.")
    return found


def constant_of(x: Json) -> Any:
    """Return a constant, which may be a function of the library."""
    from chainrule.compiler.files.programs import special_of

    return read(x, special_of(()))


__all__ = [
    "constant_of",
    "leaf_json",
    "leaf_of",
    "structure_of",
    "tree_json",
    "tree_of",
]
