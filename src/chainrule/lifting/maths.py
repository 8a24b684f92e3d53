"""Python's ``math``, ``cmath`` and ``float`` in lifted code: they take nodes.

``math.sin`` and ``float`` take a number and give a float. In lifted code they take a
node too, and give one; and ``isinstance`` tells that it is a float. Those of ``cmath``
take it as a complex number.
"""

from __future__ import annotations

import cmath
import functools
import math
import operator
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from chainrule.lifting.mirrors import ours
from chainrule.numpy.buffer_operands import is_recorded
from chainrule.rules.expressions import rule_behind
from chainrule.values.buffered import buffered
from chainrule.values.types import Value
from chainrule.values.vertices import raw, stand_in, vertex


def log(x: Value, base: Any = None) -> Any:
    """Return the logarithm of ``x``, to a base if there is one."""
    np = ours("numpy")
    return np.log(x) if base is None else np.log(x) / np.log(base)


def hypot(*coordinates: Any) -> Any:
    """Return the length of a vector, ``sqrt(x**2 + y**2 + ...)``."""
    return ours("numpy").linalg.norm(ours("numpy").stack(coordinates))


def dist(p: Iterable[Any], q: Iterable[Any]) -> Any:
    """Return the distance of two points."""
    return hypot(*(a - b for a, b in zip(p, q, strict=True)))


def fsum(iterable: Iterable[Any]) -> Any:
    """Return the sum of numbers."""
    return sum(iterable)


def prod(iterable: Iterable[Any], *, start: Any = 1) -> Any:
    """Return the product of numbers."""
    return functools.reduce(operator.mul, iterable, start)


def degrees(x: Value) -> Any:
    """Return an angle in degrees."""
    return x * (180.0 / math.pi)


def radians(x: Value) -> Any:
    """Return an angle of degrees in radians."""
    return x * (math.pi / 180.0)


def lgamma(x: Value) -> Any:
    """Return the logarithm of the absolute value of the gamma function."""
    return ours("scipy.special").gammaln(x)


def fabs(x: Value) -> Any:
    """Return the absolute value."""
    return abs(x)


def pow(x: Value, y: Value) -> Any:
    """Return a power."""
    return x**y


def phase(z: Value) -> Any:
    """Return the angle of a complex number."""
    return ours("numpy").angle(z)


def polar(z: Value) -> tuple[Any, Any]:
    """Return the length and the angle of a complex number."""
    return abs(z), phase(z)


def rect(r: Value, phi: Value) -> Any:
    """Return the complex number of a length and an angle."""
    return r * ours("numpy").exp(1j * phi)


_OURS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        log,
        hypot,
        dist,
        fsum,
        prod,
        degrees,
        radians,
        fabs,
        pow,
        lgamma,
        phase,
        polar,
        rect,
    )
}


_WHOLE = ("ceil", "floor", "trunc")
"""Functions to Python's integers, which have no derivative."""


_ASKED = frozenset("isclose isfinite isinf isnan".split())
_SPECIAL = frozenset(["gamma"])


def _own(name: str) -> Any:
    """Return what stands for a function of ``math`` on nodes; ``None`` if nothing.

    Which function of NumPy it is, the rules' expressions tell.
    """
    if name in _OURS:
        return _OURS[name]
    rule = rule_behind(name)
    if rule is not None and callable(rule.forward):
        return rule.forward
    if name in _ASKED:
        return getattr(ours("numpy"), name)
    return getattr(ours("scipy.special"), name, None) if name in _SPECIAL else None


@functools.cache
def function_of_math(function: Any) -> Any:
    """Return a function of ``math`` or ``cmath`` on nodes; ``None`` for all others."""
    name = getattr(function, "__name__", "")
    homes = [m for m in (math, cmath) if getattr(m, name, None) is function]
    if not homes or _own(name) is None:
        return None
    of_complex = homes[0] is cmath and name != "rect"

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        """Call it, or NumPy's function on nodes."""
        if is_recorded(args) or any(isinstance(x, buffered) for x in args):
            args = tuple(x + 0j for x in args) if of_complex else args
            z = _own(name)(*args, **options)
            return int(z) if name in _WHOLE else bool(z) if name in _ASKED else z
        return function(*args, **options)

    return call


class MathModule:
    """Python's ``math`` or ``cmath``, whose functions take nodes."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """Find a name of the module's."""
        found = getattr(self._module, name)
        z = found if not callable(found) else function_of_math(found) or found
        vars(self)[name] = z
        return z

    def __dir__(self) -> list[str]:
        return dir(self._module)

    def __repr__(self) -> str:
        return f"<module {self._module.__name__!r}, lifted>"


MATH = {module: MathModule(module) for module in (math, cmath)}


class _FloatType(type):
    """The class of ``Float``, which is ``float`` wherever it is compared."""

    def __call__(cls, x: Any = 0.0) -> Any:
        """Return a node as a number; anything else as ``float`` does."""
        if not (is_recorded(x) or isinstance(x, buffered)):
            return float(x)
        return ours("numpy").astype(ours("numpy").reshape(x, ()), np.float64)[()]

    def __eq__(cls, other: object) -> bool:
        """Tell whether this is ``float``."""
        return other is float or other is cls

    def __hash__(cls) -> int:
        """Return that of ``float``."""
        return hash(float)

    def __instancecheck__(cls, x: object) -> bool:
        """Tell whether ``x`` is a float, or a node of one."""
        return isinstance(as_plain(x), float)

    def __getattr__(cls, name: str) -> Any:
        """Find what ``float`` has."""
        return getattr(float, name)


class Float(float, metaclass=_FloatType):
    """``float`` in lifted code."""

    dtype: np.dtype[Any] = np.dtype(float)


def as_plain(x: Any) -> Any:
    """Return a float or an array for a node, or a traced value, that stands for one."""
    if not isinstance(x, (vertex, stand_in)) or x.dtype.kind not in "fc":
        return x
    is_number = not x.shape and not isinstance(raw(x), np.ndarray)
    return x.dtype.type(0.0) if is_number else np.empty(0, x.dtype)


def is_math(x: Any) -> bool:
    """Tell whether something is a function of ``math`` or ``cmath``."""
    homes = "math", "cmath"
    return isinstance(x, types.BuiltinFunctionType) and x.__module__ in homes


__all__ = ["MATH", "Float", "as_plain", "function_of_math", "is_math"]
