"""Writes into nodes of foreign arrays: what the library itself does, and derivatives.

The strict arrays show memory of each other as CuPy's do; Dask's share none. What a
program does on plain arrays of the library is the reference of what it does on nodes.
"""

from __future__ import annotations

import importlib.util
import pickle
from unittest import mock

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import (
    AssignedError,
    EscapeError,
    MissingRuleError,
)
from chainrule.values.foreign import register_arrays
from tests import programs_in_place
from tests.foreign.libraries import STRICT, of_dask
from tests.foreign.strict_arrays import device
from tests.programs_in_place import PROGRAMS, differences, moved, random_program
from tests.test_writing_functions import WRITES, program

X = np.array([0.4, 0.73, 1.1, 1.3])


LAZY = [of_dask()] if importlib.util.find_spec("dask") else []


def on_device(f):
    """Return a function of NumPy's arrays that computes on plain arrays of a device."""

    def run(x):
        weights = STRICT.put(programs_in_place.WEIGHTS)
        with mock.patch.object(programs_in_place, "WEIGHTS", weights):
            return STRICT.get(f(STRICT.put(x)))

    return run


def derivatives(f, x, step):
    """Return a value and its derivatives, of both modes and orders."""
    value, grad = gd.value_and_grad(f)(x)
    return value, grad, gd.jvp(f, (x,), (step,))[1], gd.hvp(f, x, step)


def steps(x):
    return np.cos(np.arange(x.size)).reshape(x.shape)


def compare(f, x, expected, of, rtol):
    """Compare with numbers what a function of nodes of a library has."""
    given, step = of.put(x), of.put(steps(x))
    with of.closed():
        found = derivatives(f, given, step)
    for a, e in zip(found, expected, strict=True):
        assert isinstance(a, type(given))
        np.testing.assert_allclose(of.get(a), e, rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(of.get(given), x)


def assert_as_the_device(f, x):
    """Compare with differences of what plain arrays of the device are made to."""
    plain = on_device(f)
    slope = differences(plain, x)
    second = differences(on_device(gd.grad(f)), x)
    dot = np.sum(slope * steps(x))
    second = np.sum(second * steps(x), axis=tuple(range(-x.ndim, 0)))
    compare(f, x, (plain(moved(x, 0.0)), slope, dot, second), STRICT, 1e-5)


def assert_as_numpy(f, of, reference):
    """Compare with the derivatives of NumPy's arrays."""
    compare(f, X, derivatives(reference, X, steps(X)), of, 1e-10)


REPEATED = (3, 7)
"""Seeds of programs that write at an index which has a number twice."""
NUMPYS = ("same_array_again", "attributes_assigned", "products")
"""Programs that the strict arrays cannot run by themselves, whose views are NumPy's."""
LEFT_OUT = ("fancy", "sorted_by_bubbles", *NUMPYS)


@pytest.mark.parametrize(
    "name", [n for n in PROGRAMS if n.split(" ")[0] not in LEFT_OUT]
)
def test_programs(name):
    assert_as_the_device(*PROGRAMS[name])


@pytest.mark.parametrize("name", NUMPYS)
def test_programs_with_views_of_numpys(name):
    f, x = PROGRAMS[name]
    compare(f, x, derivatives(f, x, steps(x)), STRICT, 1e-10)


@pytest.mark.parametrize("seed", [s for s in range(20) if s not in REPEATED])
def test_random_programs(seed):
    shape = (3, 4) if seed % 2 else (4,)
    x = np.random.default_rng(seed).uniform(0.5, 1.5, shape)
    assert_as_the_device(random_program(seed), x)


REFUSED = [s for s in WRITES.split("\n") if s.startswith("np.put(y")]
"""Those that write at a place twice."""


@pytest.mark.parametrize(
    "statement", [s for s in WRITES.split("\n") if s not in REFUSED]
)
def test_functions_that_write(statement):
    f = program(statement)
    assert_as_numpy(f, STRICT, f)


def test_places_that_may_be_the_same_are_refused():
    places = STRICT.put(np.array([0, 1]))
    programs = [program(s) for s in REFUSED]
    programs += [
        lambda x: [x.__setitem__(places, 1.0), np.sum(x)][1],
        lambda x: [np.multiply.at(x, places, 2.0), np.sum(x)][1],
        lambda x: [np.put(x, places, 2.0), np.sum(x)][1],
    ]
    for f in programs:
        with pytest.raises(MissingRuleError):
            gd.grad(f)(STRICT.put(X))

    for ufunc in (np.maximum, np.minimum):
        with pytest.raises(MissingRuleError, match="would have to know them"):
            gd.grad(lambda x, at=ufunc.at: [at(x, places, 2.0 * x[:2]), np.sum(x)][1])(
                X
            )

    def added(x):
        np.add.at(x, places, x[:2])
        return np.sum(x**2)

    assert_as_numpy(added, STRICT, _added)


def _added(x):
    np.add.at(x, np.array([0, 1]), x[:2])
    return np.sum(x**2)


def test_a_branch_on_entries_is_a_transfer_and_right():
    f, x = PROGRAMS["sorted_by_bubbles"]
    grad = gd.grad(f)(STRICT.put(x))
    np.testing.assert_allclose(grad.held, differences(on_device(f), x), rtol=1e-7)


def test_precision_and_rounding():
    def f(x):
        y = x * 1.0
        y += np.float64(0.5)
        y[x > 0.5] = np.sum(x).astype(np.float64)
        y[0] = np.pi
        return np.sum(y * y)

    x = X.astype(np.float32)
    grad = gd.grad(f)(STRICT.put(x))
    assert grad.dtype == np.float32
    np.testing.assert_allclose(grad.held, gd.grad(f)(x), rtol=1e-6)
    for wrong in (
        lambda y: np.add(y, 1j, out=y),
        lambda y: np.add(y, np.ones((2, 4)), out=y),
        lambda y: y.__iadd__(np.ones((2, 4))),
        lambda y: y.__iadd__(1j),
    ):
        with pytest.raises((TypeError, ValueError)):
            gd.grad(lambda x, wrong=wrong: [wrong(x), np.sum(x)][1])(STRICT.put(X))


def test_complex_parts():
    def f(z):
        z = z * 1.0
        z.imag *= 2.0
        z.real = z.imag * z.real
        return np.sum(np.abs(z) ** 2)

    z = X + 1j * X[::-1]
    for of in (STRICT, *LAZY):
        with of.closed():
            grad = gd.grad(f)(of.put(z))
        np.testing.assert_allclose(of.get(grad), gd.grad(f)(z))


BUFFERS = {
    "np.zeros_like": np.zeros_like,
    "np.empty_like": np.empty_like,
    "np.full_like": lambda x: np.full_like(x, 2.0),
    "like": lambda x: np.zeros(len(x), like=x),
    "gd.zeros, like": lambda x: gd.zeros(len(x), like=x),
    "gd.zeros": lambda x: gd.zeros(len(x)),
}


@pytest.mark.parametrize("made", BUFFERS)
def test_buffers_take_nodes(made):
    def f(x):
        y = BUFFERS[made](x)
        y[0] = x[0]
        y[1:] = 0.0
        for i in range(1, len(x)):
            y[i] = x[i] ** 2 + y[i - 1]
        return np.sum(y**3)

    for of in (STRICT, *LAZY):
        assert_as_numpy(f, of, f)


def test_a_leaf_is_written_by_nobody_and_results_by_all():
    x = gd.node(STRICT.put(X))
    with pytest.raises(EscapeError):
        x += 1.0
    y = x * 2.0
    y[0] = 0.0
    y += x
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad.held, [1.0, 3.0, 3.0, 3.0])
    again = pickle.loads(pickle.dumps(np.sum(y)))
    assert float(again.value.held) == float(np.sum(gd.value(y)).held)


def test_a_library_says_whether_its_arrays_may_be_written():
    class other(device):
        def __copy__(self):
            return other(self.held)

    register_arrays(other)
    for write in (lambda y: y.__setitem__(0, 1.0), lambda y: y.__iadd__(1.0)):
        with pytest.raises(AssignedError, match="writes=True"):
            gd.grad(write)(other(X))


# ------------------------------------------------------------------------------- Dask

OF_DASK = """\
y[1] = x[0]; y[1:3] = x[:2] * y[0]
y[::-1] = x; y[...] = y * x
y[[0, 3]] = x[:2]
y[y > 0.5] = 0.1
y[x > 0.9] = x[0]
y[np.array([True, False, True, False])] = x[1]; m[x > 0.5] = x[0]; m[:2] = m[1]
y += x; y[1:] *= x[:-1]; y **= 2
m[1] = y; m[:, 2] = x; m[0, 1:] -= y[0]
v = y[1:]; y[1] = x[0]; y[2:] = v[:2]
np.add.at(y, [0, 0, 1], x[1:]); np.subtract.at(y, [1, 1], 2.0 * x[0])
np.sin(x, out=y); y[0] = x[1]
np.sum(np.outer(x, x), axis=0, out=y)
np.copyto(y, x * y, where=x < 1)
np.putmask(y, x > 0.5, x**3)
y.fill(x[0]); y[1] = 2.0
y.flat[1:] = x[:3]; m.flat[::5] = x[:3]"""


@pytest.mark.parametrize("of", LAZY, ids=lambda of: of.name)
@pytest.mark.parametrize("statement", OF_DASK.split("\n"))
def test_writes_stay_lazy(statement, of):
    f = program(statement)
    reference = program(statement.replace("v = y[1:]", "v = y[1:].copy()"))
    assert_as_numpy(f, of, reference)


@pytest.mark.parametrize("of", LAZY, ids=lambda of: of.name)
def test_lazy_writes_of_unknown_length_are_refused(of):
    def f(x):
        y = x * x
        y[x > 0.5] = x[:3]
        return np.sum(y)

    with of.closed(), pytest.raises(MissingRuleError, match=r"np\.where"):
        gd.grad(f)(of.put(X))


@pytest.mark.parametrize("of", LAZY, ids=lambda of: of.name)
def test_words_of_the_library_say_what_to_write(of):
    x = gd.node(of.put(X))
    for name in (
        "compute",
        "persist",
        "rechunk",
        "map_blocks",
        "map_overlap",
        "chunks",
    ):
        with pytest.raises(AttributeError, match=r"data before|declare|Use|constant"):
            getattr(x, name)
