"""The objectives of GradBench are what their definitions say, and so are their slopes.

Values are compared with another way to compute them; derivatives with central
differences, and with JAX where it is installed.
"""

from __future__ import annotations

import inspect
import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, wishart

import chainrule as gd
from benchmarks.gradbench import ba, gmm, lstm, ode
from benchmarks.workloads.jacobians import tall_workload, wide_workload


def looped(body, carry, xs, length=None):
    """Scan as a plain loop over the first axis of a container of arrays."""
    xs = [None] * length if xs is None else xs
    rows = list(zip(*xs, strict=True)) if isinstance(xs, tuple) else list(xs)
    ys = []
    for row in rows:
        carry, y = body(carry, row)
        ys.append(y)
    return carry, np.stack(ys)


SCALARS = {
    "lstm": lstm.lstm_workload(layers=2, letters=4),
    "lstm scanned": lstm.lstm_workload(layers=2, letters=4, scan=looped),
    "gmm": gmm.gmm_workload(points=6, d=3, k=4),
    "gmm in one dimension": gmm.gmm_workload(points=6, d=1, k=2),
    "ode": ode.ode_workload(size=5, steps=3),
    "ode scanned": ode.ode_workload(size=5, steps=3, scan=looped),
}

ONE = ba.observations(count=1)
STILL = np.array([0.0] * 3 + [1.0, -2.0, -9.0, 500.0, 4.0, -6.0, 0.05, 0.01])

VECTORS = {
    "residual": (ONE, [x[0] for x in (*ONE.arguments, *ONE.constants)]),
    "residual, no rotation": (
        ONE,
        [STILL, *(x[0] for x in (*ONE.arguments[1:], *ONE.constants))],
    ),
    "decay": (tall_workload(size=4, results=7), None),
    "features": (wide_workload(size=7, results=3), None),
}


def arrays_of(workload):
    """Return its arguments and its data."""
    return [*workload.arguments, *workload.constants]


# ----------------------------------------------------------------------- values


def test_the_lstm_predicts_one_bit_after_the_other():
    workload = lstm.lstm_workload(layers=2, letters=4)
    assert workload(np, *workload.arguments) == pytest.approx(slow_lstm(workload))


def slow_lstm(workload):
    """The LSTM in floats: its weights are diagonal, so a bit never meets another."""
    main, extra, state, text = (a.tolist() for a in arrays_of(workload))
    bits, total = len(text[0]), 0.0

    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    for letter, wanted in pairwise(text):
        guess = []
        for b in range(bits):
            x = letter[b] * extra[0][b]
            for i in range(0, len(main), 2):
                w, c = main[i][b::bits], main[i + 1][b::bits]
                hidden, cell = state[i][b], state[i + 1][b]
                new = math.tanh(hidden * w[3] + c[3])
                cell = cell * sigmoid(x * w[0] + c[0])
                cell += sigmoid(hidden * w[1] + c[1]) * new
                state[i + 1][b] = cell
                state[i][b] = x = sigmoid(x * w[2] + c[2]) * math.tanh(cell)
            guess.append(x * extra[1][b] + extra[2][b])
        norm = math.log(2 + sum(map(math.exp, guess)))
        total += sum(w * (g - norm) for w, g in zip(wanted, guess, strict=True))
    return -total / (bits * (len(text) - 1))


def test_letters_are_rows_of_bits():
    assert lstm.bits_of("a’").tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1],
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1],
    ]
    assert lstm.lstm_workload(layers=2, letters=1024).constants[1].shape == (1024, 14)


def test_a_loop_and_a_scan_are_the_same():
    for name in ("lstm", "ode"):
        loop, scanned = SCALARS[name], SCALARS[f"{name} scanned"]
        values = [
            gd.value_and_grad(lambda x, w=w: w(np, x, *w.arguments[1:]))(w.arguments[0])
            for w in (loop, scanned)
        ]
        np.testing.assert_allclose(values[0][0], values[1][0], rtol=1e-14)
        np.testing.assert_allclose(values[0][1], values[1][1], rtol=1e-13)


@pytest.mark.parametrize("name", ["residual", "residual, no rotation"])
def test_a_residual_is_a_rotated_projected_and_distorted_point(name):
    _, (camera, point, weight, feature) = VECTORS[name]
    turned = Rotation.from_rotvec(camera[:3]).apply(point - camera[3:6])
    flat = turned[:2] / turned[2]
    square = flat @ flat
    seen = flat * (1 + camera[9] * square + camera[10] * square**2)
    expected = weight * (camera[6] * seen + camera[7:9] - feature)
    found = ba.residual(np, camera, point, weight, feature)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("freedom", "gamma"), [(0, 1.0), (2, 0.7)])
def test_the_mixture_is_a_density_times_its_prior(freedom, gamma):
    d, k = 3, 4
    alphas, means, icf, points = arrays_of(gmm.gmm_workload(points=6, d=d, k=k))
    weights = alphas - logsumexp(alphas)
    scores, prior = [], 0.0
    for i in range(k):
        factor = np.diag(np.exp(icf[i, :d]))
        factor[[1, 2, 2], [0, 0, 1]] = icf[i, d:]
        precision = factor.T @ factor
        normal = multivariate_normal(means[i], np.linalg.inv(precision))
        scores.append(weights[i] + normal.logpdf(points))
        prior += wishart(d + freedom + 1, np.eye(d) / gamma**2).logpdf(precision)
    expected = logsumexp(scores, axis=0).sum() + prior
    found = gmm.gmm(np, alphas, means, icf, points, freedom=freedom, gamma=gamma)
    assert found == pytest.approx(expected, rel=1e-10)


def test_runge_kutta_is_exact_for_the_first_four_equations():
    rates = np.array([0.5, 1.5, 0.7, 1.1])
    exact = np.prod(rates) * 2.0**4 / 24
    value, slope = gd.value_and_grad(lambda x: ode.ode(np, x, steps=3))(rates)
    assert value == pytest.approx(exact)
    np.testing.assert_allclose(slope, exact / rates)


def test_a_long_chain_is_zero_at_its_end():
    workload = ode.ode_workload(size=9, steps=2)
    value, slope = gd.value_and_grad(lambda x: workload(np, x))(*workload.arguments)
    assert value == 0.0
    assert not slope.any()
    assert ode.ode(np, workload.arguments[0][:8], steps=2) > 0.0


# ------------------------------------------------------------------ derivatives


@pytest.mark.parametrize("name", SCALARS)
def test_gradients_agree_with_differences(name):
    workload = SCALARS[name]

    def f(*arguments):
        return workload(np, *arguments)

    gd.check_gradients(f, workload.arguments, order=1)


@pytest.mark.parametrize("name", VECTORS)
def test_jacobians_agree_with_differences(name):
    workload, arrays = VECTORS[name]
    arrays = arrays_of(workload) if arrays is None else arrays
    many = len(workload.arguments)

    def f(*arguments):
        return workload.function(np, *arguments, *arrays[many:])

    gd.check_gradients(f, tuple(arrays[:many]), order=1, step=1e-5)


@pytest.fixture(scope="module")
def jax():
    """JAX in double precision."""
    found = pytest.importorskip("jax")
    found.config.update("jax_enable_x64", True)
    return found


def as_jax_runs_it(jax, workload):
    """Return the function of arrays that runs the workload on JAX."""
    options = dict(workload.options)
    if "scan" in inspect.signature(workload.function).parameters:
        options["scan"] = jax.lax.scan
    return lambda *arrays: workload.function(jax.numpy, *arrays, **options)


@pytest.mark.parametrize("name", SCALARS)
def test_gradients_agree_with_jax(jax, name):
    workload = SCALARS[name]
    arrays, places = arrays_of(workload), tuple(range(len(workload.arguments)))
    f = as_jax_runs_it(jax, workload)
    value, slopes = jax.value_and_grad(f, places)(*arrays)
    ours = gd.value_and_grad(
        lambda *x: workload.function(np, *x, **workload.options), places
    )(*arrays)
    assert ours[0] == pytest.approx(float(value), rel=1e-12)
    for found, expected in zip(ours[1], slopes, strict=True):
        top = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * top)


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_agree_with_jax(jax, name, mode):
    workload, arrays = VECTORS[name]
    arrays = arrays_of(workload) if arrays is None else arrays
    places = tuple(range(len(workload.arguments)))
    transform = jax.jacfwd if mode == "forward" else jax.jacrev
    expected = transform(as_jax_runs_it(jax, workload), places)(*arrays)

    def f(*x):
        return workload.function(np, *x)

    found = gd.jacobian(f, places, mode=mode)(*arrays)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13 * np.abs(b).max())
