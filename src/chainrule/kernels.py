"""Fast paths written from the rules: a step per vertex and operators for floats.

A *step* is one vertex's part of a plain reverse sweep, ``step(z, z_grad, bars)``: it adds
to ``bars[x]`` for each operand ``x`` that is a node. The reference is ``rule.pull``; the
functions here are generated from the same rule as Python text, one per rule and pattern
of operands, and are found in tracebacks by their text. Tests hold them to the reference.

Where every value is a Python ``float`` the partials become plain float arithmetic
through ``math``, about five times faster than NumPy on scalars.
"""

from __future__ import annotations

import linecache
import math
import re
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.rules import (
    ARITHMETIC_ERRORS,
    accumulate,
    elementwise,
    fit,
    general,
    linear,
    plain,
    project,
    pulled,
    raw,
    rule,
    supported,
    vertex,
)
from chainrule.symbolic import partial_formulas
from chainrule.shapes import TUPLE, ndarray

Step = Callable[[Any, Any, dict[Any, Any]], None]

SCALAR_FORMS: Mapping[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "true_divide": "{0} / {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "square": "{0} * {0}",
    "reciprocal": "1.0 / {0}",
    "power": "pow_({0}, {1})",
    "float_power": "pow_({0}, {1})",
    "absolute": "fabs({0})",
    "fabs": "fabs({0})",
    "exp": "exp({0})",
    "exp2": "exp2({0})",
    "expm1": "expm1({0})",
    "log": "log({0})",
    "log2": "log2({0})",
    "log10": "log10({0})",
    "log1p": "log1p({0})",
    "sqrt": "sqrt({0})",
    "cbrt": "cbrt({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "tan": "tan({0})",
    "arcsin": "asin({0})",
    "arccos": "acos({0})",
    "arctan": "atan({0})",
    "arctan2": "atan2({0}, {1})",
    "hypot": "hypot({0}, {1})",
    "sinh": "sinh({0})",
    "cosh": "cosh({0})",
    "tanh": "tanh({0})",
    "arcsinh": "asinh({0})",
    "arccosh": "acosh({0})",
    "arctanh": "atanh({0})",
    "deg2rad": "radians({0})",
    "radians": "radians({0})",
    "rad2deg": "degrees({0})",
    "degrees": "degrees({0})",
    "remainder": "{0} % {1}",
    "fmod": "fmod({0}, {1})",
    "copysign": "copysign({0}, {1})",
    "floor_divide": "{0} // {1}",
    "trunc": "float(trunc({0}))",
    "isinf": "isinf({0})",
    "logaddexp": "({0} + log(2.0) if {0} == {1} else"
    " {0} + log1p(exp({1} - {0})) if {0} > {1} else {1} + log1p(exp({0} - {1})))",
    "logaddexp2": "({0} + 1.0 if {0} == {1} else"
    " {0} + log1p(exp2({1} - {0})) / log(2.0) if {0} > {1} else"
    " {1} + log1p(exp2({0} - {1})) / log(2.0))",
    "where": "{1} if {0} else {2}",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
    "fmax": "({0} if {0} >= {1} or {1} != {1} else {1})",
    "fmin": "({0} if {0} <= {1} or {1} != {1} else {1})",
    "sign": "({0} > 0.0) - ({0} < 0.0) if {0} == {0} else {0}",
}
"""How a NumPy function is written for Python floats."""

_MATH: dict[str, Any] = {
    name: getattr(math, name) for name in dir(math) if not name.startswith("_")
}
_MATH["pow_"] = math.pow


def reference_step(z: Any, z_grad: Any, bars: dict[Any, Any]) -> None:
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

    def step(z: Any, z_grad: Any, bars: dict[Any, Any]) -> None:
        reference_step(z, z_grad, bars)

    step.rule = operation  # type: ignore[attr-defined]
    return step


# ----------------------------------------------------------------- owned large buffers

LARGE = 1 << 15
"""Arrays from this many bytes on are updated in place where the sweep owns them."""


def keep_freed_memory() -> None:
    """Let the allocator keep freed arrays below 32 MB, up to 64 MB in all.

    Most of the time of large arrays goes into page faults, because glibc returns freed
    blocks to the system. Freeing one large block, never touched, raises its thresholds.
    Other allocators take no notice.
    """
    np.empty((1 << 25) - (1 << 13), np.uint8)


keep_freed_memory()


def _count(x: Any) -> int:
    return sys.getrefcount(x)


def _probe() -> int:
    bars = {"x": np.empty(1)}
    c = bars["x"]
    return _count(c)


_HELD_ONCE = _probe()
"""Reference count seen by ``_count`` of an array held by one table and one name."""


def add_into(bars: dict[Any, Any], x: Any, part: Any) -> None:
    """Add a cotangent to a table; in place where the table alone holds a large array."""
    c = bars[x]
    if c is None:
        bars[x] = part
    elif (
        type(c) is ndarray
        and c.nbytes >= LARGE
        and _count(c) == _HELD_ONCE
        and c.base is None
        and type(part) is ndarray
        and c.dtype == part.dtype
    ):
        np.add(c, part, out=c)
    elif isinstance(c, TUPLE):
        bars[x] = accumulate(plain, supported(c), supported(part)).value
    else:
        bars[x] = c + part


def _probe_temporary() -> int:
    def see(g: Any, p: Any) -> int:
        return _count(p)

    return see(None, np.empty(1) + 1.0)


_TEMPORARY = _probe_temporary()


def times(z_grad: Any, partial: Any) -> Any:
    """Return cotangent times partial, into the partial where that is a temporary."""
    if (
        type(partial) is ndarray
        and partial.nbytes >= LARGE
        and _count(partial) == _TEMPORARY
        and partial.base is None
        and type(z_grad) is ndarray
        and z_grad.shape == partial.shape
        and z_grad.dtype == partial.dtype
    ):
        return np.multiply(z_grad, partial, out=partial)
    return z_grad * partial


def accumulate_by(
    bars: dict[Any, Any], x: Any, value: Any, add: Callable[..., None], *given: Any
) -> None:
    """Let a rule add a mostly zero cotangent into the table's own array, in place.

    ``add(buffer, z_grad, **parameters)`` is the rule's ``accumulate_x``. An array that
    something else may hold is copied first.
    """
    z_grad, parameters = given
    c = bars[x]
    if type(value) is not ndarray:
        part = np.zeros(np.shape(value), getattr(value, "dtype", None))
        add(part, z_grad, **parameters)
        bars[x] = fit(plain, part, value) if c is None else c + fit(plain, part, value)
        return
    if c is None:
        c = bars[x] = np.zeros(value.shape, value.dtype)
    elif not (
        type(c) is ndarray
        and _count(c) == _HELD_ONCE
        and c.base is None
        and c.dtype == value.dtype
    ):
        c = bars[x] = np.array(c, value.dtype)
    add(c, z_grad, **parameters)


# ------------------------------------------------------------------- generated steps


def compile_text(text: str, name: str, label: str, names: dict[str, Any]) -> Any:
    """Compile generated text so that tracebacks can show its lines."""
    filename = f"<chainrule {label}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), names)
    return names[name]


def array_step(operation: type[rule], wanted: tuple[bool, ...]) -> Step:
    """Generate the step for values of any kind; ``wanted``: operands that are nodes."""
    if not issubclass(operation, elementwise | linear | general):
        return reference_of(operation)
    if operation.variadic:
        linear_rule = issubclass(operation, linear)
        return variadic_step(operation) if linear_rule else reference_of(operation)
    operands = [f"x{i}" for i in range(len(wanted))]
    values = [f"v{i}" if w else f"x{i}" for i, w in enumerate(wanted)]
    listed = ", ".join(values)
    names: dict[str, Any] = {
        "np": plain, "fit": fit, "add_into": add_into, "times": times, "rule": operation,
        "accumulate_by": accumulate_by, "errors": ARITHMETIC_ERRORS,
        "reference_step": reference_step,
    }  # fmt: skip
    lines = [
        "def step(z, z_grad, bars):",
        f"    {', '.join(operands)}, = z.operands",
        "    parameters = z._parameters",
    ]
    lines += [f"    v{i} = x{i}._value" for i, w in enumerate(wanted) if w]
    lines.append("    try:")
    if issubclass(operation, general):
        lines += [
            f"        parts = rule.pullback(np, z_grad, z._value, {listed}, **parameters)"
        ]
    adds = ["        pass", "    except errors:"]
    adds += ["        return reference_step(z, z_grad, bars)"]
    for i, is_node in enumerate(wanted):
        if is_node and (add := _in_place(operation, i)) is not None:
            names[f"add{i}"] = add
            adds += [f"    accumulate_by(bars, x{i}, v{i}, add{i}, z_grad, parameters)"]
            continue
        text = _contribution(operation, i, listed, names) if is_node else None
        if text is None:
            continue
        lines.append(f"        a{i} = {text}")
        adds += [
            f"    if a{i} is not None:",
            f"        if (type(a{i}) is not type(v{i}) or type(v{i}) is not float and",
            f"            (a{i}.shape != v{i}.shape or a{i}.dtype is not v{i}.dtype)):",
            f"            a{i} = fit(np, a{i}, v{i})",
            f"        add_into(bars, x{i}, a{i})",
        ]
    label = f"{operation.__name__} step {_pattern(wanted)}"
    step = compile_text("\n".join([*lines, *adds]), "step", label, names)
    step.rule = operation
    return step


def _contribution(
    operation: type[rule], i: int, listed: str, names: dict[str, Any]
) -> str | None:
    """Return the text of operand ``i``'s contribution; ``None`` if it has none."""
    if issubclass(operation, general):
        return f"parts[{i}]"
    if i not in operation.parts:
        return None
    names[f"d{i}"] = operation.parts[i]
    if not issubclass(operation, elementwise):
        return f"d{i}(np, z_grad, {listed}, **parameters)"
    formula = _formulas(operation, None).get(operation.operand_names[i])
    if formula in ("1", "-1"):
        return "z_grad" if formula == "1" else "-z_grad"
    return f"times(z_grad, d{i}(np, z._value, {listed}, **parameters))"


def even_step(operation: type[elementwise], wanted: tuple[bool, ...]) -> Step | None:
    """Generate the step for arrays that all have the shape and dtype of the result.

    The partials stand in the text as formulas, and nothing needs to be summed or cast.
    """
    formulas = _formulas(operation, None)
    names = operation.operand_names
    if len(formulas) != len(operation.parts) or len(names) != len(wanted):
        return None
    nodes = [n for n, w in zip(names, wanted, strict=True) if w and n in formulas]
    used = _names_in(formulas[n] for n in nodes)
    space: dict[str, Any] = {
        "add_into": add_into, "LARGE": LARGE, "errors": ARITHMETIC_ERRORS,
        "reference_step": reference_step,
    }  # fmt: skip
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
    lines += [f"        a{i} = {_scaled(formulas[n])}" for i, n in enumerate(nodes)]
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
    label = f"{operation.__name__} even step {_pattern(wanted)}"
    step = compile_text("\n".join(lines), "step", label, space)
    step.rule = operation
    return step


def _inlined(operation: type[elementwise]) -> bool:
    """Tell whether formulas can stand for partials; structural ones need a cast."""
    return operation.inline and not operation.structural


def _in_place(operation: type[rule], i: int) -> Callable[..., None] | None:
    """Return how a linear rule adds operand ``i``'s cotangent in place, if it says."""
    if not issubclass(operation, linear):
        return None
    return getattr(operation, f"accumulate_{operation.operand_names[i]}", None)


def variadic_step(operation: type[linear]) -> Step:
    """Return the step of a linear rule with any number of operands, as a loop."""

    def step(z: Any, z_grad: Any, bars: dict[Any, Any]) -> None:
        operands, parameters = z.operands, z._parameters
        values = [raw(x) for x in operands]
        parts: Any = None
        if operation._main == "transposes":
            parts = operation.transposes(plain, z_grad, *values, **parameters)
        for i, x in enumerate(operands):
            if not isinstance(x, vertex):
                continue
            part: Any = None if parts is None else parts[i]
            if parts is None:
                part = operation.apply_transpose(plain, i, z_grad, values, parameters)
            if part is not None:
                add_into(bars, x, fit(plain, part, values[i]))

    step.rule = operation  # type: ignore[attr-defined]
    return step


def _formulas(
    operation: type[elementwise], templates: Mapping[str, str] | None
) -> dict[str, str]:
    try:
        return partial_formulas(operation, templates)
    except (TypeError, AttributeError):
        return {}


def scalar_step(operation: type[elementwise], wanted: tuple[bool, ...]) -> Step | None:
    """Generate the step for Python floats; ``None`` where a partial has no such form.

    Where ``math`` raises (a pole, an overflow) the reference step is taken instead.
    """
    formulas = _formulas(operation, SCALAR_FORMS)
    names = operation.operand_names
    if len(formulas) != len(operation.parts) or len(names) != len(wanted):
        return None
    nodes = [name for name, w in zip(names, wanted, strict=True) if w]
    nodes = [name for name in nodes if name in formulas]
    space = {**_MATH, "reference_step": reference_step, "errors": ARITHMETIC_ERRORS}
    lines = ["def step(z_, z_grad, bars):"]
    targets = [f"{n}_" if w else n for n, w in zip(names, wanted, strict=True)]
    lines.append(f"    {', '.join(targets)}, = z_.operands")
    used = _names_in(formulas[n] for n in nodes)
    loads = [f"{n} = {n}_._value" for n in nodes if n in used]
    loads += ["z = z_._value"] if "z" in used else []
    lines += [f"    {load}" for load in loads]
    lines.append("    try:")
    for i, n in enumerate(nodes):
        lines.append(f"        a{i} = {_scaled(formulas[n])}")
    lines += ["    except errors:", "        return reference_step(z_, z_grad, bars)"]
    for i, n in enumerate(nodes):
        lines += [
            f"    c = bars[{n}_]",
            f"    bars[{n}_] = a{i} if c is None else c + a{i}",
        ]
    label = f"{operation.__name__} float step {_pattern(wanted)}"
    step = compile_text("\n".join(lines), "step", label, space)
    step.rule = operation
    return step


def _pattern(wanted: tuple[bool, ...]) -> str:
    """Write a pattern of operands: ``n`` for a node, ``c`` for a constant."""
    return "".join("cn"[w] for w in wanted)


def names_read(operation: type[elementwise], wanted: tuple[bool, ...]) -> set[str]:
    """Return the names of the operands that the wanted partials read."""
    known: dict[tuple[bool, ...], set[str]] | None = operation.__dict__.get("_reads")
    if known is None:
        known = {}
        operation._reads = known  # type: ignore[attr-defined]
    if wanted not in known:
        names = operation.operand_names
        formulas = _formulas(operation, None)
        nodes = [n for n, w in zip(names, wanted, strict=True) if w]
        everything: set[str] = set(names) if len(formulas) < len(operation.parts) else set()
        found = _names_in(formulas[n] for n in nodes if n in formulas)
        known[wanted] = everything | found
    return known[wanted]


def _scaled(formula: str) -> str:
    """Return the text of cotangent times partial, without needless operations."""
    if formula in ("1", "-1"):
        return "z_grad" if formula == "1" else "-z_grad"
    formula = _INTEGER.sub(r"\1.0", formula)  # NumPy takes floats faster than ints
    reciprocal = _RECIPROCAL.match(formula)
    return f"z_grad / {reciprocal[1]}" if reciprocal else f"z_grad * ({formula})"


_INTEGER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")
_RECIPROCAL = re.compile(r"^1\.0 / (\w+|\([^()]*\)|\w+\([^()]*\))$")


def _names_in(texts: Any) -> set[str]:
    return {name for t in texts for name in compile(t, "", "eval").co_names}


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


# --------------------------------------------------------------- generated operators

_MADE = """z = new(node)
z._value = value
z._step = {step}
z.operands = ({operands},)
z.serial = next_serial()
"""

_UNARY = """
def recorded_{name}(x{where}):
    {masked}
    if type(x) is node:
        x_ = x._value
        if type(x_) is float:
            try:
                value = {form_x}
            except errors:
                return record(rule, (x,))
            {made_n}
            return z
        if type(x_) is ndarray:
            value = forward(x_)
            {even_n}
            z._parameters = NONE
            if value.dtype is not x_.dtype:
                z._step = array_n
            return z
    return record(rule, (x,))
"""

_BINARY = """
def recorded_{name}(x, y{where}):
    {masked}
    if type(x) is node:
        x_ = x._value
        if type(x_) is float:
            if type(y) is node:
                y_ = y._value
                if type(y_) is float:
                    try:
                        value = {form_xy}
                    except errors:
                        return record(rule, (x, y))
                    {made_nn}
                    return z
            elif type(y) is float or type(y) is int:
                try:
                    value = {form_xc}
                except errors:
                    return record(rule, (x, y))
                {made_nc}
                return z
        elif type(x_) is ndarray:
            if type(y) is node:
                y_ = y._value
                if type(y_) is ndarray:
                    value = {array_xy}
                    {even_nn}
                    z._parameters = NONE
                    if x_.shape != y_.shape or x_.dtype is not y_.dtype:
                        z._step = array_nn
                    return z
            elif type(y) is float or type(y) is int:
                value = {array_xc}
                {even_nc}
                z._parameters = NONE
                if value.dtype is not x_.dtype:
                    z._step = array_nc
                return z
    elif (type(x) is float or type(x) is int) and type(y) is node:
        y_ = y._value
        if type(y_) is float:
            try:
                value = {form_cy}
            except errors:
                return record(rule, (x, y))
            {made_cn}
            return z
        if type(y_) is ndarray:
            value = {array_cy}
            {even_cn}
            z._parameters = NONE
            if value.dtype is not y_.dtype:
                z._step = array_cn
            return z
    return record(rule, (x, y))
"""


_INFIX: Mapping[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "power": "{0} ** {1}",
}
"""Ufuncs that arrays have as operators, which are quicker to call."""

_MASKED = """if where is not None:
    return record(rule, ({operands},), {{"where": where}})
"""


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


def lazy_function(
    name: str, space: dict[str, Any], generate: Callable[[], str | None]
) -> Callable[..., Any]:
    """Return a function whose text is generated and compiled when it is first called.

    ``generate`` fills ``space``, the function's globals, and returns its text, or
    ``None`` where ``record(rule, operands)`` is all there is. The function stays the
    same object: only its code is exchanged, so nothing is lost afterwards.
    """

    def build(args: Any, keywords: Any) -> Any:
        text = generate() or _GENERAL.format(name=name)
        label = f"{space['rule'].__name__} operator {name}"
        made = compile_text(text, f"recorded_{name}", label, space)
        function.__kwdefaults__ = made.__kwdefaults__
        function.__code__ = made.__code__.replace(co_name=name, co_qualname=name)
        return function(*args, **keywords)

    space["build"] = build
    function = FunctionType(_UNBUILT.__code__, space, name)
    function.__qualname__ = name
    function.__qualname__ = name
    return function


def _UNBUILT(*args: Any, **keywords: Any) -> Any:  # noqa: N802
    return build(args, keywords)  # type: ignore[name-defined]  # noqa: F821


_GENERAL = """
def recorded_{name}(*operands, where=None):
    return record_masked(rule, operands, where)
"""


def scalar_operator(
    operation: type[rule], name: str, names: dict[str, Any], *, masked: bool
) -> Callable[..., Any]:
    """Return an operator, generated with a short path for floats where there is one.

    ``names`` gives ``node``, ``record``, ``record_masked``, ``new``, ``next_serial`` and
    ``NONE``. With ``masked`` it takes ``where=``, which costs a call 30 ns.
    """
    space = {**names, "rule": operation}

    def generate() -> str | None:
        return _operator_text(operation, name, space, masked=masked)

    return lazy_function(name, space, generate)


def _operator_text(
    operation: type[rule], name: str, space: dict[str, Any], *, masked: bool
) -> str | None:
    """Return an operator's text and fill its globals; ``None`` without a float form."""
    if not issubclass(operation, elementwise):
        return None
    form = SCALAR_FORMS.get(getattr(operation.forward, "__name__", ""))
    count = len(operation.operand_names)
    if form is None or count not in (1, 2) or len(operation.parts) != count:
        return None
    patterns = {1: [(True,)], 2: [(True, True), (True, False), (False, True)]}[count]
    space |= {**_MATH, "errors": ARITHMETIC_ERRORS}
    space |= {"forward": operation.forward, "ndarray": np.ndarray}
    array = _INFIX.get(operation.forward.__name__, "forward({0}, {1})")
    operands = "x" if count == 1 else "x, y"
    fields = {"name": name, "where": "", "masked": ""}
    if masked:
        fields["where"] = ", *, where=None"
        fields["masked"] = _MASKED.format(operands=operands)
    even = even_step if _inlined(operation) else steps_of
    for pattern in patterns:
        kind = _pattern(pattern)
        steps = scalar_step(operation, pattern), even(operation, pattern)
        if steps[0] is None or steps[1] is None:
            return None
        space[f"step_{kind}"], space[f"even_{kind}"] = steps
        space[f"array_{kind}"] = steps_of(operation, pattern)
        for what, step in (("made", "step"), ("even", "even")):
            fields[f"{what}_{kind}"] = _MADE.format(
                step=f"{step}_{kind}", operands=operands
            )
    if count == 1:
        return _template(_UNARY, form_x=form.format("x_"), **fields)
    return _template(
        _BINARY,
        form_xy=form.format("x_", "y_"),
        form_xc=form.format("x_", "y"),
        form_cy=form.format("x", "y_"),
        array_xy=array.format("x_", "y_"),
        array_xc=array.format("x_", "y"),
        array_cy=array.format("x", "y_"),
        **fields,
    )
