"""``chainrule.scipy.linalg``: SciPy's values, derivatives, programs and refusals."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ChainruleError, CompileError
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED

scipy_linalg = pytest.importorskip("scipy.linalg")
from chainrule.scipy import linalg  # noqa: E402

node = gd.node


def drawn(rng, kind, dtype):
    """Return an argument: a shape of numbers, or a kind of matrix."""
    if not isinstance(kind, str):
        if not isinstance(kind, tuple):
            return kind
        x = rng.uniform(-1.0, 1.0, kind)
        return x + 1j * rng.uniform(-1.0, 1.0, kind) if dtype == "complex" else x
    name, *shape = kind.split()
    shape = tuple(map(int, shape)) or (3, 3)
    x = drawn(rng, shape, dtype)
    other = np.conj(np.swapaxes(x, -1, -2)) if x.ndim > 1 else x
    n = shape[-1]
    return {
        "regular": lambda: x + 3.0 * np.eye(*shape[-2:]),
        "small": lambda: 0.3 * x,
        "apart": lambda: 0.3 * x + np.diag(3.0 * np.arange(1, n + 1)),
        "hermitian": lambda: 0.2 * (x + other) + np.diag(3.0 * np.arange(n) - 2.0),
        "symmetric": lambda: x + np.swapaxes(x, -1, -2) + np.eye(n),
        "spd": lambda: x @ other + np.diag(1.0 + np.arange(n)),
        "bands": lambda: x + 6.0 * (np.arange(shape[-2]) == 1)[:, None],
        "upper": lambda: 0.3 * x + 4.0 * (np.arange(shape[-2]) == 2)[:, None],
        "lower": lambda: 0.3 * x + 4.0 * (np.arange(shape[-2]) == 0)[:, None],
        "column": lambda: x + 4.0 * (np.arange(n) == 0),
    }[name]()


CALLS = {
    # systems
    **{
        f"solve {assumed} {lower}": (
            lambda L, a, b, assumed=assumed, lower=lower: L.solve(
                a, b, assume_a=assumed, lower=lower
            ),
            kind,
            (3, 2),
        )
        for assumed, kind, lower in [
            (None, "regular", False), ("gen", "regular", False), ("pos", "spd", False),
            ("positive definite", "spd", True), ("sym", "symmetric", True),
            ("her", "hermitian", False), ("diagonal", "regular", False),
            ("tridiagonal", "regular", False), ("banded", "regular", False),
            ("upper triangular", "regular", False),
            ("lower triangular", "regular", False),
        ]
    },
    "solve stack": (
        lambda L, a, b: L.solve(a, b, assume_a="pos"), "spd 2 3 3", (3,)
    ),
    "solve number": (lambda L, a, b: L.solve(a, b), "regular 1 1", (1,)),
    "inv": (lambda L, a: L.inv(a), "regular 2 3 3"),
    "inv pos": (lambda L, a: L.inv(a, assume_a="pos"), "spd"),
    "det": (lambda L, a: L.det(a), "regular 2 3 3"),
    **{
        f"solve_triangular {trans} {lower} {unit}": (
            lambda L, a, b, given=(trans, lower, unit): L.solve_triangular(
                a, b, *given
            ),
            "regular",
            (3,),
        )
        for trans, lower, unit in [
            (0, False, False), ("T", True, False), (2, False, True), ("N", True, True),
        ]
    },
    # factors
    **{
        f"lu {shape}": (lambda L, a: L.lu(a), f"regular {shape}")
        for shape in ("3 3", "4 2", "2 4", "2 2 2")
    },
    "lu rows": (lambda L, a: L.lu(a, p_indices=True), (3, 3)),
    "lu permuted": (lambda L, a: L.lu(a, permute_l=True), (3, 3)),
    **{
        f"lu_solve {trans}": (
            lambda L, a, b, trans=trans: L.lu_solve(L.lu_factor(a), b, trans),
            "regular",
            (3, 2),
        )
        for trans in (0, 1, 2)
    },
    "lu_factor": (lambda L, a: L.lu_factor(a), "regular 2 3 3"),
    "cholesky": (lambda L, a: L.cholesky(a), "spd"),
    "cholesky lower": (lambda L, a: L.cholesky(a, lower=True), "spd 2 2 2"),
    "cho_factor": (lambda L, a: L.cho_factor(a)[0], "spd"),
    **{
        f"cho_solve {lower}": (
            lambda L, a, b, lower=lower: L.cho_solve(L.cho_factor(a, lower), b),
            "spd",
            (3, 2),
        )
        for lower in (True, False)
    },
    "qr": (lambda L, a: L.qr(a), "regular 3 4"),
    "qr economic": (lambda L, a: L.qr(a, mode="economic"), "regular 4 3"),
    "qr r": (lambda L, a: L.qr(a, mode="r")[0], "regular 4 3"),
    "qr pivoting": (
        lambda L, a: L.qr(a, mode="economic", pivoting=True), "regular 4 3"
    ),
    "rq": (lambda L, a: L.rq(a), "regular 4 3"),
    "rq economic": (lambda L, a: L.rq(a, mode="economic"), "regular 2 3"),
    "rq r": (lambda L, a: L.rq(a, mode="r"), "regular 2 3"),
    "ldl": (lambda L, a: L.ldl(a, hermitian=False), "symmetric"),
    # bands
    **{
        f"solve_banded {shape}": (
            lambda L, a, b: L.solve_banded((2, 1), a, b), "bands 4 5", shape
        )
        for shape in ((5,), (5, 2), (2, 5, 2))
    },
    **{
        f"cho_solve_banded {kind}": (
            lambda L, a, b, lower=kind == "lower": L.cho_solve_banded(
                (L.cholesky_banded(np.real(a), lower=lower), lower), b
            ),
            f"{kind} 3 5",
            (5,),
        )
        for kind in ("lower", "upper")
    },
    "eigvals_banded": (
        lambda L, a: L.eigvals_banded(a, select="i", select_range=(0, 1)), "upper 3 4"
    ),
    "solve_toeplitz": (
        lambda L, c, r, b: L.solve_toeplitz((c, r), b), "column 4", (4,), (4, 2)
    ),
    "solve_toeplitz one": (
        lambda L, c, b: L.solve_toeplitz(c, b), "column 4", (4,)
    ),
    "matmul_toeplitz": (
        lambda L, c, r, x: L.matmul_toeplitz((c, r), x), (3,), (4,), (4, 2)
    ),
    "matmul_toeplitz one": (lambda L, c, x: L.matmul_toeplitz(c, x), (3,), (3,)),
    "solve_circulant": (
        lambda L, c, b: L.solve_circulant(c, b), "column 4", (4, 2)
    ),
    # patterns
    "toeplitz": (lambda L, c, r: L.toeplitz(c, r), (2, 3), (4,)),
    "toeplitz one": (lambda L, c: L.toeplitz(c), (3,)),
    "hankel": (lambda L, c, r: L.hankel(c, r), (3,), (2,)),
    "hankel one": (lambda L, c: L.hankel(c), (3,)),
    "circulant": (lambda L, c: L.circulant(c), (2, 3)),
    "companion": (lambda L, a: L.companion(a), "column 4"),
    "fiedler_companion": (lambda L, a: L.fiedler_companion(a), "column 5"),
    "leslie": (lambda L, f, s: L.leslie(f, s), (4,), (3,)),
    "block_diag": (lambda L, *a: L.block_diag(*a), (2, 3), (2,), (3, 1, 2)),
    "diagsvd": (lambda L, s: L.diagsvd(s, 3, 4), (3,)),
    **{
        f"convolution_matrix {mode}": (
            lambda L, a, mode=mode: L.convolution_matrix(a, 4, mode), (3,)
        )
        for mode in ("full", "same", "valid")
    },
    "khatri_rao": (lambda L, a, b: L.khatri_rao(a, b), (2, 3), (4, 3)),
    # functions
    **{
        name: (lambda L, a, name=name: getattr(L, name)(a), "small 2 2")
        for name in "expm cosm sinm tanm coshm sinhm tanhm".split()
    },
    **{
        name: (lambda L, a, name=name: getattr(L, name)(a), "regular 2 2")
        for name in ("logm", "sqrtm")
    },
    "fractional_matrix_power": (
        lambda L, a: L.fractional_matrix_power(a, 0.3), "regular 2 2"
    ),
    "expm_frechet": (lambda L, a, e: L.expm_frechet(a, e), (2, 2), (2, 2)),
    "signm": (
        lambda L, a: L.signm(a - np.diag([1.0, 8.0])), "apart 2 2"
    ),
    # equations
    "solve_sylvester": (
        lambda L, a, b, q: L.solve_sylvester(a, b, q), "regular", "regular 2 2", (3, 2)
    ),
    "solve_continuous_lyapunov": (
        lambda L, a, q: L.solve_continuous_lyapunov(a, q), "regular", (3, 3)
    ),
    "solve_discrete_lyapunov": (
        lambda L, a, q: L.solve_discrete_lyapunov(a, q), "small", (3, 3)
    ),
    **{
        f"{name} {e}": (
            lambda L, a, b, q, r, e, s, name=name: getattr(L, name)(
                -0.2 * a, b, q @ np.conj(q.T), r @ np.conj(r.T), e, s
            ),
            "regular 2 2", "small 2 1", "regular 2 2", "regular 1 1", e,
            None if e is None else "small 2 1",
        )
        for name in ("solve_continuous_are", "solve_discrete_are")
        for e in (None, "regular 2 2")
    },
    # spectra
    "eigvalsh": (lambda L, a: L.eigvalsh(a, lower=False), "hermitian"),
    "eigvalsh subset": (
        lambda L, a: L.eigvalsh(a, subset_by_index=[1, 2]), "hermitian"
    ),
    "eigvalsh interval": (
        lambda L, a: L.eigvalsh(a, subset_by_value=[0.0, 2.0]), "hermitian"
    ),
    **{
        f"eigvalsh {kind}": (
            lambda L, a, b, kind=kind: L.eigvalsh(a, b, type=kind), "hermitian", "spd"
        )
        for kind in (1, 2, 3)
    },
    "eig": (lambda L, a: L.eig(a, left=True), "apart"),
    "eigvals": (lambda L, a: L.eigvals(a), "apart"),
    "eigvals of two": (lambda L, a, b: L.eigvals(a, b), "apart", "regular"),
    "svdvals": (lambda L, a: L.svdvals(a), "apart"),
    "svd values": (lambda L, a: L.svd(a, compute_uv=False), "apart"),
    "pinv": (lambda L, a: L.pinv(a), "regular 2 3 2"),
    "pinvh": (lambda L, a: L.pinvh(a), "hermitian"),
    "lstsq": (lambda L, a, b: L.lstsq(a, b)[:2], "regular 4 3", (4, 2)),
    "lstsq vector": (lambda L, a, b: L.lstsq(a, b)[:2], "regular 4 3", (4,)),
    "lstsq wide": (lambda L, a, b: L.lstsq(a, b)[0], "regular 2 3", (2,)),
    "polar": (lambda L, a: L.polar(a), "regular 4 3"),
    "polar left": (lambda L, a: L.polar(a, side="left"), "regular 2 3"),
    "orthogonal_procrustes": (
        lambda L, a, b: L.orthogonal_procrustes(a, b), "regular 4 3", "regular 4 3"
    ),
    "subspace_angles": (
        lambda L, a, b: L.subspace_angles(a, b), "regular 5 2", "regular 5 3"
    ),
    "norm": (lambda L, a: L.norm(a), (3, 2)),
    "norm axis": (lambda L, a: L.norm(a, 3, axis=1, keepdims=True), (3, 2)),
}  # fmt: skip
REAL_CALLS = {
    "solve transposed": (
        lambda L, a, b: L.solve(a, b, transposed=True, assume_a="upper triangular"),
        "regular",
        (3, 2),
    ),
    "eigh": (lambda L, a: L.eigh(a, driver="evd"), "hermitian"),
    **{
        f"eigh {kind}": (
            lambda L, a, b, kind=kind: L.eigh(a, b, type=kind), "hermitian", "spd"
        )
        for kind in (1, 2, 3)
    },
    "ldl hermitian": (lambda L, a: L.ldl(a, lower=False), "symmetric"),
    **{
        f"solveh_banded {kind}": (
            lambda L, a, b, lower=kind == "lower": L.solveh_banded(a, b, lower=lower),
            f"{kind} 3 5",
            (5, 2),
        )
        for kind in ("lower", "upper")
    },
    "svd": (lambda L, a: L.svd(a, full_matrices=False), "apart"),
    "eigh_tridiagonal": (lambda L, d, e: L.eigh_tridiagonal(d, e), "column 3", (2,)),
    "eigvalsh_tridiagonal": (
        lambda L, d, e: L.eigvalsh_tridiagonal(d, e, "v", (-9.0, 9.0)), (3,), (2,)
    ),
    "eig of two": (lambda L, a, b: L.eig(a, b)[1] ** 2, "apart", "spd"),
    "fractional_matrix_power t": (
        lambda L, a, t: L.fractional_matrix_power(a, t), "spd 2 2", 0.7
    ),
    "fiedler": (lambda L, a: L.fiedler(a), (3,)),
}  # fmt: skip
BOTH = [
    *[pytest.param(c, "real", id=n) for n, c in {**CALLS, **REAL_CALLS}.items()],
    *[pytest.param(c, "complex", id=f"{n} complex") for n, c in CALLS.items()],
]


def as_list(z):
    return list(z) if isinstance(z, tuple | list) else [z]


def prepared(call, dtype):
    """Return a function of the arguments that move, and these."""
    function, *kinds = call
    rng = np.random.default_rng(len(str(kinds)))
    given = [drawn(rng, kind, dtype) for kind in kinds]
    moving = [i for i, x in enumerate(given) if x is not None]

    def f(module, *moved):
        arguments = list(given)
        for i, x in zip(moving, moved, strict=True):
            arguments[i] = x
        return as_list(function(module, *arguments))

    return f, [given[i] for i in moving], rng


def weighted(f, arguments, rng):
    """Return a real number made of all inexact results."""
    weights = [
        (rng.normal(size=np.shape(z)) + 1j * rng.normal(size=np.shape(z)))
        if np.asarray(z).dtype.kind in "fc"
        else None
        for z in f(scipy_linalg, *arguments)
    ]

    def scalar(*moved):
        parts = zip(f(linalg, *moved), weights, strict=True)
        return sum(np.sum(np.real(z * w)) for z, w in parts if w is not None)

    return scalar


def check(call, dtype, order):
    f, arguments, rng = prepared(call, dtype)
    expected = f(scipy_linalg, *arguments)
    actual = f(linalg, *map(node, arguments))
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(gd.value(a)), np.asarray(e)
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-9)
    for plain, e in zip(f(linalg, *arguments), expected, strict=True):
        np.testing.assert_array_equal(plain, e)
    gd.check_gradients(weighted(f, arguments, rng), arguments, order=order)


@pytest.mark.parametrize(("call", "dtype"), BOTH)
def test_values_are_scipys_and_derivatives_those_of_differences(call, dtype):
    check(call, dtype, 1)


@pytest.mark.parametrize(("call", "dtype"), BOTH)
def test_dtypes_are_scipys_in_single_precision(call, dtype):
    f, arguments, _ = prepared(call, dtype)
    single = np.float32 if dtype == "real" else np.complex64
    arguments = [x.astype(single) if np.ndim(x) else x for x in arguments]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = f(scipy_linalg, *arguments)
        actual = f(linalg, *map(node, arguments))
    for a, e in zip(actual, expected, strict=True):
        assert np.asarray(gd.value(a)).dtype == np.asarray(e).dtype


@pytest.mark.slow
@pytest.mark.parametrize(("call", "dtype"), BOTH)
def test_second_derivatives_are_those_of_differences(call, dtype):
    check(call, dtype, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("call", "dtype"), BOTH)
def test_programs_and_maps_are_those_of_examples(call, dtype):
    f, arguments, rng = prepared(call, dtype)
    places = tuple(range(len(arguments)))
    gradient = gd.grad(weighted(f, arguments, rng), places)
    expected = gradient(*arguments)
    for compiled, eager in zip(gd.compile(gradient)(*arguments), expected, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-7, atol=1e-9)
    mapped = gd.vmap(gradient)(*(np.stack([x, x]) for x in arguments))
    for several, one in zip(mapped, expected, strict=True):
        np.testing.assert_allclose(several, [one, one], rtol=1e-7, atol=1e-9)


# --------------------------------------------------------------------------- boundaries


@pytest.mark.parametrize("name", ["solve", "inv", "cholesky", "eigvalsh"])
def test_derivatives_are_in_the_triangle_that_is_read(name):
    given = {
        "solve": {"assume_a": "pos", "lower": True},
        "inv": {"assume_a": "pos", "lower": True},
    }.get(name, {"lower": True})
    arguments = (np.ones(3),) if name == "solve" else ()
    a = drawn(np.random.default_rng(0), "spd", "real")
    function = getattr(linalg, name)
    grad = gd.grad(lambda a: np.sum(np.sin(function(a, *arguments, **given))))(a)
    np.testing.assert_array_equal(np.triu(grad, 1), 0.0)
    assert np.count_nonzero(grad) == 6


def test_functions_of_defective_matrices_have_all_derivatives():
    a = np.array([[2.0, 1.0], [0.0, 2.0]])
    for f, order in ((linalg.expm, 2), (linalg.logm, 1), (linalg.sqrtm, 2)):
        gd.check_gradients(lambda a, f=f: np.sum(np.sin(f(a))), (a,), order=order)
    third = gd.grad(gd.grad(gd.grad(lambda t: linalg.expm(t * a)[0, 0])))
    assert third(0.3) == pytest.approx(8.0 * np.exp(0.6))


def test_polar_factors_of_equal_singular_values():
    x = np.array([[0.0, -2.0], [2.0, 0.0]])
    gd.check_gradients(
        lambda a: np.sum(np.sin(linalg.polar(a)[0] + linalg.polar(a)[1])), (x,), order=2
    )


def test_the_exponential_of_a_long_cotangent_is_as_exact_as_of_a_short_one():
    a = np.array([[0.1, 1.0], [-0.4, 0.3]])
    _, pullback = gd.vjp(linalg.expm, a)
    short, long = (pullback(c * np.ones((2, 2)))[0] / c for c in (1.0, 1e12))
    np.testing.assert_allclose(long, short, rtol=1e-13)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_a_singular_matrix_has_a_root_without_derivative():
    with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
        gd.grad(lambda a: np.sum(linalg.sqrtm(a)))(np.diag([0.0, 0.0]))


def test_equations_without_a_unique_solution_raise():
    with pytest.raises(np.linalg.LinAlgError, match="eigenvalue"):
        linalg.solve_sylvester(node(np.diag([1.0, 2.0])), -np.eye(1), np.ones((2, 1)))


def test_roots_that_become_complex_have_their_own_programs():
    f = gd.compile(gd.grad(lambda a: np.sum(np.abs(linalg.sqrtm(a)))))
    x = np.diag([3.0, 2.0])
    half = np.diag(0.5 / np.sqrt([3.0, 2.0]))
    for _ in range(2):
        np.testing.assert_allclose(f(x), half)
        np.testing.assert_allclose(f(-x), -half)


def test_rank_deficient_least_squares_take_the_shortest_solution():
    a, b = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), np.array([1.0, 0.0, 2.0])
    z, residuals, rank, _ = linalg.lstsq(node(a), b)
    np.testing.assert_allclose(z.value, scipy_linalg.lstsq(a, b)[0], atol=1e-12)
    assert (residuals.size, rank) == (0, 1)
    gd.check_gradients(lambda b: np.sum(np.sin(linalg.lstsq(a, b)[0])), (b,))


def test_single_precision_stays():
    x = np.array([[2.0, 1.0], [0.3, 3.0]], np.float32)
    for f in (linalg.expm, linalg.logm, linalg.sqrtm, linalg.inv, linalg.polar):
        grad = gd.grad(lambda a, f=f: np.sum(as_list(f(a))[0]))(x)
        assert grad.dtype == np.float32


def test_lists_of_nodes_and_numbers():
    x, y = node(2.0), node(3.0)
    np.testing.assert_array_equal(
        linalg.block_diag(x, [[y, 1.0]]).value, [[2.0, 0.0, 0.0], [0.0, 3.0, 1.0]]
    )
    np.testing.assert_array_equal(
        linalg.toeplitz([x, 1.0], [0.0, y]).value, [[2.0, 3.0], [1.0, 2.0]]
    )
    np.testing.assert_allclose(linalg.expm([[x, 0.0], [0.0, 0.0]]).value[0, 0], np.e**2)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize(
    "name", "solve inv det cholesky expm sqrtm eigvalsh svdvals lu_factor".split()
)
def test_small_and_empty_matrices(name, n):
    arguments = (np.ones(n),) if name == "solve" else ()
    a = 4.0 * np.eye(n)
    z = as_list(getattr(linalg, name)(node(a), *arguments))[0]
    expected = as_list(getattr(scipy_linalg, name)(a, *arguments))[0]
    np.testing.assert_allclose(gd.value(z), expected)


# ----------------------------------------------------------------------------- refusals

X, V = node(np.array([[2.0, 1.0], [1.0, 3.0], [0.0, 1.0]])), node([1.0, 2.0])
REFUSALS = {
    "needs square matrices": lambda: linalg.expm(X),
    "a recognized matrix": lambda: linalg.solve(X[:2], V, assume_a="round"),
    "infs or NaNs": lambda: linalg.inv(node(np.full((2, 2), np.nan))),
    "mode='economic'": lambda: np.sum(linalg.qr(X)[0]).backward(),
    "mode='full'": lambda: linalg.rq(np.transpose(X)),
    "trans=5": lambda: linalg.solve_triangular(X[:2], V, trans=5),
    "disp=False": lambda: linalg.logm(X[:2], disp=False),
    "homogeneous_eigvals": lambda: linalg.eigvals(X[:2], homogeneous_eigvals=True),
    "lapack_driver='gesvd'": lambda: linalg.svd(X, lapack_driver="gesvd"),
    "full_matrices=False": lambda: np.sum(linalg.svd(X)[0]).backward(),
    "eigvals_only=True": lambda: linalg.eig_banded(X[:2]),
    "tol= and lapack_driver=": lambda: linalg.eigh_tridiagonal(V, V[:1], tol=0.1),
    "near singular": lambda: linalg.solve_circulant(node(np.ones(2)), V),
    "independent columns": lambda: linalg.subspace_angles(node(np.ones((3, 2))), X),
    "rounding errors": lambda: linalg.pinv(X, rtol=0.9),
    "as many rows": lambda: linalg.lstsq(X, V),
    "l+u+1": lambda: linalg.solve_banded((1, 1), X[:2], V),
    "the same number of columns": lambda: linalg.khatri_rao(X, V[None, :1]),
    "as many values in each": lambda: linalg.eigvalsh(
        node(np.stack([np.eye(2), 2.0 * np.eye(2)])), subset_by_value=(0.5, 1.5)
    ),
    "any other one would do": lambda: linalg.null_space(X),
    "the algorithm's choice": lambda: linalg.schur(X[:2]),
    "called on plain eigenvalues": lambda: linalg.funm(X[:2], np.sin),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_refusals(message):
    with pytest.raises((ChainruleError, ValueError)) as caught:
        REFUSALS[message]()
    assert message in str(caught.value)


def test_every_name_is_differentiable_constant_or_refused():
    constant = {"bandwidth", "issymmetric", "ishermitian"}
    of_plain = set(
        "dft hadamard helmert hilbert invhilbert invpascal pascal get_blas_funcs "
        "get_lapack_funcs find_best_blas_type LinAlgError LinAlgWarning".split()
    )
    for name in scipy_linalg.__all__:
        function = getattr(scipy_linalg, name)
        if not callable(function) or name in of_plain | {"test"}:
            continue
        if name in constant:
            assert function in LOCALLY_CONSTANT, name
        else:
            assert (function in FUNCTIONS) != (function in REFUSED), name


def test_signatures_are_scipys():
    for name in scipy_linalg.__all__:
        function = getattr(scipy_linalg, name)
        own = FUNCTIONS.get(function) if callable(function) else None
        if own is None:
            continue
        theirs = inspect.signature(function).parameters.values()
        ours = inspect.signature(own).parameters.values()
        assert [p.name for p in ours] == [p.name for p in theirs], name
        for a, b in zip(ours, theirs, strict=True):
            is_unset = type(b.default) is object  # SciPy's mark of an old parameter
            assert a.default is None if is_unset else a.default == b.default, name


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("logm", linalg.logm),
        ("sqrtm", linalg.sqrtm),
        ("fractional_matrix_power", lambda a: linalg.fractional_matrix_power(a, 0.3)),
        ("np.linalg.eig", np.linalg.eigvals),
        ("eig", linalg.eigvals),
        ("np.roots", lambda a: np.roots(a[0])),
    ],
)
def test_what_is_real_by_values_says_so_in_a_compiled_map(name, f):
    a = np.array([[4.0, 0.5, 0.1], [0.2, 3.0, -0.3], [0.4, 0.1, 5.0]])
    many = np.stack([a, 1.1 * a])
    slopes = gd.vmap(gd.grad(lambda a: np.sum(np.real(f(a + 0j)))))
    np.testing.assert_allclose(gd.compile(slopes)(many), slopes(many), rtol=1e-10)
    with pytest.raises(CompileError, match=rf"^{name} of real.*{name}\(a \+ 0j\)"):
        gd.compile(gd.vmap(gd.grad(lambda a: np.sum(np.real(f(a))))))(many)
