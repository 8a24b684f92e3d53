"""Containers of values: dicts, lists, tuples, named tuples and dataclasses, as trees.

Flattening is optree's, which is imported when a container is first met: a number, an
array or a node is its own leaf. Standard-library dataclasses are entered in its
registry when they are first met; their fields are the children, in order of
declaration. So are labelled arrays (``labelled``), whose values are the children.
"""

from __future__ import annotations

import collections
import importlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.locks import reentrant_lock
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
_kind_of: Any = type

Tree = Any
_NAMESPACE = "chainrule"
_LOCK = reentrant_lock()
_known: set[type] = set()
_values: set[Any] = {float, int, complex, np.ndarray, np.float64, np.float32}


class _Optree:
    """optree, with its registry of our own containers."""

    def __getattr__(self, name: str) -> Any:
        with _LOCK:
            optree = importlib.import_module("optree")
            if Frame not in _known:
                _known.add(Frame)
                optree.register_pytree_node(
                    Frame, Frame.flattened, as_frame, namespace=_NAMESPACE
                )
        found = getattr(optree, name)
        setattr(self, name, found)  # so that it is asked for once
        return found


_optree: Any = _Optree()


class Structure(Protocol):
    """How leaves lie in a container: ``LEAF``, or what optree says (``PyTreeSpec``)."""

    @property
    def num_leaves(self) -> int:
        """How many leaves there are."""
        ...

    @property
    def num_nodes(self) -> int:
        """How many leaves and containers there are."""
        ...

    def is_leaf(self) -> bool:
        """Tell whether there is no container."""
        ...

    def flatten_up_to(self, tree: Tree, /) -> list[Any]:
        """Return the parts of a container that stand where this one has leaves."""
        ...

    def accessors(self) -> list[Any]:
        """Return how each leaf is reached."""
        ...


class _Leaf:
    """What optree says of a value that is no container."""

    num_leaves = num_nodes = 1

    def is_leaf(self) -> bool:
        return True

    def flatten_up_to(self, tree: Tree, /) -> list[Any]:
        return [tree]

    def accessors(self) -> list[Any]:
        return _optree.tree_accessors(0.0)

    def __repr__(self) -> str:
        return "PyTreeSpec(*)"

    def __reduce__(self) -> str:
        return "LEAF"


LEAF: Structure = _Leaf()
"""The structure of a value that is no container, by identity."""


def declare_value(kind: type) -> None:
    """Say that instances of a class are values: they need no look at any registry."""
    _values.add(kind)


def flatten(tree: Tree) -> tuple[list[Any], Structure]:
    """Return the leaves of a container and its structure; ``None`` has no leaves."""
    if type(tree) in _values:
        return [tree], LEAF
    if isinstance(tree, buffered):
        return [tree.current()], LEAF
    leaves, structure = _optree.tree_flatten(tree, namespace=_NAMESPACE)
    if _values.issuperset(map(_kind_of, leaves)):
        return leaves, structure
    if any(map(_register, leaves)):
        return flatten(tree)
    if leaves[0] is tree:
        structure = LEAF
    return list(map(current, leaves)), structure


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Tree:
    """Return a container of this structure with these leaves."""
    if structure is LEAF:
        return leaves[0]
    return _optree.tree_unflatten(structure, leaves)


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
    """Enter the class of a dataclass or of labelled arrays; tell whether it is one."""
    kind = _kind_of(x)
    handlers: Any = None
    if kind not in _values:
        handlers = handlers_of(kind) or _of_fields(kind)
    if handlers is None:
        return False
    with _LOCK:
        if kind not in _known:  # else another thread was first
            _optree.register_pytree_node(kind, *handlers, namespace=_NAMESPACE)
            _known.add(kind)
    return True


def _of_fields(kind: Any) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """Return how a dataclass is taken apart and put together."""
    if not hasattr(kind, "__dataclass_fields__"):
        return None
    from dataclasses import fields  # loaded where there is one

    names = tuple(field.name for field in fields(kind))

    def children(value: Any) -> tuple[tuple[Any, ...], None, tuple[str, ...]]:
        return tuple(getattr(value, name) for name in names), None, names

    def build(_: None, values: Sequence[Any]) -> Any:
        made = object.__new__(kind)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(made, name, value)
        return made

    return children, build
