"""Primitives: functions of a program that are one step, with derivatives of its own.

Each call is one operation, as those of ``gd.custom_operation`` are. What a program says
of its derivative, in one of autograd's six ways, is kept as autograd keeps it: a
function of the numbers of the arguments that move.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.compat import traces
from chainrule.compat.boxes import ArrayBox
from chainrule.compat.calls import ONE, Call, recorded
from chainrule.errors import MissingRuleError
from chainrule.nodes import recorder
from chainrule.nodes.admission import holds_nodes
from chainrule.numpy import buffers
from chainrule.operations import broadcast_to
from chainrule.rules import general
from chainrule.rules.namespace import plain
from chainrule.rules.supports import fit, zeros_of
from chainrule.steps.owned_arrays import add_into
from chainrule.steps.step import Step, reference_step, variadic_step
from chainrule.transforms.arrangement import Arrangement
from chainrule.transforms.custom_operation import transposed_pullback
from chainrule.transforms.products import jvp as jvp_of
from chainrule.transforms.products import vjp as vjp_of
from chainrule.transforms.values import value
from chainrule.values.buffered import current
from chainrule.values.containers import flatten, is_container
from chainrule.values.shapes import SEQUENCES, ndarray, shape_of
from chainrule.values.types import Namespace, Result, Value
from chainrule.values.vertices import ARITHMETIC_ERRORS, first_vertex, raw, vertex

Function = Callable[..., Any]

VJPS: dict[Function, Function] = {}
"""``maker(argnums, ans, args, kwargs)`` of each function, which returns its vjp."""
JVPS: dict[Function, Function] = {}
"""``maker(argnums, gs, ans, args, kwargs)`` of each function: its tangent."""


class NoRuleError(MissingRuleError, NotImplementedError):
    """A primitive was called on a box and nobody has said what its derivative is."""


def record(function: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Record a call of a primitive that has a box among its arguments."""
    if kwargs and first_vertex(list(kwargs.values())) is not None:
        raise NoRuleError(
            f"{name_of(function)} received a box as a keyword argument, in which a "
            "primitive has no derivative. Pass it by position."
        )
    call = Call(args, kwargs)
    if not knows(function, call.argnums) and not traces.keeps_steps():
        direct = [i for i in call.argnums if i not in call.parts]
        if direct or knows(function, direct):
            raise NoRuleError(
                f"VJP of {name_of(function)} wrt argnums {call.argnums} not defined. "
                "Give it by defvjp."
            )
        return function.fun(*args, **kwargs)  # type: ignore[attr-defined]
    rule_class = rule_of(function)
    z = recorded(rule_class, call)
    if z is None:
        z = recorder.record(rule_class, call.moving, {"call": call})
    return call.results.arranged(z)


def knows(function: Function, argnums: Sequence[int]) -> bool:
    """Tell whether a function's derivative was given, in these arguments."""
    for makers in (VJPS, JVPS):
        maker = makers.get(function)
        if maker is not None:
            known = getattr(maker, "argnums", None)
            if known is None or known.issuperset(argnums):
                return True
    return (
        function in JVPS and function not in VJPS and builtin_of(function) is not None
    )


def builtin_of(function: Function) -> Function | None:
    """Return the function of NumPy's or SciPy's that a program gave a derivative to.

    It has one of its own, which stays in the mode that the program said nothing of.
    """
    return getattr(function, "builtin", None)


_RULES: dict[tuple[Function, bool], type[_primitive]] = {}


def rule_of(function: Function) -> type[_primitive]:
    """Return the rule of a primitive, made once as its derivatives are given now."""
    kind_of: Any = type
    key = function, function in JVPS
    if key not in _RULES:
        base = _tangent_primitive if key[1] else _primitive
        made = kind_of(f"{name_of(function)}_grad", (base,), {"function": function})
        made.step = staticmethod(_step_of(function, variadic_step(made)))
        _RULES[key] = made
    return _RULES[key]


def _step_of(function: Function, general_step: Step) -> Step:
    """Return the step of a primitive: that of one number or array, by its vjp alone."""

    def step(z: vertex, z_grad: Any, bars: dict[vertex, Any]) -> None:
        call: Call = z._parameters["call"]
        maker, operands = VJPS.get(function), z.operands
        if maker is None or call.parts or call.results is not ONE:
            return general_step(z, z_grad, bars)
        values = [x._value for x in operands]
        try:
            vjp = maker(call.argnums, z._value, tuple(call.filled(values)), call.kwargs)
            grads = vjp(z_grad)
        except ARITHMETIC_ERRORS:
            return reference_step(z, z_grad, bars)
        for x, v, g in zip(operands, values, grads, strict=True):
            if g.__class__ is not float or v.__class__ is not float:
                g = fit(plain, shaped(dense(g), v), v)
            add_into(bars, x, g)
        return None

    return step


class _primitive(general, kind=True):  # noqa: N801
    """z = function(x, y, ...), declared by a program"""  # noqa: D400

    function: Any
    variadic = True

    def __init_subclass__(cls, *, kind: bool = True) -> None:
        """Keep operations made at run time out of the registry of rules."""
        super().__init_subclass__(kind=True)
        if "function" in cls.__dict__:
            cls.function = staticmethod(cls.function)

    @classmethod
    def forward(cls, *numbers: Value, call: Call) -> Any:
        """Call the program's function on plain values."""
        if call.value is not None:
            z, call.value = call.value, None
            return z
        z = cls.function.fun(*call.filled(numbers), **call.kwargs)
        if z.__class__ is float:
            return z
        if is_container(z) or holds_nodes(z):
            if call.results is ONE:
                call.results = Arrangement(name_of(cls.function))
            return call.results.flat(call.settled(z))
        if isinstance(z, ndarray) and (
            z.base is not None or any(z is x for x in numbers)
        ):
            return z.copy()
        return z

    @classmethod
    def pullback(
        cls, xp: Namespace, z_grad: Result, z: Result, *numbers: Value, call: Call
    ) -> Any:
        """Call what the program's rule returns."""
        results = call.results
        seed, ans = results.cotangents(z_grad, z), results.arranged(z)
        return pulled(cls.function, seed, ans, numbers, call)

    @classmethod
    def transposed(
        cls,
        xp: Namespace,
        tangents: Sequence[Any],
        z: Result,
        *numbers: Value,
        call: Call,
    ) -> Any:
        """Return the tangent as the transpose of the pullback."""
        return transposed_pullback(cls, tangents, z, numbers, {"call": call})

    @classmethod
    def pushforward(
        cls,
        xp: Namespace,
        tangents: Sequence[Any],
        z: Result,
        *numbers: Value,
        call: Call,
    ) -> Any:
        """Return the tangent of a function of NumPy's, or the transpose's transpose."""
        builtin = builtin_of(cls.function)
        if builtin is None:
            return cls.transposed(xp, tangents, z, *numbers, call=call)
        pairs = zip(tangents, numbers, strict=True)
        whole = tuple(zeros_of(raw(x)) if t is None else t for t, x in pairs)
        z_dot = jvp_of(call.of_numbers(builtin), numbers, whole)[1]
        return call.results.tangents(z_dot, z)


class _tangent_primitive(_primitive, kind=True):  # noqa: N801
    """z = function(x, y, ...), with a tangent of the program's"""  # noqa: D400

    @classmethod
    def pushforward(
        cls,
        xp: Namespace,
        tangents: Sequence[Any],
        z: Result,
        *numbers: Value,
        call: Call,
    ) -> Any:
        """Return the tangent by the program's rule."""
        ans = call.results.arranged(z)
        z_dot = pushed(cls.function, tangents, ans, numbers, call)
        return call.results.tangents(_as_results(call, z_dot), z)


def _as_results(call: Call, z_dot: Any) -> Any:
    """Return a tangent in the structure of the results, of a tuple in any."""
    structure = call.results.structure
    if structure is None or not isinstance(z_dot, SEQUENCES):
        return z_dot
    leaves = flatten(z_dot)[0]
    same = len(leaves) == structure.num_leaves
    return call.results.arranged(leaves) if same else z_dot


def pulled(
    function: Function, z_grad: Any, z: Any, numbers: Sequence[Any], call: Call
) -> tuple[Any, ...]:
    """Return the cotangents of what moves in a call."""
    maker = VJPS.get(function)
    if maker is None:
        builtin = builtin_of(function)
        if builtin is not None:
            return vjp_of(call.of_numbers(builtin), *numbers)[1](z_grad)
        if getattr(JVPS.get(function), "is_itself", True):
            raise NoRuleError(
                f"VJP of {name_of(function)} wrt argnums {call.argnums} not defined, "
                "and its JVP is the function itself. Give it by defvjp."
            )

        def linear(*tangents: Any) -> Any:
            return pushed(function, tangents, z, numbers, call)

        zeros = [zeros_of(raw(x)) for x in numbers]
        return vjp_of(linear, *zeros)[1](z_grad)
    vjp = maker(call.argnums, z, tuple(call.filled(numbers)), call.kwargs)
    grads = list(map(dense, vjp(z_grad)))
    leaves = call.leaves_of(grads) if call.parts else grads
    return tuple(map(shaped, leaves, numbers))


def pushed(
    function: Function,
    tangents: Sequence[Any],
    z: Any,
    numbers: Sequence[Any],
    call: Call,
) -> Any:
    """Return the tangent of a call."""
    if call.parts:
        pairs = zip(tangents, numbers, strict=True)
        moved = call.filled([zeros_of(raw(x)) if t is None else t for t, x in pairs])
        present = call.filled(tangents)
        chosen = [i in call.parts or present[i] is not None for i in call.argnums]
        argnums = tuple(itertools.compress(call.argnums, chosen))
        gs = [moved[i] for i in argnums]
    else:
        argnums = tuple(
            i for i, t in zip(call.argnums, tangents, strict=True) if t is not None
        )
        gs = [t for t in tangents if t is not None]
    args = tuple(call.filled(numbers))
    return dense(JVPS[function](argnums, gs, z, args, call.kwargs))


def dense(g: Any) -> Any:
    """Return a cotangent that a program gave as a ``SparseObject`` as an array."""
    if isinstance(g, SparseObject):
        zeros = g.vs.zeros()
        return current(g.mut_add(buffers.as_buffer(zeros)))
    return g


class SparseObject:
    """A cotangent that is mostly zero: a function that adds it to an array."""

    __slots__ = ("mut_add", "vs")

    def __init__(self, vs: Any, mut_add: Function) -> None:
        self.vs: Any = vs
        self.mut_add: Function = mut_add


def shaped(g: Any, x: Any) -> Any:
    """Return a cotangent in the shape of its receiver, as autograd's sums bring it."""
    if g.__class__ is float and x.__class__ is float:
        return g
    shape, wanted = shape_of(raw(g)), shape_of(raw(x))
    if shape == wanted:
        return g
    if len(shape) <= len(wanted) and all(
        m in (1, n) for m, n in zip(shape[::-1], wanted[::-1], strict=False)
    ):
        return broadcast_to(g, shape=wanted)
    for _ in range(len(shape) - len(wanted)):
        g = g.sum(axis=0)
    for axis, size in enumerate(wanted):
        if size == 1 and shape_of(raw(g))[axis] != 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def name_of(function: object) -> str:
    """Return the name of a function, for messages."""
    return getattr(function, "__name__", repr(function))


# ---------------------------------------------------------------- as decorators


def primitive(f_raw: Function) -> Any:
    """Return a function as one step; ``defvjp`` and ``defjvp`` give its derivative."""
    from chainrule.compat.autograd.wrap_util import wraps

    @wraps(f_raw)
    def f_wrapped(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            if x.__class__ is ArrayBox or first_vertex(x) is not None:
                return record(f_wrapped.known, args, kwargs)  # also of a copy
        return f_raw(*args, **kwargs)

    f_wrapped.fun, f_wrapped.known = f_raw, f_wrapped
    f_wrapped._is_autograd_primitive = True
    return f_wrapped


def notrace_primitive(f_raw: Function) -> Any:
    """Return a function that is called on the plain values of its arguments."""
    from chainrule.compat.autograd.wrap_util import wraps

    @wraps(f_raw)
    def f_wrapped(*args: Any, **kwargs: Any) -> Any:
        return f_raw(*map(unboxed, args), **kwargs)

    f_wrapped._is_primitive = True
    return f_wrapped


def unboxed(x: Any) -> Any:
    """Return the plain value of a box, or of those in a container."""
    return value(x) if isinstance(x, vertex) or holds_nodes(x) else x


NOTRACE: dict[Any, set[Function]] = {}
"""Functions that are no steps of a trace, by its class of nodes."""


def register_notrace(trace_type: Any, primitive_fun: Function) -> None:
    """Say that a primitive gives plain values: its derivative is zero."""
    NOTRACE.setdefault(trace_type, set()).add(primitive_fun)
    function = primitive_fun

    def zeros(
        argnums: Sequence[int], ans: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Function:
        def vjp(g: Any) -> list[Any]:
            return [zeros_of(raw(args[i])) for i in argnums]

        return vjp

    VJPS.setdefault(function, zeros)
