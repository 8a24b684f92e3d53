"""Containers of values: dicts, lists, tuples, named tuples and dataclasses, as trees.

Flattening is optree's. Standard-library dataclasses are entered in its registry when
they are first met; their fields are the children, in order of declaration. So are
labelled arrays (``labelled``), whose values are the children.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import optree
from optree import PyTreeSpec as Structure

from chainrule.values.buffered import buffered, current
from chainrule.values.frames import Frame
from chainrule.values.labelled import (
    as_frame,
    handlers_of,
    is_unheld,
    labelled_as,
    labels_several,
    without_labels,
)

# As Any, so that a type checker does not ask for the classes of unknown values.
_optree: Any = optree
_kind_of: Any = type

Tree = Any
_NAMESPACE = "chainrule"
_known: set[type] = set()
_values: set[Any] = {float, int, complex, np.ndarray, np.float64, np.float32}
LEAF: Any = optree.tree_structure(0.0)  # type: ignore[arg-type]
"""The structure of a value that is no container."""


def declare_value(kind: type) -> None:
    """Say that instances of a class are values: they need no look at any registry."""
    _values.add(kind)


def flatten(tree: Tree) -> tuple[list[Any], Structure]:
    """Return the leaves of a container and its structure; ``None`` has no leaves."""
    if type(tree) in _values:
        return [tree], LEAF
    leaves, structure = optree.tree_flatten(tree, namespace=_NAMESPACE)
    if _values.issuperset(map(_kind_of, leaves)):
        return leaves, structure
    if any(map(_register, leaves)):
        return flatten(tree)
    if isinstance(tree, buffered):
        return [tree.current()], LEAF
    return list(map(current, leaves)), structure


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Tree:
    """Return a container of this structure with these leaves."""
    if structure is LEAF:
        return leaves[0]
    return optree.tree_unflatten(structure, leaves)


def map_leaves(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """Return the container with a function applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, [function(leaf) for leaf in leaves])


def relabelled(tree: Tree, like: Tree) -> Tree:
    """Return derivatives with the labels of pandas' objects in ``like``."""
    parts, structure = _pandas_in(like)
    if not any(map(is_unheld, parts)):
        return tree
    pairs = zip(parts, structure.flatten_up_to(tree), strict=True)
    return _optree.tree_unflatten(
        structure, [labelled_as(x, z) if is_unheld(x) else z for x, z in pairs]
    )


def stripped(tree: Tree) -> Tree:
    """Return a container as compiled functions see it: see ``without_labels``.

    It is the container itself where that changes nothing.
    """
    flatten(tree)  # enters classes that are met for the first time
    parts, structure = _pandas_in(tree)
    plain = [without_labels(x) if is_unheld(x) else x for x in parts]
    if all(x is z for x, z in zip(parts, plain, strict=True)):
        return tree
    return _optree.tree_unflatten(structure, plain)


def _pandas_in(tree: Tree) -> tuple[list[Any], Any]:
    """Return a container's leaves, pandas' objects whole, and its structure."""
    return _optree.tree_flatten(
        tree, is_leaf=is_unheld, none_is_leaf=True, namespace=_NAMESPACE
    )


def key_orders(tree: Tree) -> tuple[Any, ...]:
    """Return the keys of each dict in a container, in their order.

    Structures are equal whatever the order, and a key 1 is equal to 1.0 and True.
    """
    found: list[Any] = []
    waiting = [tree]
    while waiting:
        x = waiting.pop()
        kind = _kind_of(x)
        if kind in _values:
            continue
        if kind is list or kind is tuple:
            waiting += x
        elif kind in _DICTS:
            keys: list[Any] = [k if k.__class__ is str else _exactly(k) for k in x]
            found.append(tuple(keys))
            waiting += x.values()
        elif not _optree.tree_is_leaf(x, none_is_leaf=True, namespace=_NAMESPACE):
            waiting += _optree.tree_flatten_one_level(x, namespace=_NAMESPACE)[0]
    return tuple(found)


def _exactly(key: Hashable) -> Any:
    return key, repr(key) if key.__class__ is float else key.__class__


_DICTS = (dict, collections.OrderedDict, collections.defaultdict)


def children(tree: Tree) -> dict[Any, Any] | None:
    """Return what a container holds, by key, field or place; ``None`` of a value."""
    flatten(tree)  # enters classes that are met for the first time
    if _optree.tree_is_leaf(tree, none_is_leaf=True, namespace=_NAMESPACE):
        return None
    parts = _optree.tree_flatten_one_level(
        tree, none_is_leaf=True, namespace=_NAMESPACE
    )
    return dict(zip(parts[2], parts[0], strict=True))


def is_container(x: Any) -> bool:
    """Tell whether ``x`` holds values rather than being one."""
    if type(x) in _values:
        return False
    if isinstance(x, dict | list | tuple):
        return True
    kind = _kind_of(x)
    several = kind is Frame or labels_several(kind)
    return several or hasattr(kind, "__dataclass_fields__")


def _register(x: Any) -> bool:
    """Enter the class of a dataclass or of labelled arrays; tell whether it was new."""
    kind = _kind_of(x)
    if kind in _values or kind in _known:
        return False
    handlers = handlers_of(kind)
    if handlers is not None:
        _known.add(kind)
        _optree.register_pytree_node(kind, *handlers, namespace=_NAMESPACE)
        return True
    if not hasattr(kind, "__dataclass_fields__"):
        return False
    _known.add(kind)
    names = tuple(field.name for field in dataclasses.fields(kind))

    def children(value: Any) -> tuple[tuple[Any, ...], None, tuple[str, ...]]:
        return tuple(getattr(value, name) for name in names), None, names

    def build(_: None, values: Sequence[Any]) -> Any:
        made = object.__new__(kind)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(made, name, value)
        return made

    _optree.register_pytree_node(kind, children, build, namespace=_NAMESPACE)
    return True


_optree.register_pytree_node(Frame, Frame.flattened, as_frame, namespace=_NAMESPACE)
