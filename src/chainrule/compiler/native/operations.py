"""The operations that tapes and loop nests have: those of rules, and some more.

Whatever rule has an expression, or a function in plain arithmetic, is an elementwise
operation. LLVM's text is written from it
(:mod:`chainrule.compiler.native.expressions`), for one number and for vectors. Besides
there are a copy, and what adds or compares many numbers.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.c_library import address, c_name
from chainrule.locks import lock
from chainrule.nodes.admission import operation_name
from chainrule.rules import rule, rule_of
from chainrule.rules.declarations import is_of_library
from chainrule.rules.expressions import is_test, parsed, parts_of, rule_behind
from chainrule.rules.named_functions import named_function
from chainrule.rules.registry import EXPRESSED

COMMON = "add subtract multiply divide negative copy square absolute".split()
"""What most instructions of a program are."""


class Reduction(NamedTuple):
    """An operation on many numbers: one on two numbers, over and over."""

    name: str
    pair: str
    start: float


_ALL = (
    Reduction("sum", "add", 0.0),
    Reduction("max", "maximum", -math.inf),
    Reduction("min", "minimum", math.inf),
)
REDUCTIONS = {r.pair: r for r in _ALL}
"""The reductions, by their operations on two numbers."""
PAIRS = {r.name: r.pair for r in _ALL}
"""The operation on two numbers of each reduction."""

INTRINSICS = ("fabs", "sqrt", "copysign", "floor", "ceil", "trunc", "rint")
"""Functions that are machine instructions."""


class Elementwise(NamedTuple):
    """An operation on numbers: its expression, a function that computes it, or both.

    One that ``rounds`` is another operation on numbers of float32: its operands and its
    result are rounded.
    """

    expression: str
    operands: tuple[str, ...]
    native: Callable[..., float] | None = None
    rounds: str = ""


ELEMENTWISE: dict[str, Elementwise] = {}
"""The elementwise operations. Those of rules that are declared later are added when
they are first asked for."""
NAMES: list[str] = []
"""All operations, each at the place of its opcode."""
OPCODES: dict[str, int] = {}
"""The opcode of each operation: that of a common one is its place in ``COMMON``."""
_OF_RULES: dict[type[rule], str | None] = {}
_RULES: dict[str, type[rule]] = {}
_ENTERING = lock()


def name_of(operation: type[rule]) -> str | None:
    """Return the name of a rule's operation; ``None`` if it has none.

    >>> from chainrule.operations_grad import power_grad, sum_grad
    >>> name_of(power_grad), name_of(sum_grad)
    ('power', None)
    """
    if operation not in _OF_RULES:
        with _ENTERING:
            if operation not in _OF_RULES:
                known = _is_operation(operation)
                _OF_RULES[operation] = _entered(operation) if known else None
    return _OF_RULES[operation]


def operation_named(function: Callable[..., Any]) -> str:
    """Return the name of the operation that a function is; empty if it is none.

    >>> import numpy as np
    >>> operation_named(np.less), operation_named(np.sort)
    ('less', '')
    """
    operation = rule_of(function)
    return "" if operation is None else name_of(operation) or ""


def single_of(name: str) -> str:
    """Return the operation on numbers of float32, which are held as float64.

    >>> single_of("add"), single_of("less"), single_of("where")
    ('single_add', 'less', 'where')
    """
    known = ELEMENTWISE[name]
    compares = known.expression != "" and is_test(parsed(known.expression))
    if name == "where" or known.rounds or compares:
        return name
    single = f"single_{name}"
    if single not in OPCODES:
        with _ENTERING:
            if single not in OPCODES:
                _enter(single, known._replace(rounds=name))
    return single


def ufunc_of(name: str) -> Any:
    """Return the ufunc that an operation is; ``None`` if it is none, or not loaded."""
    operation = _RULES.get(name)
    f = None if operation is None else operation.forward
    if isinstance(f, named_function):
        f = getattr(sys.modules.get(f.module), f.__name__, None)
    return f if isinstance(f, np.ufunc) else None


def operands_of(name: str) -> str:
    """Return which of a, b, c an operation reads: ``"ab"`` for ``"add"``."""
    if name in ELEMENTWISE:
        return "abc"[: len(ELEMENTWISE[name].operands)]
    return "ab" if name in ("dot", "matmul") else "a"


def _is_operation(operation: type[rule]) -> bool:
    """Tell whether native code can compute a rule."""
    if len(operation.operand_names) > len("abc"):
        return False
    if operation.native is not None:
        return True
    text = operation.expression
    return text != "" and _is_writable(parsed(text))


def _entered(operation: type[rule]) -> str:
    """Enter the operation of a rule under a name that is free."""
    names = operation.operand_names
    name = first = re.sub(r"\W", "_", _name_of(operation))
    while name in OPCODES:
        name = f"{first}_{len(NAMES)}"
    _enter(name, Elementwise(operation.expression, names, operation.native))
    _RULES[name] = operation
    return name


def _name_of(operation: type[rule]) -> str:
    """Return the name of a rule's ufunc, or of the rule."""
    f = operation.forward
    return f.__name__ if isinstance(f, np.ufunc) else operation_name(operation)


def _enter(name: str, operation: Elementwise | None = None) -> None:
    """Give an operation its opcode."""
    if operation is not None:
        ELEMENTWISE[name] = operation
    OPCODES[name] = len(NAMES)
    NAMES.append(name)


def _is_writable(tree: ast.expr) -> bool:
    """Tell whether all functions of an expression can be called from native code."""
    called = {parts_of(x)[0] for x in ast.walk(tree) if isinstance(x, ast.Call)}
    return all(map(_can_be_called, called))


def _can_be_called(name: str) -> bool:
    behind = rule_behind(name)
    if name in ("abs", "round", *INTRINSICS) or (behind and behind.native):
        return True
    return address(c_name(name)) != 0


def _enter_first() -> None:
    """Enter the common operations, the reductions, and all others of the library."""
    of_names = {_name_of(r): r for r in reversed(EXPRESSED)}
    for name in COMMON:
        if name == "copy":
            _enter(name, Elementwise("x", ("x",)))
        else:
            _OF_RULES[of_names[name]] = _entered(of_names[name])
    for name in (*PAIRS, "dot", "matmul"):
        _enter(name)
    for name in COMMON:
        single_of(name)
    library = (r for r in EXPRESSED if is_of_library(r))
    for operation in library:
        if rule_of(operation.forward) is operation and operation not in _OF_RULES:
            _OF_RULES[operation] = _entered(operation)


_enter_first()
BUILT_IN = len(NAMES)
"""How many operations the interpreter is made of."""

__all__ = [
    "BUILT_IN",
    "COMMON",
    "ELEMENTWISE",
    "INTRINSICS",
    "NAMES",
    "OPCODES",
    "PAIRS",
    "REDUCTIONS",
    "Elementwise",
    "name_of",
    "operands_of",
    "operation_named",
    "single_of",
    "ufunc_of",
]
