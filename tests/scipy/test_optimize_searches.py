"""Searches for global minima, and SciPy's functions of one method, beside SciPy's."""

import numpy as np
import pytest
import scipy.optimize as theirs

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from chainrule.scipy import optimize as ours

BOX = [(-2.0, 2.0)] * 2


def hills(x, a):
    return np.sum((x - a) ** 4 + x**2) + x[0] * x[1]


def near(a):
    return ours.minimize(hills, np.zeros(2), (a,), tol=1e-12).x


SEARCHES = [
    ("differential_evolution", (BOX,), {"rng": 1}),
    ("dual_annealing", (BOX,), {"rng": 1, "maxiter": 20}),
    ("shgo", (BOX,), {}),
    ("direct", (BOX,), {"maxfun": 4000, "eps": 1e-9}),
    ("brute", (BOX,), {"Ns": 5}),
]


@pytest.mark.parametrize(("name", "where", "options"), SEARCHES)
def test_searches_find_scipys_minimum_and_its_derivative(name, where, options):
    def solved(a, library=ours):
        found = getattr(library, name)(hills, *where, args=(a,), **options)
        return found if name == "brute" else found.x

    np.testing.assert_allclose(solved(1.3), solved(1.3, theirs), atol=1e-3)
    slope = gd.jacobian(near)(1.3)
    np.testing.assert_allclose(gd.jacobian(solved)(1.3), slope, rtol=1e-3)
    np.testing.assert_allclose(gd.compile(gd.jacobian(solved))(1.3), slope, rtol=1e-3)


def test_hops_between_basins_take_arguments_bounds_and_slopes():
    def solved(a):
        given = {"args": (a,), "bounds": [(-2.0, 0.3)] * 2, "method": "L-BFGS-B"}
        return ours.basinhopping(hills, np.zeros(2), 3, minimizer_kwargs=given, rng=1).x

    np.testing.assert_allclose(solved(1.3), [0.3, 0.3])
    np.testing.assert_allclose(gd.jacobian(solved)(1.3), 0.0, atol=1e-12)


def test_evolution_with_constraints_and_bounds_of_nodes():
    def solved(a):
        limit = theirs.NonlinearConstraint(lambda x: x[0] + x[1], -np.inf, 0.5 * a)
        return ours.differential_evolution(hills, BOX, (a,), rng=1, constraints=limit).x

    np.testing.assert_allclose(gd.jacobian(solved)(1.3), [0.25, 0.25], rtol=1e-4)

    def bounded(b):
        return ours.differential_evolution(hills, [(-2.0, b)] * 2, (1.3,), rng=1).x

    np.testing.assert_allclose(gd.jacobian(bounded)(0.2), [1.0, 1.0])


def test_evolution_of_whole_numbers_and_of_many_points_at_once():
    def many(x, a):
        return np.sum((x - a) ** 2, axis=0)

    options = {"rng": 1, "vectorized": True, "updating": "deferred"}
    plain = ours.differential_evolution(many, BOX, (0.7,), **options)
    np.testing.assert_allclose(plain.x, 0.7, rtol=1e-5)
    slope = gd.jacobian(
        lambda a: ours.differential_evolution(many, BOX, (a,), **options).x
    )
    np.testing.assert_allclose(slope(0.7), 1.0)

    def whole(a):
        return ours.differential_evolution(
            lambda x: np.sum((x - a) ** 2), BOX, rng=1, integrality=[1, 0]
        ).x

    np.testing.assert_allclose(whole(0.7), [1.0, 0.7], rtol=1e-5)
    with pytest.raises(ArgumentError, match="whole numbers"):
        gd.jacobian(whole)(0.7)


@pytest.mark.parametrize("name", ["brent", "golden", "fminbound"])
def test_minima_of_one_number_are_not_constant(name):
    def solved(a, library=ours):
        ends = (0.0, 2.0) if name == "fminbound" else ()
        tol = {"xtol": 1e-10} if name == "fminbound" else {}
        return getattr(library, name)(lambda x: (x - a) ** 4 + x * x, *ends, **tol)

    assert solved(1.3) == pytest.approx(solved(1.3, theirs), rel=1e-6)
    x = solved(1.3)
    curved = 12 * (x - 1.3) ** 2
    assert gd.grad(solved)(1.3) == pytest.approx(curved / (curved + 2), rel=1e-4)


@pytest.mark.parametrize("name", ["brent", "golden"])
def test_minima_of_one_number_return_scipys_counts(name):
    def f(x):
        return (x - 1.3) ** 4 + x * x

    ours_, theirs_ = (getattr(m, name)(f, full_output=True) for m in (ours, theirs))
    np.testing.assert_allclose(ours_, theirs_, rtol=1e-6)


def test_slsqp_and_cobyla_by_their_old_names():
    def by_slsqp(a):
        return ours.fmin_slsqp(
            hills, np.zeros(2), args=(a,), acc=1e-12, iprint=0, full_output=True,
            f_eqcons=lambda x, a: np.stack([x[0] + x[1] - 0.5 * a]),
        )[0]  # fmt: skip

    np.testing.assert_allclose(gd.jacobian(by_slsqp)(1.3), 0.25, rtol=1e-6)

    def by_cobyla(a):
        return ours.fmin_cobyla(
            hills, np.zeros(2), [lambda x, a: x[0] - 0.7 * a], (a,), rhoend=1e-8
        )

    assert gd.jacobian(by_cobyla)(1.3)[0] == pytest.approx(0.7)


@pytest.mark.parametrize(
    "name", ["anderson", "broyden1", "broyden2", "diagbroyden", "newton_krylov"]
)
def test_roots_of_large_systems_by_their_old_names(name):
    def solved(a):
        seen = []
        x = getattr(ours, name)(
            lambda x: [x[0] ** 2 - a, x[1] - x[0]], [1.0, 1.0], f_tol=1e-10,
            callback=lambda x, f: seen.append(f),
        )  # fmt: skip
        assert seen
        return x

    np.testing.assert_allclose(gd.jacobian(solved)(1.2), 0.5 / np.sqrt(1.2), rtol=1e-6)


def test_what_has_no_derivative_says_so():
    refused = {
        "linprog": lambda m, a: m.linprog(np.ones(2) * a),
        "linear_sum_assignment": lambda m, a: m.linear_sum_assignment(np.eye(2) * a),
        "bracket": lambda m, a: m.bracket(lambda x: (x - a) ** 2),
        "approx_fprime": lambda m, a: m.approx_fprime(np.ones(2), lambda x: a * x[0]),
    }
    for name, call in refused.items():
        with pytest.raises(MissingRuleError, match=name):
            gd.grad(lambda a, call=call: call(ours, a))(1.0)
        call(ours, 1.0)


def test_complex_roots():
    def cube(a):
        return ours.newton(lambda z: z**3 - a, -0.5 + 0.8j)

    z = np.exp(2j * np.pi / 3)
    assert cube(1.0) == pytest.approx(z)
    assert gd.jacobian(cube)(1.0) == pytest.approx(z / 3)
    for method in ("newton", "halley"):
        found = ours.root_scalar(lambda z: z**3 - 1, x0=-0.5 + 0.8j, method=method)
        assert found.root == pytest.approx(z)
    for method in ("newton", "broyden1"):
        slope = gd.jacobian(
            lambda a, m=method: (
                ours.root(lambda z: z**2 + a, np.array([1 + 1j]), method=m, tol=1e-12).x
            )
        )
        np.testing.assert_allclose(slope(4.0), [0.25j], rtol=1e-6)
    with pytest.raises(ArgumentError, match="finds real roots"):
        ours.root(lambda z: z**2 + 1, 1 + 1j)
    with pytest.raises(ArgumentError, match="real unknowns"):
        ours.minimize(lambda z: np.sum(np.abs(z)), np.ones(2) * 1j)


def test_what_a_callback_changes_is_seen():
    def solved(library):
        weight = [10.0]

        def f(x):
            return (x[0] - 2) ** 2 + weight[0] * max(x[0] - 1, 0) ** 2

        def heavier(x):
            weight[0] *= 2

        return library.minimize(f, [0.0], callback=heavier, method="BFGS").x

    np.testing.assert_allclose(solved(ours), solved(theirs), rtol=1e-4)
