"""Eigenvalues and singular values at ties: right or nan, never noise."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

LA = np.linalg
SCALES = [
    (np.float64, 1.0), (np.float64, 1e-200), (np.float64, 1e150),
    (np.float32, 1.0), (np.float32, 1e-20), (np.complex128, 1.0),
]  # fmt: skip
each_scale = pytest.mark.parametrize(("dtype", "scale"), SCALES)
each_way = pytest.mark.parametrize("make", [lambda f: f, gd.compile],
                                   ids=["eager", "compiled"])  # fmt: skip


def hermitian(x):
    return (x + np.conj(np.swapaxes(x, -1, -2))) / 2


def drawn(rng, shape, dtype):
    x = rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.normal(size=shape)
    return x.astype(dtype)


def with_values(rng, values, dtype, shape=None):
    """Return a matrix with given eigenvalues, or with given singular values."""
    n = len(values)
    if shape is None:
        q = LA.qr(drawn(rng, (n, n), np.result_type(dtype, np.float64)))[0]
        return hermitian((q * values) @ np.conj(q.T)).astype(dtype)
    wide = drawn(rng, shape, np.result_type(dtype, np.float64))
    u, _, vh = LA.svd(wide, full_matrices=False)
    return ((u * values) @ vh).astype(dtype)


def real_sum(x):
    return np.sum(np.real(x))


def pairing(gradient, direction):
    """Return the change along a direction; gradients are conjugated."""
    return np.sum(np.real(np.conj(gradient) * direction), dtype=np.float64)


def precision(dtype):
    return 1e-4 if dtype == np.float32 else 1e-9


# ----------------------------------------------------------------- projectors, reverse


@each_scale
@each_way
def test_a_function_of_a_projector(rng, dtype, scale, make):
    values = np.array([1.0, 1.0, 2.0, 3.0])
    a = with_values(rng, values * scale, dtype)
    g = hermitian(drawn(rng, (4, 4), dtype))

    def f(a):
        v = LA.eigh(a)[1][:, :2]
        return real_sum(g * (v @ np.conj(v.T)))

    gradient = make(gd.grad(f))(a)
    direction = hermitian(drawn(rng, (4, 4), np.result_type(dtype, np.float64)))
    w, v = LA.eigh(np.asarray(a / scale, direction.dtype))
    m = np.conj(v.T) @ direction @ v
    below, above = np.s_[:2, 2:], np.s_[2:, :2]
    moved = np.zeros_like(m)
    moved[below] = m[below] / (w[:2, None] - w[None, 2:])
    moved[above] = m[above] / (w[None, :2] - w[2:, None])
    true = real_sum(g * (v @ moved @ np.conj(v.T)))
    found = pairing(gradient * dtype(scale), direction)
    assert found == pytest.approx(true, rel=precision(dtype))


@each_scale
def test_a_function_of_all_vectors_of_a_tie(rng, dtype, scale):
    g = drawn(rng, (3, 3), dtype)

    def f(a):
        v = LA.eigh(a)[1]
        return real_sum(g * (v @ np.conj(v.T)))

    for a in (np.eye(3), with_values(rng, np.ones(3), dtype)):
        np.testing.assert_array_equal(gd.grad(f)((a * scale).astype(dtype)), 0)


@each_scale
@each_way
def test_a_polar_factor(rng, dtype, scale, make):
    """U V.H of equal singular values: its derivative has no tie."""
    b = drawn(rng, (3, 3), dtype)
    x = with_values(rng, np.full(3, scale), dtype, (3, 3))

    def f(x):
        u, _, vh = LA.svd(x)
        return real_sum(b * (u @ vh))

    gradient = make(gd.grad(f))(x)
    direction = drawn(rng, (3, 3), dtype)
    q = x / dtype(scale)
    turned = np.conj(q.T) @ direction
    true = real_sum(b * (q @ (turned - np.conj(turned.T)) / 2))
    found = pairing(gradient * dtype(scale), direction)
    assert found == pytest.approx(true, rel=1e2 * precision(dtype), abs=1e-5)


# ----------------------------------------------------- values and vectors together: nan


@each_scale
@each_way
def test_vectors_with_values_at_a_tie_are_nan(rng, dtype, scale, make):
    b = drawn(rng, (3, 3), dtype) * (1 - np.eye(3, dtype=dtype))
    eye = (np.eye(3) * scale).astype(dtype)

    def square(a):
        w, v = LA.eigh(a)
        return real_sum(b * ((v * w**2) @ np.conj(v.T)))

    def again(x):
        u, s, vh = LA.svd(x)
        return real_sum(b * ((u * s) @ vh))

    for f in (square, again):
        assert np.isnan(make(gd.grad(f))(eye)).any()
        direction = hermitian(drawn(rng, (3, 3), dtype))
        assert np.isnan(gd.jvp(f, (eye,), (direction,))[1])


@each_scale
def test_one_vector_of_a_tie_is_nan(rng, dtype, scale):
    a = with_values(rng, np.array([1.0, 1.0, 2.0]) * scale, dtype)
    g = hermitian(drawn(rng, (3, 3), dtype))

    def f(a):
        v = LA.eigh(a)[1][:, :1]
        return real_sum(g * (v @ np.conj(v.T)))

    assert np.isnan(gd.grad(f)(a)).all()
    assert np.isnan(gd.hvp(f, (a,), (np.eye(3, dtype=dtype),))[0]).all()


def test_a_stack_is_nan_only_where_there_is_a_tie(rng):
    stack = np.stack([np.eye(2), np.diag([1.0, 2.0])])
    weights = rng.normal(size=(2, 2, 2))
    gradient = gd.grad(lambda a: np.sum(weights * LA.eigh(a)[1]))(stack)
    assert np.isnan(gradient[0]).any()
    assert np.isfinite(gradient[1]).all()


# -------------------------------------------------------------- values alone, any order


def as_read(x):
    """Return a cotangent of a symmetric matrix on the triangle that NumPy reads."""
    return np.tril(x + np.conj(x.T)) * (1 - 0.5 * np.eye(len(x)))


@each_scale
@each_way
@pytest.mark.parametrize("values", [[1, 1, 2, 3], [1, 1, 1, 1], [2, 1, 2, 1], [0] * 4])
def test_second_derivative_of_eigenvalues(rng, dtype, scale, make, values):
    a = with_values(rng, np.array(values, float), dtype)
    direction = hermitian(drawn(rng, (4, 4), dtype))

    def f(a):
        return np.sum(LA.eigvalsh(a / dtype(scale)) ** 3)

    second = make(lambda a, d: gd.hvp(f, (a,), (d,))[0])
    found = second(a * dtype(scale), direction * dtype(scale)) * dtype(scale)
    true = as_read(3 * (a @ direction + direction @ a))
    size = np.max(np.abs(true)) + np.max(np.abs(direction))
    np.testing.assert_allclose(found, true, atol=precision(dtype) * size)


@each_scale
@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4)])
@pytest.mark.parametrize("values", [[2, 2, 1], [1, 1, 1]])
def test_second_derivative_of_singular_values(rng, dtype, scale, shape, values):
    x = with_values(rng, np.array(values, float), dtype, shape)
    direction = drawn(rng, shape, dtype)

    def f(x):
        return np.sum(LA.svdvals(x / dtype(scale)) ** 4)

    found = gd.hvp(f, (x * dtype(scale),), (direction * dtype(scale),))[0]
    x_h, d_h = np.conj(x.T), np.conj(direction.T)
    true = 4 * (direction @ x_h @ x + x @ d_h @ x + x @ x_h @ direction)
    size = np.max(np.abs(true))
    np.testing.assert_allclose(found * dtype(scale), true, atol=precision(dtype) * size)


@each_scale
def test_second_derivative_where_singular_values_vanish(rng, dtype, scale):
    direction = drawn(rng, (3, 3), dtype)

    def squares(x):
        return np.sum(LA.svdvals(x) ** 2)

    for x in (np.zeros((3, 3)), np.diag([1.0, 0.0, 0.0]), np.diag([2.0, 1.0, 0.0])):
        found = gd.hvp(squares, (x.astype(dtype),), (direction,))[0]
        known = np.isfinite(found)
        size = np.max(np.abs(direction))
        np.testing.assert_allclose(
            found[known], 2 * direction[known], atol=precision(dtype) * size
        )
    kink = gd.hvp(lambda x: LA.norm(x, "nuc"), (np.zeros((3, 3), dtype),), (direction,))
    assert np.isnan(kink[0]).all()


def test_directional_derivatives_of_tied_values(rng):
    direction = hermitian(rng.normal(size=(3, 3)))
    _, rates = gd.jvp(LA.eigvalsh, (np.eye(3),), (direction,))
    np.testing.assert_allclose(rates, LA.eigvalsh(direction), rtol=1e-12)
    a, ordered = np.eye(2), np.diag([2.0, 1.0])
    w_dot = gd.jvp(lambda a: LA.eigh(a)[0], (a,), (ordered,))[1]
    v_dot = gd.jvp(lambda a: LA.eigh(a)[1], (a,), (ordered,))[1]
    np.testing.assert_array_equal(w_dot, [2, 1])  # as the vectors stand
    np.testing.assert_array_equal(v_dot, 0)


def test_unsymmetric_functions_of_tied_values_have_no_second_derivative(rng):
    direction = hermitian(rng.normal(size=(3, 3)))
    for f in (lambda a: LA.eigvalsh(a)[0] ** 2, lambda a: LA.svdvals(a)[0] ** 2):
        assert np.isnan(gd.hvp(f, (np.eye(3),), (direction,))[0]).all()


@pytest.mark.parametrize("f", [
    lambda a: np.sum(LA.eigvalsh(a) ** 3),
    lambda a: np.sum(LA.svdvals(a) ** 4),
    lambda a: np.sum(np.exp(LA.eigvalsh(a))) ** 2,
])  # fmt: skip
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_hessians_at_ties_are_right_or_nan(f, mode):
    eye = np.eye(3)
    found = gd.jacobian(gd.grad(f), mode=mode)(eye)
    near = gd.jacobian(gd.grad(f))(np.diag([1.0, 1 + 1e-4, 1 - 1e-4]))
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], near[known], atol=0.05)
    if mode == "forward":
        assert known.all()


@each_scale
@each_way
def test_norms_of_matrices_with_equal_singular_values(rng, dtype, scale, make):
    x = with_values(rng, np.full(3, 1.0), dtype, (4, 3)) * dtype(scale)
    polar = x / dtype(scale)
    gradient = make(gd.grad(lambda x: LA.norm(x, "nuc")))(x)
    np.testing.assert_allclose(gradient, polar, atol=precision(dtype))
    gradient = make(gd.grad(lambda x: LA.norm(x, 2)))(x)
    assert pairing(gradient, x) == pytest.approx(scale, rel=precision(dtype))
