"""Random numbers whose parameters are nodes: NumPy's, moved and stretched.

A draw with parameters is a draw without, of the same stream, under a map that is
differentiable in them, so that means over draws have the derivative of the mean (the
pathwise derivative; Kingma and Welling 2014). The names are those of ``numpy.random``.

>>> import chainrule as gd
>>> from chainrule.numpy.random import default_rng
>>> def outcome(drift, noise):
...     return default_rng(0).normal(drift, noise)
>>> slopes = gd.grad(outcome, (0, 1))(1.0, 2.0)
>>> slopes[0], slopes[1] == default_rng(0).normal()
(1.0, True)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

import numpy as np
import numpy.random as _random

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import plain_operand
from chainrule.numpy.buffer_operands import is_recorded
from chainrule.numpy.buffers import as_buffer
from chainrule.operations import namespace as ops
from chainrule.values.shapes import shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import is_refused

_np: Any = np
_numpys: Any = _random
Draw = Callable[..., Any]
Seed = int | Sequence[int] | _random.BitGenerator | _random.Generator | None
Size = SupportsIndex | Sequence[SupportsIndex] | None
"""The shape of what is drawn; ``None`` for that of the parameters."""


def _standard(draw: Draw, parameters: tuple[Value, ...], size: Size) -> Any:
    """Return what is drawn for parameters of some shapes, by one without."""
    shape = _np.broadcast_shapes(*map(shape_of, parameters))
    if size is None:
        return draw(size=shape or None)
    return draw(size=size)


def _check(name: str, x: Value) -> None:
    if is_refused(_np.asarray(plain_operand(x)) < 0):
        raise ValueError(f"{name} < 0")


def _moved(standard: Draw, loc: Value, scale: Value, size: Size) -> Any:
    """Return ``loc + scale`` times a draw with 0 and 1."""
    _check("scale", scale)
    return loc + scale * _standard(standard, (loc, scale), size)


def _stretched(standard: Draw, scale: Value, size: Size) -> Any:
    """Return ``scale`` times a draw with 1."""
    _check("scale", scale)
    return scale * _standard(standard, (scale,), size)


class _Drawing:
    """Draws of a generator, by the maps of its standard draws."""

    _new: Callable[[Any], Any] = staticmethod(as_buffer)

    def _draw(self, name: str) -> Draw:
        """Return a draw of NumPy's."""
        return getattr(super(), name)

    def normal(self, loc: Value = 0.0, scale: Value = 1.0, size: Size = None) -> Any:
        """Draw loc + scale n, with n of the standard normal distribution."""
        return self._located("normal", loc, scale, size)

    def laplace(self, loc: Value = 0.0, scale: Value = 1.0, size: Size = None) -> Any:
        """Draw loc + scale l, with l of density exp(-abs(l)) / 2."""
        return self._located("laplace", loc, scale, size)

    def logistic(self, loc: Value = 0.0, scale: Value = 1.0, size: Size = None) -> Any:
        """Draw loc + scale log(u / (1 - u)), with u uniform."""
        return self._located("logistic", loc, scale, size)

    def gumbel(self, loc: Value = 0.0, scale: Value = 1.0, size: Size = None) -> Any:
        """Draw loc - scale log(-log(u)), with u uniform."""
        return self._located("gumbel", loc, scale, size)

    def uniform(self, low: Value = 0.0, high: Value = 1.0, size: Size = None) -> Any:
        """Draw low + (high - low) u, with u uniform on [0, 1)."""
        if not is_recorded((low, high)):
            return self._new(self._draw("uniform")(low, high, size))
        standard = _standard(self._draw("uniform"), (low, high), size)
        return low + (high - low) * standard

    def lognormal(
        self, mean: Value = 0.0, sigma: Value = 1.0, size: Size = None
    ) -> Any:
        """Draw exp(mean + sigma n), with n of the standard normal distribution."""
        if not is_recorded((mean, sigma)):
            return self._new(self._draw("lognormal")(mean, sigma, size))
        return ops.exp(_moved(self._draw("normal"), mean, sigma, size))

    def exponential(self, scale: Value = 1.0, size: Size = None) -> Any:
        """Draw -scale log(1 - u), with u uniform."""
        return self._scaled("exponential", scale, size)

    def rayleigh(self, scale: Value = 1.0, size: Size = None) -> Any:
        """Draw scale sqrt(-2 log(1 - u)), with u uniform."""
        return self._scaled("rayleigh", scale, size)

    def weibull(self, a: Value, size: Size = None) -> Any:
        """Draw e ** (1 / a), with e of the standard exponential distribution."""
        return self._shaped("weibull", lambda e: e ** (1.0 / a), a, size)

    def pareto(self, a: Value, size: Size = None) -> Any:
        """Draw exp(e / a) - 1, with e of the standard exponential distribution."""
        return self._shaped("pareto", lambda e: _np.expm1(e / a), a, size)

    def power(self, a: Value, size: Size = None) -> Any:
        """Draw (1 - exp(-e)) ** (1 / a), with e standard exponential."""
        return self._shaped("power", lambda e: (-np.expm1(-e)) ** (1.0 / a), a, size)

    def multivariate_normal(
        self,
        mean: Value,
        cov: Value,
        size: Size = None,
        *args: Any,
        **options: Any,
    ) -> Any:
        """Draw mean + L n, with n of the standard normal distribution.

        L L.T is ``cov``. It is a matrix of nodes for ``method="cholesky"`` only: other
        factors turn by themselves where eigenvalues are equal.
        """
        draw = self._draw("multivariate_normal")
        if is_recorded(cov):
            return self._of_covariance(mean, cov, size, options)
        if not is_recorded(mean):
            return self._new(draw(mean, cov, size, *args, **options))
        mean = ops.asarray(mean)
        return mean + draw(np.zeros(mean.shape), cov, size, *args, **options)

    def _of_covariance(
        self, mean: Value, cov: Value, size: Size, options: dict[str, Any]
    ) -> Any:
        if options.get("method") != "cholesky":
            raise ArgumentError(
                "multivariate_normal with a covariance of nodes needs "
                'method="cholesky", which numpy.random.default_rng() has. Write mean + '
                "np.linalg.cholesky(cov) @ rng.standard_normal(n) for other generators."
            )
        mean, like = ops.asarray(mean), np.empty(() if size is None else size)
        normal = self._draw("standard_normal")((*like.shape, *mean.shape))
        factor = _np.linalg.cholesky(ops.asarray(cov))
        return mean + normal @ _np.swapaxes(factor, -1, -2)

    def _located(self, name: str, loc: Value, scale: Value, size: Size) -> Any:
        draw = self._draw(name)
        if not is_recorded((loc, scale)):
            return self._new(draw(loc, scale, size))
        return _moved(draw, loc, scale, size)

    def _scaled(self, name: str, scale: Value, size: Size) -> Any:
        draw = self._draw(name)
        if not is_recorded(scale):
            return self._new(draw(scale, size))
        return _stretched(draw, scale, size)

    def _shaped(self, name: str, f: Callable[[Any], Any], a: Value, size: Size) -> Any:
        if not is_recorded(a):
            return self._new(self._draw(name)(a, size))
        _check("a", a)
        return f(_standard(self._draw("standard_exponential"), (a,), size))


def _plain(name: str) -> Draw:
    """Return a draw whose parameters are plain."""

    def draw(self: _Drawing, *args: Any, **options: Any) -> Any:
        return self._new(self._draw(name)(*args, **options))

    draw.__name__ = name
    draw.__doc__ = f"Draw as NumPy's {name} does, with plain parameters."
    return draw


for _name in """random standard_normal standard_exponential standard_gamma standard_t
    standard_cauchy beta gamma chisquare triangular vonmises wald""".split():
    setattr(_Drawing, _name, _plain(_name))


class Generator(_Drawing, _numpys.Generator):
    """NumPy's generator, whose draws take nodes as parameters; see the module."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the state."""
        return type(self), (self.bit_generator,)


class RandomState(_Drawing, _numpys.RandomState):
    """NumPy's older generator, whose draws take nodes as parameters."""


for _name in ("rand", "randn", "random_sample"):
    setattr(RandomState, _name, _plain(_name))


class _Global(_Drawing):
    """The generator of ``np.random.seed``."""

    def _draw(self, name: str) -> Draw:
        return getattr(_random, name)


def default_rng(seed: Seed = None) -> Any:
    """Return a ``Generator``, as ``numpy.random.default_rng`` does."""
    made = _random.default_rng(seed)
    ours: Any = Generator
    return made if isinstance(made, Generator) else ours(made.bit_generator)


_OF_MODULE = frozenset(n for n in vars(_Drawing) if not n.startswith("_"))
_global = _Global()


def __getattr__(name: str) -> Any:
    """Find a function of the module: ours if its parameters may be nodes."""
    return getattr(_global if name in _OF_MODULE else _random, name)


def __dir__() -> list[str]:
    """List NumPy's names."""
    return dir(_random)
