"""The base of all rules, and of those of locally constant functions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.rules.attributes import check_engine, check_names
from chainrule.rules.cases import Cases, Dtypes
from chainrule.rules.declarations import (
    Derivative,
    derivative,
    inherited_names,
    is_of_library,
    names_with,
)
from chainrule.rules.expressions import operands_in
from chainrule.rules.forms import check_rule
from chainrule.rules.named_functions import (
    await_function,
    declare_functions_of,
    find_loaded,
    named_function,
)
from chainrule.rules.namespace import NAMED, evaluate, plain
from chainrule.rules.registry import (
    EXPRESSED,
    REGISTRY,
    forget,
    is_again,
    serve_by,
    serve_by_name,
)
from chainrule.rules.supports import (
    add_values,
    is_mask,
    project,
    supported,
)
from chainrule.rules.traits import traits
from chainrule.values.shapes import TUPLE
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.vertices import ARITHMETIC_ERRORS, boxed, raw, vertex


class rule(traits):
    """Base of all rules: what an operation needs to be differentiated.

    An instance is the ``grad_ops`` of one node: ``vertices`` are the operands that are
    nodes, and ``backward(z_grad)`` adds to the ``grad`` of each.
    """

    forward: Any
    """The function that is declared, or its name in a library that may be missing:
    ``"scipy.special:erf"``."""
    forward_name: ClassVar[str] = ""
    """The name that ``forward`` was given by."""
    also: tuple[Any, ...] = ()
    """Functions besides ``forward``, or their names, that are the same operation."""
    expression: ClassVar[str] = ""
    """One real number of the result, as a Python expression of the operands and of
    functions of ``math``: see :mod:`chainrule.rules.expressions`. The forms below are
    derived from it, and given where they must differ."""
    python: ClassVar[str] = ""
    """The expression for Python floats."""
    javascript: ClassVar[str] = ""
    """The expression for JavaScript."""
    formula: ClassVar[str] = ""
    """The expression as it is written in mathematics."""
    latex: ClassVar[str] = ""
    r"""The function's name in LaTeX, ``\tanh``, or the text around what it is given,
    ``\sqrt{{{}}}``."""
    native: Callable[..., float] | None = None
    """A function in plain arithmetic that computes a number of the result: LLVM makes
    vectors of it, where the C library computes one number at a time."""
    remedy: ClassVar[str] = ""
    """What to write instead where the result or the derivative is infinite or nan;
    ``{x}`` stands for what the program gives as the operand x."""
    operand_names: tuple[str, ...] = ()
    variadic: ClassVar[bool] = False
    structural: ClassVar[bool] = False
    """Whether the rule makes structural zeros (where, max, indexing)."""
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
        is_checked = not is_of_library(cls)
        if is_checked:
            check_engine(cls)
        cls.plans = {}
        if kind:
            return
        check_names(cls, tuple(cls._prefixes))
        cls._leave_forms()
        methods = list(islice(cls._derivatives(), None if is_checked else 1))
        if methods and not cls.operand_names:
            cls.operand_names = methods[0].signature.positional
            cls.variadic = methods[0].signature.variadic
        cls.parts = {
            i: getattr(cls, cls._prefix + name)
            for i, name in enumerate(cls.operand_names)
            if cls._prefix and hasattr(cls, cls._prefix + name)
        }
        if is_checked:
            check_rule(cls, methods)
        own = vars(cls)
        if isinstance(own.get("forward"), str):
            cls._await_forward(cls.forward)
        if "forward" in own:
            f = cls.forward
            if getattr(getattr(f, "__code__", None), "co_name", "") == "forward":
                f.__name__ = cls.__name__.removesuffix("_grad")  # for programs' texts
            cls.entrywise: bool = cls.entrywise or (
                isinstance(f, np.ufunc) and f.signature is None
            )
            serve_by(cls, f, *cls.also)
        if own.get("operator"):
            serve_by(cls, getattr(operator, cls.operator))
        if cls.expression or cls.native is not None:
            EXPRESSED.append(cls)
        if not issubclass(cls, (locally_constant, composed)):
            REGISTRY.append(cls)

    @classmethod
    def _leave_forms(cls) -> None:
        """Leave the forms of another function behind."""
        if "forward" in vars(cls) and "expression" not in vars(cls):
            for name in _FORMS - vars(cls).keys():
                if getattr(cls, name) is not getattr(rule, name):
                    setattr(cls, name, getattr(rule, name))

    @classmethod
    def _await_forward(cls, name: str) -> None:
        """Have the function of another library stand in the place of its name."""
        if not is_of_library(cls):
            declare_functions_of(name)
        cls.forward, cls.forward_name = named_function(name), name
        rules = NAMED.setdefault(cls.forward.__name__, {})
        known = rules.get(name)
        if known is not None and not is_again(cls, known):
            raise ArgumentError(
                f"{cls.__name__}.forward is {name!r}, of which {known.__name__} is the "
                "rule already. For another derivative write a static method that calls "
                "the function: def forward(x)."
            )
        rules[name] = cls
        if not hasattr(np, cls.forward.__name__):
            vars(plain).pop(cls.forward.__name__, None)  # it may be another one now

        def found(function: Callable[..., Any]) -> None:
            cls.forward = function
            serve_by_name(cls, function)

        await_function(name, found)
        if known is not None:
            forget(known)
            find_loaded()

    @classmethod
    def _derivatives(cls) -> Iterator[Derivative]:
        """Read the methods that compute derivatives, those of single operands first."""
        heads: dict[str, int] = {}
        for prefix, head in cls._prefixes.items():
            names = names_with(prefix, cls).union(
                *(inherited_names(prefix, base) for base in cls.__mro__[1:])
            )
            heads.update(dict.fromkeys(sorted(names), head))
        heads |= {name: n for name, n in cls._heads.items() if hasattr(cls, name)}
        return (
            derivative(cls, name, head)
            for name, head in heads.items()
            if getattr(cls, name) is not None
        )

    def __init__(self, *operands: Value, **parameters: Any) -> None:
        """Keep the operands; those that are nodes are the ``vertices``."""
        self.operands: tuple[Any, ...] = operands
        self.parameters = parameters
        self.vertices: list[Any] = [x for x in operands if isinstance(x, vertex)]
        for name, x in zip(self.operand_names, operands, strict=False):
            if name not in self.__dict__ and not hasattr(type(self), name):
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
    def z(self, value: Result) -> None:
        self._z = value

    def backward(self, z_grad: Value) -> None:
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
        xp: Namespace,
        z_bar: supported,
        z: Result,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Yield the cotangent contribution of each wanted operand, by position."""
        raise NotImplementedError

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return the tangent of the result, ``None`` where it is structurally zero."""
        raise NotImplementedError


_FORMS = {"expression", "python", "javascript", "formula", "latex", "native"}


class locally_constant(rule, kind=True):
    """z does not change with small changes of its operands: floor, ``<``, argmax.

    There is no derivative to declare. What else is known of such a function stands in
    its class as in any other rule, under the name of the function. Its operands are
    those that its expression names, in alphabetical order.
    """

    def __init_subclass__(cls, *, kind: bool = False) -> None:
        """Read the operand names from the expression."""
        if cls.expression and not cls.operand_names:
            cls.operand_names: tuple[str, ...] = operands_in(cls.expression)
        super().__init_subclass__(kind=kind)


class composed(rule, kind=True):
    """z is computed by other operations, from which its derivative follows.

    ``declare`` makes such a class of what is known of the function.
    """


def declare(function: Any, *also: Any, **known: Any) -> None:
    """Note traits of functions that have no derivative of their own."""
    type(function.__name__, (composed,), {"forward": function, "also": also, **known})


def pulled(
    operation: type[rule],
    xp: Namespace,
    z_bar: supported,
    z: Result,
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
    xp: Namespace,
    tangents: Sequence[supported | None],
    z: Result,
    operands: Sequence[Any],
    parameters: Parameters,
) -> supported | None:
    """Return what a rule's ``push`` returns, Python's floats as in ``pulled``."""
    try:
        return operation.push(xp, tangents, z, operands, parameters)
    except ARITHMETIC_ERRORS:
        z, *operands = boxed([z, *operands])
        return operation.push(xp, tangents, z, operands, parameters)
