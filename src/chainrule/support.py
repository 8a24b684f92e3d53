"""``supported``: what the library knows of a function, before it is called."""

from __future__ import annotations

import csv
import functools
import importlib
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.lifting.mirrors import mirrored
from chainrule.nodes.remedies import written
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED, UFUNCS
from chainrule.numpy import mirror
from chainrule.numpy.mirror import OWN
from chainrule.rules import locally_constant, rule_of, traits_of
from chainrule.rules.base import rule
from chainrule.values.shapes import describe

ACCURACY = Path(__file__).parent / "scipy" / "accuracy.csv"
"""What ``tests/scipy/accuracy.py`` measured; the documentation shows it."""
HEADINGS = ("function", "argument", "domain", "value", "first", "second")


class Accuracy(NamedTuple):
    """The largest relative errors against mpmath on a sample of a domain.

    Of the value, of the first derivative in the argument, and of all second derivatives
    in which it takes part.
    """

    argument: str
    domain: str
    value: float
    first: float
    second: float

    def __str__(self) -> str:
        """Say it in a line."""
        first, second = f"{self.first:.0e}", f"{self.second:.0e}"
        errors = f"value {self.value:.0e}, first {first}, second {second}"
        return f"{self.argument} in {self.domain}: {errors}"


@functools.cache
def accuracies() -> dict[str, tuple[Accuracy, ...]]:
    """Return what was measured, by function."""
    found: dict[str, tuple[Accuracy, ...]] = {}
    with ACCURACY.open(encoding="utf-8", newline="") as file:
        for name, argument, domain, *errors in list(csv.reader(file))[1:]:
            value, first, second = map(float, errors)
            line = Accuracy(argument, domain, value, first, second)
            found[name] = (*found.get(name, ()), line)
    return found


@dataclass(frozen=True)
class Support:
    """What is known of a function.

    Attributes
    ----------
    name
        The function, as users write it.
    status
        ``"differentiable"``, ``"locally constant"`` (results are plain values),
        ``"refused"`` or ``"not known"``.
    write
        What to write on nodes.
    modes, orders
        In which directions, and how often, it is differentiated.
    formula
        The first line of the rule's docstring; empty where it is composed of others.
    constant_in, refused_in
        Operands without a derivative; those that may be no nodes, with the reason.
    dtypes
        The dtypes that its rule is tested in.
    conventions
        Points where the derivative is a choice: operands, and derivatives.
    notes
        The reason of a refusal; what is left out of the tests.
    accuracy
        Errors against mpmath, one for each argument; empty where none were measured.
    exact
        Whether it only moves entries, and its derivatives have no rounding.
    """

    name: str
    status: str
    write: str = ""
    modes: tuple[str, ...] = ()
    orders: str = ""
    formula: str = ""
    constant_in: tuple[str, ...] = ()
    refused_in: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    conventions: tuple[Any, ...] = ()
    notes: tuple[str, ...] = field(default=())
    accuracy: tuple[Accuracy, ...] = ()
    exact: bool = False

    def __bool__(self) -> bool:
        """Tell whether nodes may be passed to it."""
        return self.status in ("differentiable", "locally constant")

    def __str__(self) -> str:
        """Say it in lines."""
        shown = {
            "on nodes": self.write,
            "modes": ", ".join(self.modes),
            "orders": self.orders,
            "formula": self.formula,
            "constant in": ", ".join(self.constant_in),
            "refused in": ", ".join(self.refused_in),
            "dtypes": ", ".join(self.dtypes),
            "conventions": "; ".join(map(_point, self.conventions)),
            "accuracy": "exact" if self.exact else "; ".join(map(str, self.accuracy)),
            "notes": " ".join(self.notes),
        }
        lines = [f"  {what}: {text}" for what, text in shown.items() if text]
        return "\n".join([f"{self.name}: {self.status}", *lines])


def _point(convention: tuple[Any, Any]) -> str:
    at, slopes = convention
    shown = ["free" if s is None else f"{s:g}" for s in slopes]
    return f"{', '.join(f'{x:g}' for x in at)} -> {', '.join(shown)}"


def supported(f: Callable[..., Any]) -> Support:
    """Return what is known of a function of NumPy, SciPy, or one with a rule.

    The answer is true where the function takes nodes.

    Parameters
    ----------
    f
        The function, such as ``np.roll`` or ``scipy.linalg.expm``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> print(gd.supported(np.cbrt))
    np.cbrt: differentiable
      on nodes: np.cbrt
      modes: forward, reverse
      orders: any
      formula: z = cbrt(x), the real cube root
      dtypes: float32, float64
      conventions: 0 -> inf
      accuracy: x in [1e-09, 1e+09]: value 8e-17, first 2e-16, second 5e-16
      notes: At 0 the derivative is its limit from both sides, +inf.
    >>> bool(gd.supported(np.argsort)), bool(gd.supported(np.save))
    (True, False)
    """
    if not callable(f):
        raise ArgumentError(f"supported needs a function; received {describe(f)}.")
    for known_of in (_of_distribution, _of_ufuncs_method, _of_rotations):
        known = known_of(f)
        if known is not None:
            return known
    f = _of_numpys_arrays(f)
    name = written(f)
    declared = getattr(f, "rule", None) or rule_of(f)  # declares those of its library
    operation: Any = UFUNCS.get(f) or FUNCTIONS.get(f) or OWN.get(f)
    if f in REFUSED:
        return Support(name, "refused", notes=(REFUSED[f],))
    if operation is None and (f in LOCALLY_CONSTANT or _is_constant(declared)):
        return Support(name, "locally constant", name)
    takes = isinstance(f, np.ufunc) or hasattr(f, "rule")
    if operation is None and not (takes and declared) and _mirrored(f) is None:
        return Support(name, "not known")
    described = getattr(operation, "rule", declared)
    if takes or (name.startswith("np.") and f not in OWN):
        return _described(name, name, described)
    module = "numpy" + name[2:] if name.startswith("np.") else name
    return _described(name, f"chainrule.{module}", described)


def _of_numpys_arrays(f: Callable[..., Any]) -> Any:
    """Return NumPy's function in the place of a mirrored one, or of a method."""
    if isinstance(f, mirror.mirrored):
        return f.__wrapped__
    if getattr(f, "__objclass__", None) is np.ndarray:
        return getattr(np, f.__name__, f)
    return f


def _of_ufuncs_method(f: Callable[..., Any]) -> Support | None:
    """Return what is known of a method of a ufunc, such as ``np.add.reduce``."""
    owner = getattr(f, "__self__", None)
    if not isinstance(owner, np.ufunc):
        return None
    method = f.__name__
    name = f"{written(owner)}.{method}"
    why = REFUSED.get((owner, method)) or REFUSED.get(owner)
    if why:
        return Support(name, "refused", notes=(why,))
    served = "reduce" if method == "reduceat" else method
    operation: Any = FUNCTIONS.get((owner, served))
    if method == "at":
        operation = FUNCTIONS[np.ufunc.at] if owner in UFUNCS else None
    if operation is None:
        constant = owner in LOCALLY_CONSTANT
        return Support(name, "locally constant" if constant else "not known", name)
    return _described(name, name, getattr(operation, "rule", None))


_WITHOUT_NODES = ("reduce", "as_davenport", "random", "identity", "__setitem__")


def _of_rotations(f: Callable[..., Any]) -> Support | None:
    """Return what is known of a method of SciPy's rotations, or of ours."""
    owner, _, method = getattr(f, "__qualname__", "").partition(".")
    module = getattr(f, "__module__", None) or ""
    if owner != "Rotation" or "scipy.spatial.transform" not in module:
        return None
    name = f"scipy.spatial.transform.Rotation.{method}"
    ours: Any = importlib.import_module("chainrule.scipy.spatial.transform").Rotation
    if method not in vars(ours) or method in _WITHOUT_NODES:
        return Support(name, "refused", notes=("It has no derivative here.",))
    return _described(name, f"chainrule.{name}", None)


def _of_distribution(f: Callable[..., Any]) -> Support | None:
    """Return what is known of a distribution of one's statistics, or its method."""
    f = getattr(f, "__wrapped__", f) if isinstance(f, types.FunctionType) else f
    owner, method = getattr(f, "__self__", f), getattr(f, "__name__", "")
    module: str = owner.__class__.__module__
    if not module.startswith(("scipy.stats", "chainrule.scipy.stats")):
        return None
    title: str = getattr(owner, "name", "") or owner.__class__.__name__
    title = title.removesuffix("_gen")
    own: Any = getattr(importlib.import_module("chainrule.scipy.stats"), title, None)
    method = f".{method}" if owner is not f else ""
    name, formulas = f"scipy.stats.{title}{method}", getattr(own, "formulas", None)
    if formulas is None:
        return Support(name, "refused", notes=("It has no formulas here.",))
    why = own.why_refused(method[1:]) if method else ""
    if why:
        return Support(name, "refused", notes=(why,))
    formula = (formulas.__doc__ or "").strip().partition("\n")[0]
    return Support(
        name,
        "differentiable",
        f"chainrule.{name}",
        ("forward", "reverse"),
        "any",
        formula,
        refused_in=tuple(getattr(formulas, "refused", ())),
        accuracy=accuracies().get(name, ()),
    )


def _is_constant(declared: type[rule] | None) -> bool:
    return declared is not None and issubclass(declared, locally_constant)


def _mirrored(f: Any) -> Any:
    """Return what ``chainrule.scipy`` has of its own in the place of a function."""
    module = written(f).rpartition(".")[0]
    if not module.startswith("scipy."):
        return None
    try:
        own: Any = importlib.import_module(f"chainrule.{module}")
    except ImportError:
        return None
    own_name: str = getattr(f, "__name__", getattr(f, "name", ""))
    found: Any = getattr(own, own_name, None)
    if found is not None and found is not f and not isinstance(found, mirror.mirrored):
        return found
    return mirrored(f) if f in FUNCTIONS or f in OWN or f in UFUNCS else None


def _described(name: str, write: str, declared: type[rule] | None) -> Support:
    """Return what a rule says; of a composed function there is none."""
    if declared is None or not declared.operand_names:
        accuracy = accuracies().get(name, ())
        both = "forward", "reverse"
        return Support(name, "differentiable", write, both, "any", accuracy=accuracy)
    lines = (declared.__doc__ or "").strip().splitlines()
    notes = [" ".join(line.strip() for line in lines[1:] if line.strip())]
    if declared.untested:
        notes.append(f"Not tested: {declared.untested}.")
    return Support(
        name,
        "differentiable",
        write,
        ("forward", "reverse"),
        "any",
        lines[0] if lines else "",
        declared.constant_in,
        tuple(declared.refused),
        tuple(declared.dtypes),
        tuple(getattr(declared, "conventions", ())),
        tuple(note for note in notes if note),
        accuracies().get(name, ()),
        traits_of(declared.forward).moves,
    )


__all__ = ["Support", "supported"]
