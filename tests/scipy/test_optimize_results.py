"""What solvers are given of many unknowns, and what derivatives add to results."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

theirs = pytest.importorskip("scipy.optimize")
ours = pytest.importorskip("chainrule.scipy.optimize")
sp = pytest.importorskip("scipy.sparse")

MANY = 300
T = np.linspace(0.0, 4.0, 50)
Y = 2.5 * np.exp(-1.3 * T) + 0.05 * np.random.default_rng(0).normal(size=50)


def chained(x):
    return np.sum(10 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def together(x):
    return np.sum((x - 1.0) ** 2) + np.sum(x) ** 2 / x.size


def decay(t, a, b):
    return a * np.exp(-b * t)


@pytest.mark.parametrize("method", ["trust-constr", "Newton-CG"])
def test_many_unknowns_have_a_sparse_hessian(method):
    seen = []

    def f(x):
        seen.append(isinstance(x, np.ndarray))
        return chained(x)

    found = ours.minimize(f, np.full(MANY, 0.9), method=method)
    np.testing.assert_allclose(found.x, 1.0, atol=5e-3)
    assert found.nhev > 0
    assert sum(seen) < 10
    assert found.hess.nnz == 3 * MANY - 2
    dense = gd.hessian(chained)(found.x)
    np.testing.assert_allclose(found.hess.toarray(), dense, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "method", ["trust-constr", "Newton-CG", "trust-ncg", "trust-krylov"]
)
def test_where_all_meet_there_are_products(method):
    found = ours.minimize(together, np.zeros(MANY), method=method)
    np.testing.assert_allclose(found.x, 0.5, rtol=1e-6)
    assert isinstance(found.hess, np.ndarray)


def test_many_constraints_have_sparse_derivatives():
    given = [
        theirs.NonlinearConstraint(lambda x: x[1:] + x[:-1] ** 2, -np.inf, 1.5),
        theirs.LinearConstraint(np.ones((1, MANY)), -1000, 1000),
        {"type": "ineq", "fun": lambda x, a: x[0] - a, "args": (-5.0,)},
    ]
    found = ours.minimize(
        chained, np.zeros(MANY), method="trust-constr", constraints=given,
        bounds=theirs.Bounds(-2, 2), options={"maxiter": 12},
    )  # fmt: skip
    assert found.constr_violation == 0.0
    assert sp.issparse(found.jac[0])
    assert found.jac[0].nnz == 2 * (MANY - 1)


def test_constraints_read_containers_and_slopes_of_users():
    def on_circle(p):
        return p["x"] ** 2 + p["y"] ** 2

    def slopes(p):
        return np.array([2 * p["x"], 2 * p["y"]])

    for jac in ({}, {"jac": slopes}):
        found = ours.minimize(
            lambda p: p["x"] + p["y"],
            {"x": -0.5, "y": -0.4},
            method="trust-constr",
            constraints=theirs.NonlinearConstraint(on_circle, 1.0, 1.0, **jac),
        )
        assert found.x["x"] == pytest.approx(-np.sqrt(0.5), abs=1e-4)
    with pytest.raises(ArgumentError, match="has a 'type'"):
        ours.minimize(
            chained, np.zeros(2), method="trust-constr", constraints={"fun": chained}
        )


def test_callbacks_take_either_form_of_scipys():
    shown = []

    def step(intermediate_result):
        shown.append((intermediate_result.x["a"], intermediate_result.fun))

    def residuals(p):
        return np.stack([p["a"] - 1.0, p["b"] - p["a"]])

    start = {"a": 0.0, "b": 0.0}
    ours.minimize(lambda p: np.sum(residuals(p) ** 2), start, callback=step)
    assert shown[-1] == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    ours.least_squares(residuals, start, callback=step)
    ours.root(residuals, start, method="krylov", callback=lambda p, f: shown.append(p))
    assert shown[-1]["b"] == pytest.approx(1.0)

    def stop(intermediate_result):
        raise StopIteration

    assert ours.minimize(chained, np.zeros(3), callback=stop).nit == 1


def test_bars_are_shown_where_they_are_asked_for(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr("chainrule.progress.DELAY", 0.0)
    ours.minimize(chained, np.zeros(3), progress=True)
    ours.least_squares(lambda x: x - 1.0, np.zeros(3), progress=True)
    ours.root(lambda x: x**2 - 1.0, np.full(3, 2.0), progress=True)
    ours.curve_fit(decay, T, Y, progress=True)
    shown = capsys.readouterr().err
    for name in ("minimize", "least_squares", "root", "curve_fit"):
        assert f"{name}: solving" in shown
    ours.minimize(chained, np.zeros(3))
    assert not capsys.readouterr().err


def test_standard_errors_are_in_the_form_of_the_unknowns():
    def minus_log_likelihood(p):
        r = (Y - decay(T, p["a"], p["b"])) / 0.05
        return 0.5 * np.sum(r**2)

    found = ours.minimize(minus_log_likelihood, {"a": 2.0, "b": 1.0})
    errors = np.sqrt(np.diag(np.linalg.inv(found.hess)))
    assert found.standard_errors() == {
        "a": pytest.approx(errors[0]), "b": pytest.approx(errors[1])
    }  # fmt: skip
    flat = ours.minimize(lambda x: x[0] ** 2, np.ones(2))
    with pytest.raises(ArgumentError, match="not positive definite"):
        flat.standard_errors()


def test_errors_of_many_unknowns_are_those_of_the_dense_inverse():
    found = ours.minimize(chained, np.full(MANY, 0.9), method="Newton-CG", tol=1e-10)
    expected = np.sqrt(np.diag(np.linalg.inv(found.hess.toarray())))
    np.testing.assert_allclose(found.standard_errors(), expected, rtol=1e-8)
    early = ours.minimize(
        chained, np.full(MANY, 0.0), method="L-BFGS-B", options={"maxiter": 0}
    )
    with pytest.raises(ArgumentError, match="not positive definite"):
        early.standard_errors()


def test_results_are_pickled_as_scipys():
    found = ours.minimize(lambda x: np.sum(x**2), np.ones(2))
    again = pickle.loads(pickle.dumps(found))
    assert type(again) is theirs.OptimizeResult
    np.testing.assert_array_equal(again.x, found.x)
    assert "hess" not in repr(found).replace("hess_inv", "")


# ------------------------------------------------------------------------------- fits


def by_hand(kind, sigma, *, absolute):
    """Return the covariance of the decay from its written derivatives."""
    a, b = theirs.curve_fit(decay, T, Y, sigma=np.full(50, sigma), p0=[2, 1])[0]
    e = np.exp(-b * T)
    r, jac = (decay(T, a, b) - Y) / sigma, np.stack([e, -a * T * e], axis=1) / sigma
    second = np.stack([[0 * T, -T * e], [-T * e, a * T * T * e]]) / sigma
    hess = jac.T @ jac + (0 if kind == "jacobian" else second @ r)
    inv = np.linalg.inv(hess)
    if kind == "sandwich":
        return inv @ (jac.T * r**2) @ jac @ inv
    return inv if absolute else inv * (r @ r) / 48


@pytest.mark.parametrize("kind", ["jacobian", "hessian", "sandwich"])
@pytest.mark.parametrize("absolute", [False, True])
def test_covariances_are_those_of_written_derivatives(kind, absolute):
    expected = by_hand(kind, 0.05, absolute=absolute)
    for sigma in (0.05, np.full(50, 0.05), [0.05] * 50, 0.05**2 * np.eye(50)):
        _, found = ours.curve_fit(
            decay, T, Y, sigma=sigma, absolute_sigma=absolute, covariance=kind
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    fit = ours.least_squares(
        lambda p: (decay(T, *p) - Y) / 0.05, np.ones(2), xtol=1e-12
    )
    found = fit.covariance(kind, absolute_sigma=absolute)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    errors = fit.standard_errors(kind, absolute_sigma=absolute)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(expected)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["jacobian", "hessian", "sandwich"])
def test_errors_of_many_fitted_unknowns(kind):
    rng = np.random.default_rng(1)
    seen = 1.0 + 0.1 * rng.normal(size=2 * MANY)

    def residuals(x):
        return np.concatenate([np.tile(x, 2) ** 2 - seen, 0.3 * (x[1:] - x[:-1])])

    fit = ours.least_squares(residuals, np.ones(MANY))
    assert sp.issparse(fit.jac)
    expected = np.sqrt(np.diag(fit.covariance(kind)))
    np.testing.assert_allclose(fit.standard_errors(kind), expected, rtol=1e-8)


def test_what_has_no_covariance_is_refused():
    fit = ours.least_squares(lambda x: x - 1.0, np.zeros(2), loss="huber")
    with pytest.raises(ArgumentError, match="loss='huber'"):
        fit.covariance()
    fit = ours.least_squares(lambda x: x - 1.0, np.zeros(2))
    with pytest.raises(ArgumentError, match="no degrees of freedom"):
        fit.covariance()
    np.testing.assert_allclose(fit.covariance(absolute_sigma=True), np.eye(2))
    with pytest.raises(ArgumentError, match="'jacobian', 'hessian' or"):
        fit.covariance("exact")
    with pytest.raises(ArgumentError, match="jacobian, hessian, sandwich"):
        ours.curve_fit(decay, T, Y, covariance="exact")


def test_data_may_be_lists_and_hold_nodes():
    def fitted(y):
        return ours.curve_fit(decay, list(T), list(y), sigma=0.3)[0]

    expected = gd.jacobian(lambda y: ours.curve_fit(decay, T, y)[0])(Y)
    np.testing.assert_allclose(gd.jacobian(fitted)(Y), expected, rtol=1e-6)


def test_a_covariance_of_the_data_may_be_a_node():
    def matrix(s):
        return np.diag(0.01 * s * np.exp(-s * T)) + 0.001

    def fitted(s):
        return ours.curve_fit(decay, T, Y, sigma=matrix(s), ftol=1e-14, xtol=1e-14)[0]

    slope = (fitted(0.5 + 3e-3) - fitted(0.5 - 3e-3)) / 6e-3
    np.testing.assert_allclose(gd.jacobian(fitted)(0.5), slope, rtol=2e-3)


def test_the_first_guess_is_scipys():
    def f(t, a, b, c):
        return a * np.exp(-b * t) + 0 * c

    bounds = ([2.0, -np.inf, -np.inf], [4.0, 3.0, np.inf])
    np.testing.assert_allclose(
        ours.curve_fit(f, T, Y, bounds=bounds)[0],
        theirs.curve_fit(f, T, Y, bounds=bounds)[0],
        rtol=1e-5,
    )


def test_bands_hold_as_often_as_they_say():
    rng = np.random.default_rng(3)
    t = np.linspace(0.0, 2.0, 12)
    truth, new = 2.0 * np.exp(-t), 0
    inside = 0
    for _ in range(60):
        y = truth + 0.1 * rng.normal(size=12)
        p, c = theirs.curve_fit(decay, t, y, p0=[1.0, 1.0])
        band = ours.confidence_band(decay, t, p, c, level=0.9, freedom=10)
        inside += np.mean((band.lower < truth) & (truth < band.upper))
        wide = ours.confidence_band(decay, t, p, c, level=0.9, sigma=0.1)
        again = truth + 0.1 * rng.normal(size=12)
        new += np.mean((wide.lower < again) & (again < wide.upper))
    assert 0.82 < inside / 60 < 0.97
    assert 0.85 < new / 60 < 0.95
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        ours.confidence_band(decay, t, p, c, level=95)


# -------------------------------------------------------------------- as SciPy takes it


def test_first_guesses_and_results_are_taken_as_scipy_takes_them():
    def f(x):
        return np.sum((x - np.arange(2)) ** 2)

    for start in ([0.5, 0], (0.5, 0.0), np.zeros(2, int)):
        np.testing.assert_allclose(ours.minimize(f, start).x, [0, 1], atol=1e-7)
        np.testing.assert_allclose(
            ours.least_squares(lambda x: x - np.arange(2), start).x, [0, 1], atol=1e-7
        )
        np.testing.assert_allclose(
            ours.fsolve(lambda x: [x[0], x[1] - 1], start), [0, 1], atol=1e-7
        )
    found = ours.minimize(lambda x: np.reshape(f(x), (1,)), np.zeros(2))
    np.testing.assert_allclose(found.x, [0, 1], atol=1e-7)
    np.testing.assert_allclose(found.hess, 2 * np.eye(2))
    parts = [0.0, np.ones(2)]
    apart = ours.minimize(lambda p: (p[0] - 1) ** 2 + np.sum(p[1] ** 2), parts)
    assert apart.x[1].shape == (2,)


@pytest.mark.filterwarnings("ignore:Covariance of the parameters")
def test_parameters_that_are_not_determined_have_no_covariance():
    def f(t, a, b):
        return (a + b) * t

    with pytest.raises(ArgumentError, match="not determined"):
        ours.curve_fit(f, T, Y, covariance="hessian")
    units = ours.least_squares(lambda p: 1e8 * p[0] * T + 1e-8 * p[1] - Y, np.ones(2))
    expected = np.linalg.inv(units.jac.T @ units.jac)
    np.testing.assert_allclose(
        units.covariance(absolute_sigma=True), expected, rtol=1e-6
    )
    with pytest.raises(ArgumentError, match="needs p0"):
        ours.curve_fit(lambda t, *p: p[0] * t, T, Y)
    many = ours.minimize(
        lambda x: np.sum((x[1:] - x[:-1]) ** 2), np.zeros(MANY), method="Newton-CG"
    )
    with pytest.raises(ArgumentError, match="not determined"):
        many.standard_errors()


@pytest.mark.parametrize("solve", ["minimize", "least_squares"])
def test_bounds_are_in_the_form_of_the_unknowns(solve):
    def residuals(p):
        return np.append(p["b"] - 2.0, p["a"] + p["b"][0])

    start = {"a": 1.0, "b": np.array([0.5, 0.5])}
    low, high = {"a": 0.5, "b": -np.inf}, {"a": 3.0, "b": np.array([1.0, 9.0])}
    f = residuals if solve == "least_squares" else lambda p: np.sum(residuals(p) ** 2)
    for bounds in ((low, high), (low, None) if solve == "minimize" else (low, high)):
        found = getattr(ours, solve)(f, start, bounds=bounds)
        assert found.x["a"] == pytest.approx(0.5, abs=1e-6)
        np.testing.assert_allclose(found.x["b"], [0.75, 2.0], atol=1e-5)
    pairs = [(0.5, 3.0), (None, 1.0), (None, 9.0)]
    if solve == "minimize":
        found = ours.minimize(f, start, bounds=pairs)
        np.testing.assert_allclose(found.x["b"], [0.75, 2.0], atol=1e-5)


def test_fits_leave_out_points_that_are_nan_and_take_lists():
    t, y = np.arange(5.0), np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    sigma = np.arange(1.0, 6.0)

    def line(t, a, b):
        return a + b * t**2

    options = {"nan_policy": "omit", "sigma": sigma}
    found, covariance = ours.curve_fit(line, t, y, **options)
    p, c = theirs.curve_fit(line, t, y, **options)
    np.testing.assert_allclose(found, p, rtol=1e-6)
    np.testing.assert_allclose(covariance, c, rtol=1e-5)
    slope = gd.jacobian(lambda y: ours.curve_fit(line, t, y, **options)[0])(y)
    kept = [0, 1, 3, 4]
    weights = np.stack([np.ones(4), t[kept] ** 2], axis=1) / sigma[kept, None]
    np.testing.assert_allclose(
        slope[:, kept] * sigma[kept], np.linalg.pinv(weights), rtol=1e-6
    )
    assert not slope[:, 2].any()


def test_residuals_may_be_lists():
    def solved(a):
        return ours.least_squares(lambda p: [p[0] - a, p[0] * p[1] - 1], [1.0, 1.0]).x

    np.testing.assert_allclose(gd.jacobian(solved)(2.0), [1.0, -0.25], rtol=1e-6)
    first, _ = ours.leastsq(lambda p: [p[0] - 2.0, p[0] * p[1] - 1], [1.0, 1.0])
    np.testing.assert_allclose(first, [2.0, 0.5], rtol=1e-6)


def test_linear_constraints_that_are_sparse_stay_so():
    n = 20_000
    steps = sp.diags_array([np.ones(n), -np.ones(n)], offsets=[0, 1], shape=(n - 1, n))
    constraint = theirs.LinearConstraint(steps.tocsr(), 0.0, 0.0)
    found = ours.minimize(
        lambda x: np.sum((x - np.linspace(0.0, 1.0, n)) ** 2), np.zeros(n),
        method="trust-constr", constraints=constraint, options={"maxiter": 5},
    )  # fmt: skip
    np.testing.assert_allclose(found.x, 0.5, rtol=1e-6)

    def solved(a):
        limit = theirs.LinearConstraint(sp.csr_array([[1.0, 1.0, 0.0]]), -np.inf, 1.0)
        return ours.minimize(
            lambda x: np.sum((x - a) ** 2), np.zeros(3), method="trust-constr",
            constraints=limit, tol=1e-10,
        ).x  # fmt: skip

    np.testing.assert_allclose(gd.jacobian(solved)(2.0), [0.0, 0.0, 1.0], atol=1e-9)


# --------------------------------------------------------------- of what nodes decide


def slopes_of(f, x, *, compiled=True):
    """Check the derivative of a number, and return it."""
    along = np.cos(np.arange(np.size(x))).reshape(np.shape(x))
    at = [f(x + k * 1e-3 * along) for k in (1, -1, 2, -2)]
    expected = (8 * (at[0] - at[1]) - (at[2] - at[3])) / 12e-3
    found = gd.grad(f)(x)
    np.testing.assert_allclose(np.sum(found * along), expected, rtol=1e-5)
    np.testing.assert_allclose(gd.jvp(f, (x,), (along,))[1], expected, rtol=1e-5)
    if compiled:
        np.testing.assert_allclose(gd.compile(gd.grad(f))(x), found, rtol=1e-6)
    return found


STRICT = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}


@pytest.mark.parametrize("method", ["lm", "trf"])
def test_a_compiled_fit_tells_how_it_ended(method):
    def told(shift):
        return ours.curve_fit(
            decay, T, Y + shift, method=method, full_output=True, **STRICT
        )

    *_, information, message, ier = told(0.01)
    *_, found, text, kept = gd.compile(told)(0.01)
    assert found.keys() == information.keys()
    assert (found["nfev"], kept) == (information["nfev"], ier)
    np.testing.assert_allclose(found["fvec"], information["fvec"], atol=1e-8)
    assert message
    assert "ier" in text

    def squares(shift):
        return np.sum(told(shift)[2]["fvec"] ** 2)

    slope = (squares(0.011) - squares(0.009)) / 0.002
    assert gd.compile(gd.grad(squares))(0.01) == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("kind", ["jacobian", "hessian", "sandwich"])
def test_covariances_are_differentiated_by_the_data(kind):
    t, y = T[::5], Y[::5]

    def spread(y):
        found = ours.curve_fit(
            decay, t, y, p0=[2.0, 1.0], covariance=kind, absolute_sigma=True, **STRICT
        )[1]
        return np.sum(found * np.array([[1.0, 2.0], [2.0, 5.0]]))

    def errors(y):
        fit = ours.least_squares(lambda p: decay(t, *p) - y, [2.0, 1.0], **STRICT)
        return 10.0 * np.sum(fit.standard_errors(kind))

    assert np.abs(slopes_of(spread, y)).max() > 0
    assert np.abs(slopes_of(errors, y)).max() > 0


def test_a_design_is_improved_by_the_gradient_of_its_covariance():
    def information(t):
        found = ours.curve_fit(
            lambda t, a, b: a + b * t,
            t,
            1.0 + t,
            sigma=0.1 + 0 * t,
            absolute_sigma=True,
        )[1]
        return np.linalg.slogdet(found)[1]

    def by_hand(t):
        x = np.stack([np.ones(5), t], axis=1) / 0.1
        return -np.linalg.slogdet(x.T @ x)[1]

    t = np.linspace(0.0, 1.0, 5)
    np.testing.assert_allclose(gd.grad(information)(t), gd.grad(by_hand)(t), rtol=1e-6)


def test_bands_are_differentiated_by_the_data():
    def band(y):
        p, found = ours.curve_fit(decay, T[::5], y, p0=[2.0, 1.0], **STRICT)
        ends = ours.confidence_band(decay, np.array([0.5, 2.0]), p, found, sigma=0.1)
        return np.sum(ends.upper * [1.0, 2.0]) + np.sum(ends.lower)

    slopes_of(band, Y[::5])


def test_hessians_and_standard_errors_of_minima_are_differentiated():
    def solve(p):
        def f(x):
            return np.sum((x["a"] - p) ** 4) + x["b"] ** 2 * p[0] + x["a"] @ x["a"]

        start = {"a": np.zeros(2), "b": 0.5}
        return ours.minimize(f, start, tol=1e-12, method="trust-exact")

    def errors(p):
        found = solve(p).standard_errors()
        return np.sum(found["a"] * [1.0, 2.0]) + found["b"]

    p = np.array([1.0, 2.0])
    slopes_of(errors, p)
    slopes_of(lambda p: np.sum(solve(p).hess * np.arange(9.0).reshape(3, 3)), p)


def test_plain_numbers_of_scipys_are_left_out_where_the_solution_is_a_node():
    weights = np.array([1.0, 3.0])

    def solve(p):
        return ours.minimize(
            lambda x: np.sum(weights * (x - p) ** 2), np.zeros(2), bounds=[(0, 0.5)] * 2
        )

    push = gd.jacobian(lambda p: solve(p).jac)(np.array([1.0, 0.2]))
    np.testing.assert_allclose(push, [[-2.0, 0.0], [0.0, 0.0]], atol=1e-9)
    with pytest.raises(AttributeError, match=r"'hess_inv' is plain.*standard_errors"):
        gd.grad(lambda p: np.sum(solve(p).hess_inv.todense()))(weights)
    assert solve(weights).hess_inv.shape == (2, 2)

    def spread(y):
        fit = ours.least_squares(lambda p: decay(T[::5], *p) - y, [2.0, 1.0], **STRICT)
        return np.sum(np.linalg.inv(fit.jac.T @ fit.jac))

    slopes_of(spread, Y[::5])


def test_what_fits_say_beside_their_parameters_is_differentiated():
    t, y = T[::5], Y[::5]

    def chi(y):
        more = ours.curve_fit(decay, t, y, p0=[2.0, 1.0], full_output=True, **STRICT)
        return np.sum(more[2]["fvec"] ** 4)

    def spread(y):
        _, found, told, *_ = ours.leastsq(
            lambda p: decay(t, *p) - y, [2.0, 1.0], full_output=True, **STRICT
        )
        return np.sum(found) * np.sum(told["fvec"] ** 2)

    slopes_of(lambda y: 1e3 * chi(y), y, compiled=False)
    slopes_of(spread, y)


# ---------------------------------------------------------- bounds, scales that move


def fitted_above(low, **given):
    found = ours.curve_fit(decay, T, Y, bounds=([0.0, low], [9.0, 9.0]), **given)
    return found[0] @ np.array([1.0, 2.0]) + 10.0 * found[1][0, 1]


def test_bounds_of_a_curve_move():
    slopes_of(lambda low: fitted_above(low, **STRICT), 1.4)
    assert gd.vmap(fitted_above)(np.array([1.4]))[0] == fitted_above(1.4)
    assert gd.grad(fitted_above)(0.3) == 0.0


def test_a_compiled_curve_starts_where_it_is_given():
    def fitted(start, high):
        return ours.curve_fit(decay, T, Y, start, bounds=(0.0, high))[0]

    compiled = gd.compile(fitted)
    for start, high in (([2.0, 1.0], 8.0), ([1.0, 1.0], 2.0)):
        expected = fitted(np.array(start), high)
        np.testing.assert_array_equal(compiled(np.array(start), high), expected)
    with pytest.raises(ArgumentError, match="starts at plain numbers"):
        gd.grad(lambda x: fitted([x, 1.0], 9.0)[0])(1.0)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan", "linear"])
def test_the_scale_of_a_loss_moves(loss):
    def fitted(scale):
        found = ours.least_squares(
            lambda p: decay(T, *p) - Y, [2.0, 1.0], loss=loss, f_scale=scale, **STRICT
        )
        return found.x @ np.array([1.0, 2.0]) + found.cost

    scale, step = 0.08, 1e-4
    expected = (fitted(scale + step) - fitted(scale - step)) / (2 * step)
    found = gd.grad(fitted)(scale)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-9)
    assert gd.compile(gd.grad(fitted))(scale) == pytest.approx(found)
    assert gd.jvp(fitted, (scale,), (1.0,))[1] == pytest.approx(found)
    assert (found != 0.0) == (loss != "linear")
