"""Functions of arrays that return lists of arrays, and their derivatives.

Another library's derivative of a function of ours is a function of ours again: of the
same arrays, and of cotangents or tangents. So are its derivative, and the function of
many examples. A ``Flat`` is such a function; ``pulled``, ``pushed`` and ``mapped`` make
the others of it. What a library asks for is one of them, at any order.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from chainrule.errors import ArgumentError, CompileError, EscapeError
from chainrule.nodes.admission import check_cotangent, holds_nodes
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, stacked
from chainrule.transforms.collector import CollectorPaused
from chainrule.transforms.one_run import closed_over
from chainrule.transforms.products import jvp, vjp
from chainrule.transforms.recorded_call import Recording, plain_copy
from chainrule.transforms.seeds import zeros_if_absent
from chainrule.values.containers import (
    Structure,
    Tree,
    flatten,
    key_orders,
    unflatten,
)
from chainrule.values.shapes import describe, dtype_of
from chainrule.values.types import Value
from chainrule.values.vertices import raw, stand_in

KEPT = 256
"""How many structures of arguments, and derivatives of each function, are kept."""

Positions = tuple[int, ...]


class Outside:
    """An array of another library, which type checkers may not find."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


Made = TypeVar("Made")


def is_number(x: Value | Outside) -> bool:
    """Tell whether a leaf is a number or an array of them, or stands for one."""
    value: Any = raw(x)
    if isinstance(value, np.ndarray | np.generic):
        return dtype_of(value).kind in "biufc"
    return isinstance(value, int | float | complex | stand_in)


class Filling:
    """A container in which some leaves are to be filled in.

    Attributes
    ----------
    places
        Which leaves these are.
    key
        If ``keyed``: the same for containers that differ in these leaves only; ``None``
        if another leaf cannot be compared.
    """

    def __init__(
        self, tree: Tree, is_open: Callable[[Any], bool], *, keyed: bool = False
    ) -> None:
        """Take the leaves that are to be filled out of a container."""
        leaves, structure = flatten(tree)
        self._structure: Structure = structure
        leaves = [stacked(x) if holds_nodes(x) else x for x in leaves]
        self.places: list[int] = [i for i, x in enumerate(leaves) if is_open(x)]
        self.taken: list[Any] = [leaves[i] for i in self.places]
        self._fixed: list[Any] = leaves
        for i in self.places:
            leaves[i] = None
        self.key: Hashable = None
        if keyed:
            kinds = map(type, self._fixed)
            key = self._structure, key_orders(tree), *self.places, *kinds, *self._fixed
            with contextlib.suppress(TypeError):  # of what cannot be hashed
                self.key = (hash(key), key)

    def filled(self, xs: Sequence[Any]) -> Tree:
        """Return the container with these leaves."""
        leaves = list(self._fixed)
        for i, x in zip(self.places, xs, strict=True):
            leaves[i] = x
        return unflatten(self._structure, leaves)


class Bridge:
    """A function on the other side: it pickles, as ``make(f)``, if ``f`` does."""

    def __init__(
        self,
        make: Callable[..., Any],
        f: Callable[..., Any],
        call: Callable[..., Any],
    ) -> None:
        """Keep what it was made of, and what calls it."""
        self._make, self._f, self._call = make, f, call
        functools.update_wrapper(self, f, updated=())

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function."""
        return self._call(*args, **keywords)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method does."""
        return self if instance is None else functools.partial(self, instance)

    def __reduce__(self) -> Any:
        """Pickle the function, or the name of a decorated one."""
        name = getattr(self, "__qualname__", "")
        if getattr(sys.modules.get(self.__module__), name, None) is self:
            return name
        return self._make, (self._f,)


class Flat:
    """A function of arrays and numbers that returns a list of them.

    Attributes
    ----------
    compiled
        The compiled function that it is made of; ``None`` if there is none.
    linear
        How many operands, the last ones, it is linear in.
    """

    compiled: Any = None
    linear: int = 0

    def __init__(self) -> None:
        """Keep what is made of it: asked for again, it is the same function."""
        kept = functools.lru_cache(KEPT)
        self.pulled: Callable[..., Pulled] = kept(functools.partial(Pulled, self))
        self.pushed: Callable[..., Pushed] = kept(functools.partial(Pushed, self))
        self.mapped: Callable[..., Mapped] = kept(functools.partial(Mapped, self))

    def __call__(self, *xs: Value) -> list[Any]:
        """Return the results, nodes where the operands are."""
        raise NotImplementedError

    def run(self, *xs: Value) -> list[Any]:
        """Return the results for plain values: compiled, if its parts are."""
        start = next_serial()
        try:
            results = (self if self._fast is None else self._fast)(*xs)
        except CompileError:  # an example decides in Python: one by one, they may
            if self._fast is None:
                raise
            self._fast = None
            return self.run(*xs)
        if any(isinstance(z, node) for z in results):
            refuse_closed_over(closed_over(results, start))
        return list(map(raw, results))

    @functools.cached_property
    def _fast(self) -> Callable[..., list[Any]] | None:
        if self.compiled is None:
            return None
        return self.compiled.__class__(self, static=(), options=self.compiled.options)

    def transposed(self, wanted: Positions, given: Positions) -> Flat:
        """Return the transpose, where the function is linear.

        It is a function of the operands before the linear ones, then of cotangents of
        the results that are ``given``. It returns the cotangents of the linear operands
        that are ``wanted``, counted from the first of them.
        """
        raise NotImplementedError


class Base(Flat):
    """A user's function, for arguments of one structure.

    Attributes
    ----------
    returned
        How the results of its last call are arranged.
    """

    def __init__(self, f: Callable[..., Any], arguments: Filling) -> None:
        """Keep the function, and what its arguments are filled into."""
        super().__init__()
        self.f = f
        self._arguments = arguments
        self.compiled: Any = f if hasattr(f, "options") and hasattr(f, "kept") else None
        self.returned: Filling | None = None

    def __call__(self, *xs: Value) -> list[Any]:
        """Call the function; return the numbers in its result."""
        args, keywords = self._arguments.filled(xs)
        result = self.f(*args, **keywords)
        returned = Filling(result, is_number)
        if not returned.taken:
            raise ArgumentError(
                f"A function that another library calls must return numbers or arrays "
                f"of NumPy; {getattr(self.f, '__name__', 'this one')}() returned "
                f"{describe(result)}."
            )
        numbers, returned.taken = returned.taken, []
        self.returned = returned
        return numbers

    @property
    def _fast(self) -> None:  # type: ignore[override]
        """What is compiled is so already."""
        return None


def refuse_closed_over(found: Sequence[node]) -> None:
    """Raise where a function uses nodes from outside."""
    if found:
        raise EscapeError(
            "A function that another library calls used a node from outside, whose "
            "derivative would be lost there. Pass its value, gd.value(x), if none is "
            "wanted."
        )


class Pulled(Flat):
    """The product of J transposed with cotangents, for a function of arrays."""

    def __init__(self, of: Flat, wanted: Positions, given: Positions) -> None:
        """Take the operands, then cotangents of the results that are ``given``."""
        super().__init__()
        self.of: Flat = of
        self.wanted: Positions = wanted
        self.given: Positions = given
        self.compiled: Any = of.compiled
        self.linear: int = len(given)

    def __call__(self, *xs: Value) -> list[Any]:
        """Return the cotangents of the operands that are ``wanted``."""
        count = len(xs) - self.linear
        part = _Moved(self.of, xs[:count], self.wanted, self.given)
        _, pullback = vjp(part, *(xs[i] for i in self.wanted))
        return list(pullback(list(xs[count:])))

    def transposed(self, wanted: Positions, given: Positions) -> Flat:
        """Return what pushes tangents of operands to results."""
        moving = tuple(self.wanted[i] for i in given)
        return self.of.pushed(moving, tuple(self.given[i] for i in wanted))


class Pushed(Flat):
    """The product of J with tangents, for a function of arrays."""

    def __init__(self, of: Flat, moving: Positions, taken: Positions) -> None:
        """Take the operands, then tangents of the ``moving`` ones."""
        super().__init__()
        self.of: Flat = of
        self.moving: Positions = moving
        self.taken: Positions = taken
        self.compiled: Any = of.compiled
        self.linear: int = len(moving)

    def __call__(self, *xs: Value) -> list[Any]:
        """Return the tangents of the results that are ``taken``."""
        count = len(xs) - self.linear
        part = _Moved(self.of, xs[:count], self.moving, self.taken)
        primals = tuple(xs[i] for i in self.moving)
        return list(jvp(part, primals, xs[count:])[1])

    def transposed(self, wanted: Positions, given: Positions) -> Flat:
        """Return what pulls cotangents of results to operands."""
        moving = tuple(self.moving[i] for i in wanted)
        return self.of.pulled(moving, tuple(self.taken[i] for i in given))


class _Moved:
    """Some results of a function of arrays, of the operands in some places."""

    def __init__(
        self, f: Flat, xs: Sequence[Any], moving: Positions, taken: Positions | None
    ) -> None:
        self.f, self.xs, self.moving, self.taken = f, xs, moving, taken

    def __call__(self, *moving: Value) -> list[Any]:
        operands = list(self.xs)
        for i, x in zip(self.moving, moving, strict=True):
            operands[i] = x
        results = self.f(*operands)
        return results if self.taken is None else [results[i] for i in self.taken]


class Recorded:
    """One call of a function of arrays, which may be pulled back afterwards.

    Attributes
    ----------
    results
        What the call returned, as plain values.
    """

    def __init__(self, f: Flat, xs: Sequence[Any], moving: Positions) -> None:
        """Call the function, with nodes in the place of the ``moving`` operands."""
        part, primals = _Moved(f, xs, moving, None), [xs[i] for i in moving]
        with CollectorPaused():
            self._run = Recording(part, primals, range(len(moving)), {}, copy=True)
            refuse_closed_over(self._run.inputs if self._run.nested() else ())
        self._moving = moving
        self.results: list[Any] = list(map(plain_copy, self._run.outputs))

    def pull(self, wanted: Positions, given: Positions, bars: Sequence[Any]) -> Any:
        """Return what ``Pulled`` does, for these operands."""
        seeds: dict[int, Any] = {}
        for i, bar in zip(given, bars, strict=True):
            z = self._run.outputs[i]
            if isinstance(z, node):
                seeds[i] = check_cotangent(bar, raw(z), "a cotangent")
        pulled, _ = self._run.pull(seeds)
        places = [self._moving.index(i) for i in wanted]
        return [zeros_if_absent(pulled[i], self._run.inputs[i]) for i in places]


class Mapped(Flat):
    """A function of arrays, for each example along an axis of some operands."""

    def __init__(self, of: Flat, axes: tuple[int | None, ...]) -> None:
        """Take operands with examples along ``axes``, ``None`` where they share one."""
        super().__init__()
        self.of: Flat = of
        self.axes: tuple[int | None, ...] = axes
        self.compiled: Any = of.compiled
        self.linear: int = of.linear

    def __call__(self, *xs: Value) -> list[Any]:
        """Return the results, with their examples along the first axis."""
        from chainrule.compiler.batching.vmap import vmap  # loads the compiler

        return vmap(self.of, in_axes=self.axes)(*xs)

    def transposed(self, wanted: Positions, given: Positions) -> Flat:
        """Return the transpose of each example; all linear operands have examples."""
        before = self.axes[: len(self.axes) - self.linear]
        return self.of.transposed(wanted, given).mapped((*before, *(0 for _ in given)))


class Bases(Generic[Made]):
    """A user's function for arguments of any structure.

    ``make(f, arguments)`` makes a function of flat operands for those of one structure.
    """

    def __init__(
        self, f: Callable[..., Any], make: Callable[[Callable[..., Any], Filling], Made]
    ) -> None:
        """Keep the function, and what makes another one of it."""
        if not callable(f):
            raise ArgumentError(
                f"function needs a function of NumPy's arrays; received {describe(f)}."
            )
        self.f: Callable[..., Any] = f
        self._make = make
        self._known = functools.lru_cache(KEPT)(self._made)

    def taken(
        self,
        args: Sequence[Any],
        keywords: Mapping[str, Any],
        is_operand: Callable[[Any], bool],
    ) -> tuple[Made, list[Any]]:
        """Return the function of the operands among some arguments, and these."""
        filling = Filling((tuple(args), dict(keywords)), is_operand, keyed=True)
        operands, filling.taken = filling.taken, []
        if filling.key is None:
            return self._make(self.f, filling), operands
        return self._known(_Keyed(filling)), operands

    def _made(self, keyed: _Keyed) -> Made:
        return self._make(self.f, keyed.filling)


class _Keyed:
    """What arguments are filled into, equal to another one of the same key."""

    def __init__(self, filling: Filling) -> None:
        self.filling = filling

    def __hash__(self) -> int:
        return hash(self.filling.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.filling.key == self.filling.key
