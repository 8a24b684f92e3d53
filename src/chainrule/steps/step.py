"""Steps: one vertex' part of a plain reverse sweep, generated from its rule.

``step(z, z_grad, bars)`` adds to ``bars[x]`` for each operand ``x`` that is a node.
The reference is ``rule.pull``; the functions here are generated from the same rule as
Python text, one per rule and pattern of operands, and are found in tracebacks by their
text. Tests hold them to the reference.

Where every value is a Python ``float`` the partials become plain float arithmetic
through ``math``, about five times faster than NumPy on scalars.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.rules import elementwise, general, linear, multilinear, rule
from chainrule.rules.base import pulled
from chainrule.rules.declarations import one_per_operand, takes_none
from chainrule.rules.namespace import plain
from chainrule.rules.python_forms import MATH, scalar_form
from chainrule.rules.supports import accumulate, fit, project, supported
from chainrule.steps.local_names import formulas_of, local_names
from chainrule.steps.owned_arrays import (
    GIVEN,
    LARGE,
    accumulate_by,
    add_into,
    are_plain,
    times,
    times_each,
)
from chainrule.steps.text import lazy_function, names_in, pattern_of, scaled
from chainrule.values.foreign import PLAIN
from chainrule.values.shapes import ndarray
from chainrule.values.types import Value
from chainrule.values.vertices import ARITHMETIC_ERRORS, raw, vertex

Step = Callable[[vertex, Any, dict[vertex, Any]], None]


def reference_step(z: vertex, z_grad: Value, bars: dict[vertex, Any]) -> None:
    """Take one vertex's step by its rule's ``pull``: slow, for every kind of rule."""
    operands = z.operands
    wanted = [i for i, x in enumerate(operands) if isinstance(x, vertex)]
    values = [raw(x) for x in operands]
    z_bar = supported(z_grad)
    parts = pulled(z.rule, plain, z_bar, raw(z), values, wanted, z.parameters)
    for i, part in parts:
        x, have = operands[i], bars[operands[i]]
        total = None if have is None else supported(have)
        bars[x] = accumulate(plain, total, project(plain, part, x)).value


def reference_of(operation: type[rule]) -> Step:
    """Return the reference step of a rule, as a function that knows its rule."""

    def step(z: vertex, z_grad: Value, bars: dict[vertex, Any]) -> None:
        reference_step(z, z_grad, bars)

    return named(step, operation)


def named(
    step: Any, operation: type[rule], form: tuple[str, tuple[bool, ...]] | None = None
) -> Step:
    """Return a step that knows its rule, and for which values it was written.

    The form is ``"float"`` or ``"even"`` (arrays of one shape and dtype) and the
    pattern of operands; ``None`` is a step for values of any kind.
    """
    step.rule, step.form = operation, form
    step.returns_numbers = not operation.returns_arrays
    return step


_GIVEN = "    parameters = z.parameters\n"
_HEAD = """\
def step(z, z_grad, bars):
    {operands}, = z.operands
    parameters = z.parameters
"""
_PULLBACK = """\
        parts = rule.pullback(np, z_grad, z._value, {values}, **parameters)
        if type(parts) is not tuple or len(parts) != {count}:
            parts = one_per_operand(rule, parts, {count})
"""
_ADD = """\
    if a{i} is not None:
        if (type(a{i}) is not type(v{i}) or type(v{i}) is not float and
            (a{i}.shape != v{i}.shape or a{i}.dtype is not v{i}.dtype)):
            a{i} = fit(np, a{i}, v{i})
        if bars[x{i}] is None: bars[x{i}] = a{i}
        else: add_into(bars, x{i}, a{i})
"""
_ADD_PART = (
    _ADD
    + """\
    else:
        return reference_step(z, z_grad, bars)
"""
)
"""The same for a transpose or a partial: the reference says that it gave nothing."""
_ADD_IN_PLACE = """\
    try:
        accumulate_by(bars, x{i}, v{i}, add{i}, z_grad, parameters)
    except (TypeError, ValueError):
        a{i} = d{i}(np, z_grad, {values}, **parameters)
        add_into(bars, x{i}, fit(np, a{i}, v{i}))
"""
"""A trace changes no array: there the contribution is added as any other."""
_OVERWRITE = """\
    if type(z_grad) is ndarray and z_grad.dtype is v{i}.dtype and are_plain(parameters):
        if count(z_grad) != GIVEN or z_grad.base is not None:
            z_grad = z_grad.copy()
        overwrite{i}(z_grad, 0.0, **parameters)
        add_into(bars, x{i}, z_grad)
    else:
        a{i} = d{i}(np, z_grad, {values}, **parameters)
        add_into(bars, x{i}, fit(np, a{i}, v{i}))
"""
"""What is left of the cotangent is handed on, in its memory if nobody else holds it."""
_APART = """\
        if a{i}.base is z_grad:
            a{i} = a{i}.copy()
"""
_ERRORS = """\
        pass
    except errors:
        return reference_step(z, z_grad, bars)
"""
_NAMES: Mapping[str, Any] = {
    "np": plain,
    "fit": fit,
    "add_into": add_into,
    "times": times,
    "times_each": times_each,
    "PLAIN": PLAIN,
    "accumulate_by": accumulate_by,
    "are_plain": are_plain,
    "count": sys.getrefcount,
    "GIVEN": GIVEN,
    "ndarray": ndarray,
    "one_per_operand": one_per_operand,
    "errors": ARITHMETIC_ERRORS,
    "reference_step": reference_step,
}


def array_step(operation: type[rule], wanted: tuple[bool, ...]) -> Step:
    """Return the step for values of any kind; ``wanted``: operands that are nodes.

    It is the rule's own ``step``, where it has one, and is generated elsewhere.
    """
    if hasattr(operation, "step"):
        own: Any = operation.step  # type: ignore[attr-defined]
        return named(own, operation)
    if operation.variadic and issubclass(operation, linear | general):
        return variadic_step(operation)
    if operation.variadic or not issubclass(operation, elementwise | linear | general):
        return reference_of(operation)
    label = f"{operation.__name__} step {pattern_of(wanted)}"
    names = {**_NAMES, "rule": operation}
    write = functools.partial(_array_text, operation, wanted, names)
    return named(lazy_function("step", label, names, write), operation)


def _array_text(
    operation: type[rule], wanted: tuple[bool, ...], names: dict[str, Any]
) -> str:
    """Return the text of the step for values of any kind, and fill its globals."""
    nodes = [i for i, is_node in enumerate(wanted) if is_node]
    values = ", ".join(f"v{i}" if w else f"x{i}" for i, w in enumerate(wanted))
    head = _HEAD.format(operands=", ".join(f"x{i}" for i in range(len(wanted))))
    held = "_like" if reads_shapes_only(operation) else "_value"
    head += "".join(f"    v{i} = x{i}.{held}\n" for i in nodes) + "    try:\n"
    if issubclass(operation, general):
        head += _PULLBACK.format(values=values, count=len(wanted))
    adds = last = ""
    overwritten = {i: f for i in nodes if (f := hook(operation, "overwrite", i))}
    for i in nodes:
        if i in overwritten:
            names |= {f"overwrite{i}": overwritten[i], f"d{i}": operation.parts[i]}
            last = _OVERWRITE.format(i=i, values=values)
        elif (add := hook(operation, "accumulate", i)) is not None:
            names |= {f"add{i}": add, f"d{i}": operation.parts[i]}
            adds += _ADD_IN_PLACE.format(i=i, values=values)
        elif (text := _contribution(operation, i, values, names)) is not None:
            head += f"        a{i} = {text}\n"
            head += _APART.format(i=i) if overwritten else ""
            add_text = _ADD if issubclass(operation, general) else _ADD_PART
            adds += add_text.format(i=i)
    text = head + _ERRORS + adds + last
    each = issubclass(operation, elementwise | linear)
    if each and "times_each" not in text and takes_none(operation):
        text = text.replace(_GIVEN, "").replace(", **parameters", "")
    return text


def reads_shapes_only(operation: type[rule]) -> bool:
    """Tell whether a rule's transposes ask operands for nothing but shape and dtype."""
    return issubclass(operation, linear) and not issubclass(operation, multilinear)


def _contribution(
    operation: type[rule], i: int, listed: str, names: dict[str, Any]
) -> str | None:
    """Return the text of operand ``i``'s contribution; ``None`` if it has none."""
    if issubclass(operation, general):
        return f"parts[{i}]() if callable(parts[{i}]) else parts[{i}]"
    if i not in operation.parts:
        return None
    names[f"d{i}"] = operation.parts[i]
    if not issubclass(operation, elementwise):
        return f"d{i}(np, z_grad, {listed}, **parameters)"
    formula = formulas_of(operation, None).get(local_names(operation)[i])
    if formula in ("1", "-1"):
        return "z_grad" if formula == "1" else "-z_grad"
    product = f"times(z_grad, d{i}(np, z._value, {listed}, **parameters))"
    if formula is None or formula.isidentifier() or not is_inlined(operation):
        return product
    used = names_in([formula])
    names[f"read{i}"] = tuple(
        k for k, n in enumerate(("z", *local_names(operation))) if n in used
    )
    together = f"times_each(d{i}, read{i}, z_grad, (z._value, {listed}), parameters)"
    return f"{product} if z_grad.__class__ in PLAIN else {together}"


def even_step(operation: type[elementwise], wanted: tuple[bool, ...]) -> Step | None:
    """Generate the step for arrays that all have the shape and dtype of the result.

    The partials stand in the text as formulas, and nothing needs to be summed or cast.
    """
    formulas = formulas_of(operation, None)
    names = local_names(operation)
    if len(formulas) != len(operation.parts) or len(names) != len(wanted):
        return None
    label = f"{operation.__name__} even step {pattern_of(wanted)}"
    space = {**_NAMES, "LARGE": LARGE}

    def write() -> str:
        return "\n".join(_even_lines(formulas, names, wanted, space))

    step = lazy_function("step", label, space, write)
    return named(step, operation, ("even", wanted))


def _even_lines(
    formulas: Mapping[str, str],
    names: Sequence[str],
    wanted: tuple[bool, ...],
    space: dict[str, Any],
) -> list[str]:
    """Return the lines of a step for arrays of one shape, and fill its globals."""
    nodes = [n for n, w in zip(names, wanted, strict=True) if w and n in formulas]
    used = names_in(formulas[n] for n in nodes)
    space |= {f: getattr(plain, f) for f in used - {"z", *names}}
    targets = [f"{n}_" if w else n for n, w in zip(names, wanted, strict=True)]
    lines = [
        "def step(z_, z_grad, bars):",
        f"    {', '.join(targets)}, = z_.operands",
    ]
    held = [n for n, w in zip(names, wanted, strict=True) if w and n in used]
    lines += [f"    {n} = {n}_._value" for n in held]
    lines += ["    z = z_._value"] if "z" in used else []
    lines.append("    try:")
    lines += [f"        a{i} = {scaled(formulas[n])}" for i, n in enumerate(nodes)]
    lines += ["    except errors:", "        return reference_step(z_, z_grad, bars)"]
    for i, n in enumerate(nodes):
        lines += [
            f"    c = bars[{n}_]",
            "    if c is None:",
            f"        bars[{n}_] = a{i}",
            "    elif c.nbytes < LARGE:",
            f"        bars[{n}_] = c + a{i}",
            "    else:",
            "        del c",
            f"        add_into(bars, {n}_, a{i})",
        ]
    return lines


def is_inlined(operation: type[elementwise]) -> bool:
    """Tell whether formulas can stand for partials; structural ones need a cast."""
    return operation.inline and not operation.structural


def hook(operation: type[rule], verb: str, i: int) -> Callable[..., None] | None:
    """Return how a linear rule changes an array in place for operand ``i``, if it says.

    It may ``accumulate`` the operand's cotangent into another, or ``overwrite`` one.
    """
    if not issubclass(operation, linear):
        return None
    return getattr(operation, f"{verb}_{operation.operand_names[i]}", None)


def variadic_step(operation: Any) -> Step:
    """Return the step of a rule with any number of operands, as a loop.

    The rule is a linear or a general one.
    """
    by_pullback = issubclass(operation, general)
    together = by_pullback or operation._main == "transposes"

    def step(z: vertex, z_grad: Value, bars: dict[vertex, Any]) -> None:
        operands, parameters = z.operands, z.parameters
        values = [raw(x) for x in operands]
        parts: Any = None
        if by_pullback:
            try:
                given = z_grad, z._value, *values
                parts = operation.pullback(plain, *given, **parameters)
            except ARITHMETIC_ERRORS:
                return reference_step(z, z_grad, bars)
        elif together:
            parts = operation.transposes(plain, z_grad, *values, **parameters)
        if together:
            parts = one_per_operand(operation, parts, len(values))
        for i, x in enumerate(operands):
            if not isinstance(x, vertex):
                continue
            if together:
                part = parts[i]() if callable(parts[i]) else parts[i]
            else:
                part = operation.apply_transpose(plain, i, z_grad, values, parameters)
            if part is not None:
                add_into(bars, x, fit(plain, part, values[i]))
        return None

    return named(step, operation)


def scalar_step(operation: type[elementwise], wanted: tuple[bool, ...]) -> Step | None:
    """Generate the step for Python floats; ``None`` where a partial has no such form.

    Where ``math`` raises (a pole, an overflow) the reference step is taken instead.
    """
    formulas = formulas_of(operation, scalar_form)
    names = local_names(operation)
    if len(formulas) != len(operation.parts) or len(names) != len(wanted):
        return None
    label = f"{operation.__name__} float step {pattern_of(wanted)}"
    space = {**MATH, "reference_step": reference_step, "errors": ARITHMETIC_ERRORS}

    def write() -> str:
        return "\n".join(_scalar_lines(formulas, names, wanted))

    step = lazy_function("step", label, space, write)
    return named(step, operation, ("float", wanted))


def _scalar_lines(
    formulas: Mapping[str, str], names: Sequence[str], wanted: tuple[bool, ...]
) -> list[str]:
    """Return the lines of a step for Python floats."""
    nodes = [name for name, w in zip(names, wanted, strict=True) if w]
    nodes = [name for name in nodes if name in formulas]
    lines = ["def step(z_, z_grad, bars):"]
    targets = [f"{n}_" if w else n for n, w in zip(names, wanted, strict=True)]
    lines.append(f"    {', '.join(targets)}, = z_.operands")
    used = names_in(formulas[n] for n in nodes)
    loads = [f"{n} = {n}_._value" for n in nodes if n in used]
    loads += ["z = z_._value"] if "z" in used else []
    lines += [f"    {load}" for load in loads]
    lines.append("    try:")
    for i, n in enumerate(nodes):
        lines.append(f"        a{i} = {scaled(formulas[n])}")
    lines += ["    except errors:", "        return reference_step(z_, z_grad, bars)"]
    for i, n in enumerate(nodes):
        lines += [
            f"    c = bars[{n}_]",
            f"    bars[{n}_] = a{i} if c is None else c + a{i}",
        ]
    return lines


def steps_of(operation: type[rule], wanted: tuple[bool, ...]) -> Step:
    """Return the array step of a rule for a pattern of operands, generated once."""
    table: dict[tuple[bool, ...], Step] | None = operation.__dict__.get("_steps")
    if table is None:
        table = {}
        operation._steps = table  # type: ignore[attr-defined]
    if operation.variadic:
        wanted = ()
    step = table.get(wanted)
    if step is None:
        step = table[wanted] = array_step(operation, wanted)
    return step
