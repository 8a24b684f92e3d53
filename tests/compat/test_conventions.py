"""What autograd's derivatives are by convention, and the classes that it returns."""

import importlib

import numpy as onp
import pytest

from chainrule import compat


def close(a, b, rtol=1e-12):
    return onp.allclose(a, b, rtol=rtol, atol=rtol)


POINTS = onp.array([-1.0, 0.0, 0.5, 1.0, 2.0])
MATRIX = onp.array([[2.0, 0.3, 0.1], [0.3, 3.0, 0.2], [0.1, 0.2, 4.0]])
SOLUTION = onp.linalg.solve(MATRIX, onp.ones(3))
INVERSE = onp.linalg.inv(MATRIX)


@pytest.fixture(autouse=True)
def alias():
    compat.install_as_autograd()
    yield
    compat.uninstall_autograd()


def ag(name):
    return importlib.import_module(f"autograd{name}")


CLIPS = {
    "positions": lambda np, x: np.clip(x, 0.0, 1.0),
    "names": lambda np, x: np.clip(x, a_min=0.0, a_max=1.0),
    "method": lambda np, x: x.clip(0.0, 1.0),
    "NumPy's own": lambda np, x: onp.clip(x, 0.0, 1.0),
    "min and max": lambda np, x: np.clip(x, min=0.0, max=1.0),
    "a bound that moves": lambda np, x: np.clip(x, 0.0 * x, 1.0),
}


@pytest.mark.parametrize("how", CLIPS)
def test_a_clipped_number_at_its_bound_stands_still(how):
    np, e = ag(".numpy"), ag("").elementwise_grad
    assert e(lambda x: CLIPS[how](np, x))(POINTS).tolist() == [0, 0, 1, 0, 0]


def test_clipping_has_one_bound_a_second_derivative_and_a_derivative_in_bounds():
    np = ag(".numpy")
    slope = ag("").elementwise_grad(lambda x: np.clip(x, None, 1.0))
    assert slope(POINTS).tolist() == [1, 1, 1, 0, 0]
    curve = ag("").hessian(lambda x: np.sum(np.clip(x, 0.0, 1.0) ** 2))(POINTS)
    assert onp.diag(curve).tolist() == [0, 0, 2, 0, 0]
    bound = ag("").grad(lambda b, x: np.sum(np.clip(x, b, 1.0)))
    assert bound(0.25, POINTS) == 2.0
    assert ag("").deriv(lambda x: np.clip(x, 0.0, 1.0))(0.0) == 0.0


def test_covariances_have_symmetric_gradients():
    np, grad = ag(".numpy"), ag("").grad
    normal = ag(".scipy.stats.multivariate_normal")
    x, mean = onp.array([0.3, -0.2, 0.5]), onp.zeros(3)
    for f in (
        lambda c: np.sum(np.linalg.cholesky(c) ** 3),
        lambda c: normal.logpdf(x, mean, c),
        lambda c: normal.pdf(x, mean, c),
        lambda c: normal.entropy(mean, c),
    ):
        slopes = grad(f)(MATRIX)
        assert close(slopes, slopes.T)
        towards = onp.outer(x, x)
        difference = f(MATRIX + 1e-6 * towards) - f(MATRIX - 1e-6 * towards)
        assert close(onp.sum(slopes * towards), difference / 2e-6, rtol=1e-7)
        along = ag("").make_jvp(f)(MATRIX)(towards)[1]
        assert close(along, difference / 2e-6, rtol=1e-7)
    assert close(grad(lambda c: normal.entropy(mean, c))(MATRIX), 0.5 * INVERSE)


def test_cholesky_still_reads_the_lower_triangle_alone():
    np = ag(".numpy")
    value, _ = ag("").value_and_grad(lambda c: np.sum(np.linalg.cholesky(c)))(
        onp.tril(MATRIX)
    )
    assert close(value, onp.linalg.cholesky(MATRIX).sum())


def test_derivatives_of_floats_are_numpys_numbers():
    np, g = ag(".numpy"), ag("")

    def cube(x):
        return x**3

    results = [g.grad(cube)(2.0), g.deriv(cube)(2.0), *g.value_and_grad(cube)(2.0)]
    results += [
        g.grad(g.grad(cube))(2.0),
        g.grad(lambda x: np.exp(x["a"]))({"a": 1.0})["a"],
    ]
    results += [*g.grad(lambda p: p[0] * p[1])((1.0, 2.0)), *g.make_jvp(cube)(2.0)(1.0)]
    assert {type(x) for x in results} == {onp.float64}
    assert {x.shape for x in results} == {()}


def test_arrays_that_no_call_records_are_numpys_own():
    np = ag(".numpy")
    makers = [np.zeros(2), np.ones(2), np.empty(2), np.full(2, 1.0)]
    assert {type(a) for a in [*makers, np.zeros_like(onp.ones(2))]} == {onp.ndarray}

    def f(x):
        a = np.zeros(2)
        a[1] = x
        return np.sum(a * a)

    assert ag("").grad(f)(3.0) == 6.0


@pytest.fixture
def forgotten():
    """The solver without what a test says of it, afterwards."""
    from chainrule.compat import primitives

    solve = ag(".numpy").linalg.solve
    code = solve.__code__
    yield solve
    own = solve.__globals__.pop("overriding", None)
    solve.__code__ = code
    primitives.VJPS.pop(own, None)
    primitives.JVPS.pop(own, None)


def test_a_tangent_given_to_a_function_of_numpys_leaves_its_pullback(forgotten):
    np, e = ag(".numpy"), ag(".extend")
    told = []

    def jvp(g, ans, a, b):
        told.append(1)
        return np.linalg.solve(a, g)

    e.defjvp(forgotten, lambda g, ans, a, b: -np.linalg.solve(a, g @ ans), jvp)

    def total(b):
        return np.sum(np.linalg.solve(MATRIX, b) ** 2)

    slopes = ag("").grad(total)(onp.ones(3))
    assert not told
    assert close(slopes, 2.0 * INVERSE @ SOLUTION)
    assert close(ag("").make_jvp(total)(onp.ones(3))(onp.eye(3)[0])[1], slopes[0])
    assert told
    in_matrix = ag("").grad(lambda a: np.sum(np.linalg.solve(a, onp.ones(3))))(MATRIX)
    assert close(in_matrix, -onp.outer(SOLUTION, SOLUTION))
    assert ag("").hessian(total)(onp.ones(3)).shape == (3, 3)


def test_a_pullback_given_to_a_function_of_numpys_leaves_its_tangent(forgotten):
    np, e = ag(".numpy"), ag(".extend")

    def doubled(ans, a, b):
        return lambda g: 2.0 * np.linalg.solve(a.T, g)

    e.defvjp(forgotten, None, doubled)

    def total(b):
        return np.sum(np.linalg.solve(MATRIX, b))

    assert close(ag("").grad(total)(onp.ones(3)), 2.0 * INVERSE.sum(0))
    tangent = ag("").make_jvp(total)(onp.ones(3))(onp.ones(3))[1]
    assert close(tangent, INVERSE.sum())


def test_a_tangent_of_named_results_may_be_a_plain_tuple():
    np, e = ag(".numpy"), ag(".extend")
    pair = importlib.import_module("collections").namedtuple("pair", "first second")

    @e.primitive
    def both(x):
        return pair(onp.sin(x), onp.cos(x))

    e.defjvp(both, lambda g, ans, x: (g * np.cos(x), -g * np.sin(x)))
    tangent = ag("").make_jvp(lambda x: both(x)[0] * both(x).second)(0.3)(1.0)[1]
    assert close(tangent, onp.cos(0.6))


def test_nodes_of_a_trace_know_their_parents_when_they_are_asked():
    np, core, tracer = ag(".numpy"), ag(".core"), ag(".tracer")
    root = core.VJPNode.new_root()
    _, end = tracer.trace(root, lambda x: np.sin(x) * x, 0.5)
    assert close(core.backward_pass(1.0, end), 0.5 * onp.cos(0.5) + onp.sin(0.5))
    order = list(tracer.toposort(end))
    assert order[-1] is root
    assert len(order) == 3
    assert {root} < set(end.parents)
    to_sine, to_root = end.vjp(1.0)
    assert (to_sine, to_root) == (0.5, onp.sin(0.5))
    with pytest.raises(AttributeError, match="other"):
        _ = end.other


def test_boxes_made_by_hand_keep_their_nodes_without_an_open_trace():
    np, core, tracer = ag(".numpy"), ag(".core"), ag(".tracer")
    root = core.VJPNode.new_root()
    x = tracer.new_box(onp.array([1.0, 2.0]), 0, root)
    z = np.sum(x * x) * x
    assert (x._node, x._trace, z._trace) == (root, 0, 0)
    assert z._node is z._node
    rows = [core.backward_pass(row, z._node) for row in onp.eye(2)]
    assert close(rows, [[7.0, 4.0], [4.0, 13.0]])
    seed = tracer.new_box(onp.array([1.0, 0.0]), 0, core.VJPNode.new_root())
    assert close(np.stack([core.backward_pass(seed, z._node)])._value, rows[:1])
    inner = tracer.new_box(z, 1, core.VJPNode.new_root())
    assert (inner * z)._trace == 1


@pytest.mark.parametrize("points", [(3,), (4, 3)])
def test_normal_densities_have_derivatives_of_both_orders_in_all_they_take(points):
    np, check = ag(".numpy"), ag(".test_util").check_grads
    normal = ag(".scipy.stats.multivariate_normal")
    rng = onp.random.RandomState(0)
    x, mean, root = rng.randn(*points), rng.randn(3), rng.randn(3, 3)

    def density(x, mean, root):
        return normal.logpdf(x, mean, np.dot(root, root.T) + np.eye(3))

    check(density, (0, 1, 2))(x, mean, root)
    value, _ = ag("").value_and_grad(lambda c: np.sum(normal.logpdf(x, mean, c)))(
        MATRIX
    )
    own = importlib.import_module("scipy.stats").multivariate_normal
    assert value == own.logpdf(x, mean, MATRIX).sum()


def test_entropies_and_dirichlet_densities_have_derivatives_of_both_orders():
    np, check = ag(".numpy"), ag(".test_util").check_grads
    normal, dirichlet = (
        ag(f".scipy.stats.{name}") for name in ("multivariate_normal", "dirichlet")
    )
    grad, root = ag("").grad, onp.random.RandomState(0).randn(3, 3)
    point, alpha = onp.array([0.2, 0.3, 0.5]), onp.array([1.5, 2.0, 0.7])

    def entropy(root):
        return normal.entropy(None, np.dot(root, root.T) + np.eye(3))

    def density(y, alpha):
        return dirichlet.logpdf(np.exp(y) / np.sum(np.exp(y)), alpha)

    check(entropy)(root)
    assert close(grad(lambda c: normal.entropy(None, c))(MATRIX), INVERSE / 2)
    check(density, (0, 1))(onp.log(point), alpha)
    shorter = grad(lambda a: dirichlet.logpdf(point[:2], a))(alpha)
    assert close(grad(lambda a: dirichlet.logpdf(point, a))(alpha), shorter)
    with pytest.raises(ValueError, match="greater than 0"):
        grad(lambda a: dirichlet.logpdf(point, -a))(alpha)
