"""What to write instead of a function that cannot take nodes: a table of words.

Functions are found by the public name of their module and their own name, such as
``scipy.linalg`` and ``solve``. Nothing here imports what it speaks of.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.rules.expressions import rule_behind
from chainrule.rules.named_functions import function_in
from chainrule.values.types import Operation

HasRule = Callable[[Any], bool]
"""Tells whether a function of NumPy has a derivative."""


def names(words: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(words.split())


DECLARE = (
    "Write it with functions of NumPy, declare its derivative with "
    "gd.custom_operation(forward, pullback), or pass gd.value(x) if its result is to "
    "be treated as constant."
)
"""The remedy where no better one is known."""

_VALUE = "Pass gd.value(x) if the result is to be treated as constant."

# ------------------------------------------------------------------ functions of NumPy

JOIN = (
    "Join the nodes to one first, with np.stack([x, y]) or, for nested lists, "
    "gd.numpy.array([[x, 1.0], [0.0, y]])"
)
_MAKERS = names(
    "array asarray asanyarray ascontiguousarray asfortranarray asarray_chkfinite "
    "full float64 float32 float16 longdouble complex128 complex64 "
    "require"
)
_COUNTS = names("zeros ones empty eye identity arange indices tri")


def of_numpy(module: str, name: str) -> str:
    """Return what to write instead of a function of NumPy that refused nodes."""
    if name in ("vectorize", "frompyfunc"):
        return (
            "It calls a function on one entry after the other: write that function "
            "with functions of NumPy, or call it on the node as a whole, or by "
            "gd.numpy.vectorize, whose otypes may be given."
        )
    if name in ("shuffle", "permuted"):
        return "Write x[rng.permutation(len(x))], which returns a new node."
    if module.startswith("numpy.random"):
        return (
            "Random numbers are drawn with plain parameters: shift and scale them, "
            "mu + sigma * rng.standard_normal(n), or draw them by a generator of "
            "chainrule.numpy.random. " + _VALUE
        )
    if name == "fromiter":
        return "Write np.stack(list(values)), or call gd.numpy.fromiter(...)."
    if name in _MAKERS:
        return f"{JOIN}, and leave dtype=float away; a node is an array already."
    if name == "arange":
        return "Write np.linspace(start, stop, n), or start + step * np.arange(n)."
    if name in _COUNTS:
        return "A length is a plain integer: pass int(gd.value(x))."
    own = f"gd.{module}.{name}(...)"
    if module not in ("numpy", "numpy.linalg", "numpy.fft") or not name.isidentifier():
        return f"{JOIN}."
    return f"{JOIN}, or call {own}, which looks inside lists and object arrays."


def inside_numpy() -> str:
    """Say which function of NumPy asks for something, if its own code does.

    It does so of the entries of lists and object arrays, of which it knows no more than
    that they are objects; what it asks for then is not what the user wrote.
    """
    frame: Any = sys._getframe(1)
    name = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("numpy."):
            name = frame.f_code.co_name.lstrip("_")
        elif name or not module.startswith("chainrule"):
            break
        frame = frame.f_back
    for home in ("numpy", "numpy.linalg", "numpy.fft") if name else ():
        if hasattr(sys.modules[home], name):
            return (
                f"{home.replace('numpy', 'np')}.{name} works on the entries of a list "
                "or an object array of nodes one by one, and asks no derivative rule. "
                f"{of_numpy(home, name)}"
            )
    return ""


ASSIGNED = (
    "A plain array cannot remember how its entries were computed. Make it by "
    "gd.zeros(n), or by np.zeros_like(x) of a node, or run the function as gd.lift(f), "
    "whose np.zeros(n) takes nodes."
)
"""What to write instead of ``a[0] = node``."""

# -------------------------------------------------------------- the standard library

_STANDARD: Mapping[str, str] = {
    "math.dist": "Write np.linalg.norm(p - q).",
    "math.gcd": "It works on integers. " + _VALUE,
    "math.isqrt": "Write np.sqrt(x).",
    "statistics.mean": "Write np.mean(np.stack(values)).",
    "statistics.fmean": "Write np.mean(np.stack(values)).",
    "statistics.geometric_mean": "Write np.exp(np.mean(np.log(np.stack(values)))).",
    "statistics.harmonic_mean": "Write 1 / np.mean(1 / np.stack(values)).",
    "statistics.median": "Write np.median(np.stack(values)).",
    "statistics.stdev": "Write np.std(np.stack(values), ddof=1).",
    "statistics.pstdev": "Write np.std(np.stack(values)).",
    "statistics.variance": "Write np.var(np.stack(values), ddof=1).",
    "statistics.pvariance": "Write np.var(np.stack(values)).",
    "statistics.quantiles": "Write np.quantile(np.stack(values), q).",
    "statistics.correlation": "Write np.corrcoef(x, y)[0, 1].",
    "statistics.covariance": "Write np.cov(x, y)[0, 1].",
}

_PLAIN_DATA = "It stores plain data, not how it was computed: pass gd.value(x)."
_PLAIN_NUMBER = "It needs a plain number: pass gd.value(x)."
_EXACT = (
    "Its numbers are not floating-point numbers, which is what nodes hold. Compute "
    "with floats. " + _VALUE
)

# ------------------------------------------------------------------------------- SciPy

_SPARSE = (
    "M @ x takes nodes, and chainrule.scipy.sparse has matrices whose data are nodes; "
    "for all else write M.toarray()."
)
_SPARSE_SOLVERS = (
    "chainrule.scipy.sparse.linalg has spsolve, splu, cg, gmres and others of nodes. "
    "Write np.linalg.solve(M.toarray(), b), or declare the derivative with "
    "gd.custom_operation(forward, pullback)."
)
_MINIMIZE = (
    "Solve with plain numbers, gd.value of what the solver reads, and declare by "
    "gd.implicit(solve, residual) which equation the solution satisfies."
)
_ROOTS = (
    "Find the root with plain numbers, gd.value(x) for each node that the function "
    "reads, as gd.implicit(solve, residual): it has the derivatives of the root."
)
_ROOT_NAMES = names(
    "bisect brenth brentq ridder toms748 newton root root_scalar fsolve "
    "fixed_point broyden1 broyden2 anderson newton_krylov"
)
_DISTANCES = (
    "Find what is near with plain points, i = tree.query(gd.value(x))[1], and take "
    "distances on nodes, np.linalg.norm(x - points[i], axis=-1); "
    "chainrule.scipy.spatial.distance has cdist, pdist and the metrics."
)
_LINEAR = (
    "Write it with np.convolve or with slices; where it is linear, "
    "gd.custom_operation(forward, pullback) with the transposed filter as pullback "
    "declares it."
)
_INTERPOLATE = (
    "chainrule.scipy.interpolate has interp1d, CubicSpline, make_interp_spline, "
    "RegularGridInterpolator and others. Declare a spline s of plain data: "
    "gd.custom_operation(s, lambda z_grad, z, x: (z_grad * s.derivative()(x),))."
)
_INTEGRATE = (
    "chainrule.scipy.integrate has quad and its relatives; write an ODE as a loop of "
    "steps, such as gd.scan."
)
_STATS = (
    "chainrule.scipy.stats has distributions, density estimates and functions of "
    "samples. " + _VALUE
)

_EINOPS = (
    "einops.array_api has rearrange, reduce, repeat, pack and unpack that take nodes; "
    "write np.einsum(...) instead of its einsum."
)
_LEARNING = (
    "Set the environment variable SCIPY_ARRAY_API=1 and call sklearn.set_config("
    "array_api_dispatch=True): then many transformers and kernels take nodes. Metrics "
    "return plain numbers: write them with functions of NumPy, np.mean((x - y) ** 2)."
)

_COLUMNS = "Take its array, series.to_numpy() or frame.to_numpy()."
LABELLED = (
    "Its values are a node, x.data, for functions of NumPy and chainrule.scipy: "
    "xarray.apply_ufunc(f, x) keeps the labels."
)
_INTERPOLATED = (
    "Give the array to a function of chainrule.scipy: xarray.apply_ufunc(lambda a: "
    "interp1d(t, a)(new), x, input_core_dims=[['t']], output_core_dims=[['t']], "
    "exclude_dims={'t'}) with interp1d of chainrule.scipy.interpolate."
)
_XARRAY: Mapping[str, str] = {
    "interp": _INTERPOLATED,
    "interp_like": _INTERPOLATED,
    "interpolate_na": _INTERPOLATED,
    "polyval": "Write sum(c.sel(degree=i) * x**i for i in c.degree.values).",
    "curvefit": "Fit x.data with curve_fit of chainrule.scipy.optimize.",
}

_ENTRIES: Mapping[str, str] = {
    "pandas": (
        "Write np.where(mask, x, series), which is a node; a whole column may be one, "
        "frame['a'] = x."
    ),
    "xarray": (
        "Write xarray.where(mask, x, y), or make the array by xarray.zeros_like(x) of "
        "one that holds a node."
    ),
}

_MODULES: tuple[tuple[str, str], ...] = (
    ("einops", _EINOPS),
    ("sklearn", _LEARNING),
    ("scipy.sparse.linalg", _SPARSE_SOLVERS),
    ("scipy.sparse", _SPARSE),
    ("scipy.spatial", _DISTANCES),
    ("scipy.cluster", _DISTANCES),
    ("scipy.ndimage", _LINEAR),
    ("scipy.signal", _LINEAR),
    ("scipy.interpolate", _INTERPOLATE),
    ("scipy.integrate", _INTEGRATE),
    ("scipy.stats", _STATS),
    ("scipy.optimize", _MINIMIZE),
    ("pandas", _COLUMNS),
    ("polars", _COLUMNS),
    ("decimal", _EXACT),
    ("fractions", _EXACT),
    ("sympy", _EXACT),
    ("mpmath", _EXACT),
    ("json", _PLAIN_DATA),
    ("struct", _PLAIN_DATA),
    ("array", _PLAIN_DATA),
    ("ctypes", _PLAIN_DATA),
    ("datetime", _PLAIN_NUMBER),
    ("time", _PLAIN_NUMBER),
    ("random", "Random numbers are drawn with plain parameters. " + _VALUE),
)


def writes_in_place(target: Any) -> bool:
    """Tell whether something is a method of arrays that writes into them."""
    of_arrays = getattr(target, "__objclass__", None) is np.ndarray
    return of_arrays and target.__name__ in ("fill", "put", "itemset", "setfield")


def assigned(module: str) -> str:
    """Return what to write instead of an assignment to entries of a plain array."""
    return _ENTRIES.get(module.partition(".")[0], ASSIGNED)


def _of_math(name: str, has_rule: HasRule) -> str:
    """Return what to write instead of a function of ``math`` on nodes."""
    behind = rule_behind(name)
    known = {"pow": "power", "fsum": "sum", "phase": "angle"}.get(name, name)
    if behind is not None:
        known = behind.forward.__name__
    if _found(np, known, has_rule):
        return f"Write np.{known}(...)."
    return DECLARE if behind is None else f"Write gd.{known}(...)."


def remedy(module: str, name: str, has_rule: HasRule) -> str:
    """Return what to write instead of ``module.name`` on nodes."""
    if f"{module}.{name}" in _STANDARD:
        return _STANDARD[f"{module}.{name}"]
    if module in ("math", "cmath"):
        return _of_math(name, has_rule)
    if module.startswith("xarray"):
        return _XARRAY.get(name.rpartition(".")[2], LABELLED)
    if module.startswith("numpy"):
        return of_numpy(module, name)
    if _is_mirrored(module, name, has_rule):
        return f"Write chainrule.{module}.{name}(...)."
    if module.startswith("scipy.optimize") and name in _ROOT_NAMES:
        return _ROOTS
    for prefix, words in _MODULES:
        if module == prefix or module.startswith(f"{prefix}."):
            return words
    return DECLARE


def _is_mirrored(module: str, name: str, has_rule: HasRule) -> bool:
    """Tell whether ``chainrule.scipy`` has a function of SciPy's."""
    if not module.startswith("scipy."):
        return False
    try:
        ours: Any = importlib.import_module(f"chainrule.{module}")
        theirs = importlib.import_module(module)
    except ImportError:
        return False
    first = name.partition(".")[0]  # of a method, such as norm.logpdf
    return first in vars(ours) or _found(theirs, name, has_rule)


def _found(module: ModuleType, name: str, has_rule: HasRule) -> bool:
    function = getattr(module, name, None)
    return function is not None and has_rule(function)


# --------------------------------------------------------------------- names of ufuncs

_HOMES = ("numpy", "scipy.special")


def home_of(ufunc: np.ufunc) -> str:
    """Return the module that users know a ufunc by; empty if there is none.

    >>> home_of(np.sin), home_of(np.frompyfunc(abs, 1, 1))
    ('numpy', '')
    """
    name = getattr(ufunc, "__name__", "")
    for home in _HOMES:
        module = sys.modules.get(home)
        if module is not None and function_in(module, name) is ufunc:
            return home
    return ""


def written(function: Operation) -> str:
    """Return a function's name as users write it, such as ``np.linalg.eig``."""
    name = getattr(function, "__name__", None) or repr(function)
    if isinstance(function, np.ufunc):
        module = home_of(function)
    else:
        module = getattr(function, "__module__", None) or ""
    module = public(module)
    if module == "numpy" or module.startswith("numpy."):
        module = "np" + module.removeprefix("numpy")
    return f"{module}.{name}" if module else name


def public(module: str) -> str:
    """Return a module's name without its private parts.

    >>> public("scipy.linalg._basic")
    'scipy.linalg'
    """
    parts: list[str] = []
    for part in module.split("."):
        if part.startswith("_"):
            break
        parts.append(part)
    return ".".join(parts)
