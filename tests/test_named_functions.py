"""Functions of libraries that may be missing, declared by their names."""

from __future__ import annotations

import importlib.machinery
import subprocess
import sys
import types

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingLibraryError, MissingRuleError
from chainrule.nodes import LOCALLY_CONSTANT, UFUNCS
from chainrule.rules import (
    elementwise,
    locally_constant,
    named_functions,
    namespace,
    plain,
    registry,
    rule_of,
)
from chainrule.rules.named_functions import named_function
from chainrule.rules.python_forms import scalar_form
from chainrule.rules.registry import EXPRESSED, REGISTRY
from chainrule.wrapping import operation

special = pytest.importorskip("scipy.special")


def test_importing_the_library_imports_no_other():
    code = (
        "import sys, chainrule as gd, numpy as np; x = gd.node(0.5); np.exp(x) * x;"
        "print([m for m in sys.modules if m.partition('.')[0] == 'scipy']);"
        "gd.erf(x); print('scipy.special' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["[]", "True"]


def test_programs_without_scipys_functions_do_not_import_their_rules():
    code = (
        "import sys, scipy.special, chainrule as gd, numpy as np;"
        "f = gd.compile(gd.grad(lambda x: np.sum(np.sign(x) * x @ x[::-1])));"
        "f(np.arange(3.0)); from chainrule.rules import rule_of; rule_of(None);"
        "print('chainrule.scipy.special' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"]


def test_a_function_of_a_missing_library_says_so():
    missing = named_function("no_such_library.part:f")
    assert repr(missing) == "<function no_such_library.part.f, by name>"
    with pytest.raises(MissingLibraryError, match="pip install no_such_library"):
        missing(1.0)


def test_scipys_functions_are_ours():
    x = gd.node(np.array([0.2, -0.7]))
    for f in (special.erf, special.log1p, special.i0, lambda x: special.xlogy(2.0, x)):
        z = f(abs(x))
        assert isinstance(z, gd.node)
        np.testing.assert_allclose(z.value, f(abs(x.value)), rtol=1e-15)
    assert rule_of(special.erf).__name__ == "erf_grad"
    assert rule_of(special.exp2) is rule_of(np.exp2)
    assert UFUNCS[special.erf] is gd.erf
    with pytest.raises(MissingRuleError, match=r"scipy\.special\.chndtridf"):
        special.chndtridf(2.0, 0.5, x)


@pytest.fixture
def library():
    """A library that is not loaded yet."""
    made = types.ModuleType("late_library")
    made.third = np.frompyfunc(lambda x: x**3, 1, 1)
    made.count = np.frompyfunc(float, 1, 1)
    counts = len(REGISTRY), len(EXPRESSED)
    yield made
    del REGISTRY[counts[0] :], EXPRESSED[counts[1] :]
    sys.modules.pop("late_library", None)
    for name in ("third", "count"):
        namespace.NAMED.pop(name, None)
    UFUNCS.pop(made.third, None)
    registry._RULES.pop(made.third, None)


def test_a_rule_waits_for_its_function(library):
    class third_grad(elementwise):
        """z = x**3"""

        forward = "late_library:third"
        expression = "x * x * x"

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx = 3 x**2"""
            return 3 * x * x

    class count(locally_constant):
        """z = x as a number that is only counted"""

        forward = "late_library:count"

    third = operation(third_grad)
    assert third.__name__ == "third"
    x = gd.node(np.array([2.0, 3.0]))
    with pytest.raises(MissingRuleError):
        library.third(x)
    with pytest.raises(MissingLibraryError, match="late_library is not installed"):
        third(x)
    sys.modules["late_library"] = library
    z = library.third(gd.node(2.0))
    assert (z.value, z.rule) == (8.0, third_grad)
    assert third_grad.forward is library.third
    assert gd.grad(third)(2.0) == 12.0
    library.count(gd.node(2.0))
    assert library.count in LOCALLY_CONSTANT
    LOCALLY_CONSTANT.remove(library.count)


@pytest.fixture
def own_cosine():
    """A rule of a library's function that has the name of one of NumPy's."""
    counts = len(REGISTRY), len(EXPRESSED)

    class cosine_grad(elementwise):
        """z = cos(x degrees)"""

        forward = "late_library:cos"
        expression = "math.cos(x * (math.pi / 180.0))"

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx = -sin(x degrees) pi / 180"""
            return -xp.sin(x * (np.pi / 180)) * (np.pi / 180)

    yield cosine_grad
    del namespace.NAMED["cos"]
    del REGISTRY[counts[0] :], EXPRESSED[counts[1] :]


@pytest.mark.usefixtures("own_cosine")
@pytest.mark.parametrize("x", [1.0, np.array([0.3, 1.0])], ids=["float", "array"])
def test_no_library_takes_the_name_of_a_function_of_numpy(x):
    assert "cos" in namespace.NAMED
    fresh = namespace.namespace(np)
    np.testing.assert_array_equal(fresh.cos(x), np.cos(x))
    assert namespace.rule_called("cos").forward is np.cos
    assert scalar_form("cos") == "cos({0})"
    slope = gd.grad(lambda x: np.sum(np.sin(x)))(x)
    np.testing.assert_array_equal(slope, np.cos(x))


def cell(expression, factor, by_name):
    """Return the operation of a rule, as a cell of a notebook declares it."""

    def d_x(xp, z, x):
        return factor * x * x

    third = sys.modules["late_library"].third
    body = {"d_x": staticmethod(d_x), "expression": expression, "__doc__": "z = x**3"}
    body["forward"] = "late_library:third" if by_name else third
    made = type("late_grad", (elementwise,), {**body, "__qualname__": "late_grad"})
    return operation(made, *(() if by_name else (third,)))


@pytest.mark.parametrize("by_name", [True, False], ids=["by name", "function"])
def test_a_rule_that_is_declared_again_replaces_itself(library, by_name):
    sys.modules["late_library"] = library
    counts = len(REGISTRY), len(EXPRESSED)
    for expression, factor in (("-x", 1.0), ("x + x", 2.0), ("x * x * x", 3.0)):
        f = cell(expression, factor, by_name)
        assert (len(REGISTRY), len(EXPRESSED)) == (counts[0] + 1, counts[1] + 1)
        assert rule_of(library.third) is f.rule is EXPRESSED[-1]
        for g in (f, library.third):
            assert gd.grad(g)(2.0) == factor * 4.0
        value = {"-x": -2.0, "x + x": 4.0, "x * x * x": 8.0}[expression]
        for executor in ("numpy", "vm", "native"):
            compiled = gd.compile(f, executor=executor)
            assert compiled(2.0) == value


def test_two_rules_of_one_function_by_name_are_refused():
    def d_x(xp, z, x):
        return 1.0

    counts = len(REGISTRY), len(EXPRESSED)
    body = {"forward": "scipy.special:erf", "d_x": staticmethod(d_x)}
    with pytest.raises(ArgumentError, match="of which erf_grad is the rule already"):
        type("other_grad", (elementwise,), body)
    assert rule_of(special.erf).__module__.startswith("chainrule.")
    assert (len(REGISTRY), len(EXPRESSED)) == counts


def test_a_function_that_scipy_s_part_declares_is_refused_at_once():
    code = """
from chainrule.rules import elementwise
class other_grad(elementwise):
    forward = "scipy.special:expit"
    @staticmethod
    def d_x(xp, z, x):
        return z * (1 - z)
"""
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "of which expit_grad is the rule already" in found.stderr


def test_two_expressions_of_one_function_are_refused(library):
    def d_x(xp, z, x):
        return 1.0

    body = {"forward": library.third, "d_x": staticmethod(d_x)}
    first = type("first_grad", (elementwise,), {**body, "expression": "x * x * x"})
    type("surrogate_grad", (elementwise,), body)  # another derivative is no conflict
    assert rule_of(library.third) is first
    with pytest.raises(ArgumentError, match=r"first_grad says that .* is 'x \* x"):
        type("other_grad", (elementwise,), {**body, "expression": "x ** 2"})


def test_a_name_that_two_libraries_have_is_refused(own_cosine, monkeypatch):
    two = {"a:kernel": own_cosine, "b:kernel": own_cosine}
    monkeypatch.setitem(namespace.NAMED, "kernel", two)
    with pytest.raises(ArgumentError, match=r"xp\.kernel may be a:kernel or b:kernel"):
        plain.kernel(1.0)
    assert namespace.rule_called("kernel") is None
    assert plain.erf(0.0) == 0.0  # of one library


def test_a_library_that_is_being_imported_is_awaited(monkeypatch):
    noted = []
    module = types.ModuleType("half_imported")
    module.__spec__ = importlib.machinery.ModuleSpec("half_imported", None)
    module.__spec__._initializing = True
    monkeypatch.setitem(sys.modules, "half_imported", module)
    named_functions.await_function("half_imported:f", noted.append)
    named_functions.await_function("half_imported:absent", noted.append)
    named_functions.find_loaded()
    assert not noted
    module.f = abs
    module.__spec__._initializing = False
    named_functions.find_loaded()
    assert noted == [abs]
