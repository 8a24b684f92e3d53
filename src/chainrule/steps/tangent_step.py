"""Tangent steps: one vertex' part of a plain forward sweep, made from its rule.

``tangent_step(z, dots)`` returns the tangent of ``z`` from those of its operands in
``dots``, or ``None`` where no operand has one. It belongs to the step of the reverse
sweep that the vertex has: text for Python floats and for arrays of one shape, as in
``kernels``, and a function of the rule for everything else. The reference is
``rule.push``, to which the tests hold all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.rules import elementwise, general, linear, multilinear, rule
from chainrule.rules.base import pushed
from chainrule.rules.declarations import needed
from chainrule.rules.linear_rule import zeroed_in
from chainrule.rules.namespace import plain
from chainrule.rules.python_forms import MATH, scalar_form
from chainrule.rules.supports import fit, product, project, supported, zeros_of
from chainrule.steps.local_names import formulas_of, local_names
from chainrule.steps.owned_arrays import are_plain
from chainrule.steps.step import Step, hook
from chainrule.steps.text import compile_text, names_in, pattern_of, scaled
from chainrule.values.shapes import ndarray
from chainrule.values.vertices import ARITHMETIC_ERRORS, raw, vertex

Dots = dict[vertex, Any]
TangentStep = Callable[[vertex, Dots], Any]


def tangent_step_of(step: Step) -> TangentStep:
    """Return the tangent step that goes with a step of the reverse sweep, made once."""
    tangent_step = _written_for(step)
    step.tangent_step = tangent_step  # type: ignore[attr-defined]
    return tangent_step


def _written_for(step: Any) -> TangentStep:
    operation: type[rule] = step.rule
    if step.form is not None and issubclass(operation, elementwise):
        return _written(operation, *step.form)
    if issubclass(operation, elementwise) and not operation.variadic:
        return _elementwise_step(operation)
    if issubclass(operation, linear):
        overwrite = None if operation.variadic else hook(operation, "overwrite", 0)
        by_rule = _linear_step(operation)
        return by_rule if overwrite is None else _overwriting_step(by_rule, overwrite)
    if issubclass(operation, general) and operation.pushforward is not None:
        return _general_step(operation)
    return reference_tangent_step


def reference_tangent_step(z: vertex, dots: Dots) -> Any:
    """Return a tangent by the rule's ``push``: slow, for every kind of rule."""
    own = [_tangent_of(x, dots) for x in z.operands]
    if all(t is None for t in own):
        return None
    tangents = [None if t is None else supported(t) for t in own]
    values = [raw(x) for x in z.operands]
    z_dot = pushed(z.rule, plain, tangents, raw(z), values, z.parameters)
    return None if z_dot is None else project(plain, z_dot, z).value


def _tangent_of(x: Any, dots: Dots) -> Any:
    return dots.get(x) if isinstance(x, vertex) else None


def _written(
    operation: type[elementwise], form: str, wanted: tuple[bool, ...]
) -> TangentStep:
    """Generate the tangent step for floats, or for arrays of one shape and dtype."""
    scalar = form == "float"
    formulas = formulas_of(operation, scalar_form if scalar else None)
    names = local_names(operation)
    nodes = [n for n, w in zip(names, wanted, strict=True) if w and n in formulas]
    used = names_in(formulas[n] for n in nodes)
    space: dict[str, Any] = {
        "errors": ARITHMETIC_ERRORS,
        "reference": reference_tangent_step,
    }
    space |= MATH if scalar else {f: getattr(plain, f) for f in used - {"z", *names}}
    targets = [f"{n}_" if w else n for n, w in zip(names, wanted, strict=True)]
    lines = [
        "def tangent_step(z_, dots):",
        f"    {', '.join(targets)}, = z_.operands",
    ]
    lines += [f"    {n}_dot = dots.get({n}_)" for n in nodes]
    held = [n for n, w in zip(names, wanted, strict=True) if w and n in used]
    lines += [f"    {n} = {n}_._value" for n in held]
    lines += ["    z = z_._value"] if "z" in used else []
    lines += ["    total = None", "    try:"]
    for i, n in enumerate(nodes):
        term = scaled(formulas[n]).replace("z_grad", f"{n}_dot", 1)
        total = f"total = {term}"
        if i:
            total = f"total = {term} if total is None else total + {term}"
        lines += [f"        if {n}_dot is not None:", f"            {total}"]
    lines += ["        return total", "    except errors:"]
    lines += ["        return reference(z_, dots)"]
    label = f"{operation.__name__} {form} tangent step {pattern_of(wanted)}"
    return compile_text("\n".join(lines), "tangent_step", label, space)


def _elementwise_step(operation: type[elementwise]) -> TangentStep:
    """Return the tangent step of an elementwise rule on operands of any kind."""
    parts = operation.parts

    def tangent_step(z: vertex, dots: Dots) -> Any:
        operands, result, parameters = z.operands, z._value, z._parameters
        if parameters.get("where") is not None:
            return reference_tangent_step(z, dots)
        own = [(i, _tangent_of(operands[i], dots)) for i in parts]
        moving = [(i, dot) for i, dot in own if dot is not None]
        if not moving:
            return None
        values = [x._value if isinstance(x, vertex) else x for x in operands]
        total: Any = None
        try:
            for i, dot in moving:
                partial = parts[i](plain, result, *values, **parameters)
                partial = needed(operation, i, partial)
                term = fit(plain, product(plain, dot, partial, None), result)
                total = term if total is None else total + term
        except ARITHMETIC_ERRORS:
            return reference_tangent_step(z, dots)
        return total

    return tangent_step


def _linear_step(operation: type[linear]) -> TangentStep:
    """Return the tangent step of a linear rule: the operation on the tangents."""
    if issubclass(operation, multilinear):
        return _multilinear_step(operation)

    def tangent_step(z: vertex, dots: Dots) -> Any:
        operands, result = z.operands, z._like
        variable = range(len(operands)) if operation.variadic else operation.parts
        own = [(i, _tangent_of(operands[i], dots)) for i in variable]
        moving = {i: dot for i, dot in own if dot is not None}
        if not moving:
            return None
        parameters = zeroed_in(operation, z.parameters)
        values = [x._like if isinstance(x, vertex) else x for x in operands]
        for i in variable:
            values[i] = moving[i] if i in moving else zeros_of(values[i])
        z_dot = fit(plain, plain.apply(operation, values, parameters), result)
        if operands and isinstance(x := operands[0], vertex) and x.transient:
            return apart(z_dot, moving.get(0))
        return z_dot

    return tangent_step


def _multilinear_step(operation: type[multilinear]) -> TangentStep:
    """Return the tangent step of a product: the sum of those with each tangent."""
    parts = None if operation.variadic else operation.parts

    def tangent_step(z: vertex, dots: Dots) -> Any:
        values, moving = list(z.operands), list[tuple[int, Any]]()
        for i, x in enumerate(values):
            if isinstance(x, vertex):
                values[i] = x._value
                dot = dots.get(x)
                if dot is not None and (parts is None or i in parts):
                    moving.append((i, dot))
        result, parameters = z._like, zeroed_in(operation, z._parameters)
        total: Any = None
        for i, dot in moving:
            factors = [*values[:i], dot, *values[i + 1 :]]
            term = fit(plain, plain.apply(operation, factors, parameters), result)
            total = term if total is None else total + term
        return total

    return tangent_step


def apart(z_dot: Any, x_dot: Any) -> Any:
    """Return a tangent that shows no memory of another, which will be overwritten."""
    if type(z_dot) is ndarray and z_dot.base is not None and z_dot.base is x_dot:
        return z_dot.copy()
    return z_dot


def _overwriting_step(
    by_rule: TangentStep, overwrite: Callable[..., None]
) -> TangentStep:
    """Return the step of ``x[index] = y``: into the tangent of ``x``, where it is free.

    Nothing older than the write is left to be swept, and what is younger sees the array
    as it is afterwards, unless it was a sweep: those use versions, and ask for them.
    """

    def tangent_step(z: vertex, dots: Dots) -> Any:
        x, y = z.operands
        free = x is not y and isinstance(x, vertex) and x.passes_on
        if free and type(dots.get(x)) is ndarray:
            x_dot, parameters = dots.pop(x), z.parameters
            alone = x_dot.base is None and sys.getrefcount(x_dot) == _ALONE
            if alone and are_plain(parameters):
                y_dot = _tangent_of(y, dots)
                overwrite(x_dot, 0.0 if y_dot is None else y_dot, **parameters)
                return x_dot
            dots[x] = x_dot
        return by_rule(z, dots)

    return tangent_step


def _probe() -> int:
    dots = {"x": np.empty(1)}
    x_dot = dots.pop("x")
    return sys.getrefcount(x_dot)


_ALONE = _probe()


def _general_step(operation: type[general]) -> TangentStep:
    """Return the tangent step of a general rule: its pushforward."""

    def tangent_step(z: vertex, dots: Dots) -> Any:
        operands, parameters = z.operands, z._parameters
        tangents = tuple([_tangent_of(x, dots) for x in operands])
        if all(t is None for t in tangents):
            return None
        values = [x._value if isinstance(x, vertex) else x for x in operands]
        try:
            z_dot = operation.pushforward(
                plain, tangents, z._value, *values, **parameters
            )
        except ARITHMETIC_ERRORS:
            return reference_tangent_step(z, dots)
        return None if z_dot is None else project(plain, supported(z_dot), z).value

    return tangent_step
