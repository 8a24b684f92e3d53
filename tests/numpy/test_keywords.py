"""Every keyword of every differentiable function: honoured, or refused by name.

The keywords are read from NumPy's signatures. Each is given a value that is not its
default, on nodes: the result is NumPy's, or the error says which keyword it was.
"""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ChainruleError
from chainrule.nodes.node_class import node
from chainrule.numpy.names import MODULES, classes_of

M = np.array([[1.5, 0.3, -0.2, 0.4], [0.1, 2.5, 0.7, -0.6], [-0.3, 0.8, 3.5, 0.9]])
SQUARE = M[:, :3] + M[:, :3].T
V, W = np.array([1.0, 2.5, 2.0, 4.0]), np.array([0.5, 1.5, 1.0, 2.0])
MASK = M > 0
FACTORS = np.cos(np.arange(36.0) ** 1.3)

ARGUMENTS = {
    "linalg.cholesky": (SQUARE + 3 * np.eye(3),),
    **dict.fromkeys(
        ["linalg.eigh", "linalg.eigvalsh", "linalg.cond", "linalg.matrix_power"],
        (SQUARE,),
    ),
    "linalg.lstsq": (M.T, V),
    "linalg.tensorsolve": (FACTORS.reshape(2, 6, 3), np.arange(6.0)),
    "linalg.tensorinv": (FACTORS.reshape(6, 2, 3),),
    "append": (M, M),
    **dict.fromkeys(["array_split", "split", "hsplit", "vsplit", "dsplit"], (V, 2)),
    "bincount": ([0, 1, 1, 2],),
    "broadcast_to": (V, (3, 4)),
    "choose": ([0, 1, 0], [V[:3], W[:3]]),
    "compress": ([True, False, True, False], V),
    "convolve": (V, W[:3]),
    "copyto": (M.copy(), M + 1),
    "correlate": (V, W[:3]),
    "cov": (M,),
    "cross": (M[:, :3], SQUARE),
    "delete": (V, 1),
    "dot": (SQUARE, SQUARE),
    "einsum": ("ij->i", M),
    "fill_diagonal": (M.copy(), 2.0),
    "angle": (M + 1j * M[:, ::-1],),
    "full_like": (M, np.array(2.0)),
    "geomspace": (np.array(1.0), np.array(8.0)),
    "insert": (V, 1, 5.0),
    "interp": (np.array([0.3, 3.1, 9.2]), np.sort(V), W),
    "linspace": (np.array(1.0), np.array(8.0)),
    "logspace": (np.array(1.0), np.array(2.0)),
    "partition": (V, 1),
    **dict.fromkeys(["percentile", "nanpercentile"], (M, 30.0)),
    **dict.fromkeys(["quantile", "nanquantile"], (M, 0.3)),
    "polyfit": (V, W, 1),
    "put": (M.copy(), [1, 2], [5.0, 6.0]),
    "reshape": (M, (4, 3)),
    "roll": (M, 1),
    "rollaxis": (np.ones((2, 3, 4)), 2),
    "rot90": (M,),
    "select": ([MASK], [M]),
    "take": (M, [1, 2]),
    "tensordot": (SQUARE, SQUARE),
    "linalg.tensordot": (SQUARE, SQUARE),
    "repeat": (V, 2),
    "resize": (V, 6),
    "trim_zeros": (np.array([0.0, 1.0, 2.0, 0.0]),),
    "take_along_axis": (M, np.array([[1], [0], [2]])),
    **dict.fromkeys(["linalg.cross", "linalg.vecdot"], (SQUARE, SQUARE[::-1])),
    **dict.fromkeys(["linalg.svd", "linalg.pinv"], (SQUARE,)),
    **dict.fromkeys(["polyder", "polyint"], (V,)),
    "vander": (V,),
    "histogram": ([1.0, 2.0, 2.5],),
    "histogram2d": ([1.0, 2.0, 2.5], [1.0, 2.0, 3.0]),
    "histogramdd": (np.array([[1, 1], [2, 2], [2, 3]]),),
    "pad": (V, 2),
    "real_if_close": (V,),
    "unwrap": (V * 3,),
    "average": (M,),
    "ediff1d": (V,),
    "unique": (V,),
    "gradient": (M,),
    "diff": (M,),
    **dict.fromkeys(["concatenate", "concat", "stack", "hstack", "vstack"], ([M, M],)),
    **dict.fromkeys(["broadcast_arrays", "meshgrid"], (V, W)),
    **dict.fromkeys(["cumulative_sum", "cumulative_prod"], (V,)),
    "astype": (M, np.float32),
    "corrcoef": (M,),
}  # fmt: skip
"""What functions are called with that need more, or other than, a matrix."""

VALUES = {
    "N": 3, "UPLO": "U", "a_max": 2.0, "a_min": -2.0, "append": 1.0, "prepend": 1.0,
    "aweights": V, "fweights": np.array([1, 2, 1, 3]), "axes": (1, 0), "axis": 0,
    "axis1": 1, "axis2": 0, "axisa": 0, "axisb": 0, "axisc": 0, "base": 2.0,
    "bias": True, "bins": 3, "casting": "unsafe", "compute_uv": False, "copy": False,
    "correction": 1, "cov": True, "ddof": 1, "default": 3.0, "deg": True,
    "density": True, "device": "cpu", "discont": 4.0, "dtype": np.float32, "dx": 0.5,
    "edge_order": 2, "endpoint": False, "equal_nan": False, "full": True,
    "full_matrices": False, "hermitian": True, "include_initial": True,
    "increasing": True, "ind": 1, "indexing": "ij", "initial": 0.5, "k": 1,
    "keepdims": True, "kind": "stable", "left": -1.0, "right": 7.0, "m": 2,
    "max": 2.0, "mean": np.array(0.5), "method": "lower", "min": -2.0, "minlength": 6,
    "mode": "wrap", "n": 3, "nan": 1.0, "neginf": -1.0, "posinf": 1.0, "norm": "ortho",
    "num": 7, "offset": 1, "optimize": True, "ord": 1, "order": "F",
    "overwrite_input": True, "p": 1, "period": 3.0, "range": (0.0, 3.0),
    "rcond": 1e-14, "retstep": True, "return_counts": True, "return_index": True,
    "return_inverse": True, "returned": True, "rowvar": False, "rtol": 1e-14,
    "s": (3, 2), "shape": (2, 2), "sorted": False, "sparse": True, "stable": True,
    "start": 1, "subok": True, "to_begin": 1.0, "to_end": 2.0, "tol": 10.0,
    "trim": "f", "upper": True, "w": W, "weights": V, "where": MASK, "wrap": True,
    "x": V, "y": W,
}  # fmt: skip
"""A value of each keyword that is not its default."""

OWN_VALUES = {
    "polyfit w": W, "polyint k": np.array([1.0]), "linalg.norm axis": 1,
    "linalg.vector_norm axis": 1, "tensordot axes": 1, "linalg.tensordot axes": 1,
    "rot90 axes": (1, 0), "rot90 k": 2, "fft.fftshift axes": 0, "fft.ifftshift axes": 0,
    "max mode": "wrap", "pad mode": "edge", "convolve mode": "same",
    "correlate mode": "same", "linalg.qr mode": "r",
    "histogram weights": V[:3], "histogram2d weights": V[:3],
    "histogramdd weights": V[:3], "histogram2d range": [(0, 3), (0, 3)],
    "histogramdd range": [(0, 3), (0, 3)], "copyto where": MASK,
    "average weights": np.array([[1.0, 2.0, 1.0, 0.5]] * 3),
    "corrcoef y": M, "cov y": M, "linalg.matrix_norm ord": 2, "linalg.norm ord": 2,
    "linspace axis": -1, "logspace axis": -1, "geomspace axis": -1,
    "gradient axis": 1, "diff axis": 0, "diff n": 2, "expand_dims axis": 0,
    "concatenate axis": 1, "concat axis": 1, "stack axis": 1, "append axis": 1,
    "trim_zeros axis": 0, "unwrap axis": 0, "trapezoid axis": 0, "trapezoid x": V,
    "linalg.pinv hermitian": True, "angle deg": True, **{
        f"{name} weights": np.abs(M)
        for name in ("quantile", "percentile", "nanquantile", "nanpercentile")
    }, "broadcast_to subok": True, "unique axis": 0,
    "fft.hfft n": 5, "interp period": 3.5, "unwrap period": 3.4,
    "cross axisa": 0, "cross axisb": 0,
    "cross axisc": 0, "flip axis": 0, "squeeze axis": 0, "permute_dims axes": (1, 0),
    "array_split axis": 1, "split axis": 1, "unstack axis": 1,
    "full_like subok": False,
    "linalg.tensorsolve axes": (0, 2), "linalg.tensorinv ind": 1,
    "diag k": 1, "diagflat k": 1, "nanstd mean": np.mean(M), "copy order": "F",
}  # fmt: skip
"""Values of a keyword that suit one function."""

OWN_ARGUMENTS = {
    **dict.fromkeys(["array_split axis", "split axis"], (M, 2)),
    **dict.fromkeys(["cross axisa", "cross axisb", "cross axisc"], (SQUARE, M[:, :3])),
    "squeeze axis": (M[None],),
}
"""What a function is called with for one of its keywords."""

UNTRIED = {
    "sort order": "names fields of records",
    "partition order": "names fields of records",
    "partition kind": "has one value",
}
"""Keywords with no other value than their default, with the reason."""

BESIDE = {
    **{
        f"{name} weights": {"method": "inverted_cdf"}
        for name in ("quantile", "percentile", "nanquantile", "nanpercentile")
    },
    "clip a_min": {"a_max": 1.0}, "clip a_max": {"a_min": 0.0},
    **{f"{name} axis1": {"axis2": 0} for name in ("diagonal", "trace")},
    **{f"{name} axis2": {"axis1": 1} for name in ("diagonal", "trace")},
    **{f"{name} where": {"initial": 9.0} for name in ("min", "amin", "nanmin")},
    **{f"{name} where": {"initial": -9.0} for name in ("max", "amax", "nanmax")},
}  # fmt: skip
"""What a keyword needs beside it."""

WRITERS = {"out", *UNTRIED}
"""Keywords not tried here; ``out`` is, in ``tests/test_writing_functions.py``."""


def keyword_arguments():
    """Yield the name of each function, the function and a keyword of it."""
    for module, mirrored in MODULES.items():
        for name in dir(mirrored):
            function = getattr(mirrored, name)
            if name.startswith("_") or classes_of(module, name) != ["differentiable"]:
                continue
            if isinstance(function, np.ufunc) or function is np.where:
                continue
            full = f"{module}.{name}".removeprefix("np.")
            for p in inspect.signature(function).parameters.values():
                what = f"{full} {p.name}"
                if p.default is not p.empty and not {p.name, what} & WRITERS:
                    yield pytest.param(full, function, p, id=what)


def as_nodes(x):
    if isinstance(x, np.ndarray) and x.dtype.kind in "fc":
        return 1.0 * node(x)  # no leaf: some functions write into it
    return [as_nodes(v) for v in x] if isinstance(x, list) else x


def values_of(z):
    if isinstance(z, tuple | list):
        return [values_of(v) for v in z]
    return gd.value(z)


def assert_alike(actual, expected, what):
    if isinstance(expected, tuple | list):
        assert len(actual) == len(expected), what
        for a, e in zip(actual, expected, strict=True):
            assert_alike(a, e, what)
        return
    a, e = np.asarray(actual), np.asarray(expected)
    assert a.shape == e.shape, what
    if what.endswith(" dtype"):
        assert a.dtype == e.dtype, what
    np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-6, err_msg=what)


def call(function, arguments, given):
    """Return the result of a call, or what it wrote into."""
    z = function(*arguments, **given)
    return arguments[0] if z is None else z


def shifted(x, t):
    """Return arguments moved on by t times a direction; zeros stay."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "fc":
        return x * (1.0 + t * np.cos(np.arange(1.0, x.size + 1.0)).reshape(x.shape))
    return [shifted(v, t) for v in x] if isinstance(x, list) else x


def total(z):
    """Return the floats among results as one number, each entry by a weight."""
    if isinstance(z, tuple | list):
        return sum((total(part) for part in z), start=0.0)
    if not np.issubdtype(getattr(z, "dtype", type(z)), np.inexact):
        return 0.0
    w = np.cos(2.0 + np.arange(np.size(z))).reshape(np.shape(z))
    return np.sum(np.real(z) * w) + np.sum(np.imag(z) * w[..., ::-1] if w.ndim else 0.0)


def is_default(value, parameter):
    return np.shape(value) == np.shape(parameter.default) == () and (
        value is parameter.default or value == parameter.default
    )


@pytest.mark.parametrize(("name", "function", "parameter"), [*keyword_arguments()])
def test_keywords_are_honoured_or_refused_by_name(name, function, parameter):
    what = f"{name} {parameter.name}"
    arguments = OWN_ARGUMENTS.get(what, ARGUMENTS.get(name, (M,)))
    value = OWN_VALUES.get(what, VALUES.get(parameter.name))
    assert not is_default(value, parameter), "give it another value than its default"
    given = {parameter.name: value} | BESIDE.get(what, {})

    def f(t):
        return total(call(function, [shifted(x, t) for x in arguments], given))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = call(function, [shifted(x, 0.0) for x in arguments], given)
        try:
            actual, refusal = call(function, [*map(as_nodes, arguments)], given), ""
            slope = 0.0 if parameter.name == "dtype" else gd.grad(f)(0.0)
        except ChainruleError as error:
            actual, slope, refusal = None, None, str(error)
        if refusal:
            assert parameter.name in refusal, what
            return
        assert_alike(values_of(actual), expected, what)
        single = parameter.name == "dtype" or name == "astype"
        if not single:  # which is too coarse for differences
            assert abs(slope - (f(1e-6) - f(-1e-6)) / 2e-6) < 1e-4 * (1 + abs(slope)), (
                what
            )


# ------------------------------------------------------------------------------ ufuncs

UFUNC_KEYWORDS = {
    "where": M[:2, :3] > 0.2,
    "dtype": np.float32,
    "casting": "unsafe",
    "order": "F",
    "subok": False,
}


def ufuncs():
    """Return the differentiable ufuncs that work on entries."""
    found = {
        getattr(np, n) for n in dir(np) if classes_of("np", n) == ["differentiable"]
    }
    return sorted(
        (f for f in found if isinstance(f, np.ufunc) and not f.signature), key=str
    )


@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
@pytest.mark.parametrize("keyword", UFUNC_KEYWORDS)
@pytest.mark.parametrize("ufunc", ufuncs(), ids=lambda f: f.__name__)
def test_keywords_of_ufuncs_are_honoured_or_refused_by_name(ufunc, keyword):
    value = UFUNC_KEYWORDS[keyword]
    x = np.abs(M[:2, :3]) / 4 + (1.0 if ufunc is np.arccosh else 0.0)
    arguments = (x, x[::-1] + 0.1)[: ufunc.nin]
    try:
        expected = ufunc(*arguments, **{keyword: value})
    except TypeError:
        pytest.skip("NumPy refuses it")
    try:
        actual, refusal = ufunc(*map(node, arguments), **{keyword: value}), ""
    except TypeError as error:  # by which NumPy refuses keywords too
        actual, refusal = expected, str(error)
    assert not refusal or keyword in refusal
    mask = value if keyword == "where" else np.ones_like(x, bool)
    for z, e in zip(*map(several, (actual, expected)), strict=True):
        assert z.dtype == e.dtype
        np.testing.assert_array_equal(gd.value(z)[mask], e[mask])


def several(z):
    return z if isinstance(z, tuple) else (z,)
