"""Recording one operation: run it on values, return the node that remembers it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import (
    NONE,
    check_shape,
    holds_nodes,
    is_inexact,
    kept,
    numeric_array,
    refuse_operands,
)
from chainrule.operations_grad import structure
from chainrule.rules import elementwise, linear, multilinear, rule
from chainrule.rules.namespace import evaluate
from chainrule.steps import step as kernels
from chainrule.steps.local_names import names_read
from chainrule.values.foreign import (
    PLAIN,
    beside,
    is_foreign,
    made_like,
    may_be_written,
)
from chainrule.values.foreign import kept as kept_foreign
from chainrule.values.refusals import admitted
from chainrule.values.shapes import SEQUENCES, TUPLE, describe, generic, ndarray
from chainrule.values.versions import NOTED
from chainrule.values.vertices import raw, stand_in, vertex

next_serial: Callable[[], int] = itertools.count(1).__next__
"""The serial number of the next node: nodes are ordered by age."""

new: Callable[[Any], Any] = object.__new__


def record(
    operation: type[rule],
    operands: Sequence[Any],
    parameters: Mapping[str, Any] = NONE,
) -> Any:
    """Run an operation and return the node that remembers it.

    Where no operand is a node the plain result is returned. Constants are kept as they
    are; an array the derivative will need is copied, so its owner may change it.

    Parameters
    ----------
    operation
        The rule class.
    operands
        Nodes, numbers and arrays (and lists of them).
    parameters
        The keyword parameters of the operation.
    """
    alone = len(operands) == 1 and isinstance(operands[0], vertex)
    sort: Callable[..., Any] = _alone if alone else _sorted
    node_class, kept_operands, values, wanted, floats = sort(operands)
    if node_class is None:
        return evaluate(operation, values, parameters)
    plan = operation.plans.get(wanted) or plan_of(operation, wanted)
    value = evaluate(operation, values, parameters)
    several = isinstance(value, TUPLE)
    if type(value) is not ndarray or value.dtype.kind not in "fc":
        value, inexact = _numbers_of(operation, value, floats=floats)
        if not inexact:
            return value
    if not plan.depends:
        return value
    for i in plan.copied:
        if type(kept_operands[i]) is ndarray and may_change(kept_operands[i]):
            x, in_trace = kept_operands[i], isinstance(value, stand_in)
            kept_operands[i] = value.kept(x) if in_trace else x.copy()
    z = new(node_class)
    z._value = value
    z._step, z._parameters = plan.step, NONE
    if parameters:
        z._step = plan.step_for(parameters)
        z._parameters = {k: kept(v) for k, v in parameters.items()}
    z.operands = tuple(kept_operands)
    z.serial = next_serial()
    if plan.views and (
        value.base is not None or value is values[0]
        if type(value) is ndarray
        else isinstance(value, stand_in) or may_be_written(value)
    ):
        NOTED.note(z)
    if node_class.watched:
        node_class.created(z)
    return items_of(z) if several else z


def _alone(
    operands: Sequence[Any],
) -> tuple[Any, Sequence[Any], Sequence[Any], tuple[bool, ...], bool]:
    """Return what ``_sorted`` does for a node that is the only operand."""
    x = operands[0]
    value = x._value
    number = type(value) is not ndarray and (type(value) is float or is_number(value))
    return x.__class__, operands, (value,), _ONE_NODE, number


_ONE_NODE = (True,)


def _sorted(
    operands: Sequence[Any],
) -> tuple[Any, list[Any], list[Any], tuple[bool, ...], bool]:
    """Return the class of the result and the operands: as kept, their values, ...

    ... which of them are nodes, and whether all of them are Python numbers. The class
    is that of the first node, or of the first ``watched`` one; ``None`` without nodes.
    """
    node_class: Any = None
    kept_operands, values = list(operands), list(operands)
    wanted: list[bool] = []
    floats = alike = True
    for i, x in enumerate(operands):
        operand = x
        if not isinstance(x, vertex):
            if type(x) is ndarray and x.dtype.kind in "fc":
                wanted.append(False)
                floats = False
                continue
            if type(x) is float or type(x) is int:
                wanted.append(False)
                continue
            kept_operands[i] = values[i] = operand = as_operand(x)
            if not isinstance(operand, vertex):
                wanted.append(False)
                floats = False
                alike = alike and type(operand) in PLAIN
                continue
        wanted.append(True)
        values[i] = value = operand._value
        if type(value) is ndarray:
            floats = False
        elif type(value) is not float:
            floats = floats and is_number(value)
            alike = alike and type(value) in PLAIN
        if node_class is None or not node_class.watched:
            node_class = operand.__class__
    if not alike and node_class is not None:
        _make_alike(kept_operands, values, wanted)
    return node_class, kept_operands, values, tuple(wanted), floats


_ARRAYS_AND_MASKS = (ndarray, bool, np.bool)


def _make_alike(kept: list[Any], values: list[Any], wanted: Sequence[bool]) -> None:
    """Make constants arrays of a library whose own do not stand beside NumPy's."""
    like = beside(values)
    if like is None:
        return
    for i, is_node in enumerate(wanted):
        if not is_node and values[i].__class__ in _ARRAYS_AND_MASKS:
            kept[i] = values[i] = made_like(values[i], like)


def _numbers_of(operation: type[rule], value: Any, *, floats: bool) -> tuple[Any, bool]:
    """Return a result, with ``floats`` as one of Python's, and whether it is inexact.

    An array of objects becomes one of floats. What is no array and no number raises:
    its derivative would be lost in silence.
    """
    if floats:
        value = _as_floats(value)
    if value.__class__ is float:
        return value, True
    if value.__class__ is complex:
        value = np.complex128(value)
    if isinstance(value, TUPLE) or is_inexact(value):
        if value.__class__ not in PLAIN and is_foreign(value):
            check_shape(value)
        return value, True
    kind = value.dtype.kind if isinstance(value, ndarray) else ""
    if kind == "O" and not isinstance(value, stand_in):
        try:
            return np.reshape([float(x) for x in value.flat], value.shape), True
        except (TypeError, ValueError):
            kind = "a"
    if kind in ("a", "U", "S") or value is None or isinstance(value, _NO_NUMBERS):
        raise ArgumentError(
            f"{operation.__name__}.forward returned {describe(value)}. Let it return "
            "an array or a number: np.array(...)."
        )
    return value, False


_NO_NUMBERS = (list, str, bytes, dict, set)


def _as_floats(value: Any) -> Any:
    """Return NumPy's floats as Python's, also among several results."""
    if isinstance(value, TUPLE):
        return tuple(map(_as_floats, value))
    if isinstance(value, stand_in):
        return value.as_number()
    return float(value) if type(value) is np.float64 else value


def is_number(value: Any) -> bool:
    """Tell whether a value that is no float stands for one in a trace."""
    return isinstance(value, stand_in) and value.is_number


def plan_of(operation: type[rule], wanted: tuple[bool, ...]) -> Plan:
    """Return the plan for a rule and a pattern of nodes and constants, made once."""
    plan = operation.plans.get(wanted)
    if plan is None:
        plan = operation.plans[wanted] = Plan(operation, wanted)
    return plan


class Plan:
    """How to record a rule for one pattern of nodes and constants.

    Attributes
    ----------
    step
        The step of the plain reverse sweep.
    masked_step
        The step where a mask ``where=`` is among the parameters.
    depends
        Whether the result has a derivative in any of the nodes.
    copied
        Positions of the constants whose values the derivative reads.
    views
        Whether the result may share memory with the operand, as NumPy's does.
    """

    __slots__ = ("copied", "depends", "masked_step", "step", "views")

    def __init__(self, operation: type[rule], wanted: tuple[bool, ...]) -> None:
        """Work out the plan, or raise where a node stands in a refused operand."""
        refuse_operands(operation, wanted)
        self.step: kernels.Step = kernels.steps_of(operation, wanted)
        self.masked_step: kernels.Step = self.step
        if issubclass(operation, elementwise):
            self.masked_step = reference_of(operation)
        self.depends: bool = _depends(operation, wanted)
        self.views: bool = operation.views and wanted == (True,)
        self.copied: tuple[int, ...] = tuple(
            i
            for i, is_node in enumerate(wanted)
            if not is_node and needs_values(operation, wanted, i)
        )

    def step_for(self, parameters: Mapping[str, Any]) -> Any:
        """Return the step of a call with these parameters."""
        return self.step if parameters.get("where") is None else self.masked_step


def may_change(array: Any) -> bool:
    """Tell whether someone can write to an array, or to what it is a view of."""
    while isinstance(array, ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return array is not None and not isinstance(array, bytes)


def items_of(z: Any) -> Any:
    """Return one node per result of an operation with several."""
    results = [
        record(structure.item_grad, (z,), {"index": i}) if is_inexact(v) else v
        for i, v in enumerate(z._value)
    ]
    container = z._value.__class__
    return container(*results) if hasattr(container, "_fields") else tuple(results)


def reference_of(operation: type[rule]) -> Any:
    """Return the rule's reference step, made once."""
    if "_reference" not in operation.__dict__:
        operation._reference = kernels.reference_of(operation)  # type: ignore
    return operation._reference  # type: ignore[attr-defined]


def _depends(operation: type[rule], wanted: Sequence[bool]) -> bool:
    """Tell whether the result has a derivative in any of the wanted operands."""
    if operation.variadic or not issubclass(operation, elementwise | linear):
        return True
    return any(w and i in operation.parts for i, w in enumerate(wanted))


def needs_values(operation: type[rule], wanted: tuple[bool, ...], i: int) -> bool:
    """Tell whether the derivative in the wanted operands reads operand ``i``."""
    if issubclass(operation, linear) and not issubclass(operation, multilinear):
        return i not in operation.parts and not operation.variadic
    if not issubclass(operation, elementwise):
        return True
    return operation.operand_names[i] in names_read(operation, wanted)


def as_operand(x: Any) -> Any:
    """Return an operand that is no node as a constant, or nodes in a list as a node."""
    kind = x.__class__
    if (kind is np.ndarray and x.dtype.kind in "fcbiu") or isinstance(x, vertex):
        return x
    if isinstance(x, stand_in):
        return x.fixed()  # it may be written into afterwards
    if kind is bool or kind is complex:
        return x
    if isinstance(x, generic) and x.dtype.kind in "fcbiu":
        return x
    if is_foreign(x):
        return kept_foreign(x)
    x = admitted(x, "An operation on nodes")
    if isinstance(x, stand_in):
        return x.fixed()  # a buffer that holds it may be written into afterwards
    if isinstance(x, ndarray) and x.dtype == object:
        x = x.tolist()
    if isinstance(x, SEQUENCES) and holds_nodes(x):
        return stacked(x)
    if isinstance(x, vertex | int):
        return x
    return numeric_array(x, "An operation on nodes")


def stacked(x: Any) -> Any:
    """Join nested lists of nodes and numbers into one node."""
    if isinstance(x, ndarray) and x.dtype == object:
        x = x.tolist()
    if not isinstance(x, SEQUENCES):
        return x
    parts = [stacked(v) for v in x]
    shapes = {np.shape(raw(p)) for p in parts}
    if len(shapes) > 1:
        raise ShapeError(
            f"A list of nodes needs parts of one shape; received {sorted(shapes)}. "
            "Use np.concatenate, or a container of several nodes."
        )
    return record(STACK[0], parts, {"axis": 0})


STACK: list[type[rule]] = []
"""The rule that joins nodes; set by ``chainrule.operations``."""
