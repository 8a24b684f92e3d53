"""What the functions of NumPy and SciPy are called with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Call = Callable[..., Any]
"""Takes a library's function and the operands, and calls the one with the others."""

U, V = np.array([0.31, 0.62, 0.87]), np.array([0.42, 0.75, 0.55])
W, Z = np.array([0.23, 0.51, 0.37]), np.array(0.7)
P, Q = np.array([1.7, 2.4, 3.1]), np.array([2.2, 1.3, 4.5])
R, N = np.array([3.3, 5.1, 4.2]), np.array([1, 2, 3])
X = np.array([0.9, -1.3, 0.4, 2.1])
LONG = np.cos(np.arange(40.0) ** 1.3) + 0.1 * np.arange(40.0)
OTHER = np.sin(np.arange(40.0) ** 1.2) + 0.05 * np.arange(40.0)
S = np.array([[2.5, 0.3, -0.4], [0.3, 1.8, 0.5], [-0.4, 0.5, 3.1]])
G = np.array([[2.5, 0.7, -0.4], [0.1, 1.8, 0.5], [-0.6, 0.2, 3.1]])
C = np.array([[0.5, 1.2, -0.7, 0.3], [1.9, -0.4, 0.8, 1.1], [-0.2, 0.6, 1.4, -1.5]])
I = np.sin(np.arange(48.0) ** 1.4).reshape(6, 8)  # noqa: E741
K = np.array([[0.1, 0.4, 0.2], [0.3, -0.5, 0.6], [0.2, 0.1, 0.7]])
CUBE = np.cos(np.arange(24.0) ** 1.3).reshape(2, 3, 4)
MASK = np.array([True, False, True])
KNOTS = np.array([0.0, 0.9, 2.1, 3.0, 4.2, 5.0])
HEIGHTS = np.array([0.5, 1.2, -0.3, 0.8, 1.9, 1.1])
INSIDE = np.array([0.4, 1.7, 3.3])

for _array in (U, V, W, Z, P, Q, R, N, X, LONG, OTHER, S, G, C, I, K, CUBE, MASK):
    _array.flags.writeable = False  # some functions write into what they are given

SKIPPED = frozenset(
    """save savez savez_compressed savetxt load loadtxt genfromtxt fromfile fromregex
    memmap test show_config show_runtime info seterr seterrcall setbufsize errstate
    set_printoptions printoptions geterr geterrcall getbufsize get_include
    get_printoptions frombuffer fromiter fromstring fromfunction frompyfunc vectorize
    asarray array asanyarray ascontiguousarray asfortranarray asarray_chkfinite
    require asmatrix bmat arange full zeros ones empty eye identity tri rand
    may_share_memory shares_memory einsum_path result_type dblquad tplquad nquad
    set_workers get_workers next_fast_len prev_fast_len skip_backend set_backend
    register_backend set_global_backend get_blas_funcs get_lapack_funcs
    find_best_blas_type bootstrap permutation_test monte_carlo_test make_distribution
    mintypecode diag_indices from_dlpack ix_ random_correlation ellip_harm_2 ellip_harm
    ellip_normal
    iterate_structure
    distance_transform_cdt distance_transform_bf distance_transform_edt""".split()
)
"""Names that read or write files, set options, make arrays, or take functions."""

_TUPLES: tuple[tuple[Any, ...], ...] = (
    *((U,), (P,), (S,), (X,), (C,), (R + 0.05,), (-P,)),
    *((U, V), (P, Q), (U, P), (P, U), (N, U), (N, P), (2, U), (2, P), (S, U), (S, S)),
    *(
        (U / 3, V / 3),
        (MASK, U),
        (3, P),
        (3, U),
    ),
    *((S, G), (C, C), (U, 2), (P, 2), (C, 1), (U, 1), (X, 2), (C, (1, 0)), (X, U)),
    *((U, V, W), (P, Q, R), (U, P, Q), (P, Q, U), (U, P, V), (P, U, V), (N, U, V)),
    *((P, U, U / 2), (N, N + 3, U), (3, N, U), (U, N, P), (N + 2, N, U), (P, N, N + 2)),
    *((0, 2, U), (1, 3, P)),
    *((N, P, Q), (N, N, U), (N, N, P), (2, 1, U), (N, P, U), (S, S, S), (Q, U, V)),
    *((U, V, W, U / 2), (P, Q, R, U), (N, N, U, V), (P, U, Q, R), (S, S, S, S)),
    *((N, P, Q, U), (N, N, P, U), (1, 2, U, V), (2, 1, P, U)),
    *(([U, V],), ([S, S],), (LONG,), (LONG, OTHER), (LONG, 2)),
    *((LONG, U), (S, 0), (S, 0.5), (CUBE,), (CUBE, 2)),
)
_OF_IMAGES = ((I,), (I, 3), (I, 1.0), (I, W), (I, K))


def as_call(args: tuple[Any, ...], **named: Any) -> tuple[tuple[Any, ...], Call]:
    """Return a call whose operands are the arrays of floats among the arguments.

    Those in lists, tuples and keywords are operands too.
    """
    operands: list[Any] = []

    def take_out(x: Any) -> Any:
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            operands.append(x)
            return operator.itemgetter(len(operands) - 1)
        if isinstance(x, list | tuple):
            parts, kind = [take_out(v) for v in x], type(x)
            return lambda given: kind(part(given) for part in parts)
        return lambda given: x

    places = [take_out(x) for x in args]
    by_name = {k: take_out(x) for k, x in named.items()}

    def call(function: Any, *given: Any) -> Any:
        keywords = {k: place(given) for k, place in by_name.items()}
        return function(*(place(given) for place in places), **keywords)

    return tuple(operands), call


def candidates(namespace: str, function: Any) -> Iterator[tuple[tuple[Any, ...], Call]]:
    """Return the calls to try, those of a distribution with its parameters."""
    owner = getattr(function, "__self__", None)
    if namespace == "scipy.stats" and hasattr(owner, "shapes"):
        yield of_distribution(owner, function.__name__)
        return
    if namespace == "scipy.interpolate":
        return  # FITPACK writes where it likes when it is given nonsense
    count = getattr(function, "nin", None)
    for args in _OF_IMAGES if namespace == "scipy.ndimage" else _TUPLES:
        if count is None or len(args) == count:
            yield as_call(args)


# ---------------------------------------------------------------------- distributions

METHODS = ("logpdf", "logpmf", "cdf", "ppf")


def distributions() -> Iterator[str]:
    """Return the methods of SciPy's distributions of one variable, by name."""
    from scipy import stats

    for name in dir(stats):
        value = getattr(stats, name)
        if isinstance(value, stats.rv_continuous | stats.rv_discrete):
            discrete = isinstance(value, stats.rv_discrete)
            for method in METHODS:
                if method not in (("logpdf", "ppf") if discrete else ("logpmf",)):
                    yield f"{name}.{method}"


def of_distribution(owner: Any, method: str) -> tuple[tuple[Any, ...], Call]:
    """Return a call with the shapes that SciPy's own tests use."""
    from scipy.stats import _distr_params

    listed = [*_distr_params.distcont, *_distr_params.distdiscrete]
    shapes = next(s for n, s in listed if n == owner.name or n is owner)
    share = np.array([0.3, 0.6])
    x = share if method == "ppf" else np.asarray(owner.ppf(share, *shapes), float)
    if method == "logpmf":
        return as_call((x.astype(int), *map(_number, shapes)))
    if not hasattr(owner, "logpdf"):  # a discrete one has a constant cdf in x
        return as_call((x.astype(int), *map(_number, shapes)))
    return as_call((x, *map(_number, shapes), np.array(0.0), np.array(1.0)))


def _number(shape: Any) -> Any:
    return np.asarray(shape) if isinstance(shape, float) else shape


# ------------------------------------------------------- calls of one function's own


def _numpy() -> dict[str, Any]:
    lists = "concatenate concat stack hstack vstack dstack column_stack row_stack"
    return {
        **{name: as_call(([U, V],)) for name in lists.split()},
        **dict.fromkeys(["array_split", "split"], as_call((X, 2))),
        "apply_along_axis": ((C,), lambda f, x: f(lambda v: v * v, 0, x)),
        "apply_over_axes": ((C,), lambda f, x: f(np.sum, x, 0)),
        "average": as_call((U,), weights=V),
        "bincount": as_call(([0, 1, 1],), weights=U),
        "block": as_call(([[U, V]],)),
        "broadcast_arrays": as_call((U, Z)),
        "broadcast_to": as_call((U, (2, 3))),
        "choose": as_call(([0, 1, 0], [U, V])),
        "clip": as_call((P, 2.0, 3.0)),
        "compress": as_call(([True, False, True], U)),
        "delete": as_call((U, 1)),
        "dsplit": as_call((CUBE, 2)),
        "einsum": as_call(("i,i->", U, V)),
        "expand_dims": as_call((U, 0)),
        "extract": as_call((MASK, U)),
        "full_like": as_call((U, Z)),
        "geomspace": as_call((Z, Z + 2.0, 4)),
        "histogram": as_call(([1, 2, 2],), weights=U),
        "hsplit": as_call((C, 2)),
        "insert": as_call((U, 1, Z)),
        "interp": as_call((INSIDE, KNOTS, HEIGHTS)),
        "linspace": as_call((Z, Z + 2.0, 4)),
        "logspace": as_call((Z, Z + 2.0, 4)),
        "moveaxis": as_call((C, 0, 1)),
        "pad": as_call((U, 1)),
        "partition": as_call((U, 1)),
        "percentile": as_call((U, 30.0)),
        "nanpercentile": as_call((U, 30.0)),
        "quantile": as_call((U, 0.3)),
        "nanquantile": as_call((U, 0.3)),
        "piecewise": ((U,), lambda f, x: f(x, [x > 0.5, x <= 0.5], [_square, _cube])),
        "polyfit": as_call((P, Q, 1)),
        "reshape": as_call((C, (4, 3))),
        "roll": as_call((U, 1)),
        "rollaxis": as_call((C, 1)),
        "select": as_call(([MASK, ~MASK], [U, V])),
        "swapaxes": as_call((C, 0, 1)),
        "take": as_call((U, [1, 2])),
        "take_along_axis": as_call((C, np.array([[1], [0], [2]]), 1)),
        "tensordot": as_call((S, G, 1)),
        "tile": as_call((U, 2)),
        "trim_zeros": as_call((np.array([0.0, 1.5, 2.5, 0.0]),)),
        "unwrap": as_call((3 * P,)),
        "vsplit": as_call((CUBE, 2)),
        "where": as_call((MASK, U, V)),
        "polyval": as_call((U, V)),
        **{f"linalg.{name}": _SYMMETRIC for name in ("cholesky", "eigh", "eigvalsh")},
        "linalg.lstsq": ((C.T, X), lambda f, a, b: f(a, b, rcond=None)),
        "linalg.matrix_power": as_call((G, 3)),
        "linalg.multi_dot": as_call(([S, G, S],)),
        "linalg.svd": as_call((G,)),
        "linalg.tensorinv": as_call((G.reshape(3, 3), 1)),
        "linalg.tensorsolve": as_call((G, U)),
    }


_SYMMETRIC: tuple[tuple[Any, ...], Call] = (
    (G,),
    lambda f, x: f((x + x.T) / 2),
)
"""Symmetric matrices alone: of others each library reads what it likes."""


def _special() -> dict[str, Any]:
    orders = "spherical_in spherical_jn spherical_kn spherical_yn"
    return dict.fromkeys(orders.split(), as_call((2, P)))


def _square(x: Any) -> Any:
    return x * x


def _cube(x: Any) -> Any:
    return x * x * x


def _linalg() -> dict[str, Any]:
    band = np.array([[0.0, 0.3, 0.4, 0.2], [2.0, 2.5, 1.9, 2.2], [0.1, 0.5, 0.3, 0.0]])
    return {
        **dict.fromkeys(["cholesky", "eigh", "eigvalsh", "pinvh"], _SYMMETRIC),
        "block_diag": as_call((S, C)),
        "cho_solve": as_call(((np.linalg.cholesky(S), True), U)),
        "cholesky_banded": as_call((band[:2],)),
        "cho_solve_banded": as_call(((band[:2], False), X)),
        "expm_frechet": as_call((G, S)),
        "fractional_matrix_power": as_call((G, 0.5)),
        "lu_factor": as_call((G,)),
        "lu_solve": as_call(((G, np.array([0, 1, 2])), U)),
        "matmul_toeplitz": as_call((U, V)),
        "solve_banded": as_call(((1, 1), band, X)),
        "solveh_banded": as_call((band[:2], X)),
        "solve_triangular": as_call((G, U)),
        "eigvals_banded": as_call((band[:2],)),
        "eig_banded": as_call((band[:2],)),
        "eigh_tridiagonal": as_call((P, U[:2])),
        "eigvalsh_tridiagonal": as_call((P, U[:2])),
        "hankel": as_call((U, V)),
        "toeplitz": as_call((U, V)),
    }


def _signal() -> dict[str, Any]:
    sos = np.array([[0.2, 0.3, 0.1, 1.0, -0.4, 0.2]])
    denominator = np.array([1.0, -0.4, 0.2])
    return {
        "decimate": as_call((LONG, 2)),
        "filtfilt": as_call((W, denominator, LONG)),
        "freqz": as_call((W, denominator, 16)),
        "lfilter": as_call((W, denominator, LONG)),
        "lfiltic": as_call((W, denominator, X[:2])),
        "medfilt": as_call((LONG, 3)),
        "order_filter": as_call((LONG, np.ones(3, int), 1)),
        "resample": as_call((LONG, 20)),
        "resample_poly": as_call((LONG, 2, 1)),
        "savgol_filter": as_call((LONG, 5, 2)),
        "sosfilt": as_call((sos, LONG)),
        "sosfiltfilt": as_call((sos, LONG)),
        "stft": as_call((LONG,), nperseg=16),
        "upfirdn": as_call((W, LONG, 2)),
        "welch": as_call((LONG,), nperseg=16),
        "lombscargle": as_call((KNOTS, HEIGHTS, P)),
    }


def _ndimage() -> dict[str, Any]:
    places = np.array([[1.3, 2.6, 4.2], [0.7, 3.4, 5.5]])
    matrix = np.array([[0.9, 0.2], [-0.1, 1.1]])
    windows = "maximum_filter minimum_filter median_filter uniform_filter"
    shapes = "grey_dilation grey_erosion grey_opening grey_closing white_tophat "
    return {
        **{name: as_call((I, 3)) for name in windows.split()},
        **{name: as_call((I, 3)) for name in shapes.split()},
        "affine_transform": as_call((I, matrix)),
        "convolve1d": as_call((I, W)),
        "correlate1d": as_call((I, W)),
        "gaussian_filter": as_call((I, Z)),
        "gaussian_filter1d": as_call((I, Z)),
        "gaussian_laplace": as_call((I, Z)),
        "gaussian_gradient_magnitude": as_call((I, Z)),
        "map_coordinates": as_call((I, places)),
        "maximum_filter1d": as_call((I, 3)),
        "minimum_filter1d": as_call((I, 3)),
        "percentile_filter": as_call((I, 30, 3)),
        "rank_filter": as_call((I, 1, 3)),
        "rotate": as_call((I, 20.0)),
        "shift": as_call((I, Z)),
        "uniform_filter1d": as_call((I, 3)),
        "zoom": as_call((I, 1.5)),
    }


def _integrate() -> dict[str, Any]:
    return {
        "quad": ((Z, Z + 0.5), lambda f, a, b: f(lambda t: t * t, a, b)[0]),
        "quad_vec": ((Z, Z + 0.5), lambda f, a, b: f(lambda t: t * t, a, b)[0]),
        "fixed_quad": ((Z, Z + 0.5), lambda f, a, b: f(lambda t: t * t, a, b)[0]),
        "romb": as_call((LONG[:9],)),
        "odeint": ((U,), lambda f, y: f(lambda y, t: -y, y, [0.0, 0.5])),
        "solve_ivp": (
            (U,),
            lambda f, y: f(lambda t, y: -y, (0.0, 0.5), y, t_eval=[0.2, 0.5]).y,
        ),
    }


def _interpolate() -> dict[str, Any]:
    through = (
        "interp1d CubicSpline PchipInterpolator Akima1DInterpolator make_interp_spline "
        "BarycentricInterpolator KroghInterpolator"
    )
    whole = ((KNOTS, HEIGHTS, INSIDE), lambda f, x, y, t: f(x, y)(t))
    points = np.stack([LONG[:8], OTHER[:8]], -1)
    return {
        **dict.fromkeys(through.split(), whole),
        "barycentric_interpolate": as_call((KNOTS, HEIGHTS, INSIDE)),
        "krogh_interpolate": as_call((KNOTS, HEIGHTS, INSIDE)),
        "pchip_interpolate": as_call((KNOTS, HEIGHTS, INSIDE)),
        "BSpline": ((HEIGHTS, INSIDE), lambda f, c, t: f(np.arange(10.0) - 3, c, 3)(t)),
        "CubicHermiteSpline": (
            (KNOTS, HEIGHTS, INSIDE),
            lambda f, x, y, t: f(x, y, y)(t),
        ),
        "PPoly": ((C, INSIDE), lambda f, c, t: f(c, np.arange(5.0))(t)),
        "RegularGridInterpolator": (
            (I, P),
            lambda f, values, t: f((np.arange(6.0), np.arange(8.0)), values)(t[:2]),
        ),
        "RBFInterpolator": (
            (points, LONG[:8], points[:3] + 0.05),
            lambda f, x, y, t: f(x, y)(t),
        ),
        "interpn": (
            (I, P),
            lambda f, values, t: f((np.arange(6.0), np.arange(8.0)), values, t[:2]),
        ),
    }


def _all() -> dict[str, Any]:
    found: dict[str, Any] = {f"numpy.{k}": v for k, v in _numpy().items()}
    for part, calls in {
        "special": _special,
        "linalg": _linalg,
        "signal": _signal,
        "ndimage": _ndimage,
        "integrate": _integrate,
        "interpolate": _interpolate,
    }.items():
        found |= {f"scipy.{part}.{name}": call for name, call in calls().items()}
    return found


CALLS = _all()
"""Calls by the full name of the function, where the candidates do not suit."""
