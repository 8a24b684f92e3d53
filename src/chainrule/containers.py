"""Containers of values: dicts, lists, tuples, named tuples and dataclasses, as trees.

Flattening is optree's. Standard-library dataclasses are entered in its registry when
they are first met; their fields are the children, in order of declaration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import optree

Tree = Any
_NAMESPACE = "chainrule"
_known: set[type] = set()


def flatten(tree: Tree) -> tuple[list[Any], Any]:
    """Return the leaves of a container and its structure; ``None`` has no leaves."""
    kind = type(tree)
    if kind is not dict and kind is not list and kind is not tuple:
        _register(tree)
    leaves, structure = optree.tree_flatten(tree, namespace=_NAMESPACE)
    if any([_register(leaf) for leaf in leaves]):
        return flatten(tree)
    return leaves, structure


def unflatten(structure: Any, leaves: Sequence[Any]) -> Tree:
    """Return a container of this structure with these leaves."""
    return optree.tree_unflatten(structure, leaves)


def map_leaves(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """Return the container with a function applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, [function(leaf) for leaf in leaves])


def is_container(x: Any) -> bool:
    """Tell whether ``x`` holds values rather than being one."""
    return isinstance(x, dict | list | tuple) or (
        dataclasses.is_dataclass(x) and not isinstance(x, type)
    )


def _register(x: Any) -> bool:
    """Enter the class of a dataclass instance; tell whether it was new."""
    kind = type(x)
    if kind in _known or not dataclasses.is_dataclass(x) or isinstance(x, type):
        return False
    _known.add(kind)
    names = tuple(field.name for field in dataclasses.fields(x))

    def children(value: Any) -> tuple[tuple[Any, ...], None, tuple[str, ...]]:
        return tuple(getattr(value, name) for name in names), None, names

    def build(_: None, values: Sequence[Any]) -> Any:
        made = object.__new__(kind)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(made, name, value)
        return made

    optree.register_pytree_node(kind, children, build, namespace=_NAMESPACE)
    return True
