"""The three kinds of derivative rule: elementwise, linear and general.

One operation is one class. Its docstring is its formula, ``forward`` computes it, and
the kind says what else it declares (take the weakest kind that fits):

``elementwise``
    one local partial derivative per operand, ``d_x(xp, z, x, y, **parameters)``.
    Both sweeps, broadcasting and the fast scalar code follow from it.
``linear``
    one transpose per operand, ``transpose_x(xp, z_grad, x, y, **parameters)``; the
    forward sweep is the operation itself on the tangents. ``multilinear`` is linear in
    each operand by itself (``matmul``), ``linear`` in all of them together (``stack``).
``general``
    an explicit ``pullback(xp, z_grad, z, x, y, **parameters)`` that returns one
    cotangent per operand, and ``pushforward(xp, tangents, z, x, y, **parameters)``.

``xp`` is the array namespace the rule computes with: NumPy in a plain sweep,
``chainrule.operations`` in a recorded one, which is what makes every rule work at every
order. A rule therefore branches on shapes and parameters, never on values (``xp.where``
does that), and never conjugates: sweeps use the plain transpose, and ``.grad`` and
``grad`` conjugate once, at the leaf.

The methods ``pull`` and ``push`` of a kind are its readable reference. They carry the
*support* of a cotangent or tangent: the entries that are not structurally zero.
Products are taken on the support only, so an untaken branch never makes
``0 * inf = nan``.
Source of the two sweeps: Griewank & Walther, Evaluating Derivatives, 2nd ed., ch. 3.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.errors import RecordingError
from chainrule.rules.cases import Cases, Conventions, Dtypes
from chainrule.rules.declarations import (
    Derivative,
    check_declaration,
    check_names,
    derivative,
    needed,
    one_per_operand,
)
from chainrule.rules.registry import REGISTRY, serve_by
from chainrule.rules.supports import (
    Parameters,
    accumulate,
    add_values,
    full_is_none,
    intersect,
    is_empty,
    is_inexact,
    is_mask,
    marked,
    masked_call,
    nonzero,
    product,
    project,
    split_where,
    supported,
    zeros_of,
)
from chainrule.values.shapes import TUPLE, ndarray, shape_of
from chainrule.values.vertices import (
    ARITHMETIC_ERRORS,
    as_array,
    boxed,
    first_stand_in,
    raw,
    stand_in,
    vertex,
)

Array = Any


class rule:
    """Base of all rules: what an operation needs to be differentiated.

    An instance is the ``grad_ops`` of one node: ``vertices`` are the operands that are
    nodes, and ``backward(z_grad)`` adds to the ``grad`` of each.
    """

    forward: Any
    also: ClassVar[tuple[Any, ...]] = ()
    """Functions besides ``forward`` that are the same operation."""
    expression: ClassVar[str] = ""
    """One real number of the result, as a Python expression of the operands and of
    functions of ``math``: other forms of the operation are derived from it."""
    operand_names: tuple[str, ...] = ()
    variadic: ClassVar[bool] = False
    structural: ClassVar[bool] = False
    """Whether the rule makes structural zeros (where, max, indexing)."""
    views: ClassVar[bool] = False
    """Whether NumPy's result may show the operand's memory: see ``put``."""
    outputs: ClassVar[int] = 1
    """How many results there are; more than one are kept as a tuple."""
    cases: Cases = ()
    dtypes: Dtypes = ("float32", "float64", "complex128")
    untested: ClassVar[str] = ""
    """Points left out of the tested domain, and why; printed by the test suite."""
    refused: Mapping[str, str] = {}
    """Operands that raise when they are nodes, with the reason."""
    constant_in: tuple[str, ...] = ()
    """Operands that the result is locally constant in: they have no derivative."""

    _main: ClassVar[str] = ""
    _heads: ClassVar[Mapping[str, int]] = {}
    """The methods that are derivatives: how many parameters precede the operands."""
    _prefix: ClassVar[str] = ""
    _prefixes: ClassVar[Mapping[str, int]] = {}
    """The same for methods of one operand each, by what their names begin with."""
    parts: ClassVar[dict[int, Callable[..., Any]]] = {}
    plans: ClassVar[dict[tuple[bool, ...], Any]] = {}
    """How to record the rule, by pattern of nodes and constants; see ``recorder``."""

    def __init_subclass__(cls, *, kind: bool = False) -> None:
        """Read the operand names from the methods, check, and enter the registry."""
        super().__init_subclass__()
        cls.plans = {}
        if kind:
            return
        check_names(cls, tuple(cls._prefixes))
        methods = cls._derivatives()
        if methods and not cls.operand_names:
            cls.operand_names = methods[0].given.positional
            cls.variadic = methods[0].given.variadic
        cls.parts = {
            i: getattr(cls, cls._prefix + name)
            for i, name in enumerate(cls.operand_names)
            if cls._prefix and hasattr(cls, cls._prefix + name)
        }
        if cls._prefix or cls._main:
            check_declaration(cls, methods)
        if not issubclass(cls, locally_constant):
            REGISTRY.append(cls)
        if "forward" in vars(cls):
            serve_by(cls, cls.forward, *cls.also)

    @classmethod
    def _derivatives(cls) -> list[Derivative]:
        """Read the methods that compute derivatives, those of single operands first."""
        heads = {
            name: cls._prefixes[prefix]
            for prefix in cls._prefixes
            for name in dir(cls)
            if name.startswith(prefix)
        }
        found = {k: head for k, head in cls._heads.items() if hasattr(cls, k)}
        return [derivative(cls, name, head) for name, head in (heads | found).items()
                if getattr(cls, name) is not None]  # fmt: skip

    def __init__(self, *operands: Any, **parameters: Any) -> None:
        """Keep the operands; those that are nodes are the ``vertices``."""
        self.operands = operands
        self.parameters = parameters
        self.vertices: list[Any] = [x for x in operands if isinstance(x, vertex)]
        for name, x in zip(self.operand_names, operands, strict=False):
            setattr(self, name, x)

    def __repr__(self) -> str:
        """Show the rule with its operands' values."""
        shown = [repr(raw(x)) for x in self.operands]
        shown += [f"{k}={v!r}" for k, v in self.parameters.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def z(self) -> Any:
        """The value of the operation at the operands."""
        if "_z" not in self.__dict__:
            values = [raw(x) for x in self.operands]
            self._z = evaluate(type(self), values, self.parameters)
        return self._z

    @z.setter
    def z(self, value: Any) -> None:
        self._z = value

    def backward(self, z_grad: Any) -> None:
        """Add this operation's contributions to the ``grad`` of its vertices."""
        values = [raw(x) for x in self.operands]
        wanted = [i for i, x in enumerate(self.operands) if isinstance(x, vertex)]
        z_bar = supported(z_grad)
        with np.errstate(all="ignore"):
            for i, part in pulled(
                type(self), plain, z_bar, self.z, values, wanted, self.parameters
            ):
                x = self.operands[i]
                contribution = project(plain, part, x).value
                untouched = isinstance(contribution, TUPLE) and type(x.grad) is float
                x.grad = add_values(None if untouched else x.grad, contribution)

    @classmethod
    def structural_for(cls, parameters: Parameters) -> bool:
        """Tell whether a call with these parameters makes structural zeros."""
        return cls.structural or is_mask(parameters.get("where"))

    @classmethod
    def pull(
        cls,
        xp: Any,
        z_bar: supported,
        z: Any,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Yield the cotangent contribution of each wanted operand, by position."""
        raise NotImplementedError

    @classmethod
    def push(
        cls,
        xp: Any,
        tangents: Sequence[supported | None],
        z: Any,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return the tangent of the result, ``None`` where it is structurally zero."""
        raise NotImplementedError


def pulled(
    operation: type[rule],
    xp: Any,
    z_bar: supported,
    z: Any,
    operands: Sequence[Any],
    wanted: Sequence[int],
    parameters: Parameters,
) -> list[tuple[int, supported]]:
    """Return what a rule's ``pull`` yields.

    A Python float is given as one, so that next to float32 it stays float32, as NumPy
    says. Where Python's floats raise (a pole, an overflow) NumPy's are given.
    """
    try:
        return list(operation.pull(xp, z_bar, z, operands, wanted, parameters))
    except ARITHMETIC_ERRORS:
        value, z, *operands = boxed([z_bar.value, z, *operands])
        z_bar = supported(value, z_bar.support)
        return list(operation.pull(xp, z_bar, z, operands, wanted, parameters))


def pushed(
    operation: type[rule],
    xp: Any,
    tangents: Sequence[supported | None],
    z: Any,
    operands: Sequence[Any],
    parameters: Parameters,
) -> supported | None:
    """Return what a rule's ``push`` returns, Python's floats as in ``pulled``."""
    try:
        return operation.push(xp, tangents, z, operands, parameters)
    except ARITHMETIC_ERRORS:
        z, *operands = boxed([z, *operands])
        return operation.push(xp, tangents, z, operands, parameters)


class elementwise(rule, kind=True):
    """z[i] = f(x[i], y[i], ...): declared by one partial derivative per operand.

    ``d_x(xp, z, x, y, **parameters)`` returns dz/dx; the number 1 or -1 is allowed. An
    operand that the result is locally constant in has no partial and is named in
    ``constant_in``. ``domain`` maps an operand to the interval its tests draw from.
    ``conventions`` lists boundary points: ``((operands), (partials))``.
    """

    _prefix = "d_"
    _prefixes: ClassVar[Mapping[str, int]] = {"d_": 2}
    domain: Mapping[str, tuple[float, float]] = {}
    inline: ClassVar[bool] = True
    """Whether fast array steps write the partials out as formulas. Not where a partial
    uses a costly term twice, or has other forms for Python or complex numbers."""
    conventions: Conventions = ()

    @classmethod
    def pull(
        cls,
        xp: Any,
        z_bar: supported,
        z: Any,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Yield ``z_grad * d_x`` for each wanted operand, on the support."""
        z_grad, support = z_bar
        where, parameters = split_where(parameters)
        support = intersect(support, where)
        for i in wanted:
            if i not in cls.parts:
                continue
            partial = cls.parts[i](xp, z, *operands, **parameters)
            taken = support
            if cls.structural:
                taken = intersect(support, nonzero(partial))
            if is_empty(taken):
                continue
            yield i, supported(product(xp, z_grad, partial, taken), taken)

    @classmethod
    def push(
        cls,
        xp: Any,
        tangents: Sequence[supported | None],
        z: Any,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return the sum over operands of ``d_x * x_dot``, on the support."""
        where, parameters = split_where(parameters)
        total: supported | None = None
        for i, tangent in enumerate(tangents):
            if tangent is None or i not in cls.parts:
                continue
            partial = cls.parts[i](xp, z, *operands, **parameters)
            taken = intersect(tangent.support, where)
            if cls.structural:
                taken = intersect(taken, nonzero(partial))
            if not is_empty(taken):
                term = supported(product(xp, tangent.value, partial, taken), taken)
                total = accumulate(xp, total, project(xp, term, z))
        return total


class locally_constant(rule, kind=True):
    """z does not change with small changes of its operands: floor, ``<``, argmax.

    There is no derivative to declare. What else is known of such a function stands in
    its class as in any other rule, under the name of the function.
    """


class linear(rule, kind=True):
    """A linear map of all operands together: declared by one transpose per operand.

    ``transpose_x(xp, z_grad, x, y, **parameters)`` returns the cotangent of ``x``. A
    variadic rule (``einsum``) declares ``transpose(xp, z_grad, i, *operands,
    **parameters)`` for operand ``i``, or, where all cotangents are found together
    (``stack``), ``transposes(xp, z_grad, *operands, **parameters)`` for the sequence of
    them. Parameters that make the operation affine are named in ``zeroed`` with the
    value the forward sweep gives them.

    Where a transpose is mostly zeros (``x[index]``), ``accumulate_x(buffer, z_grad,
    **parameters)`` may say how to add it into an array in place; plain sweeps then make
    one array per operand instead of one per use.

    ``structural`` says that the transposes make structural zeros (``x[index]``),
    ``scatters`` that the operation itself does. ``nonnegative`` rules have no negative
    coefficient (they move, repeat and add entries), so that supports go through them as
    masks and cannot cancel.
    """

    _main = "transpose"
    _heads: ClassVar[Mapping[str, int]] = {"transposes": 2, "transpose": 3}
    _prefix = "transpose_"
    _prefixes: ClassVar[Mapping[str, int]] = {"transpose_": 2, "accumulate_": 2}
    zeroed: ClassVar[Mapping[str, Any]] = {}
    jointly: ClassVar[bool] = True
    scatters: ClassVar[bool] = False
    nonnegative: ClassVar[bool] = False
    transpose: ClassVar[Callable[..., Any]]
    transposes: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, *, kind: bool = False) -> None:
        """Tell whether a variadic rule finds all cotangents together."""
        if hasattr(cls, "transposes"):
            cls._main = "transposes"
        super().__init_subclass__(kind=kind)

    @classmethod
    def apply_transpose(
        cls, xp: Any, i: int, z_grad: Any, operands: Sequence[Any], given: Parameters
    ) -> Any:
        """Return the cotangent of operand ``i``, or ``None`` if it has none."""
        if cls._main == "transposes":
            return cls.transposes(xp, z_grad, *operands, **given)[i]
        if cls.variadic:
            return cls.transpose(xp, z_grad, i, *operands, **given)
        if i not in cls.parts:
            return None
        found = cls.parts[i](xp, z_grad, *operands, **given)
        return needed(cls, i, found)

    @classmethod
    def put(cls, xp: Any, z: Any, x: Any, parameters: Parameters) -> Any:
        """Return ``x`` with the entries that a view shows replaced by ``z``.

        A view of all entries only moves them, so that its transpose moves them back.
        """
        shape = shape_of(x)
        size = math.prod(shape)
        if math.prod(shape_of(z)) == size:
            return cls.apply_transpose(xp, 0, z, [x], parameters)
        places = cls.forward(np.arange(size).reshape(shape), **parameters)
        return xp.setitem(x, z, index=np.unravel_index(places, shape))

    @classmethod
    def pull(
        cls,
        xp: Any,
        z_bar: supported,
        z: Any,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Yield the transpose applied to ``z_grad``; supports go the same way."""
        z_grad, support = z_bar
        if cls._main == "transposes":
            yield from cls._pull_together(xp, z_bar, operands, wanted, parameters)
            return
        for i in wanted:
            x_grad = cls.apply_transpose(xp, i, z_grad, operands, parameters)
            if x_grad is None:
                continue
            taken = None
            if support is not None or cls.structural_for(parameters):
                marks = cls.marks(support, shape_of(z))

                def through(xp: Any, g: Any, others: Any, i: int = i) -> Any:
                    return cls.apply_transpose(xp, i, g, others, parameters)

                x_grad, taken = _supported_map(
                    through, xp, x_grad, supported(z_grad, marks), operands, i
                )
            if not is_empty(taken):
                yield i, supported(x_grad, taken)

    @classmethod
    def _pull_together(
        cls,
        xp: Any,
        z_bar: supported,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        transposes = cls.transposes
        parts = transposes(xp, z_bar.value, *operands, **parameters)
        parts = one_per_operand(cls, parts, len(operands))
        marks: Any = None
        if z_bar.support is not None:
            values = [raw(x) for x in operands]
            shown = cls.marks(z_bar.support, np.shape(z_bar.support))
            marks = transposes(plain, shown, *values, **parameters)
        for i in wanted:
            taken = None if marks is None else full_is_none(marks[i] != 0)
            if not is_empty(taken):
                yield i, supported(parts[i], taken)

    @classmethod
    def push(
        cls,
        xp: Any,
        tangents: Sequence[supported | None],
        z: Any,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return the operation applied to the tangents."""
        parameters = zeroed_in(cls, parameters)
        moving = {
            i: t
            for i, t in enumerate(tangents)
            if t is not None and (cls.variadic or i in cls.parts)
        }
        if not moving:
            return None
        if cls.jointly:
            return cls._push_jointly(xp, moving, z, operands, parameters)
        total: supported | None = None
        for i, tangent in moving.items():

            def through(xp: Any, t: Any, others: Any, i: int = i) -> Any:
                return xp.apply(cls, [*others[:i], t, *others[i + 1 :]], parameters)

            value, taken = through(xp, tangent.value, operands), None
            if tangent.support is not None:
                shape = shape_of(operands[i])
                moved = supported(tangent.value, cls.marks(tangent.support, shape))
                value, taken = _supported_map(through, xp, value, moved, operands, i)
            total = accumulate(xp, total, project(xp, supported(value, taken), z))
        return total

    @classmethod
    def _push_jointly(
        cls,
        xp: Any,
        moving: Mapping[int, supported],
        z: Any,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported:
        values, supports = list(operands), [raw(x) for x in operands]
        masked = cls.scatters or is_mask(parameters.get("where"))
        for i, x in enumerate(operands):
            t = moving.get(i)
            if t is not None:
                values[i] = t.value
                masked = masked or t.support is not None
            elif cls.variadic or i in cls.parts:
                values[i] = zeros_of(raw(x))
                masked = True
        value = xp.apply(cls, values, parameters)
        if not masked:
            return project(xp, supported(value), z)
        for i, x in enumerate(operands):
            if i in moving:
                supports[i] = cls.marks(moving[i].support, shape_of(x))
            elif cls.variadic or i in cls.parts:
                supports[i] = np.zeros(shape_of(x), dtype=bool)
        taken = full_is_none(plain.apply(cls, supports, parameters) != 0)
        return project(xp, supported(value, taken), z)

    @classmethod
    def marks(cls, support: Any, shape: tuple[int, ...]) -> Any:
        """Return what is sent through the map to find the support of its result."""
        if not cls.nonnegative:
            return marked(support, shape)
        return np.ones(shape, dtype=bool) if support is None else support


class multilinear(linear, kind=True):
    """Linear in each operand by itself: matmul, einsum, outer, multiplication."""

    jointly = False


class general(rule, kind=True):
    """A rule with explicit pullback and pushforward, free to share work.

    ``pullback(xp, z_grad, z, x, y, **parameters)`` returns one cotangent per operand
    (``None``: structurally zero). ``pushforward(xp, tangents, z, x, y, **parameters)``
    takes one tangent or ``None`` per operand. Where there are several results, ``z``
    and ``z_grad`` are tuples, and an absent cotangent is ``None``.

    A rule with ``structural = True`` moves and averages entries (``max``, ``sort``):
    its partials are never negative, and where they are zero they are so structurally.
    Supports pass such a rule; they end at any other.
    """

    _main = "pullback"
    _heads: ClassVar[Mapping[str, int]] = {"pullback": 3, "pushforward": 3}
    pullback: Any
    pushforward: Any = None

    @classmethod
    def pull(
        cls,
        xp: Any,
        z_bar: supported,
        z: Any,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Yield what ``pullback`` returns; supports end here, or pass if structural."""
        results = results_of(xp, z)
        grads = cls.pullback(xp, z_bar.value, results, *operands, **parameters)
        grads = one_per_operand(cls, grads, len(operands))
        marks: Any = None
        if cls.structural:
            values = [raw(x) for x in operands]
            ones = marked(z_bar.support, shape_of(z))
            marks = cls.pullback(plain, ones, raw(z), *values, **parameters)
        for i in wanted:
            if grads[i] is not None:
                taken = None if marks is None else full_is_none(marks[i] != 0)
                if not is_empty(taken):
                    yield i, supported(grads[i], taken)

    @classmethod
    def push(
        cls,
        xp: Any,
        tangents: Sequence[supported | None],
        z: Any,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return what ``pushforward`` returns; supports as in ``pull``."""
        if cls.pushforward is None:
            raise RecordingError(
                f"{cls.__name__} has no pushforward, so forward mode cannot pass it. "
                "Give custom_operation a pushforward, or use reverse mode."
            )
        dots = tuple(None if t is None else t.value for t in tangents)
        results = results_of(xp, z)
        z_dot = cls.pushforward(xp, dots, results, *operands, **parameters)
        if z_dot is None:
            return None
        taken: Any = None
        if cls.structural:
            ones = tuple(
                None if t is None else marked(t.support, shape_of(x))
                for t, x in zip(tangents, operands, strict=True)
            )
            values = [raw(x) for x in operands]
            marks = cls.pushforward(plain, ones, raw(z), *values, **parameters)
            taken = full_is_none(marks != 0)
        return project(xp, supported(z_dot, taken), z)


def results_of(xp: Any, z: Any) -> Any:
    """Return several results as a tuple, also where a recorded sweep hands a node."""
    several = isinstance(z, vertex) and isinstance(raw(z), tuple)
    return xp.items_of(z) if several else z


# ---------------------------------------------------------------- array namespaces


class namespace:
    """An array library as rules see it: its functions, and ours it does not have."""

    recorded: ClassVar[bool] = False
    """Whether what is computed is recorded, to be differentiated in turn."""

    def __init__(self, module: Any) -> None:
        """Wrap an array library such as ``numpy``."""
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """Find a function of the library, or the forward of a rule of ours."""
        found = EXTRA.get(name)
        found = getattr(self._module, name) if found is None else traceable(found)
        setattr(self, name, found)
        return found

    @staticmethod
    def apply(operation: type[rule], operands: Sequence[Any], given: Parameters) -> Any:
        """Run the operation on plain values."""
        return evaluate(operation, operands, given)

    def supported_product(self, x: Any, y: Any, support: Any) -> Any:
        """Return ``x * y`` on the support and zero elsewhere, computed only there."""
        return masked_call(np.multiply, (x, y), {"where": support})


EXTRA: dict[str, Callable[..., Any]] = {}
"""Functions rules may call on ``xp`` that array libraries do not have."""

_add: Any = np.add


def _sum(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Return ``np.sum(x, axis)`` without the layers around it."""
    return _add.reduce(x, axis, None, None, keepdims)


def _transpose(x: Any, axes: Any = None) -> Any:
    """Return ``np.transpose(x, axes)`` without the layers around it."""
    return x.T if axes is None and isinstance(x, ndarray) else np.transpose(x, axes)


def _reshape(x: Any, shape: Any, *, order: Any = "C") -> Any:
    """Return ``np.reshape(x, shape)`` without the layers around it."""
    if isinstance(x, ndarray):
        return x.reshape(shape, order=order)
    return np.reshape(x, shape, order=order)


plain: namespace = namespace(np)
"""The namespace of plain sweeps."""
vars(plain).update(sum=_sum, transpose=_transpose, reshape=_reshape, asarray=as_array)


def evaluate(operation: type[rule], values: Sequence[Any], given: Parameters) -> Any:
    """Run an operation on plain values: its forward, with ``where`` made definite."""
    if given and issubclass(operation, elementwise) and is_mask(given.get("where")):
        return masked_call(operation.forward, values, given)
    return whole(operation.forward, values, given)


def whole(function: Callable[..., Any], values: Sequence[Any], given: Any) -> Any:
    """Call a function, as one step of a trace where that cannot look inside it.

    A function that fills an array of its own, or makes one of a stand-in, fails with
    one of these errors or returns an array of objects. With plain values nothing is
    looked at and nothing costs time.
    """
    try:
        z = function(*values, **given)
    except (TypeError, ValueError):
        trace = first_stand_in(*values, given)
        if trace is None:
            raise
        return trace.whole(function, values, given)
    if type(z) is ndarray and z.dtype.char == "O":
        trace = first_stand_in(*values, given)
        return z if trace is None else trace.whole(function, values, given)
    return z


def traceable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is one step of a trace: see ``whole``."""

    @functools.wraps(function)
    def call(*values: Any, **given: Any) -> Any:
        return whole(function, values, given)

    return call


def zeroed_in(operation: type[linear], parameters: Parameters) -> Parameters:
    """Return parameters with those that make the operation affine set to zero."""
    present = {k: v for k, v in operation.zeroed.items() if k in parameters}
    return {**parameters, **present} if present else parameters


def _supported_map(
    through: Callable[[Any, Any, Any], Any],
    xp: Any,
    value: Any,
    part: supported,
    operands: Sequence[Any],
    position: int,
) -> tuple[Any, Any]:
    """Return a linear map's value and support, unsupported entries left out.

    ``through(xp, t, operands)`` is linear in ``t`` and multilinear in the operands
    other than ``position``. The support goes through the same map with those operands
    all one. Where they hold inf or nan, a result is only touched by it through
    supported entries.
    """
    values = [raw(x) for x in operands]
    others = [
        np.ones(np.shape(v)) if j != position and is_inexact(v) else v
        for j, v in enumerate(values)
    ]
    taken = full_is_none(through(plain, part.support, others) != 0)
    rough = [
        j
        for j, v in enumerate(values)
        if j != position
        and is_inexact(v)
        and not isinstance(v, stand_in)
        and not np.all(np.isfinite(v))
    ]
    if not rough or np.all(part.support):
        return value, taken
    finite = list(operands)
    touched: Any = False
    for j in rough:
        good = np.isfinite(values[j])
        finite[j] = xp.where(good, operands[j], 0.0)
        marks = [*others[:j], 1.0 * ~good, *others[j + 1 :]]
        touched = np.logical_or(touched, through(plain, part.support, marks) != 0)
    return xp.where(touched, value, through(xp, part.value, finite)), taken
