"""The operators of nodes, generated from their rules: + - * / ** % @ // and others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import NONE, operation_name, unwrapped
from chainrule.nodes.beside_scipy import record_beside, refuse_solvers
from chainrule.nodes.dispatch import compared
from chainrule.nodes.node_class import node
from chainrule.nodes.operator_text import reflected_operator, scalar_operator
from chainrule.nodes.products import is_product, product
from chainrule.nodes.recorder import new, next_serial, record
from chainrule.operations_grad import arithmetic, contraction
from chainrule.rules import elementwise, rule
from chainrule.values.foreign import PLAIN, undecided
from chainrule.values.types import Mask, Operation, Parameters, Value

BY_CLASS: dict[Any, Callable[[type[rule]], Operation]] = {}
"""What returns the operator of a rule, for a class of nodes that has its own."""


def record_by_class(
    operation: type[rule], operands: Sequence[Any], parameters: Parameters = NONE
) -> Any:
    """Record an operation, on nodes of a class of its own by their operator."""
    if BY_CLASS and not parameters:
        for x in operands:
            operator_of = BY_CLASS.get(x.__class__)
            if operator_of is not None:
                return operator_of(operation)(*operands)
    return record(operation, operands, parameters)


NAMES: dict[str, Any] = {
    "node": node,
    "record": record_by_class,
    "new": new,
    "next_serial": next_serial,
    "NONE": NONE,
}
"""What the text of every operator refers to."""


def operator(
    operation: type[rule], name: str, *, masked: bool = False, **names: Any
) -> Operation:
    """Return a function of operands for a rule: generated where floats have a form.

    With ``masked`` it also takes ``where=``, as NumPy's ufuncs do. ``names`` are what
    its text refers to by other names than ``NAMES``: ``node=`` a subclass of nodes.
    """
    if is_product(operation):
        return product(operation, name, record_masked)
    names = {**NAMES, "record_masked": record_masked, **names}
    return scalar_operator(operation, name, names, masked=masked)


def record_masked(
    operation: type[rule], operands: Sequence[Any], where: Mask | None
) -> Any:
    """Record an operation, with a mask on its result where it is elementwise."""
    if where is None:
        return record_beside(operation, operands)
    if not issubclass(operation, elementwise):
        name = operation_name(operation)
        raise ArgumentError(
            f"np.{name} on nodes does not support where=. Write np.where(mask, "
            f"np.{name}(x), 0.0)."
        )
    return record(operation, operands, {"where": where})


def _reflected(function: Operation) -> Operation:
    def reflected(x: Value | complex, y: Value | complex) -> Any:
        return function(y, x)

    return reflected


_TRUE, _equal = np.True_, np.equal


def _compared(name: str) -> Operation:
    ufunc = getattr(np, name)

    def compare(x: node, y: Any) -> Any:
        if y is None or isinstance(y, str):
            return NotImplemented
        value, other = x._value, unwrapped(y)
        if value.__class__ in PLAIN and other.__class__ in PLAIN:
            z = ufunc(value, other)
            if z is _TRUE and ufunc is _equal:  # a solver's start is a solution
                refuse_solvers(x, 2)
            return z
        refuse_solvers(x, 2)
        return undecided(compared(ufunc, value, other))

    compare.__name__ = name
    return compare


def _floor_divide(x: Value | complex, y: Value | complex) -> Any:
    """Return the floor of the quotient, a plain value: locally constant."""
    return np.floor_divide(unwrapped(x), unwrapped(y))


def _divmod(x: Value | complex, y: Value | complex) -> Any:
    """Return quotient (plain, locally constant) and remainder (a node)."""
    return _floor_divide(x, y), OPERATORS["mod"](x, y)


OPERATORS: dict[str, Operation] = {}
"""The functions behind the operators, by operator name."""


def set_operators(node_class: type[node], **names: Any) -> dict[str, Operation]:
    """Give a class of nodes its arithmetic operators; return them by name.

    ``names`` are those of ``operator``.
    """
    made: dict[str, Operation] = {}
    names = {"record": record_beside, **names}
    for name, rule_class, function in _BINARY:
        made[name] = operator(rule_class, function, **names)
        setattr(node_class, f"__{name}__", made[name])
        given = {**NAMES, **names, "function": made[name]}
        reflected = reflected_operator(rule_class, function, given)
        setattr(node_class, f"__r{name}__", reflected)
    for name, rule_class, function in _UNARY:
        made[name] = operator(rule_class, function, **names)
        setattr(node_class, f"__{name}__", made[name])
    return made


_BINARY = [
    ("add", arithmetic.addition_grad, "add"),
    ("sub", arithmetic.subtraction_grad, "subtract"),
    ("mul", arithmetic.multiplication_grad, "multiply"),
    ("truediv", arithmetic.division_grad, "divide"),
    ("pow", arithmetic.power_grad, "power"),
    ("mod", arithmetic.remainder_grad, "remainder"),
    ("matmul", contraction.matmul_grad, "matmul"),
]
_UNARY = [
    ("neg", arithmetic.negative_grad, "negative"),
    ("pos", arithmetic.positive_grad, "positive"),
    ("abs", arithmetic.absolute_grad, "absolute"),
]
OPERATORS.update(set_operators(node))
for _name, _function in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    setattr(node, f"__{_name}__", _compared(_function))
for _name, _op in [("floordiv", _floor_divide), ("divmod", _divmod)]:
    setattr(node, f"__{_name}__", _op)
    setattr(node, f"__r{_name}__", _reflected(_op))
