"""Functions that fill NumPy's own arrays, run unchanged."""

from __future__ import annotations

import cmath
import functools
import math
import sys
import types

import numpy as np
import pytest
from numpy import linalg as la
from numpy import zeros as zeros_of_numpy

import chainrule as gd
from chainrule.errors import ArgumentError, AssignedError
from tests import lifted_models
from tests.lifted_models import Damped, Filter

SIZE = 4
CALLS = 0


def filled(x):
    y = np.zeros(SIZE)
    for i in range(SIZE):
        y[i] = x * i + math.pi
    return np.sum(y**2)


def put(y, i, value):
    y[i] = value


def by_a_helper(x):
    y = zeros_of_numpy(3)
    for i in range(3):
        put(y, i, x**i)
    return la.norm(y)


def with_defaults(x, make=np.ones, *, twice=put):
    y = make(2)
    twice(y, 0, x)
    twice(y, 1, x * x)
    return np.prod(y)


def importing(x):
    import numpy
    import numpy.linalg as inner
    from numpy import empty

    y = empty((2, 2))
    y[:] = numpy.array([[x, 1.0], [0.5, x * x]])
    return inner.det(y)


def enclosing():
    def inner(x, n=3):
        y = np.zeros(1)
        y[0] = x * (inner(x, n - 1) if n else 1.0)
        return y[0]

    return inner


def in_a_comprehension(x):
    rows = [np.zeros(2) for _ in range(2)]
    for i, row in enumerate(rows):
        row[i] = x
    return np.linalg.det(np.array(rows) + 1.0)


class Model:
    scale = 2.0

    def step(self, x):
        y = np.empty(2)
        y[:] = x * self.scale
        y[0] *= x
        return np.sum(y)


def counting(x):
    global CALLS  # noqa: PLW0603
    CALLS += 1
    y = np.zeros(2)
    y[0] = x
    return np.sum(y) * CALLS / CALLS


LIFTED = {
    "filled": filled,
    "by a helper": by_a_helper,
    "with defaults": with_defaults,
    "importing": importing,
    "enclosing": enclosing(),
    "comprehension": in_a_comprehension,
    "method": Model().step,
    "partial": functools.partial(with_defaults, make=np.zeros),
    "counting": counting,
    "classes": lifted_models.filtered,
    "a table of functions": lifted_models.by_a_table,
    "kinds of values": lifted_models.by_kinds,
    "abstract classes": lifted_models.of_shapes,
    "arithmetic": lifted_models.by_arithmetic,
    "Python's math": lifted_models.by_pythons_math,
    "an object in the closure": functools.partial(
        lambda x, model: np.sum(model.half(x)), model=Filter(0.5)
    ),
}


@pytest.mark.parametrize("name", LIFTED)
def test_unchanged_functions_are_differentiated(name):
    f = LIFTED[name]
    g = gd.lift(f)
    assert g(1.5) == pytest.approx(f(1.5), rel=1e-15)
    gd.check_gradients(g, (1.5,))
    assert gd.compile(gd.grad(g))(1.5) == pytest.approx(gd.grad(g)(1.5), rel=1e-13)
    with pytest.raises((TypeError, ValueError)):
        gd.grad(f)(1.5)


def test_numpy_itself_stays():
    gd.lift(filled)(1.0)
    assert type(np.zeros(2)) is np.ndarray
    assert filled.__globals__["np"] is np


def test_a_lifted_function_is_named_as_the_function():
    g = gd.lift(by_a_helper)
    assert (g.__name__, g.__module__, g.__doc__) == (
        by_a_helper.__name__,
        by_a_helper.__module__,
        by_a_helper.__doc__,
    )


def test_functions_of_scipy_are_those_that_take_nodes():
    special = pytest.importorskip("scipy.special")

    def f(x):
        y = np.zeros(2)
        y[0] = special.gammaln(x)
        y[1] = special.gamma(x)
        return np.sum(y)

    gd.check_gradients(gd.lift(f), (1.5,))


@pytest.mark.parametrize("f", [np.sin, float, 3.0])
def test_what_has_no_code_of_pythons_is_refused(f):
    with pytest.raises(ArgumentError, match="a class of them, or a module; received"):
        gd.lift(f)
    with pytest.raises(ArgumentError, match=r"packages=\['filterpy'\]"):
        gd.lift(filled, packages="filterpy")


def test_entries_are_enumerated():
    def f(x):
        y = np.zeros((2, 2))
        for (i, j), entry in np.ndenumerate(x):
            y[i, j] = entry * i + j * entry**2
        return sum(entry**2 for _, entry in np.ndenumerate(y))

    x = np.arange(4.0).reshape(2, 2)
    assert gd.lift(f)(x) == f(x)
    gd.check_gradients(gd.lift(f), (x,))
    np.testing.assert_allclose(
        gd.compile(gd.grad(gd.lift(f)))(x), gd.grad(gd.lift(f))(x)
    )


def test_objects_that_are_given_run_lifted_and_keep_their_state():
    model = Filter(0.5)
    f = gd.lift(lifted_models.by_an_argument)
    with pytest.raises(AssignedError, match=r"entry of self\.x, an array of float64"):
        gd.grad(f)(1.5, model, np.ones(2))  # its arrays were made before
    assert f(1.5, model, np.ones(2)) == 3.0
    assert model.x.tolist() == [0.75, 0.75]
    lifted = gd.lift(Filter)(0.5)
    assert type(lifted).__name__ == "Filter"
    assert isinstance(lifted, Filter)
    gd.check_gradients(lambda x: f(x, gd.lift(Damped)(x), np.ones(2)), (1.5,))


def test_a_module_is_lifted():
    models = gd.lift(lifted_models)
    assert models.filtered(1.5) == lifted_models.filtered(1.5)
    gd.check_gradients(lambda x: models.Circle(x).twice(), (1.5,))


def test_arrays_that_are_given_keep_their_numbers():
    given = np.array([1.0, 2.0])

    def f(x, y):
        y[0] = 3.0
        z = y * 1.0
        z[1] = x
        y[1] = x
        return np.sum(z)

    with pytest.raises(AssignedError, match="its memory is not the function's own"):
        gd.grad(gd.lift(f))(2.0, given)
    assert given.tolist() == [3.0, 2.0]

    def copying(x, y):
        y = y.copy()
        y[1] = x
        return np.sum(y * lifted_models.WEIGHTS)

    assert gd.grad(gd.lift(copying))(2.0, given) == 1.5
    assert given.tolist() == [3.0, 2.0]


def test_results_without_nodes_are_plain():
    def f(x):
        return {"y": np.zeros(2) + x}, [np.arange(3.0) * 2.0]

    y, z = gd.lift(f)(1.0)
    assert type(y["y"]) is type(z[0]) is np.ndarray


def test_installed_packages_are_lifted_on_request(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "solver_that_is_installed"
    package.mkdir(parents=True)
    code = "import numpy as np\ndef f(x):\n    y = np.zeros(1)\n    y[0] = x * x\n"
    (package / "__init__.py").write_text(code + "    return y[0]\n")
    monkeypatch.syspath_prepend(str(package.parent))
    import solver_that_is_installed

    def g(x):
        return solver_that_is_installed.f(x)

    with pytest.raises(ValueError, match="sequence") as info:
        gd.grad(gd.lift(g))(3.0)
    assert f"gd.lift(f, packages=[{package.name!r}])" in "".join(info.value.__notes__)
    assert gd.grad(gd.lift(g, packages=[package.name]))(3.0) == 6.0
    assert gd.grad(gd.lift(solver_that_is_installed).f)(3.0) == 6.0


def test_out_is_an_array_that_took_a_node():
    def f(x):
        z = np.zeros_like(x * 1j)
        z[:] = x
        z.imag[...] = np.sin(x)
        np.conjugate(z, out=z)
        z[0] = z[1] * 2.0
        return np.sum((z * np.conj(z)).real)

    x = np.array([0.7, 1.9, 1.3])
    np.testing.assert_allclose(gd.grad(gd.lift(f))(x), gd.grad(f)(x))


def test_super_finds_lifted_parents_however_it_is_written():
    f = lifted_models.energy_of_loaded
    slope = (f(1.3 + 1e-6) - f(1.3 - 1e-6)) / 2e-6
    assert abs(gd.grad(gd.lift(f))(1.3) - slope) < 1e-8


def test_classes_that_look_at_their_heirs_are_lifted_and_not_told():
    f = lifted_models.density
    slope = (f(1.3 + 1e-6) - f(1.3 - 1e-6)) / 2e-6
    assert abs(gd.grad(gd.lift(f))(1.3) - slope) < 1e-7
    assert lifted_models.Fluid.heirs == ["Water", "Brine", "Dense"]


def test_complex_mathematics_of_python_takes_nodes():
    def length(x):
        z = cmath.sqrt(x - 2.0) + cmath.exp(1j * x) * cmath.log(x) + cmath.acos(x)
        r, angle = cmath.polar(z + cmath.rect(x, 0.3) + cmath.atanh(0.3 * x))
        return r + 2.0 * angle + z.real * abs(z) + cmath.phase(z)

    for x in (0.7, 1.3, 3.1):
        slope = (length(x + 1e-6) - length(x - 1e-6)) / 2e-6
        found = gd.grad(gd.lift(length))(x)
        assert abs(found - slope) < 1e-7 * max(1.0, abs(slope))
        assert abs(gd.compile(gd.grad(gd.lift(length)))(x) - found) < 1e-12


def test_an_object_in_the_place_of_a_module_is_lifted_as_one(monkeypatch):
    module = types.ModuleType("stand_in_of_a_module")
    text = "y = np.zeros(2)", "y[0] = x**3", "return np.sum(y)"
    lines = ["import numpy as np", "def f(x):", *(f"    {line}" for line in text)]
    exec("\n".join(lines), vars(module))

    class Delegate:
        def __getattr__(self, name):
            return getattr(module, name)

    delegate = Delegate()
    monkeypatch.setitem(sys.modules, "stand_in_of_a_module", delegate)

    def cube(x):
        import stand_in_of_a_module

        return stand_in_of_a_module.f(x)

    assert gd.grad(gd.lift(cube, packages=["stand_in_of_a_module"]))(2.0) == 12.0
