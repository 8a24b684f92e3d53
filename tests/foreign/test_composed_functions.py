"""Functions that are composed of others, with constants of NumPy's, on foreign arrays.

Their constants (coefficients, coordinates, weights) are plain arrays, which a device
does not take beside its own: they are put there.
"""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import EscapeError, MissingRuleError
from tests.foreign.libraries import STRICT, of_dask

RNG = np.random.default_rng(0)
X, V = RNG.normal(size=(4, 4)) + 2 * np.eye(4), RNG.random(5) + 0.5
COEFFICIENTS, TIMES = np.array([1.0, 2.0, 3.0]), np.arange(5.0) ** 2
ROWS = np.arange(4)

OF_VECTORS = {
    "average": lambda x: np.average(x, weights=TIMES + 1),
    "choose": lambda x: np.choose(np.array([0, 1, 0, 1, 1]), [x, x**2]),
    "clip": lambda x: np.clip(x, np.full(5, 0.6), np.ones(5)),
    "convolve": lambda x: np.convolve(x, [1.0, 2.0]),
    "cross": lambda x: np.cross(x[:3], COEFFICIENTS),
    "diag": np.diag,
    "diagflat": np.diagflat,
    "diff": lambda x: np.diff(x, prepend=0.0),
    "geomspace": lambda x: np.geomspace(x, 10.0, 3),
    "gradient": lambda x: np.gradient(x, TIMES),
    "histogram": lambda x: np.histogram(TIMES, bins=[0, 1, 5, 16], weights=x)[0],
    "inner": lambda x: np.inner(x, TIMES),
    "insert": lambda x: np.insert(x, 0, 1.0),
    "kron": lambda x: np.kron(x, np.eye(2)),
    "linspace": lambda x: np.linspace(x, 1.0, 3),
    "nanstd": lambda x: np.nanstd(np.where(np.arange(5) == 1, np.nan, x)),
    "nanvar": lambda x: np.nanvar(np.where(np.arange(5) == 1, np.nan, x)),
    "partition": lambda x: np.partition(x, 1),
    "polyadd": lambda x: np.polyadd(x, COEFFICIENTS),
    "polyder": np.polyder,
    "polyfit": lambda x: np.polyfit(TIMES, x, 1),
    "polyint": np.polyint,
    "polymul": lambda x: np.polymul(x, COEFFICIENTS),
    "polyval": lambda x: np.polyval([1.0, 2.0, 3.0], x),
    "polyval in both": lambda x: np.polyval(x, x),
    "quantile": lambda x: np.quantile(x, 0.3),
    "searchsorted": lambda x: x * np.searchsorted([0.7, 1.1], x),
    "trapezoid": lambda x: np.trapezoid(x, x=TIMES),
    "vander": np.vander,
    "a constant": lambda x: np.arange(5) * x + np.array(2.0),
    "a mask": lambda x: np.where(np.arange(5) > 2, x, 0.0),
}
OF_MATRICES = {
    "corrcoef": np.corrcoef,
    "cov": np.cov,
    "diagonal": lambda x: np.diagonal(x, 1),
    "einsum": lambda x: np.einsum("ij,i->j", x, np.arange(4.0)),
    "lstsq": lambda x: np.linalg.lstsq(x, np.ones(4))[0],
    "pairs": lambda x: x[ROWS, ROWS[::-1]],
    "pairs after an axis": lambda x: np.stack([x, x])[:, ROWS[:, None], ROWS],
    "pairs around an axis": lambda x: np.stack([x, x])[[0, 1], :, [3, 3]],
    "tensorsolve": lambda x: np.linalg.tensorsolve(x, np.ones(4)),
    "trace": lambda x: np.trace(x, offset=-1),
}
CASES = [(f, V) for f in OF_VECTORS.items()] + [(f, X) for f in OF_MATRICES.items()]
NAMES = [name for (name, _), _ in CASES]
DASK_HAS_NOT = {"convolve", "cross", "lstsq", "partition", "polymul", "quantile"}


def scalar(f):
    return lambda x: np.sum(np.sin(f(x)))


@pytest.mark.parametrize(
    ("case", "x"), CASES, ids=lambda c: c[0] if len(c) == 2 else ""
)
def test_on_a_device(case, x):
    f = scalar(case[1])
    with STRICT.closed():
        found = gd.grad(f)(STRICT.put(x))
        second = gd.jvp(gd.grad(f), (STRICT.put(x),), (STRICT.put(x),))[1]
    np.testing.assert_allclose(STRICT.get(found), gd.grad(f)(x), rtol=1e-9, atol=1e-12)
    expected = gd.jvp(gd.grad(f), (x,), (x,))[1]
    np.testing.assert_allclose(STRICT.get(second), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("case", "x"), CASES, ids=lambda c: c[0] if len(c) == 2 else ""
)
def test_on_chunks(case, x):
    pytest.importorskip("dask.array")
    of, (name, f) = of_dask(), case
    with of.closed():
        if name in DASK_HAS_NOT:
            with pytest.raises(
                (MissingRuleError, EscapeError, FutureWarning, NotImplementedError)
            ):
                gd.grad(scalar(f))(of.put(x))
            return
        found = gd.grad(scalar(f))(of.put(x))
    expected = gd.grad(scalar(f))(x)
    np.testing.assert_allclose(of.get(found), expected, rtol=1e-9, atol=1e-12)


BESIDE = {
    "histogram": lambda x, t: np.histogram(t, bins=3, weights=x)[0],
    "interp": lambda x, t: np.interp(x, t, t**2),
    "polyval": np.polyval,
    "polyval at nodes": lambda x, t: np.polyval(t, x),
    "trapezoid": np.trapezoid,
}


@pytest.mark.parametrize("name", BESIDE)
def test_other_operands_may_be_on_the_device(name):
    f = BESIDE[name]
    with STRICT.closed():
        there = STRICT.put(TIMES / 9)
        found = gd.grad(scalar(lambda x: f(x, there)))(STRICT.put(V))
    expected = gd.grad(scalar(lambda x: f(x, TIMES / 9)))(V)
    np.testing.assert_allclose(STRICT.get(found), expected, rtol=1e-9, atol=1e-12)


REFUSED = {
    r"np\.where\(mask": lambda x: np.sum(x, where=np.arange(5) > 2),
    r"np\.maximum\(z": lambda x: np.max(x, initial=0.0),
    r"x\[start:stop\]": lambda x: np.sum(np.trim_zeros(x)),
}


@pytest.mark.parametrize("remedy", REFUSED)
def test_what_libraries_have_not_is_refused_with_what_to_write(remedy):
    with STRICT.closed(), pytest.raises(MissingRuleError, match=remedy):
        gd.grad(REFUSED[remedy])(STRICT.put(V))
