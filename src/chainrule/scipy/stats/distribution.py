"""What all distributions share: arguments, masks, and what SciPy does by itself."""

from __future__ import annotations

import functools
import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats

from chainrule.errors import MissingRuleError
from chainrule.nodes.recorder import as_operand
from chainrule.scipy.moving import moves
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Mask, Shape, Value
from chainrule.values.vertices import (
    first_stand_in,
    is_stand_in,
    raw,
    vertex,
)

Formula = Callable[..., Any]
"""A function of a standardised point and the shape parameters, or of these alone."""

DISTRIBUTIONS: dict[str, Any] = {}
"""The distributions with formulas, by SciPy's names."""

OUTSIDE: Mapping[str, tuple[float, float]] = {
    "pdf": (0.0, 0.0),
    "logpdf": (-math.inf, -math.inf),
    "pmf": (0.0, 0.0),
    "logpmf": (-math.inf, -math.inf),
    "cdf": (0.0, 1.0),
    "sf": (1.0, 0.0),
    "logcdf": (-math.inf, 0.0),
    "logsf": (0.0, -math.inf),
}
"""What a method gives below the support, and above it."""

TAILS = ("cdf", "sf", "logcdf", "logsf")
"""The methods that are distribution functions."""

INSTEAD: Mapping[str, str] = {
    "rvs": "Draw with plain parameters, and move the draws: loc + scale * rvs(...).",
    "fit": "Its data are plain: minimise -np.sum(logpdf(x, ...)) with gd.grad.",
    "nnlf": "Write -np.sum(logpdf(x, ...)).",
    "stats": "It takes moments='mv' alone: write mean(...) and var(...).",
    "moment": "Write mean(...) and var(...).",
    "interval": "Write ppf((1 - c) / 2, ...) and ppf((1 + c) / 2, ...).",
    "expect": "Write the integral as a sum on nodes: np.sum(w * f(t) * pdf(t, ...)).",
    "support": "Pass gd.value(x) for the shape parameters; add loc and scale to it.",
}
"""What to write instead of methods without a derivative."""


def operand(x: Any) -> Any:
    """Return an argument in float64, as SciPy computes: a node, or a plain value."""
    if type(x) is float:
        return x
    x = as_operand(x)
    if type(x) in (int, bool):
        return float(x)
    return x if dtype_of(x) == np.float64 else x.astype(np.float64)


def surely(mask: Mask) -> bool:
    """Tell whether a mask is known to hold everywhere; a traced one is not known."""
    return not is_stand_in(mask) and bool(np.all(mask))


def only_where(mask: Mask, z: Value) -> Any:
    """Return ``z`` where a mask holds, and nan elsewhere, as are its derivatives."""
    return z if surely(mask) else z * np.where(mask, 1.0, np.nan)


def spread(z: Value, *others: Value) -> Any:
    """Return ``z`` in the shape that it has together with others."""
    shape: Shape = np.broadcast_shapes(*(shape_of(x) for x in (z, *others)))
    return z if shape_of(z) == shape else np.broadcast_to(z, shape)


def missing(name: str, method: str, why: str) -> MissingRuleError:
    """Return the error for a method that cannot take nodes."""
    return MissingRuleError(f"scipy.stats.{name}.{method} cannot take nodes: {why}")


class distribution:
    """A distribution of ``scipy.stats`` whose functions take nodes.

    It is declared by a class of formulas, as a decorator. Without a node it is SciPy's:
    the same numbers, the same methods and attributes.
    """

    _methods: Mapping[str, str] = {}
    """The methods of a point, and what SciPy calls the point."""
    _of_parameters: tuple[str, ...] = ()
    """The methods of the parameters alone."""
    _everywhere: tuple[float, float] = (-math.inf, math.inf)
    """The support of those that declare none."""
    _place: tuple[tuple[str, int], ...] = ()
    """The parameters after the shapes, with SciPy's defaults."""

    def __init__(self, formulas: type, name: str = "") -> None:
        """Read the formulas of the distribution that has the class's name."""
        self.name: str = name or formulas.__name__
        self.formulas: Any = formulas
        self.__doc__ = formulas.__doc__
        self.__name__: str = self.name
        self.__module__ = formulas.__module__
        self._scipy: Any = getattr(scipy.stats, self.name)
        shapes: str = self._scipy.shapes or ""
        self.shape_names: tuple[str, ...] = tuple(
            filter(None, shapes.replace(",", " ").split())
        )
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self._signature = inspect.Signature(
            [inspect.Parameter(name, kind) for name in self.shape_names]
            + [inspect.Parameter(k, kind, default=v) for k, v in self._place]
        )
        kind_of: Any = self._scipy.__class__
        check: Any = kind_of._argcheck
        self._own_check: bool = check is not _USUAL_CHECK
        self._found: dict[str, Formula | None] = {}
        if self.declares("pdf", "logpdf", "pmf", "logpmf"):
            DISTRIBUTIONS[self.name] = self

    def __repr__(self) -> str:
        """Show the name."""
        return f"<chainrule's scipy.stats.{self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be found by name, in another process too."""
        return named, (self.name,)

    def __call__(self, *args: Value, **kwds: Value) -> frozen:
        """Return the distribution with its parameters fixed; they may be nodes."""
        return frozen(self, args, kwds)

    freeze = __call__

    def __getattr__(self, name: str) -> Any:
        """Find what has no derivative in SciPy's object; a node there is refused."""
        if name.startswith("__") or name == "_scipy":
            raise AttributeError(name)
        found = getattr(self._scipy, name)
        if not callable(found):
            return found

        @functools.wraps(found)
        def plain(*args: Any, **kwds: Any) -> Any:
            if moves(*args, *kwds.values()):
                raise missing(self.name, name, INSTEAD.get(name, CONSTANT))
            return found(*args, **kwds)

        return plain

    def __dir__(self) -> list[str]:
        """List SciPy's names."""
        return sorted({*super().__dir__(), *dir(self._scipy)})

    # ---------------------------------------------------------------------- its moments

    def mean(self, *args: Value, **kwds: Value) -> Any:
        """Return the mean."""
        return self._of("mean", args, kwds)

    def var(self, *args: Value, **kwds: Value) -> Any:
        """Return the variance."""
        return self._of("var", args, kwds)

    def entropy(self, *args: Value, **kwds: Value) -> Any:
        """Return the entropy; of a continuous distribution the differential one."""
        return self._of("entropy", args, kwds)

    def std(self, *args: Value, **kwds: Value) -> Any:
        """Return the standard deviation."""
        if not moves(*args, *kwds.values()):
            return self._scipy.std(*args, **kwds)
        return np.sqrt(self.var(*args, **kwds))

    def stats(self, *args: Value, moments: str = "mv", **kwds: Value) -> Any:
        """Return the mean and the variance, or one of them, as ``moments`` says."""
        if not moves(*args, *kwds.values()):
            return self._scipy.stats(*args, moments=moments, **kwds)
        if set(moments) - {"m", "v"}:
            raise missing(self.name, "stats", INSTEAD["stats"])
        known = (("m", self.mean), ("v", self.var))
        found = [of(*args, **kwds) for letter, of in known if letter in moments]
        return found[0] if len(found) == 1 else tuple(found)

    def _of(self, method: str, args: Sequence[Value], kwds: dict[str, Any]) -> Any:
        if not moves(*args, *kwds.values()):
            return getattr(self._scipy, method)(*args, **kwds)
        return self._moment(method, self._arguments(args, kwds))

    def _moment(self, method: str, arguments: list[Any]) -> Any:
        """Return the mean, variance or entropy of parameters, some of them nodes."""
        raise NotImplementedError

    # ------------------------------------------------------------------ its parameters

    def _arguments(self, args: Sequence[Any], kwds: Mapping[str, Any]) -> list[Any]:
        """Return the shapes, loc and scale in float64; refuse what is missing."""
        count = len(self.shape_names)
        if kwds or not count <= len(args) <= count + len(self._place):
            args = self._bound(args, kwds)
        values = [*args, *(float(v) for _, v in self._place[len(args) - count :])]
        refused = getattr(self.formulas, "refused", {})
        for name, x in zip(self.shape_names, values, strict=False):
            if name in refused and isinstance(x, vertex):
                raise missing(self.name, f"... in {name!r}", refused[name])
        return list(map(operand, values))

    def _bound(self, args: Sequence[Any], kwds: Mapping[str, Any]) -> list[Any]:
        """Return arguments in SciPy's order."""
        try:
            bound = self._signature.bind(*args, **kwds)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None
        bound.apply_defaults()
        return list(bound.arguments.values())

    def declares(self, *names: str) -> bool:
        """Tell whether the class of formulas declares one of these."""
        return any(hasattr(self.formulas, name) for name in names)

    def knows(self, shape: str) -> bool:
        """Tell whether the distribution function has a derivative in a shape."""
        if shape in getattr(self.formulas, "without_slope", ()):
            return False
        return self.declares("cdf_slopes", *TAILS, "cdf_of_shapes", "pmf", "logpmf")

    def _valid(self, shapes: Sequence[Any]) -> Any:
        """Tell where SciPy allows the shape parameters."""
        if not shapes:
            return True
        values = list(map(raw, shapes))
        check = getattr(self.formulas, "valid", None)
        if check is None and first_stand_in(values) is None:
            return self._scipy._argcheck(*values)
        if check is None and self._own_check:
            return self._scipy._argcheck(*values)
        if check is not None:
            return check(*values)
        held: Any = True
        for x in values:
            held = held & (x > 0)
        return held

    def _support(self, shapes: Sequence[Any]) -> tuple[Any, Any]:
        """Return the edges of the support, plain values."""
        support: Any = getattr(self.formulas, "support", self._everywhere)
        if not callable(support):
            return support
        edges: Any = support(*map(raw, shapes))
        return edges

    def why_refused(self, method: str) -> str:
        """Return why a method takes no nodes; nothing where it does."""
        if method in self._of_parameters:
            return ""
        if method not in self._methods:
            return INSTEAD.get(method, CONSTANT)
        return "" if self._found_formula(method) else self._without_formula(method)

    def _without_formula(self, method: str) -> str:
        """Return why a method has no derivative, and what to write instead."""
        return (
            "SciPy computes it by integration or by a series of its own. For checked "
            f"differences write gd.numerical(scipy.stats.{self.name}.{method}); "
            "pass gd.value(x) if its result is to be treated as constant."
        )

    def _found_formula(self, method: str) -> Formula | None:
        """Return the formula of a method, declared or derived from others."""
        if method not in self._found:
            self._found[method] = self._derived(method)
        return self._found[method]

    def _derived(self, method: str) -> Formula | None:
        """Return a formula in terms of those that are declared, if there is one."""
        raise NotImplementedError

    def formula(self, method: str) -> Formula:
        """Return the formula of a method, or raise."""
        formula = self._found_formula(method)
        if formula is None:
            raise missing(self.name, method, self._without_formula(method))
        return formula


_USUAL_CHECK: Any = scipy.stats.rv_continuous._argcheck
CONSTANT = "Pass gd.value(x) if its result is to be treated as constant."


def named(name: str) -> distribution:
    """Return the distribution of a name."""
    return getattr(importlib.import_module("chainrule.scipy.stats"), name)


class frozen:
    """A distribution with its parameters fixed; its functions take nodes.

    With plain parameters all other methods are those of SciPy's frozen distribution.

    >>> import chainrule as gd
    >>> from chainrule.scipy import stats
    >>> gd.grad(lambda s: stats.norm(0.0, s).logpdf(2.0))(1.0)
    3.0
    """

    def __init__(self, dist: Any, args: tuple[Any, ...], kwds: dict[str, Any]) -> None:
        """Keep the parameters; SciPy's own object is made of plain ones."""
        self.dist = dist
        self.args = args
        self.kwds = kwds
        self._plain: Any = (
            None if moves(*args, *kwds.values()) else dist._scipy(*args, **kwds)
        )
        if self._plain is None:
            dist._arguments(args, kwds)  # refuses what SciPy would

    def __repr__(self) -> str:
        """Show the distribution."""
        return f"<chainrule's scipy.stats.{self.dist.name}, frozen>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be made again of the distribution and its parameters."""
        return frozen, (self.dist, self.args, self.kwds)

    def __getattr__(self, name: str) -> Any:
        """Find a method of the distribution, and call it with the parameters."""
        if name.startswith("__") or name in ("_plain", "dist"):
            raise AttributeError(name)
        own = name in self.dist._methods or name in self.dist._of_parameters
        if not own and self._plain is None:
            raise missing(self.dist.name, name, INSTEAD.get(name, CONSTANT))
        if not own:
            return getattr(self._plain, name)
        method = getattr(self.dist, name)

        @functools.wraps(method)
        def call(*args: Any, **kwds: Any) -> Any:
            if self._plain is not None and not moves(*args, *kwds.values()):
                return getattr(self._plain, name)(*args, **kwds)
            return method(*args, *self.args, **{**self.kwds, **kwds})

        return call
