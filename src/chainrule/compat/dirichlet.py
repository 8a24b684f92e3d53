"""The density of Dirichlet's distribution: SciPy's value, and autograd's formulas."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from chainrule.compat.namespaces import library_namespace
from chainrule.nodes.recorder import record
from chainrule.rules import general
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import first_vertex

_np: Any = np
_ours = library_namespace("stats.dirichlet")
_theirs: Any = importlib.import_module("scipy.stats").dirichlet


class logpdf_grad(general, kind=True):  # noqa: N801
    """z = log of the density at x, of one point with all its coordinates."""

    operand_names: tuple[str, ...] = ("x", "alpha")

    @staticmethod
    def forward(x: Value, alpha: Value) -> Any:
        """Return SciPy's value."""
        return _theirs.logpdf(x, alpha)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, alpha: Value
    ) -> tuple[Any, ...]:
        """Return g (alpha - 1) / x and g (log x + psi(sum(alpha)) - psi(alpha))."""

        def x_grad() -> Any:
            return z_grad * _by_x(x, alpha)

        def alpha_grad() -> Any:
            return z_grad * _by_alpha(xp, x, alpha)

        return x_grad, alpha_grad

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Any, z: Value, x: Value, alpha: Value
    ) -> Any:
        """Return the sum of both partials times the tangents."""
        x_dot, alpha_dot = tangents
        parts = [] if x_dot is None else [_by_x(x, alpha) * x_dot]
        parts += [] if alpha_dot is None else [_by_alpha(xp, x, alpha) * alpha_dot]
        return _np.sum(sum(parts[1:], parts[0]))


def _by_x(x: Value, alpha: Value) -> Any:
    return (alpha - 1.0) / x


def _by_alpha(xp: Namespace, x: Value, alpha: Value) -> Any:
    return _np.log(x) + xp.digamma(_np.sum(alpha)) - xp.digamma(alpha)


def logpdf(x: Value, alpha: Value) -> Any:
    """Return log gamma(sum(alpha)) + sum((alpha - 1) log x - log gamma(alpha)).

    The other functions of the distribution, and this of many points or of points whose
    last coordinate is left out, are ``chainrule.scipy.stats``'s.
    """
    is_point = len(shape_of(x)) == 1 and shape_of(x) == shape_of(alpha)
    if is_point and first_vertex(x, alpha) is not None:
        return record(logpdf_grad, (x, alpha))
    return _ours["logpdf"](x, alpha)


def pdf(x: Value, alpha: Value) -> Any:
    """Return the exponential of ``logpdf``."""
    return _np.exp(logpdf(x, alpha))


NAMES: dict[str, Any] = {**_ours, "logpdf": logpdf, "pdf": pdf}
"""What ``autograd.scipy.stats.dirichlet`` has."""
