"""``autograd.builtins``: containers, and what they are asked, with boxes inside.

Containers of boxes are Python's own here. The classes of these names are for
``isinstance``, and calls of them make Python's containers.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

from chainrule.compat.autograd.core import VSpace, vspace
from chainrule.compat.boxes import Box
from chainrule.compat.primitives import notrace_primitive
from chainrule.values.vertices import first_vertex

isinstance_: Any = builtins.isinstance
type_ = builtins.type
tuple_: Any = builtins.tuple
list_: Any = builtins.list
dict_: Any = builtins.dict

isinstance: Any = notrace_primitive(isinstance_)
type: Any = notrace_primitive(type_)


class _Like(type_):
    """The class of a class whose instances are those of a Python container."""

    kind: Any = object

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance_(instance, self.kind)

    def __subclasscheck__(self, subclass: Any) -> bool:
        return issubclass(subclass, self.kind)


class tuple(tuple_, metaclass=_Like):
    """A tuple that may hold boxes."""

    kind = tuple_

    def __new__(cls, *args: Any) -> Any:
        """Return a Python tuple."""
        return tuple_(*args)


class list(list_, metaclass=_Like):
    """A list that may hold boxes."""

    kind = list_

    def __new__(cls, *args: Any) -> Any:
        """Return a Python list."""
        return list_(*args)


class dict(dict_, metaclass=_Like):
    """A dict that may hold boxes."""

    kind = dict_

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return a Python dict."""
        return dict_(*args, **kwargs)


class _Holding(type_):
    """The class of a class whose instances are containers that hold boxes."""

    kind: Any = object

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance_(instance, self.kind) and first_vertex(instance) is not None


class SequenceBox(Box, metaclass=_Holding):
    """A list or tuple that holds boxes."""

    kind: Any = (list_, tuple_)


class DictBox(Box, metaclass=_Holding):
    """A dict that holds boxes."""

    kind = dict_


def container_take(A: Any, idx: Any) -> Any:
    """Return an entry of a container."""
    return A[idx]


def make_sequence(seq_type: Any, *args: Any) -> Any:
    """Return a list or tuple of its entries."""
    return seq_type(args)


# ---------------------------------------------------------------- vector spaces


class ContainerVSpace(VSpace):
    """The space of a container: that of each entry, in its place."""

    def __init__(self, value: Any) -> None:
        """Keep the spaces of the entries, in a container like it."""
        self.shape: Any = value
        self.shape = self._map(vspace)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(vs.size for _, vs in self._pairs(self.shape))

    def zeros(self) -> Any:
        """Return the zero."""
        return self._map(_zeros)

    def ones(self) -> Any:
        """Return the sum of the basis."""
        return self._map(_ones)

    def randn(self) -> Any:
        """Return a vector of normal random numbers."""
        return self._map(_randn)

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors."""
        for i, vs in self._pairs(self.shape):
            for x in vs.standard_basis():
                yield self._subval(self.zeros(), i, x)

    def _add(self, x: Any, y: Any) -> Any:
        return self._map(_add, x, y)

    def _mut_add(self, x: Any, y: Any) -> Any:
        return self._map(_add, x, y)

    def _scalar_mul(self, x: Any, a: Any) -> Any:
        def times(vs: Any, part: Any) -> Any:
            return vs.scalar_mul(part, a)

        return self._map(times, x)

    def _inner_prod(self, x: Any, y: Any) -> Any:
        products = self._map(_inner_prod, x, y)
        return sum(p for _, p in self._pairs(products))

    def _covector(self, x: Any) -> Any:
        return self._map(_covector, x)

    def _pairs(self, x: Any) -> Any:
        raise NotImplementedError

    def _map(self, f: Callable[..., Any], *xs: Any) -> Any:
        raise NotImplementedError

    def _subval(self, xs: Any, idx: Any, x: Any) -> Any:
        raise NotImplementedError


def _zeros(vs: Any) -> Any:
    return vs.zeros()


def _ones(vs: Any) -> Any:
    return vs.ones()


def _randn(vs: Any) -> Any:
    return vs.randn()


def _add(vs: Any, x: Any, y: Any) -> Any:
    return vs.add(x, y)


def _inner_prod(vs: Any, x: Any, y: Any) -> Any:
    return vs.inner_prod(x, y)


def _covector(vs: Any, x: Any) -> Any:
    return vs.covector(x)


class SequenceVSpace(ContainerVSpace):
    """The space of a list or tuple."""

    seq_type: Any = tuple_

    def _pairs(self, x: Any) -> Any:
        return enumerate(x)

    def _map(self, f: Callable[..., Any], *xs: Any) -> Any:
        return self._made(map(f, self.shape, *xs))

    def _subval(self, xs: Any, idx: Any, x: Any) -> Any:
        replaced = list_(xs)
        replaced[idx] = x
        return self._made(replaced)

    def _made(self, parts: Any) -> Any:
        return self.seq_type(parts)


class ListVSpace(SequenceVSpace):
    """The space of a list."""

    seq_type = list_


class TupleVSpace(SequenceVSpace):
    """The space of a tuple."""


class NamedTupleVSpace(SequenceVSpace):
    """The space of a named tuple: a program gives its ``seq_type``, or it is seen."""

    def __init__(self, value: Any) -> None:
        """Keep the spaces of the entries."""
        if self.seq_type is tuple_:
            self.seq_type: Any = type_(value)
        super().__init__(value)

    def _made(self, parts: Any) -> Any:
        return self.seq_type(*parts)


class DictVSpace(ContainerVSpace):
    """The space of a dict."""

    def _pairs(self, x: Any) -> Any:
        return x.items()

    def _map(self, f: Callable[..., Any], *xs: Any) -> Any:
        return {k: f(vs, *(x[k] for x in xs)) for k, vs in self.shape.items()}

    def _subval(self, xs: Any, idx: Any, x: Any) -> Any:
        return {**xs, idx: x}


def _space_of_tuple(value: Any) -> VSpace:
    return NamedTupleVSpace(value) if hasattr(value, "_fields") else TupleVSpace(value)


ListVSpace.register(list_)
VSpace.register(tuple_, _space_of_tuple)
DictVSpace.register(dict_)
