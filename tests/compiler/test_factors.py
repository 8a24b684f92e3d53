"""Factorisations that functions of one matrix share: as NumPy has it."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import factors
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.fusion import fused

linalg = pytest.importorskip("chainrule.scipy.linalg")
pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)


def program_of(f, *args):
    fast = gd.compile(f, executor="numpy")
    fast(*args)
    return fast.newest()[1].program


def functions_of(program):
    return {getattr(row.function, "__module__", "") for row in program.rows}


def shares(program):
    return factors.__name__ in functions_of(program)


def regular(n):
    return RNG.normal(size=(n, n)) + np.eye(n)[::-1] * 3.0


def positive(n):
    x = RNG.normal(size=(n, n))
    return x @ x.T + n * np.eye(n)


def together(a, b):
    y = np.linalg.solve(a, b)
    sign, size = np.linalg.slogdet(a)
    return np.sum(y * b) + sign * size, np.linalg.inv(a), np.linalg.det(a), y


def likelihood(a, b):
    return 0.5 * b @ np.linalg.solve(a, b) + 0.5 * np.linalg.slogdet(a)[1]


def turned(a, b):
    return np.sum(np.linalg.solve(a.T, b) ** 2) + np.linalg.det(a.T) * 1e-3


def by_cholesky(a, b):
    lower = np.linalg.cholesky(a)
    z = np.linalg.solve(lower, b)
    return np.sum(z * z) + 2.0 * np.sum(np.log(np.diag(lower)))


def assert_shared(f, *args):
    program = program_of(f, *args)
    other = fused(program)
    assert shares(other)
    expected, found = Replay(program)(*args), Replay(other)(*args)
    for a, e in zip(found, expected, strict=True):
        assert np.shape(a) == np.shape(e)
        assert np.asarray(a).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize("columns", [(), (3,)])
def test_functions_of_one_matrix(n, columns):
    assert_shared(together, regular(n), RNG.normal(size=(n, *columns)))


@pytest.mark.parametrize("n", [1, 2, 40, 120])
@pytest.mark.parametrize("kind", ["positive", "indefinite", "singular"])
def test_symmetric_matrices_have_numpys_results(kind, n):
    a = positive(n)
    if kind != "positive":
        a[0, 0] = -50.0 if kind == "indefinite" else 0.0
    if kind == "singular":
        a[0], a[:, 0] = 0.0, 0.0
    held = factors.factors(a)
    assert (held[-1, 0] == -2.0) == (kind == "positive")
    with np.errstate(all="ignore"):
        expected = *np.linalg.slogdet(a), np.linalg.det(a)
        found = *factors.slogdet(held, False), factors.det(held, True)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    if kind == "singular":
        with pytest.raises(np.linalg.LinAlgError):
            factors.solve(held, np.ones(n), False)
        return
    for transposed in (False, True):
        for b in (RNG.normal(size=n), RNG.normal(size=(n, 3))):
            z = factors.solve(held, b, transposed)
            np.testing.assert_allclose(z, np.linalg.solve(a, b), rtol=1e-8, atol=1e-10)
        z = factors.inv(held, transposed)
        np.testing.assert_allclose(z, np.linalg.inv(a), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("f", [likelihood, turned, by_cholesky])
@pytest.mark.parametrize("n", [1, 7, 30])
def test_gradients(f, n):
    assert_shared(gd.value_and_grad(f, (0, 1)), positive(n), RNG.normal(size=n))


def test_second_derivatives():
    def along(t, a, b):
        return likelihood(a + t * np.eye(len(a)), b)

    second = gd.grad(gd.grad(along))
    assert_shared(lambda a, b: second(0.5, a, b), positive(6), RNG.normal(size=6))


def test_an_upper_factor_is_a_matrix_like_any_other():
    def f(a, b):
        upper = np.linalg.cholesky(a, upper=True)
        lower = np.swapaxes(upper, -1, -2)
        y = np.linalg.solve(lower, b)
        return np.linalg.solve(upper, y), np.linalg.inv(lower), np.linalg.det(upper), y

    assert_shared(f, positive(6), RNG.normal(size=6))

    def loss(a, b):
        return np.sum(np.linalg.solve(np.linalg.cholesky(a, upper=True), b) ** 2)

    second = gd.grad(lambda t, a, b: gd.grad(loss)(a + t * np.eye(len(a)), b)[0, 0])
    a, b = positive(6), RNG.normal(size=6)
    program = program_of(lambda a, b: second(0.5, a, b), a, b)
    (found,), (expected,) = Replay(fused(program))(a, b), Replay(program)(a, b)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_sign_follows_the_exchanges_of_rows():
    for n in range(1, 7):
        a = np.eye(n)[RNG.permutation(n)] * RNG.choice([-2.0, 3.0], n)
        held = factors.factors(a)
        assert factors.slogdet(held, False)[0] == np.linalg.slogdet(a)[0]
        np.testing.assert_allclose(factors.det(held, True), np.linalg.det(a))


def test_a_singular_matrix_is_numpys():
    def f(a, b):
        return np.linalg.slogdet(a)[1] + np.sum(np.linalg.solve(a, b))

    def g(a):
        return np.linalg.slogdet(a)[0] + np.linalg.det(a)

    a, b = np.ones((3, 3)), np.ones(3)
    quick = Replay(fused(program_of(f, np.eye(3), b)))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        quick(a, b)
    assert Replay(fused(program_of(g, np.eye(3))))(a) == (0.0,)
    held = factors.factors(a)
    assert factors.slogdet(held, False) == (0.0, -np.inf)


def test_nan_stays_nan():
    def f(a, b):
        return np.linalg.slogdet(a)[1], np.linalg.det(a), np.linalg.solve(a, b)

    a, b = regular(4), np.ones(4)
    quick = Replay(fused(program_of(f, a, b)))
    a[1, 2] = np.nan
    assert all(np.isnan(x).any() for x in quick(a, b))


def test_other_matrices_are_left_to_numpy():
    def once(a, b):
        return np.linalg.solve(a, b) * 2.0

    def stacks(a, b):
        return np.linalg.inv(a[None]), np.linalg.det(a[None])

    def upper(a, b):
        factor = np.linalg.cholesky(a, upper=True)
        return np.linalg.solve(factor, b)

    for f in (once, stacks, upper):
        program = program_of(f, positive(5), np.ones(5)).copied()
        assert not factors.share_factors(program)


def test_compiled_functions_come_to_share():
    a, b = positive(60), RNG.normal(size=60)
    f = gd.value_and_grad(likelihood, (0, 1))
    fast = gd.compile(f, executor="native")
    for scale in (1.0, 2.0):
        value, grads = fast(a * scale, b)
        expected, others = f(a * scale, b)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        for x, e in zip(grads, others, strict=True):
            np.testing.assert_allclose(x, e, rtol=1e-8, atol=1e-10)


# ------------------------------------------------------------------- in native code


def in_native(f, *args, rtol=1e-9):
    fast = gd.compile(f, executor="native")
    for _ in range(2):
        found, expected = fast(*args), f(*args)
        for a, e in zip(np.atleast_1d(found), np.atleast_1d(expected), strict=True):
            np.testing.assert_allclose(a, e, rtol=rtol, atol=1e-11)
    assert fast.stats()["programs"][0]["executor"] == "native code"
    return fast.newest()[1].run


def flat(f):
    """Return all results of a function in one array."""
    return lambda *args: np.concatenate([np.ravel(z) for z in f(*args)])


def every(a, b):
    sign, size = np.linalg.slogdet(-a)
    lower = np.linalg.cholesky(a @ a.T)
    return (
        np.linalg.solve(a, b), np.linalg.solve(a.T, b), np.linalg.inv(a),
        np.linalg.inv(a.T), np.array([sign, size]), np.linalg.det(a).reshape(1),
        lower, np.linalg.solve(lower, b), np.linalg.solve(lower.T, b),
        np.linalg.inv(lower), np.linalg.inv(lower.T),
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9, 17, 70])
@pytest.mark.parametrize("columns", [(), (1,), (3,), (9,)])
def test_small_matrices_are_machine_code(n, columns):
    a, b = regular(n), RNG.normal(size=(n, *columns))
    left = in_native(flat(every), a, b).shares().keys()
    assert left <= ({"concatenate", "ravel", "transpose"} if n > 17 else set())


@pytest.mark.parametrize("f", [likelihood, by_cholesky])
def test_gradients_of_small_matrices(f):
    a, b = positive(6), RNG.normal(size=6)
    tape = in_native(flat(gd.grad(f, (0, 1))), a, b)
    assert tape.shares() == {}

    def along(t, a, b):
        return f(a + t * np.eye(len(a)), b)

    in_native(lambda a, b: gd.hessian(along)(0.5, a, b), a, b, rtol=1e-7)


def test_matrices_of_any_rank_have_numpys_determinants():
    fast = gd.compile(
        lambda a: (*np.linalg.slogdet(a), np.linalg.det(a)), executor="native"
    )
    for a in (
        np.zeros((3, 3)),
        np.diag([1.0, -2.0, 3.0])[::-1],
        np.full((3, 3), np.nan),
    ):
        with np.errstate(all="ignore"):
            expected = *np.linalg.slogdet(a), np.linalg.det(a)
        np.testing.assert_allclose(fast(a), expected)
    assert fast.stats()["programs"][0]["executor"] == "native code"


@pytest.mark.parametrize("f", [np.linalg.inv, np.linalg.cholesky, np.linalg.solve])
def test_what_numpy_refuses_is_an_error(f):
    args = (np.eye(3), np.ones(3))[: 1 + (f is np.linalg.solve)]
    fast = gd.compile(lambda *args: f(*args) * 2.0, executor="native")
    np.testing.assert_allclose(fast(*args), f(*args) * 2.0)
    assert fast.stats()["programs"][0]["executor"] == "native code"
    bad = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    with pytest.raises(np.linalg.LinAlgError):
        fast(bad, *args[1:])
    np.testing.assert_allclose(fast(*args), f(*args) * 2.0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 30])
def test_the_derivative_of_a_determinant_is_machine_code(n):
    def f(a):
        return np.linalg.det(a) + np.linalg.det(a.T) * np.linalg.det(a @ a.T)

    a = regular(n) / n
    tape = in_native(flat(gd.value_and_grad(f)), a)
    assert tape.shares() == {}


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_cofactors_of_singular_matrices_are_exact(n):
    a = regular(n)
    fast = gd.compile(gd.grad(np.linalg.det), executor="native")
    fast(a)
    assert fast.stats()["programs"][0]["executor"] == "native code"
    singular, near = a.copy(), a.copy()
    singular[-1] = a[0]
    near[-1] = a[0] * (1.0 + 1e-14)
    for x in (singular, near, np.zeros((n, n)), np.ones((n, n)), a * 1e-8):
        found, expected = fast(x), gd.grad(np.linalg.det)(x)
        least = 1e-12 * np.abs(x).max() ** (n - 1)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=least)


def of_stacks(a, b):
    square = a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1])
    lower = np.linalg.cholesky(square)
    return (
        np.sum(np.linalg.solve(a, b) ** 2)
        + np.sum(np.linalg.slogdet(a)[1] + 0.01 * np.linalg.det(a))
        + np.sum(np.linalg.inv(np.swapaxes(a, -1, -2)) * b[..., :1])
        + np.sum(np.linalg.solve(lower, b) + np.linalg.inv(lower)[..., :1])
    )


@pytest.mark.parametrize("n", [1, 3, 4])
@pytest.mark.parametrize("stack", [(1,), (2, 3), (700,)])
def test_stacks_of_small_matrices_are_machine_code(stack, n):
    a = RNG.normal(size=(*stack, n, n)) + 3.0 * np.eye(n)
    b = RNG.normal(size=(*stack, n, 2))
    derived = gd.value_and_grad(of_stacks, (0, 1))
    fast = gd.compile(derived, executor="native")
    for _ in range(2):
        (value, slopes), (expected, others) = fast(a, b), derived(a, b)
        np.testing.assert_allclose(value, expected, rtol=1e-11)
        for x, e in zip(slopes, others, strict=True):
            np.testing.assert_allclose(x, e, rtol=1e-9, atol=1e-11)
    left = fast.stats()["programs"][0]["numpy_rows"].keys()
    assert left.isdisjoint({"solve", "slogdet", "det", "inv", "cholesky", "cofactors"})


def test_one_singular_matrix_of_a_stack_is_an_error():
    a = np.stack([2.0 * np.eye(3)] * 4)
    fast = gd.compile(lambda a: np.linalg.inv(a) * 2.0, executor="native")
    np.testing.assert_allclose(fast(a), np.linalg.inv(a) * 2.0)
    assert fast.stats()["programs"][0]["numpy_rows"] == {}
    bad = a.copy()
    bad[1] = 1.0
    with pytest.raises(np.linalg.LinAlgError):
        fast(bad)
    np.testing.assert_allclose(fast(a), np.linalg.inv(a) * 2.0)


def _factored(a, b, *, lower):
    return linalg.cho_solve(linalg.cho_factor(a @ a.T + np.eye(len(a)), lower), b)


TRIANGLES = {
    "lower": lambda a, b: linalg.solve_triangular(a, b, lower=True),
    "upper": linalg.solve_triangular,
    "lower, transposed": lambda a, b: linalg.solve_triangular(a.T, b),
    "upper, transposed": lambda a, b: linalg.solve_triangular(a.T, b, lower=True),
    "trans": lambda a, b: linalg.solve_triangular(a, b, trans="T", lower=True),
    "cho_solve": lambda a, b: _factored(a, b, lower=True),
    "cho_solve, upper": lambda a, b: _factored(a, b, lower=False),
    "stack": lambda a, b: linalg.solve_triangular(
        np.stack([a, 2 * a]), np.stack([b, b]).reshape(2, len(b), -1)
    ),
}


@pytest.mark.parametrize("name", TRIANGLES)
@pytest.mark.parametrize("columns", [(), (3,)])
@pytest.mark.parametrize("n", [1, 9])
def test_small_triangular_systems_are_machine_code(name, columns, n):
    a = RNG.standard_normal((n, n)) + 2 * n * np.eye(n)
    b = RNG.standard_normal((n, *columns))
    slow = gd.value_and_grad(lambda a, b: np.sum(np.cos(TRIANGLES[name](a, b))), (0, 1))
    fast = gd.compile(slow, executor="native")
    for scale in (1.0, 2.0):
        (value, slopes), (expected, right) = fast(scale * a, b), slow(scale * a, b)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        for found, known in zip(slopes, right, strict=True):
            np.testing.assert_allclose(found, known, rtol=1e-9, atol=1e-13)
    calls = fast.stats()["programs"][0]["numpy_rows"]
    assert not set(calls) & {"structured_solve", "cholesky"}


def test_a_singular_triangle_is_an_error():
    fast = gd.compile(TRIANGLES["upper"], executor="native")
    a, b = np.eye(4), np.ones(4)
    fast(a, b)
    a[2, 2] = 0.0
    with pytest.raises(np.linalg.LinAlgError, match="diagonal 2"):
        fast(a, b)
