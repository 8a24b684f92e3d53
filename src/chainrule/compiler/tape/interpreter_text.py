"""The text of the tape VM's interpreter, generated from one expression an operation.

Goes in: the tables below. Comes out: :func:`interpreter_text`, the Python text of the
interpreter that :mod:`chainrule.compiler.tape.interpreter` gives to numba.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

# Computed together for rows of one element: op -> expression in a, b.
TOGETHER = {
    "add": "a + b",
    "subtract": "a - b",
    "multiply": "a * b",
    "divide": "a / b",
    "negative": "-a",
    "copy": "a",
    "square": "a * a",
    "absolute": "abs(a)",
}

# Cheap operations: rows of many elements are bound by memory.
CHEAP = {
    "reciprocal": "1.0 / a",
    "positive": "a",
    "fabs": "abs(a)",
    "sqrt": "math.sqrt(a)",
    "maximum": "a if a > b or a != a else b",
    "minimum": "a if a < b or a != a else b",
    "fmax": "a if a > b or b != b else b",
    "fmin": "a if a < b or b != b else b",
    "less": "1.0 if a < b else 0.0",
    "less_equal": "1.0 if a <= b else 0.0",
    "greater": "1.0 if a > b else 0.0",
    "greater_equal": "1.0 if a >= b else 0.0",
    "equal": "1.0 if a == b else 0.0",
    "not_equal": "1.0 if a != b else 0.0",
    "logical_and": "1.0 if a != 0.0 and b != 0.0 else 0.0",
    "logical_or": "1.0 if a != 0.0 or b != 0.0 else 0.0",
    "logical_not": "1.0 if a == 0.0 else 0.0",
    "isnan": "1.0 if a != a else 0.0",
    "isinf": "1.0 if abs(a) == inf else 0.0",
    "isfinite": "1.0 if abs(a) < inf else 0.0",
    "signbit": "1.0 if math.copysign(1.0, a) < 0.0 else 0.0",
    "copysign": "math.copysign(a, b)",
    "sign": "1.0 if a > 0.0 else -1.0 if a < 0.0 else 0.0 if a == 0.0 else a",
    "floor": "np.floor(a)",
    "ceil": "np.ceil(a)",
    "trunc": "np.trunc(a)",
    "rint": "np.rint(a)",
    "deg2rad": f"a * {np.pi / 180.0!r}",
    "rad2deg": f"a * {180.0 / np.pi!r}",
    "where": "b if a != 0.0 else c",
    "logaddexp": "logaddexp(a, b)",
}

# Vectorised functions of one operand.
SMOOTH = {
    "exp": "exp(a)",
    "expm1": "expm1(a)",
    "log": "log(a)",
    "log1p": "log1p(a)",
    "sin": "sin(a)",
    "cos": "cos(a)",
    "sinh": "sinh(a)",
    "cosh": "cosh(a)",
    "tanh": "tanh(a)",
}

# Element by element, mostly in the C library.
PLAIN = {
    "power": "a**b",
    "cbrt": "cbrt(a)",
    "exp2": "np.exp2(a)",
    "log2": "np.log2(a)",
    "log10": "np.log10(a)",
    "tan": "math.tan(a)",
    "arcsin": "math.asin(a)",
    "arccos": "math.acos(a)",
    "arctan": "math.atan(a)",
    "arctan2": "math.atan2(a, b)",
    "hypot": "math.hypot(a, b)",
    "arcsinh": "math.asinh(a)",
    "arccosh": "math.acosh(a)",
    "arctanh": "math.atanh(a)",
    "remainder": "row_remainder(a, b)",
    "fmod": "np.fmod(a, b)",
    "floor_divide": "row_floor_divide(a, b)",
}

# Rows with loops of their own: functions of chainrule.compiler.tape.interpreter.
REDUCTIONS = {
    "sum": "work[z] = row_sum(work, x, dx, n)",
    "max": "work[z] = row_max(work, x, dx, n)",
    "min": "work[z] = row_min(work, x, dx, n)",
    "dot": "work[z] = row_dot(work, x, dx, y, dy, n)",
    "matmul": "row_matmul(work, z, x, y, u(code[r, 9]), n, u(code[r, 10]), dx, dw, dy)",
}

# Vectorised below a size of operand, in the C library beyond.
PERIODIC = ("sin", "cos")

# Where a destination that is an operand's place has a loop of its own: which operands.
IN_PLACE = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide"), "ab"),
    **dict.fromkeys(("maximum", "minimum"), "ab"),
    **dict.fromkeys(("negative", "copy", "square", "absolute"), "a"),
    **dict.fromkeys(("sqrt", "reciprocal"), "a"),
    "where": "bc",
}

# The steps of one, two, three operands that have loops of their own.
STEPS: dict[int, tuple[str, ...]] = {
    1: ("1",),
    2: ("11", "10", "01"),
    3: ("111", "110", "101", "100"),
}

PLACE = {"a": "x", "b": "y", "c": "w"}

EXPRESSIONS = {**TOGETHER, **CHEAP, **SMOOTH, **PLAIN}
OPCODES: Mapping[str, int] = MappingProxyType(
    {name: code for code, name in enumerate((*EXPRESSIONS, *REDUCTIONS))}
)
NAMES: Mapping[int, str] = MappingProxyType({c: name for name, c in OPCODES.items()})
"""The operation of each opcode."""


def _operands(expression: str) -> str:
    """Return which of a, b, c an expression reads: ``"ab"`` for ``"a + b"``."""
    words = "".join(ch if ch.isalnum() or ch in "_." else " " for ch in expression)
    return "".join(name for name in "abc" if name in words.split())


def _loop(expression: str, index: Mapping[str, str]) -> list[str]:
    """Return one loop over n elements; operands that stand still are read before it."""
    still = [p for p, place in index.items() if place in ("x", "y", "w")]
    moving = [p for p in index if p not in still]
    return [
        *(f"{p} = work[{index[p]}]" for p in still),
        "for i in range(n):",
        *(f"    {p} = work[{index[p]}]" for p in moving),
        f"    work[z + i] = {expression}",
    ]


def _cases(cases: Sequence[tuple[str, list[str]]]) -> list[str]:
    """Return an if/elif/else over (test, lines); the last has no test."""
    lines: list[str] = []
    for test, body in cases:
        word = "elif" if lines else "if"
        lines += [f"{word} {test}:" if test else "else:"]
        lines += [f"    {line}" for line in body]
    return lines


def _plain(expression: str) -> list[str]:
    """Return the loop that takes any steps."""
    operands = _operands(expression)
    return _loop(expression, {p: f"{PLACE[p]} + i * d{PLACE[p]}" for p in operands})


def _by_steps(name: str, expression: str) -> list[str]:
    """Return loops for operands of step 0 or 1, which LLVM vectorises, and for any.

    LLVM vectorises a loop only where it can tell, or test, that the destination
    overlaps no operand; so one that is an operand's place has its own loop.
    """
    operands = _operands(expression)
    cases: list[tuple[str, list[str]]] = []
    for steps in STEPS[len(operands)]:
        moving = [p for p, step in zip(operands, steps, strict=True) if step == "1"]
        index = {p: PLACE[p] + (" + i" if p in moving else "") for p in operands}
        test = " and ".join(
            f"d{PLACE[p]} == u({step})" for p, step in zip(operands, steps, strict=True)
        )
        for p in moving:
            if p in IN_PLACE.get(name, ""):
                here = _loop(expression, {**index, p: "z + i"})
                cases += [(f"{test} and z == {PLACE[p]}", here)]
        if moving[:1] == ["a"] or name in IN_PLACE:
            cases += [(test, _loop(expression, index))]
    return _cases([*cases, ("", _plain(expression))])


def _switch(arms: Mapping[str, list[str]], indent: str) -> Iterator[str]:
    """Yield an if/elif chain on the opcode, which LLVM turns into a jump table."""
    word = "if"
    for name, lines in arms.items():
        yield f"{indent}{word} op == {OPCODES[name]}:  # {name}"
        yield from (f"{indent}    {line}" for line in lines)
        word = "elif"


def _single(expression: str) -> list[str]:
    """Return the lines of an operation on one element; a and b are at hand."""
    third = ["c = work[u(code[r, 4])]"] if "c" in _operands(expression) else []
    return [*third, f"work[z] = {expression}"]


def _gathered(expression: str) -> list[str]:
    """Return the lines of a function of one operand: copy to z, compute in place."""
    return ["gather(work, z, x, dx, n)", *_loop(expression, {"a": "z + i"})]


def _periodic(expression: str) -> list[str]:
    """Return the same for a function that needs the C library for a large operand."""
    copy, *loop = _gathered(expression)
    far = _gathered(f"far_{expression}")[1:]
    return [copy, *_cases([("any_far(work, z, n)", far), ("", loop)])]


def _single_arms() -> dict[str, list[str]]:
    """Return the lines of each operation for rows of one element."""
    arms = {
        name: _single(expression)
        for name, expression in EXPRESSIONS.items()
        if name not in TOGETHER
    }
    for name in PERIODIC:
        arms[name] = [f"work[z] = far_{EXPRESSIONS[name]}"]
    return arms


def _vector_arm(name: str, expression: str) -> list[str]:
    """Return an operation's lines for rows of any number of elements."""
    if name in PERIODIC:
        return _periodic(expression)
    if _operands(expression) == "a" and name not in IN_PLACE:
        return _gathered(expression)
    return _plain(expression) if name in PLAIN else _by_steps(name, expression)


def interpreter_text(name: str) -> str:
    """Return the text of the interpreter as a function ``name(code, work)``."""
    lines = [
        f"def {name}(code, work):",
        "    box = scratch()",
        "    for r in range(u(code.shape[0])):",
        "        op = code[r, 0]",
        "        z = u(code[r, 1])",
        "        x = u(code[r, 2])",
        "        y = u(code[r, 3])",
        "        n = u(code[r, 5])",
        f"        if n == u(1) and op < {len(EXPRESSIONS)}:",
        "            a = work[x]",
        "            b = work[y]",
        f"            if op < {len(TOGETHER)}:",
        *(f"                box[{OPCODES[o]}] = {e}" for o, e in TOGETHER.items()),
        "                work[z] = box[u(op)]",
        "            else:",
        *_switch(_single_arms(), " " * 16),
        "        else:",
        "            w = u(code[r, 4])",
        "            dx = u(code[r, 6])",
        "            dy = u(code[r, 7])",
        "            dw = u(code[r, 8])",
        *_switch(
            {name: _vector_arm(name, e) for name, e in EXPRESSIONS.items()}
            | {name: [line] for name, line in REDUCTIONS.items()},
            " " * 12,
        ),
    ]
    return "\n".join(lines) + "\n"


def scan_text(name: str) -> str:
    """Return the text of the loop over steps; ``run_once`` is the interpreter."""
    return f"""def {name}(address, code, work, count, reverse, ins, outs, carries):
    for step in range(count):
        t = u(count - 1 - step) if reverse else u(step)
        for row in range(u(ins.shape[0])):
            dst = u(ins[row, 0])
            src = u(ins[row, 1]) + t * u(ins[row, 2])
            for i in range(u(ins[row, 3])):
                work[dst + i] = work[src + i]
        run_at(address, code, work)
        for row in range(u(outs.shape[0])):
            dst = u(outs[row, 0]) + t * u(outs[row, 1])
            src = u(outs[row, 2])
            for i in range(u(outs[row, 3])):
                work[dst + i] = work[src + i]
        for row in range(u(carries.shape[0])):
            dst = u(carries[row, 0])
            src = u(carries[row, 1])
            for i in range(u(carries[row, 2])):
                work[dst + i] = work[src + i]
"""
