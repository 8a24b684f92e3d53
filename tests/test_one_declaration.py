"""A class and a line: the function runs everywhere, the library's and a user's."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.expressions import function
from chainrule.compiler.native.expressions import operation as operation_text
from chainrule.compiler.native.operations import name_of
from chainrule.compiler.tape import interpreter
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.lowering import Builder
from chainrule.explainer.page.javascript import script_of
from chainrule.explainer.page.numpy_code import gradient_code
from chainrule.rules import elementwise
from chainrule.rules.registry import EXPRESSED, REGISTRY
from chainrule.wrapping import operation
from tests.compiler.comparing import follows

special = pytest.importorskip("scipy.special")
needs_llvm = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
_counts = len(REGISTRY), len(EXPRESSED)


class softsign_grad(elementwise):
    """z = x / (1 + |x|), of a program's own"""

    expression = "x / (1.0 + abs(x))"

    @staticmethod
    def forward(x):
        return np.asarray(x) / (1 + np.abs(x))

    @staticmethod
    def d_x(xp, z, x):
        """dz/dx = (1 - |z|)**2"""
        return (1 - xp.absolute(z)) ** 2


class damped_grad(elementwise):
    """z = exp(-x**2), in plain arithmetic of its own"""

    forward = np.frompyfunc(lambda x: math.exp(-x * x), 1, 1)
    expression = "math.exp(-(x * x))"
    latex = r"\mathcal{D}"

    @staticmethod
    def native(x):
        return math.exp(-(x * x))

    @staticmethod
    def d_x(xp, z, x):
        """dz/dx = -2 x z"""
        return -2 * x * z


softsign, damped = operation(softsign_grad), operation(damped_grad, damped_grad.forward)
del REGISTRY[_counts[0] :]  # tests of all rules are not of these
FUNCTIONS = {
    "erf": special.erf,
    "xlogy": lambda x: special.xlogy(x, x + 1.0),
    "expit": special.expit,
    "softsign": softsign,
}
X = np.linspace(0.1, 0.9, 6)
per = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)


def moved(f):
    """Return a function of an array, with f twice in it."""
    return lambda x: np.sum(f(x * f(x)))


@per
def test_numbers_and_arrays(f):
    for x in (0.3, X):
        gd.check_gradients(moved(f), (x,), order=2)
    assert type(f(gd.node(0.3)).value) is float


@per
@pytest.mark.parametrize("executor", ["numpy", "vm", "native"])
def test_every_executor(f, executor):
    if executor != "numpy" and not native.available():
        pytest.skip("needs llvmlite")
    for g in (gd.grad(moved(f)), gd.hessian(moved(f))):
        fast = follows(g, (X,), (X[::-1].copy(),), executor=executor)
        assert not Builder(fast.newest()[1].program).called


@needs_llvm
@per
def test_a_scan_is_one_loop_in_native_code(f):
    def looped(x):
        def step(c, _):
            return f(c) * 0.5 + 0.2, c

        return gd.scan(step, x, np.zeros(50))[0]

    fast = follows(gd.grad(looped), (0.3,), (0.4,), executor="native")
    loops = fast.stats()["programs"][0]["loops"]
    assert [x["executor"] for x in loops] == ["native code"] * 2


@per
def test_examples_run_together(f):
    g = gd.vmap(gd.grad(moved(f)))
    fast = follows(g, (X.reshape(3, 2),), (X.reshape(3, 2) + 0.05,), executor="numpy")
    assert "each_" not in gd.program(fast)


@per
def test_the_page_replays_it(f):
    explained = gd.explain(lambda x: f(x) * x)(0.3)
    scripts = [script_of(v) for v in explained.vertices if v.rule is not None]
    assert None not in scripts
    assert "replay" in explained.to_html()


def test_latex_is_derived():
    def latex(f):
        lines = gd.explain(lambda x: f(x) * x)(0.3).to_latex().splitlines()
        return next(x for x in lines if x.startswith("v_{1} &= "))[9:]

    assert latex(special.erf).startswith(r"\operatorname{erf}(x) &&= 0.328627")
    assert latex(special.expit).startswith(r"\frac{1}{1 + e^{-x}}")
    assert latex(softsign).startswith(r"\frac{x}{1 + \left|x\right|}")
    assert latex(lambda x: special.xlogy(x, 2.0)).startswith(r"x \, \log(2)")


def test_code_names_the_library():
    explained = gd.explain(lambda x: special.erf(x) * special.expit(x))(0.3)
    code = gradient_code(explained)
    assert code.startswith("import numpy as np\nimport scipy.special\n")
    assert "scipy.special.expit(x)" in code


@needs_llvm
def test_a_function_in_plain_arithmetic_is_called():
    name = name_of(damped_grad)
    assert set(operation_text(name, 8).called) == {(name, 8)}
    assert ("exp", 8) in function(name, 8).called
    x = np.linspace(-1.0, 1.0, 20)
    code = Code()
    code.add(name, 20, [(0, 1)], 20)
    work = np.concatenate([x, np.zeros(20)])
    interpreter.run(code, work)
    np.testing.assert_allclose(work[20:], np.exp(-x * x), rtol=1e-15)
