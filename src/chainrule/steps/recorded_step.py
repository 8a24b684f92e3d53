"""Recorded steps: one vertex' part of a reverse sweep that is itself recorded.

``step(vertex, z, operands, z_grad, bars)`` adds to ``bars[x]`` for each wanted operand,
and tells whether it could. ``z`` and its operands are nodes, or the values of these
where the sweep is recorded in its seeds only. It is generated from the formulas of an
elementwise rule, as the plain steps of ``kernels`` are, or from the transposes of a
linear one; for every other rule the sweep calls ``rule.pull``, which is also the
reference that the tests hold these steps to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.rules import elementwise, linear, rule
from chainrule.rules.supports import fit, product
from chainrule.steps.local_names import formulas_of, local_names
from chainrule.steps.step import is_inlined
from chainrule.steps.text import compile_text, names_in, pattern_of, scaled
from chainrule.values.shapes import ndarray
from chainrule.values.types import Namespace
from chainrule.values.vertices import ARITHMETIC_ERRORS, raw, vertex

RecordedStep = Callable[[vertex, Any, Sequence[Any], Any, dict[vertex, Any]], bool]


def recorded_step_of(
    step: Any, wanted: tuple[bool, ...], z: vertex, xp: Namespace
) -> RecordedStep | None:
    """Return the recorded step of a vertex, made once; ``None`` if it has none.

    ``step`` is the vertex' plain one, and keeps it. ``wanted`` tells which operands
    take a contribution; ``xp`` is the namespace of recorded sweeps.
    """
    if step.form is None and z._parameters and not issubclass(step.rule, linear):
        return None  # the formulas are those of a call without parameters
    try:
        return step.recorded_steps[wanted]
    except AttributeError:
        steps: dict[tuple[bool, ...], RecordedStep | None] = {}
        step.recorded_steps = steps
    except KeyError:
        steps = step.recorded_steps
    form = "any" if step.form is None else step.form[0]
    steps[wanted] = _generated(step.rule, wanted, xp, form)
    return steps[wanted]


def _generated(
    operation: type[rule], wanted: tuple[bool, ...], xp: Namespace, form: str
) -> RecordedStep | None:
    """Generate a recorded step for values of a form: ``named`` says which there are.

    It is written with formulas where all values have one dtype, and cotangents need no
    fitting where all are floats.
    """
    names, parts = local_names(operation), operation.parts
    if operation.structural or len(names) != len(wanted):
        return None
    if issubclass(operation, linear):
        return _of_transposes(operation, wanted, xp)
    if not issubclass(operation, elementwise):
        return None
    nodes = [n for i, n in enumerate(names) if wanted[i] and i in parts]
    errors = (*ARITHMETIC_ERRORS, TypeError)  # of a partial that is None
    space: dict[str, Any] = {"errors": errors, "fit": _fitted(xp)}
    formulas: Mapping[str, str] = {}
    if form != "any" and is_inlined(operation):
        formulas = formulas_of(operation, None, recorded=True)
    if len(formulas) == len(parts):
        used = names_in(formulas[n] for n in nodes)
        space |= {f: getattr(xp, f) for f in used - {"z", *names}}
        texts = [scaled(formulas[n]) for n in nodes]
    else:
        space |= {"xp": xp, "product": product}
        space |= {f"d_{n}": parts[names.index(n)] for n in nodes}
        listed = ", ".join(names)
        texts = [f"product(xp, z_grad, d_{n}(xp, z, {listed}), None)" for n in nodes]
    lines = _head(names)
    lines.append("    try:")
    if form != "float":
        texts = [f"fit({t}, {n}_)" for n, t in zip(nodes, texts, strict=True)]
    lines += [f"        a{i} = {t}" for i, t in enumerate(texts)]
    lines += ["        pass", "    except errors:", "        return False"]
    for i, n in enumerate(nodes):
        lines += [
            f"    c = bars.get({n}_)",
            f"    bars[{n}_] = a{i} if c is None else c + a{i}",
        ]
    lines.append("    return True")
    label = f"{operation.__name__} recorded step {pattern_of(wanted)}"
    return compile_text("\n".join(lines), "step", label, space)


def _head(names: Sequence[str]) -> list[str]:
    """Return the first lines of a step: its operands as given, and the vertices."""
    return [
        "def step(vertex, z, operands, z_grad, bars):",
        f"    {', '.join(names)}, = operands",
        f"    {', '.join(f'{n}_' for n in names)}, = vertex.operands",
    ]


def _of_transposes(
    operation: type[linear], wanted: tuple[bool, ...], xp: Namespace
) -> RecordedStep | None:
    """Generate the recorded step of a linear rule, from its transposes."""
    names, parts = local_names(operation), operation.parts
    nodes = [i for i, is_wanted in enumerate(wanted) if is_wanted]
    if operation.variadic or any(i not in parts for i in nodes):
        return None
    space: dict[str, Any] = {"errors": ARITHMETIC_ERRORS, "fit": _fitted(xp), "xp": xp}
    space |= {f"d{i}": parts[i] for i in nodes}
    listed = ", ".join(names)
    lines = _head(names)
    lines += ["    parameters = vertex.parameters", "    if 'where' in parameters:"]
    lines += ["        return False", "    try:"]
    lines += [f"        a{i} = d{i}(xp, z_grad, {listed}, **parameters)" for i in nodes]
    lines += ["    except errors:", "        return False"]
    missing = " or ".join(f"a{i} is None" for i in nodes)
    lines += [f"    if {missing}:", "        return False"]
    for i in nodes:
        lines += [
            f"    a{i} = fit(a{i}, {names[i]}_)",
            f"    c = bars.get({names[i]}_)",
            f"    bars[{names[i]}_] = a{i} if c is None else c + a{i}",
        ]
    lines.append("    return True")
    label = f"{operation.__name__} recorded step {pattern_of(wanted)}"
    return compile_text("\n".join(lines), "step", label, space)


def _fitted(xp: Namespace) -> Callable[[Any, Any], Any]:
    """Return what brings a cotangent to the shape and dtype of a vertex' value."""

    def fitted(part: Any, x: Any) -> Any:
        like, value = x._value, raw(part)
        if type(like) is type(value) is float:
            return part
        if (
            type(like) is type(value) is ndarray
            and like.shape == value.shape
            and like.dtype is value.dtype
        ):
            return part
        return fit(xp, part, like)

    return fitted
