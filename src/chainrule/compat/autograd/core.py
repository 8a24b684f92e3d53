"""``autograd.core``: sweeps of a function of one argument, and vector spaces."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from chainrule.compat import declaring
from chainrule.compat.autograd.tracer import Box as Box
from chainrule.compat.autograd.tracer import Node
from chainrule.compat.autograd.tracer import getval as getval
from chainrule.compat.autograd.tracer import isbox as isbox
from chainrule.compat.autograd.tracer import toposort as toposort
from chainrule.compat.autograd.tracer import trace as trace
from chainrule.compat.autograd.util import func as func
from chainrule.compat.autograd.util import of_arguments
from chainrule.compat.autograd.util import subval as subval
from chainrule.compat.autograd.util import subvals as subvals
from chainrule.compat.declaring import def_linear as def_linear
from chainrule.compat.declaring import defjvp as defjvp
from chainrule.compat.declaring import defjvp_argnum as defjvp_argnum
from chainrule.compat.declaring import defjvp_argnums as defjvp_argnums
from chainrule.compat.declaring import defvjp as defvjp
from chainrule.compat.declaring import defvjp_argnum as defvjp_argnum
from chainrule.compat.declaring import defvjp_argnums as defvjp_argnums
from chainrule.compat.declaring import primitive as primitive
from chainrule.compat.primitives import JVPS, VJPS, dense
from chainrule.compat.primitives import SparseObject as SparseObject
from chainrule.compat.runs import Run, rest_of, run_of
from chainrule.transforms.products import jvp as jvp_of
from chainrule.transforms.products import vjp as vjp_of
from chainrule.values.containers import flatten
from chainrule.values.vertices import raw, vertex

Function = Callable[..., Any]

primitive_vjps: dict[Function, Function] = VJPS
primitive_jvps: dict[Function, Function] = JVPS
primitive_with_deprecation_warnings: Function = declaring.primitive

# ------------------------------------------------------------------------- sweeps


def make_vjp(fun: Function, x: Any, *, copy: bool = True) -> tuple[Function, Any]:
    """Return the pullback of a function of one argument, and its value there.

    Without ``copy`` the pullback is right as long as nobody writes into the argument.
    """
    run = recorded(fun, x, copy=copy)
    return run.pulled, run.value()


def _vjp_root(_: int) -> VJPNode:
    return VJPNode.new_root()


def recorded(
    fun: Function, x: Any, root_of: Function = _vjp_root, *, copy: bool = True
) -> Run:
    """Return a run of a function; warn if its result does not depend on ``x``."""
    run = run_of(fun, x, root_of, copy=copy)
    if not run.depends:
        warnings.warn("Output seems independent of input.", stacklevel=3)
    return run


def make_jvp(fun: Function, x: Any) -> Function:
    """Return the function that gives the value, and the tangent, for a tangent of x."""

    def jvp(g: Any) -> tuple[Any, Any]:
        def root_of(i: int) -> JVPNode:
            return JVPNode.new_root(flatten(g)[0][i])

        run = recorded(fun, x, root_of, copy=False)
        tangent = run.pushed(g)
        return run.value(), tangent

    return jvp


def backward_pass(g: Any, end_node: VJPNode) -> Any:
    """Return the cotangent of what a trace began with, of the cotangent of its end."""
    return rest_of(end_node.trace, end_node.box, g)


class VJPNode(Node):
    """A step of a reverse trace: its parents, and their cotangents by its own."""

    __slots__: ClassVar[Any] = ["box", "parents", "trace", "vjp"]

    def __init__(
        self,
        value: Any,
        fun: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent_argnums: tuple[int, ...],
        parents: tuple[Any, ...],
    ) -> None:
        self.parents: Sequence[Any] = parents

        moved = of_arguments(fun, args, kwargs, parent_argnums)

        def vjp(g: Any) -> Any:
            return vjp_of(moved, *(args[i] for i in parent_argnums))[1](g)

        self.vjp: Function = vjp

    @classmethod
    def of_box(cls, trace: Any, box: vertex) -> Any:
        """Return the node of a box, without what nobody has asked for yet.

        ``None`` for a class of a program's own, whose nodes are all made.
        """
        if cls.__init__ is not VJPNode.__init__:
            return None
        node = cls.__new__(cls)
        node.belongs_to(trace, box)
        return node

    def __getattr__(self, name: str) -> Any:
        """Return the parents or the pullback of a node that was made by ``of_box``."""
        if name not in ("parents", "vjp"):
            raise AttributeError(name)
        whole = self.trace.filled(self.box)
        self.parents, self.vjp = whole.parents, whole.vjp
        return getattr(self, name)

    def initialize_root(self) -> None:
        """Make this the node of what a trace begins with."""
        self.parents = []
        self.vjp = _nothing

    def belongs_to(self, trace: Any, box: vertex) -> None:
        """Be told the trace, and the box that this is the node of."""
        self.trace: Any = trace
        self.box: vertex = box


def _nothing(g: Any) -> tuple[()]:
    return ()


class JVPNode(Node):
    """A step of a forward trace: its tangent ``g``."""

    __slots__: ClassVar[Any] = ["g"]

    def __init__(
        self,
        value: Any,
        fun: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent_argnums: tuple[int, ...],
        parents: tuple[Any, ...],
    ) -> None:
        moved = of_arguments(fun, args, kwargs, parent_argnums)
        at = tuple(args[i] for i in parent_argnums)
        self.g: Any = jvp_of(moved, at, tuple(parent.g for parent in parents))[1]

    def initialize_root(self, g: Any) -> None:
        """Make this the node of what a trace begins with, with this tangent."""
        self.g = g


# ---------------------------------------------------------------- vector spaces


class VSpace:
    """The vector space of a value: its zero, its sums, its inner product.

    Classes of values have theirs by ``register``; programs add their own.
    """

    __slots__: ClassVar[Any] = []
    mappings: ClassVar[dict[Any, Function]] = {}
    iscomplex: bool = False

    def __init__(self, value: Any) -> None:
        """Keep what the space of a value is told by."""

    def zeros(self) -> Any:
        """Return the zero."""
        raise NotImplementedError(repr(self))

    def ones(self) -> Any:
        """Return the sum of the basis."""
        raise NotImplementedError(repr(self))

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors."""
        raise NotImplementedError(repr(self))

    def randn(self) -> Any:
        """Return a vector of normal random numbers."""
        raise NotImplementedError(repr(self))

    def mut_add(self, x_prev: Any, x_new: Any) -> Any:
        """Return the sum, which may be in the place of the first."""
        return self._mut_add(self.zeros() if x_prev is None else x_prev, x_new)

    def add(self, x_prev: Any, x_new: Any) -> Any:
        """Return the sum."""
        return self._add(x_prev, x_new)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """Return the product with a number."""
        return self._scalar_mul(x, a)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """Return the inner product, a real number."""
        return self._inner_prod(x, y)

    def covector(self, x: Any) -> Any:
        """Return the linear function that a vector is, as a vector: its conjugate."""
        return self._covector(x)

    def _add(self, x: Any, y: Any) -> Any:
        return x + y

    def _mut_add(self, x: Any, y: Any) -> Any:
        x += y
        return x

    def _scalar_mul(self, x: Any, a: Any) -> Any:
        return x * a

    def _inner_prod(self, x: Any, y: Any) -> Any:
        raise NotImplementedError(repr(self))

    def _covector(self, x: Any) -> Any:
        return x

    def __eq__(self, other: object) -> bool:
        """Tell whether two spaces are one."""
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Show the class and what it is told by."""
        return f"{type(self).__name__}_{self.__dict__}"

    @classmethod
    def register(cls, value_type: Any, vspace_maker: Function | None = None) -> None:
        """Say that values of a class have this space."""
        VSpace.mappings[value_type] = vspace_maker or cls


def vspace(value: Any) -> VSpace:
    """Return the vector space of a value."""
    maker = VSpace.mappings.get(type(value))
    if maker is not None:
        return maker(value)
    if isinstance(value, vertex):
        return vspace(raw(value))
    for kind in type(value).__mro__[1:]:
        if kind in VSpace.mappings:
            return VSpace.mappings[kind](value)
    raise TypeError(
        f"Can't find vector space for value {value} of type {type(value)}. Valid types "
        f"are {VSpace.mappings.keys()}"
    )


def _space_of_sparse(x: SparseObject) -> Any:
    return x.vs


VSpace.register(SparseObject, _space_of_sparse)


def sparse_add(vs: VSpace, x_prev: Any, x_new: SparseObject) -> Any:
    """Return a cotangent and a sparse one, added."""
    return vs.add(vs.zeros() if x_prev is None else x_prev, dense(x_new))


def add_outgrads(prev: tuple[Any, bool] | None, g: Any) -> tuple[Any, bool]:
    """Return the sum of a cotangent and another, and whether it may be written."""
    g = dense(g)
    if prev is None:
        return g, False
    return vspace(g).add(prev[0], g), True


def sum_outgrads(gs: Iterable[Any]) -> Any:
    """Return the sum of cotangents."""
    total: tuple[Any, bool] | None = None
    for g in gs:
        total = add_outgrads(total, g)
    return None if total is None else total[0]
