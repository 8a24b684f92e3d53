"""Products, linear algebra, Fourier transforms, polynomials: values and derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule import operations
from chainrule.errors import ArgumentError, ChainruleError, RecordingError
from chainrule.nodes import node

LA, FT = np.linalg, np.fft


def drawn(rng, shape, dtype):
    if shape == "spd":
        a = drawn(rng, (3, 3), dtype)
        return a @ np.conj(a.T) + 3.0 * np.eye(3)
    if shape == "signed":
        a = drawn(rng, (3, 3), dtype)
        return a + np.conj(a.T) + np.diag([-4.0, 1.0, 6.0])
    if shape in ("regular", "regular stack"):
        size = (2, 3, 3) if shape == "regular stack" else (3, 3)
        return drawn(rng, size, dtype) + 4.0 * np.eye(3)
    a = rng.normal(size=shape)
    return a + 1j * rng.normal(size=shape) if dtype == "complex" else a


def sine_of_eigenvalues(a):
    w, v = LA.eigh(a)
    return (v * np.sin(w)) @ np.conj(v.T)


def squared_singular_values(a):
    u, s, vh = LA.svd(a, full_matrices=False)
    return (u * s**2) @ vh


def as_list(z):
    return list(z) if isinstance(z, tuple | list) else [z]


def weighted(function, rng, arguments):
    """Return a real scalar function of what ``function`` returns."""
    weights = [
        drawn(rng, np.shape(v), "complex" if np.iscomplexobj(v) else "real")
        for v in as_list(function(*arguments))
    ]

    def scalar(*given):
        parts = zip(as_list(function(*given)), weights, strict=True)
        return sum(np.sum(np.real(v * w)) for v, w in parts)

    return scalar


CALLS = {
    # products
    "vdot": (np.vdot, (2, 3), (3, 2)),
    "inner": (np.inner, (2, 3), (4, 3)),
    "kron": (np.kron, (2, 3), (3, 2, 2)),
    "kron number": (np.kron, (), (3,)),
    "cross": (np.cross, (4, 3), (3,)),
    "cross axes": (
        lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), (3, 4), (4, 3)
    ),
    "cross axis": (lambda a, b: np.cross(a, b, axis=0), (3, 4), (3, 4)),
    "linalg cross": (lambda a, b: LA.cross(a, b, axis=0), (3, 4), (3, 4)),
    "vecdot": (np.vecdot, (4, 3), (3,)),
    "vecdot axis": (lambda a, b: np.vecdot(a, b, axis=0), (3, 4), (3, 4)),
    "linalg vecdot": (lambda a, b: LA.vecdot(a, b, axis=0), (3, 4), (3, 4)),
    "multi_dot": (lambda *a: LA.multi_dot(a), (3,), (3, 4), (4, 2), (2,)),
    "multi_dot matrices": (lambda *a: LA.multi_dot(a), (2, 3), (3, 4), (4, 2)),
    "linalg outer": (LA.outer, (3,), (2,)),
    "linalg tensordot": (lambda a, b: LA.tensordot(a, b, axes=1), (3, 2), (2, 4)),
    "linalg matmul": (LA.matmul, (3, 2), (2, 4)),
    "@": (lambda a, b: a @ b, (2, 3, 4), (4,)),
    "dot method": (lambda a, b: a.dot(b), (3, 4), (4,)),
    **{f"power {n}": (lambda a, n=n: LA.matrix_power(a, n), "regular")
       for n in (-2, -1, 0, 1, 2, 3, 5)},
    # einsum
    "einsum ellipsis": (lambda a, b: np.einsum("...ij,...jk", a, b), (2, 3, 4), (4, 2)),
    "einsum sublists": (
        lambda a, b: np.einsum(a, [..., 0, 1], b, [1, 2]), (2, 3, 4), (4, 2)
    ),
    "einsum sublist out": (
        lambda a, b: np.einsum(a, [..., 0, 1], b, [1, 2], [2, ..., 0]),
        (2, 3, 4), (4, 2),
    ),
    "einsum implicit": (lambda a: np.einsum("ba", a), (3, 4)),
    "einsum trace": (lambda a: np.einsum("ii", a), (3, 3)),
    "einsum diagonals": (lambda a: np.einsum("...ii->...i", a), (2, 3, 3)),
    "einsum path": (
        lambda a, b: np.einsum("...i,...i->...", a, b, optimize="greedy"),
        (5, 1, 3), (4, 3),
    ),
    "einsum diagonal times": (
        lambda a, b: np.einsum("iij,jk->k", a, b), (3, 3, 2), (2, 4)
    ),
    # norms
    **{f"norm {p}": (lambda a, p=p: LA.norm(a, p), (5,))
       for p in (None, 2, 1, 3, 4, 1.5, -1, np.inf, -np.inf)},
    **{f"norm of matrix {p}": (lambda a, p=p: LA.norm(a, p), (4, 3))
       for p in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)},
    **{f"norm of axes {p}": (
        lambda a, p=p: LA.norm(a, p, axis=(2, 0), keepdims=True), (4, 2, 3)
    ) for p in ("fro", "nuc", 1, -np.inf)},
    "norm of an axis": (lambda a: LA.norm(a, axis=1, keepdims=True), (3, 4)),
    "norm of everything": (LA.norm, (3, 4, 2)),
    "vector_norm": (
        lambda a: LA.vector_norm(a, axis=(0, 2), ord=3, keepdims=True), (3, 4, 2)
    ),
    "matrix_norm": (lambda a: LA.matrix_norm(a, ord=2), (2, 3, 4)),
    **{f"cond {p}": (lambda a, p=p: LA.cond(a, p), "regular")
       for p in (None, -2, 1, "fro")},
    # systems and decompositions
    "solve": (LA.solve, "regular", (3,)),
    "solve stacks": (LA.solve, "regular stack", (3, 2)),
    "solve one vector": (LA.solve, "regular stack", (3,)),
    "slogdet": (LA.slogdet, "regular stack"),
    "cholesky": (LA.cholesky, "spd"),
    "cholesky upper": (lambda a: LA.cholesky(a, upper=True), "spd"),
    "pinv": (LA.pinv, (2, 4, 3)),
    "pinv hermitian": (lambda a: LA.pinv(a, hermitian=True), "signed"),
    "pinv rtol": (lambda a: LA.pinv(a, rtol=None), (3, 4)),
    "pinv cutoff": (lambda a: LA.pinv(a, rcond=1e-12), (3, 4)),
    "qr": (LA.qr, (4, 3)),
    "qr wide": (LA.qr, (3, 5)),
    "qr r": (lambda a: LA.qr(a, mode="r"), (2, 5, 3)),
    "eigvalsh": (LA.eigvalsh, "spd"),
    "eigh of a function": (sine_of_eigenvalues, "spd"),
    "svdvals": (LA.svdvals, (2, 3, 4)),
    "svd values only": (lambda a: LA.svd(a, compute_uv=False), (4, 3)),
    "svd of a function": (squared_singular_values, (4, 3)),
    "svd square": (lambda a: LA.svd(a)[1], (3, 3)),
    "lstsq": (lambda a, b: LA.lstsq(a, b)[:2], (5, 3), (5, 2)),
    "lstsq vector": (lambda a, b: LA.lstsq(a, b)[3], (5, 3), (5,)),
    "lstsq wide": (lambda a, b: LA.lstsq(a, b)[0], (3, 5), (3,)),
    "tensorsolve": (LA.tensorsolve, (2, 3, 6), (2, 3)),
    "tensorsolve axes": (
        lambda a, b: LA.tensorsolve(a, b, axes=(0, 2)), (2, 6, 3), (6,)
    ),
    "tensorinv": (lambda a: LA.tensorinv(a, ind=1), (6, 2, 3)),
    # Fourier transforms
    **{f"{f.__name__} {n} {norm}": (
        lambda a, f=f, n=n, norm=norm: f(a, n=n, axis=0, norm=norm), (5, 2)
    ) for f, n, norm in [
        (FT.fft, 4, None), (FT.ifft, 7, "forward"), (FT.hfft, 8, None),
        (FT.hfft, None, "ortho"), (FT.irfft, None, "ortho"), (FT.irfft, 7, "forward"),
    ]},
    **{f.__name__: (f, (2, 3, 4))
       for f in (FT.fft2, FT.fftn, FT.ifft2, FT.ifftn, FT.irfft2, FT.irfftn,
                 FT.fftshift, FT.ifftshift)},
    "fftn lengths": (lambda a: FT.fftn(a, s=(3, 5), axes=(0, 2)), (2, 3, 4)),
    "irfftn lengths": (lambda a: FT.irfftn(a, s=(3, 5), axes=(0, 2)), (2, 3, 4)),
    "fftshift axis": (lambda a: FT.fftshift(a, axes=0), (3, 4)),
}  # fmt: skip
CALLS |= {
    "polyadd": (np.polyadd, (3,), (5,)),
    "polysub": (np.polysub, (5,), (3,)),
    "polymul": (np.polymul, (5,), (3,)),
    "polyder": (lambda p: np.polyder(p, 2), (5,)),
    "polyint": (lambda p, k: np.polyint(p, 2, k), (5,), (2,)),
    "polyint one constant": (lambda p: np.polyint(p, 2), (5,)),
    "poly": (np.poly, (3,)),
    "polydiv": (lambda u, v: np.polydiv(u, v + np.array([3.0, 0.0, 0.0])), (5,), (3,)),
    "polydiv by a longer one": (lambda u, v: np.polydiv(u, v)[1], (2,), (3,)),
    "vander": (np.vander, (4,)),
    "vander increasing": (lambda x: np.vander(x, 3, increasing=True), (4,)),
}
if hasattr(np, "matvec"):
    CALLS["matvec"] = (np.matvec, (2, 4, 3), (3,))
    CALLS["vecmat"] = (np.vecmat, (4,), (2, 4, 3))
REAL_CALLS = {
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), (6,), (6,)),
    "polyfit columns": (lambda x, y: np.polyfit(x, y, 2), (6,), (6, 2)),
    "polyfit weights": (lambda x, y, w: np.polyfit(x, y, 2, w=w), (6,), (6,), (6,)),
    "eigh": (LA.eigh, "spd"),
    "svd hermitian": (lambda a: LA.svd(a, hermitian=True), "signed"),
    "svd hermitian values": (
        lambda a: LA.svd(a, hermitian=True, compute_uv=False),
        "signed",
    ),
    "poly of a matrix": (np.poly, (3, 3)),
    "rfft": (FT.rfft, (3, 5)),
    "rfft length": (lambda a: FT.rfft(a, n=4, axis=0, norm="ortho"), (5, 2)),
    "ihfft": (FT.ihfft, (3, 4)),
    "rfft2": (FT.rfft2, (2, 3, 4)),
    "rfftn": (lambda a: FT.rfftn(a, s=(3, 3), axes=(0, 2)), (2, 3, 4)),
}


@pytest.mark.parametrize(
    ("call", "dtype"),
    [
        *[pytest.param(c, "real", id=n) for n, c in {**CALLS, **REAL_CALLS}.items()],
        *[pytest.param(c, "complex", id=f"{n} complex") for n, c in CALLS.items()],
    ],
)
def test_value_and_derivatives(call, dtype):
    function, *shapes = call
    rng = np.random.default_rng(len(str(shapes)))
    arguments = [drawn(rng, shape, dtype) for shape in shapes]
    expected = as_list(function(*arguments))
    actual = as_list(function(*map(node, arguments)))
    for a, e in zip(actual, expected, strict=True):
        assert isinstance(a, node)
        assert a.dtype == np.asarray(e).dtype
        np.testing.assert_allclose(a.value, e, rtol=1e-9, atol=1e-9)
    gd.check_gradients(weighted(function, rng, arguments), arguments, order=2)


# ------------------------------------------------------------------------- boundaries


@pytest.mark.filterwarnings("ignore:Arrays of 2-dim:DeprecationWarning")
def test_two_components_have_a_cross_product_where_numpy_takes_them():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 2)), rng.normal(size=2)
    try:
        np.cross(x, y)
    except ValueError:
        with pytest.raises(ValueError, match=r"three components.*x\[0\] \* y\[1\]"):
            np.cross(node(x), y)
        return
    gd.check_gradients(lambda a, b: np.sum(np.cross(a, b) ** 2), (x, y), order=2)


@pytest.mark.parametrize(
    "x",
    [
        np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 1.0]) + np.eye(3)[:, :1] * [0.0, 2.0, 1.0],
        np.outer([1.0, 2.0, 3.0], [1.0, 4.0, 1.0]),
        np.zeros((3, 3)),
        np.eye(3),
        np.stack([np.zeros((2, 2)), np.eye(2)]),
        np.zeros((1, 1)),
    ],
    ids=["rank 2", "rank 1", "zero", "identity", "stack", "number"],
)
def test_determinant_is_exact_at_singular_matrices(x):
    gd.check_gradients(lambda a: np.sum(LA.det(a)), (x,), order=2)


def test_determinant_of_nearly_singular_matrices():
    x = np.diag([1.0, 1e-9, 2.0])
    expected = np.diag([2e-9, 2.0, 1e-9])
    grad = gd.grad(LA.det)(x)
    np.testing.assert_allclose(grad, expected, rtol=1e-12, atol=1e-24)


def test_slogdet_of_a_singular_matrix_raises():
    with pytest.raises(LA.LinAlgError, match="Singular"):
        gd.grad(lambda a: LA.slogdet(a)[1])(np.zeros((2, 2)))


@pytest.mark.parametrize("p", [None, 1, 2, 3, 4, 1.5, -1, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_norm_of_zero_has_derivative_zero(p):
    def f(x):
        return LA.norm(x, p)

    np.testing.assert_array_equal(gd.grad(f)(np.zeros(3)), np.zeros(3))
    second = np.diag(gd.hessian(f)(np.zeros(2)))
    piecewise_linear = p in (np.inf, -np.inf)
    np.testing.assert_array_equal(second, np.zeros(2) if piecewise_linear else np.nan)


def test_norm_of_rows_of_which_one_is_zero():
    grad = gd.grad(lambda x: np.sum(LA.norm(x, axis=1)))(np.array([[0.0, 0], [3, 4]]))
    np.testing.assert_allclose(grad, [[0.0, 0.0], [0.6, 0.8]])


def test_even_norms_are_smooth_where_an_element_is_zero():
    def f(s):
        return LA.norm(np.stack([s, 2.0]), 4)

    fourth = gd.grad(gd.grad(gd.grad(gd.grad(f))))
    assert fourth(0.0) == pytest.approx(24.0 / (4.0 * 2.0**3))


def test_norm_zero_counts():
    x = node([1.0, 0.0, 2.0])
    assert LA.norm(x, 0) == 2.0
    assert not isinstance(LA.norm(x, 0), node)


def test_repeated_eigenvalues():
    def trace(a):
        return np.sum(LA.eigvalsh(a) ** 2)

    np.testing.assert_allclose(gd.grad(trace)(np.eye(2)), 2.0 * np.eye(2))
    weights = np.array([[1.0, 2.0], [0.5, 1.0]])
    vectors = gd.grad(lambda a: np.sum(weights * LA.eigh(a)[1]))
    assert not np.isfinite(vectors(np.eye(2))).any()


def test_cholesky_is_differentiated_on_the_triangle_it_reads():
    x = np.array([[4.0, 1.0], [1.0, 3.0]])
    grad = gd.grad(lambda a: np.sum(LA.cholesky(a)))(x)
    assert grad[0, 1] == 0.0
    upper = gd.grad(lambda a: np.sum(LA.cholesky(a, upper=True)))(x)
    np.testing.assert_allclose(upper, grad.T)


def test_float32_stays():
    x = np.array([[2.0, 1.0], [1.0, 3.0]], np.float32)
    for f in (
        LA.det,
        LA.norm,
        LA.cond,
        lambda a: np.sum(LA.cholesky(a)),
        lambda a: LA.norm(a, "nuc"),
        lambda a: np.sum(np.real(FT.rfft(a))),
    ):
        value, grad = gd.value_and_grad(f)(x)
        assert value.dtype == grad.dtype == np.float32


# --------------------------------------------------------------------------- refusals

X, V = node(np.array([[2.0, 1.0], [1.0, 3.0], [0.0, 1.0]])), node([1.0, 2.0])
REFUSALS = {
    "not support dtype": lambda: np.einsum("ij->i", X, dtype=np.float32),
    "out= would": lambda: np.einsum("ij->i", X, out=np.empty(3)),
    "name 2 operands": lambda: np.einsum("ij,jk->ik", X),
    "an ellipsis stands for": lambda: np.einsum("...i->i", X),
    "needs subscripts": operations.einsum,
    "two vectors": lambda: LA.outer(X, X),
    "three components": lambda: LA.cross(V, V),
    "three components; received shape": lambda: np.cross(
        np.ones((3, 4)), node(np.ones(4))
    ),
    "two arrays or more": lambda: LA.multi_dot([X]),
    "vectors only at its ends": lambda: LA.multi_dot([X, V, X]),
    "integer power": lambda: LA.matrix_power(X, 0.5),
    "norm of matrices": lambda: LA.norm(V, "fro"),
    "does not know ord=3": lambda: LA.norm(X, 3),
    "one or two axes": lambda: LA.norm(node(np.ones((2, 2, 2))), 1),
    "two different axes": lambda: LA.norm(X, axis=(0, 0)),
    "full_matrices=False": lambda: np.sum(LA.svd(X)[0]).backward(),
    "rounding errors": lambda: LA.pinv(X, rcond=0.9),
    "np.linalg.qr(a)": lambda: np.sum(LA.qr(X, mode="complete")[0]).backward(),
    "mode='raw'": lambda: LA.qr(X, mode="raw"),
    "a matrix and a vector": lambda: LA.lstsq(node(np.ones((2, 2, 2))), V),
    "ind > 0": lambda: LA.tensorinv(X, ind=0),
    "Use fft": lambda: FT.rfft(node([1j, 2.0])),
    "full= and cov=": lambda: np.polyfit(V, V, 1, cov=True),
    "vector of coefficients": lambda: np.polyadd(X, V),
    "same length": lambda: FT.fftn(X, s=(2,), axes=(0, 1)),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_refusals(message):
    with pytest.raises((ChainruleError, TypeError)) as caught:
        REFUSALS[message]()
    assert message in str(caught.value)


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 4, 2)])
@pytest.mark.parametrize("unit", [0.0, 1j])
def test_vectors_that_complete_a_basis_have_values_and_no_derivative(shape, unit):
    rng = np.random.default_rng(1)
    a = rng.normal(size=shape) + unit * rng.normal(size=shape)
    k = min(shape[-2:])
    for found, known in (
        (LA.svd(node(a)), LA.svd(a)),
        (LA.qr(node(a), mode="complete"), LA.qr(a, mode="complete")),
    ):
        for z, v in zip(found, known, strict=True):
            np.testing.assert_allclose(gd.value(z), v, atol=1e-14)

    def whole(a):
        u, s, vh = LA.svd(a)
        q, r = LA.qr(a, mode="complete")
        return parts(u[..., :k], s, vh[..., :k, :], q[..., :k], r[..., :k, :])

    def reduced(a):
        return parts(*LA.svd(a, full_matrices=False), *LA.qr(a))

    def parts(u, s, vh, q, r):
        p = (u * s[..., None, :]) @ vh
        return np.sum(np.abs(p) ** 3) + np.sum(np.abs(q @ r)) + np.sum(s**2)

    known = gd.grad(reduced)(a)
    for f in (gd.grad(whole), gd.compile(gd.grad(whole))):
        np.testing.assert_allclose(f(a), known, rtol=1e-12)
    many = gd.compile(gd.vmap(gd.grad(whole)))(np.stack([a, a]))
    np.testing.assert_allclose(many, np.stack([known, known]), rtol=1e-10)
    with pytest.raises(RecordingError, match="complete a basis"):
        gd.jvp(LA.svd, (a,), (a,))
    if shape[-2] > shape[-1]:
        for f in (lambda a: LA.svd(a)[0], lambda a: LA.qr(a, mode="complete")[0]):
            for g in (gd.grad, lambda f: gd.compile(gd.grad(f))):
                with pytest.raises(ArgumentError, match="complete a basis"):
                    g(lambda a, f=f: np.sum(np.abs(f(a)) ** 4))(a)


# ------------------------------------------------------- eigenvalues without symmetry

APART = np.array([[1.0, 0.3, -0.2], [0.1, 4.0, 0.2], [-0.3, 0.1, 7.0]])
TURNING = np.array([[0.5, -2.0, 0.1], [1.0, 0.3, 0.2], [0.0, 0.4, 3.0]])
PARTS = APART + 0.5j * APART[::-1]


@pytest.mark.parametrize(
    "a",
    [APART, TURNING, PARTS, np.stack([APART, TURNING])],
    ids=["real", "turning", "complex", "stack"],
)
def test_eigenvalues_and_what_does_not_depend_on_phases(a):
    for f in (LA.eig, LA.eigvals):
        for z, e in zip(as_list(f(node(a))), as_list(f(a)), strict=True):
            assert z.dtype == e.dtype
            np.testing.assert_allclose(z.value, e, atol=1e-14)
    weights = np.arange(1.0, 4.0) + 1j

    def values(a):
        return np.sum(np.real(weights * LA.eigvals(a)))

    def projectors(a):
        w, v = LA.eig(a)
        return np.sum(np.real((v * np.expand_dims(np.sin(w), -2)) @ LA.inv(v)) * APART)

    for f in (values, projectors):
        gd.check_gradients(f, (a,), order=2)
        gradient = gd.grad(f)
        np.testing.assert_allclose(gd.compile(gradient)(a), gradient(a), atol=1e-12)
        mapped = gd.vmap(gradient)(np.stack([a, a]))
        np.testing.assert_allclose(mapped[1], gradient(a), atol=1e-12)


@pytest.mark.parametrize("a", [APART, PARTS], ids=["real", "complex"])
def test_eigenvectors_keep_their_length_and_the_entry_that_is_real(a):
    weights = APART - 1j * APART.T
    gd.check_gradients(lambda a: np.sum(np.real(weights * LA.eig(a)[1])), (a,), order=2)


def test_eigenvalues_that_become_complex_have_their_own_programs():
    def f(a):
        return np.sum(np.abs(LA.eigvals(a)) * np.arange(1.0, 4.0))

    gradient = gd.compile(gd.grad(f))
    for a in (APART, TURNING, APART):
        np.testing.assert_allclose(gradient(a), gd.grad(f)(a), rtol=1e-12)


@pytest.mark.parametrize(
    "a", [np.eye(2), np.array([[1.0, 1.0], [0.0, 1.0]])], ids=["tied", "defective"]
)
def test_equal_eigenvalues_have_no_derivative(a):
    for f in (lambda a: LA.eigvals(a)[0], lambda a: np.sum(LA.eig(a)[1])):
        assert np.isnan(gd.grad(f)(a)).all()
        assert np.isnan(gd.jvp(f, (a,), (np.array([[1.0, 2.0], [3.0, 5.0]]),))[1])


def test_other_eigenvalues_beside_equal_ones_have_one():
    a = np.diag([1.0, 1.0, 3.0])
    grad = gd.grad(lambda a: LA.eigvals(a)[2])(a)
    np.testing.assert_array_equal(grad, np.diag([0.0, 0.0, 1.0]))


# -------------------------------------------------------------------------------- roots


@pytest.mark.parametrize(
    "p",
    [[1.0, 0.5, -9.0, 2.0], [2.0, 1.0, 3.0], [1.0, 2.0 + 1.0j, 3.0], [3.0, 1.0]],
    ids=["real", "turning", "complex", "linear"],
)
def test_roots(p):
    p = np.array(p)
    z = np.roots(node(p))
    assert z.dtype == np.roots(p).dtype
    np.testing.assert_array_equal(z.value, np.roots(p))
    weights = np.arange(1.0, p.size) + 0.5j

    def f(p):
        return np.sum(np.real(weights * np.sin(np.roots(p))))

    gd.check_gradients(f, (p,), order=2)
    np.testing.assert_allclose(gd.compile(gd.grad(f))(p), gd.grad(f)(p), atol=1e-12)


def test_roots_move_with_coefficients_that_are_zero():
    leading = gd.grad(lambda p: np.roots(p)[0])(np.array([0.0, 1.0, -3.0, 2.0]))
    np.testing.assert_allclose(leading, [-8.0, -4.0, -2.0, -1.0])
    trailing = gd.grad(lambda p: np.roots(p)[-1])(np.array([1.0, -3.0, 0.0]))
    np.testing.assert_allclose(trailing, [0.0, 0.0, 1.0 / 3.0])


def test_equal_roots_have_no_derivative():
    for p in ([1.0, -2.0, 1.0], [1.0, -3.0, 3.0, -1.0]):
        assert np.isnan(gd.grad(lambda p: np.real(np.roots(p)[0]))(np.array(p))).all()


def test_characteristic_polynomials_of_equal_eigenvalues_have_derivatives():
    gd.check_gradients(lambda a: np.sum(np.sin(np.poly(a))), (np.eye(3),), order=2)
