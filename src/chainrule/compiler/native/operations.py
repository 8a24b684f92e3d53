"""The operations that tapes and loop nests have, as expressions of Python arithmetic.

An elementwise operation is an expression in its operands ``a``, ``b``, ``c``: NumPy's
operators, ``x if condition else y``, and calls of functions of ``math``, ``np`` and
:mod:`chainrule.compiler.native.elementary`. LLVM's text is written from it
(:mod:`chainrule.compiler.native.expressions`), for one number and for vectors, so each
operation is defined once.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

COMMON = {
    "add": "a + b",
    "subtract": "a - b",
    "multiply": "a * b",
    "divide": "a / b",
    "negative": "-a",
    "copy": "a",
    "square": "a * a",
    "absolute": "abs(a)",
}
"""What most instructions of a program are."""

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
}
"""Some machine instructions each."""

SMOOTH = {
    "exp": "exp(a)",
    "expm1": "expm1(a)",
    "log": "log(a)",
    "log1p": "log1p(a)",
    "sin": "far_sin(a)",
    "cos": "far_cos(a)",
    "sinh": "sinh(a)",
    "cosh": "cosh(a)",
    "tanh": "tanh(a)",
    "logaddexp": "logaddexp(a, b)",
}
"""Elementary functions in plain arithmetic, also of vectors."""

SCALAR = {
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
    "remainder": "remainder(a, b)",
    "fmod": "np.fmod(a, b)",
    "floor_divide": "floor_divide(a, b)",
}
"""Number by number, in the C library."""

EXPRESSIONS: Mapping[str, str] = MappingProxyType(
    {**COMMON, **CHEAP, **SMOOTH, **SCALAR}
)
"""The elementwise operations."""

REDUCTIONS: Mapping[str, str] = MappingProxyType(
    {"sum": "a", "max": "a", "min": "a", "dot": "ab", "matmul": "ab"}
)
"""What adds or compares many numbers, and its operands."""


@functools.cache
def operands_of(name: str) -> str:
    """Return which of a, b, c an operation reads: ``"ab"`` for ``"add"``."""
    if name in REDUCTIONS:
        return REDUCTIONS[name]
    words = re.findall(r"\w+", EXPRESSIONS[name])
    return "".join(x for x in "abc" if x in words)


__all__ = [
    "CHEAP",
    "COMMON",
    "EXPRESSIONS",
    "REDUCTIONS",
    "SCALAR",
    "SMOOTH",
    "operands_of",
]
