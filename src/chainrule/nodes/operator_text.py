"""Operators generated as text: short paths for floats and for arrays, else record.

An operator costs what its Python lines cost, so there is one per rule with nothing to
look up, found in tracebacks by its text. What it records is what ``record`` would.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.nodes.recorder import may_change, needs_values
from chainrule.rules import elementwise, rule
from chainrule.rules.named_functions import imported
from chainrule.rules.python_forms import MATH, infix_form, python_form
from chainrule.steps.step import (
    even_step,
    is_inlined,
    pattern_of,
    scalar_step,
    steps_of,
)
from chainrule.steps.text import lazy_function
from chainrule.values.shapes import ndarray
from chainrule.values.vertices import ARITHMETIC_ERRORS, stand_in

_MADE = """z = new(node)
z._value = value
z._step = {step}
z.operands = ({operands},)
z.serial = next_serial()
"""

_FLOAT = """try:
    value = {form}
except errors:
    return record(rule, ({operands},))
{made}return z
"""
"""What a float takes, or two numbers of which one is."""

_UNARY = """
def recorded_{name}(x{where}):
    {masked}
    if type(x) is node:
        x_ = x._value
        if type(x_) is float:
            {float_n}
        if type(x_) is ndarray or type(x_) is float64:
            value = forward(x_)
            {even_n}
            z._parameters = NONE
            if type(x_) is ndarray and value.dtype is not x_.dtype:
                z._step = array_n
            return z
    return record(rule, (x,))
"""

_FLOATS = """\
    if type(x) is node:
        x_ = x._value
        if type(x_) is float:
            if type(y) is node:
                y_ = y._value
                if type(y_) is float:
                    {float_nn}
            elif type(y) is float or type(y) is int:
                {float_nc}
"""
"""What operators do first: two floats, or one and a number."""

_NUMBER_FIRST = """\
    if (type(x) is float or type(x) is int) and type(y) is node:
        y_ = y._value
        if type(y_) is float:
            {float_cn}
        if type(y_) is ndarray or type(y_) is float64:
            value = {array_cy}
            {even_cn}
            z._parameters = NONE
            if type(y_) is ndarray and value.dtype is not y_.dtype:
                z._step = array_cn
            return z
"""
"""What operators do first where a number is on the left."""

_BINARY = (
    """
def recorded_{name}(x, y{where}):
    {masked}
"""
    + _FLOATS
    + """\
        elif type(x_) is ndarray or type(x_) is float64:
            if type(y) is node:
                y_ = y._value
                if type(y_) is ndarray or type(y_) is float64:
                    value = {array_xy}
                    {even_nn}
                    z._parameters = NONE
                    if type(x_) is float64:
                        if type(y_) is not float64:
                            z._step = array_nn
                    elif x_.shape != y_.shape or x_.dtype is not y_.dtype{or_wide_y}:
                        z._step = array_nn
                    return z
                if type(y_) is float:
                    value = {array_xy}
                    {even_nn}
                    z._step, z._parameters = array_nn, NONE
                    return z
            elif type(y) is float or type(y) is int or type(y) is float64:
                value = {array_xc}
                {even_nc}
                z._parameters = NONE
                if type(x_) is ndarray and value.dtype is not x_.dtype:
                    z._step = array_nc
                return z
            elif type(y) is ndarray and y.dtype.kind in "fc":
                value = {array_xc}
                if reads_y and may_change(y): y = y.copy()
                {even_nc}
                z._parameters = NONE
                if x_.shape != y.shape or x_.dtype is not y.dtype{or_wide_x}:
                    z._step = array_nc
                return z
"""
    + _NUMBER_FIRST
    + """\
    elif type(x) is ndarray and type(y) is node and x.dtype.kind in "fc":
        y_ = y._value
        if type(y_) is ndarray or type(y_) is float64:
            value = {array_cy}
            if reads_x and may_change(x): x = x.copy()
            {even_cn}
            z._parameters = NONE
            if y_.shape != x.shape or y_.dtype is not x.dtype{or_wide_y}:
                z._step = array_cn
            return z
    if type(x) is node and type(y) is node and type(x_) is float:
        if type(y_) is ndarray or type(y_) is float64:
            value = {array_xy}
            {even_nn}
            z._step, z._parameters = array_nn, NONE
            return z
    return record(rule, (x, y))
"""
)

_IN_PLACE = (
    """
def recorded_{name}(x, y):
"""
    + _FLOATS
    + """\
    x_ = y_ = None
    return update(x, y)
"""
)
"""Numbers are as in the operator; ``update`` writes into arrays that nobody holds."""

_REFLECTED = (
    """
def recorded_{name}(y, x):
"""
    + _NUMBER_FIRST
    + """\
    return function(x, y)
"""
)

_MASKED = """if where is not None:
    return record(rule, ({operands},), {{"where": where}})
"""


_TYPES: Mapping[str, Any] = {
    "ndarray": ndarray,
    "float64": np.float64,
    "may_change": may_change,
    "errors": ARITHMETIC_ERRORS,
}


def _template(text: str, **fields: str) -> str:
    """Fill in a template; a field of several lines keeps its place's indentation."""
    for line in text.splitlines():
        bare = line.strip()
        key = bare[1:-1]
        if bare.startswith("{") and bare.endswith("}") and key in fields:
            indent = line[: len(line) - len(line.lstrip())]
            block = "\n".join(indent + part for part in fields[key].splitlines())
            block = block.replace("{", "{{").replace("}", "}}")
            text = text.replace(line + "\n", block + "\n" if block else "")
    return text.format(**fields)


def _lazy_operator(
    name: str, space: dict[str, Any], write: Callable[[], str]
) -> Callable[..., Any]:
    """Return a function that is written when it is first called, under its name."""
    label = f"{space['rule'].__name__} operator {name}"
    function = lazy_function(f"recorded_{name}", label, space, write)
    function.__name__ = function.__qualname__ = name
    return function


_GENERAL = """
def recorded_{name}(*operands, where=None):
    return record_masked(rule, operands, where)
"""


def scalar_operator(
    operation: type[rule], name: str, names: dict[str, Any], *, masked: bool
) -> Callable[..., Any]:
    """Return an operator, generated with a short path for floats where there is one.

    ``names`` gives ``node``, ``record``, ``record_masked``, ``new``, ``next_serial``
    and ``NONE``. With ``masked`` it takes ``where=``, which costs a call 30 ns.
    """
    space = {**names, "rule": operation}

    def write() -> str:
        text = _operator_text(operation, name, space, masked=masked)
        if operation.operator in _ARITHMETIC:
            space["record"] = _record_numbers(space)
        return text or _GENERAL.format(name=name)

    return _lazy_operator(name, space, write)


def in_place_operator(
    operation: type[rule], name: str, names: dict[str, Any]
) -> Callable[..., Any]:
    """Return the function behind ``x op= y``: the operator's for floats.

    ``names`` gives what ``scalar_operator`` takes, and ``update(x, y)`` for all others.
    """
    space = {**names, "rule": operation}

    def write() -> str:
        text = _operator_text(operation, name, space, masked=False, binary=_IN_PLACE)
        return text or f"def recorded_{name}(x, y):\n    return update(x, y)\n"

    return _lazy_operator(name, space, write)


def reflected_operator(
    operation: type[rule], name: str, names: dict[str, Any]
) -> Callable[..., Any]:
    """Return the function behind ``x op y`` of a number on the left, called on ``y``.

    ``names`` gives what ``scalar_operator`` takes, and ``function(x, y)`` for others.
    """
    space = {**names, "rule": operation}

    def write() -> str:
        text = _operator_text(operation, name, space, masked=False, binary=_REFLECTED)
        return text or f"def recorded_{name}(y, x):\n    return function(x, y)\n"

    return _lazy_operator(name, space, write)


def _or_wide(forward: Any, operand: str) -> str:
    """Return a test whether the result is wider: it is of ufuncs without float16."""
    keeps = "ee->e" in getattr(forward, "types", ["ee->e"])
    return "" if keeps else f" or value.dtype is not {operand}.dtype"


def _operator_text(
    operation: type[rule],
    name: str,
    space: dict[str, Any],
    *,
    masked: bool,
    binary: str = _BINARY,
) -> str | None:
    """Return an operator's text and fill its globals; ``None`` without a float form."""
    if not issubclass(operation, elementwise):
        return None
    form = python_form(operation)
    count = len(operation.operand_names)
    if form is None or count not in (1, 2) or len(operation.parts) != count:
        return None
    steps = _steps(operation, count)
    if steps is None:
        return None
    space |= {**MATH, **steps, **_TYPES, "forward": imported(operation.forward)}
    array = _array_form(operation)
    operands = "x" if count == 1 else "x, y"
    fields = {step: _MADE.format(step=step, operands=operands) for step in steps}
    fields["name"] = name
    fields["where"] = ", *, where=None" if masked else ""
    fields["masked"] = _MASKED.format(operands=operands) if masked else ""
    fields |= _float_fields(operation, form, fields, operands)
    if count == 1:
        return _template(_UNARY, **fields)
    space["reads_x"] = needs_values(operation, (False, True), 0)
    space["reads_y"] = needs_values(operation, (True, False), 1)
    return _template(
        binary,
        array_xy=array.format("x_", "y_"),
        array_xc=array.format("x_", "y"),
        array_cy=array.format("x", "y_"),
        or_wide_x=_or_wide(space["forward"], "x_"),
        or_wide_y=_or_wide(space["forward"], "y_"),
        **fields,
    )


def _float_fields(
    operation: type[rule], form: str, fields: Mapping[str, str], operands: str
) -> dict[str, str]:
    """Return what floats take, for each pattern of operands that has a step."""
    number = "1.0 * ({})".format if operation.structural else str  # no int is chosen
    found: dict[str, str] = {}
    for kind in ("n",) if operands == "x" else ("nn", "nc", "cn"):
        values = [v + "_" if k == "n" else v for v, k in zip("xy", kind, strict=False)]
        text = form.format(*values)
        text = number(text) if "c" in kind else text
        made = fields[f"step_{kind}"]
        found[f"float_{kind}"] = _FLOAT.format(form=text, operands=operands, made=made)
    return found


def _array_form(operation: type[rule]) -> str:
    """Return how NumPy's values are computed: operators are quicker than ufuncs.

    A power of NumPy's numbers is C's, which differs from NumPy's for ``-0.0 ** 0.5``.
    """
    form = infix_form(operation) or "forward({0}, {1})"
    if operation.operator != "pow":
        return form
    return f"{form} if type({{0}}) is ndarray else forward({{0}}, {{1}})"


_ARITHMETIC = ("add", "sub", "mul", "truediv")
"""Operators whose steps for floats are made of such operators, and of nothing else."""


def _record_numbers(space: Mapping[str, Any]) -> Callable[..., Any]:
    """Return ``record`` with a short path for numbers in a trace, which are many.

    They take the step of floats: its operators are those of a trace, too.
    """
    node, new, record = space["node"], space["new"], space["record"]
    compute: Callable[..., Any] = getattr(operator, space["rule"].operator)

    def record_numbers(
        operation: type[rule], operands: tuple[Any, Any], *masked: Mapping[str, Any]
    ) -> Any:
        pattern, values, in_trace = "", list[Any](), False
        for x in operands:
            kind = "n" if type(x) is node else "c"
            if kind == "n":
                x = x._value
            if isinstance(x, stand_in):
                if not x.is_number or x.dtype.kind != "f":
                    return record(operation, operands, *masked)
                in_trace = True
            elif type(x) is not float and (kind == "n" or type(x) is not int):
                return record(operation, operands, *masked)
            pattern += kind
            values.append(x)
        if not in_trace or masked:
            return record(operation, operands, *masked)
        z = new(node)
        z._value = compute(*values)
        z._step, z._parameters = space[f"step_{pattern}"], space["NONE"]
        z.operands = operands
        z.serial = space["next_serial"]()
        return z

    return record_numbers


def _steps(operation: type[elementwise], count: int) -> dict[str, Any] | None:
    """Return the steps of results by name, such as ``step_nc``; ``None``: not all."""
    patterns = {1: [(True,)], 2: [(True, True), (True, False), (False, True)]}[count]
    even = even_step if is_inlined(operation) else steps_of
    steps: dict[str, Any] = {}
    for wanted in patterns:
        kind = pattern_of(wanted)
        steps[f"step_{kind}"] = scalar_step(operation, wanted)
        steps[f"even_{kind}"] = even(operation, wanted)
        steps[f"array_{kind}"] = steps_of(operation, wanted)
    return None if None in steps.values() else steps
