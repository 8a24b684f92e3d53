"""How NumPy's functions are written for Python floats: through ``math``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

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

MATH: dict[str, Any] = {
    name: getattr(math, name) for name in dir(math) if not name.startswith("_")
}
MATH["pow_"] = math.pow
