"""What an import of the library needs, and what it leaves undone."""

from __future__ import annotations

import subprocess
import sys

ALONE = '''
import sys
from importlib.machinery import PathFinder

NEEDED = {"chainrule", "numpy", "optree", "typing_extensions"}  # optree needs the last


class Alone:
    """Finds what is Python's own or needed; all else is as if it was not there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        root = name.partition(".")[0]
        if root in NEEDED or root in sys.stdlib_module_names:
            return PathFinder.find_spec(name, path, target)
        return None


sys.meta_path = [x for x in sys.meta_path if hasattr(x, "load_module")] + [Alone]
'''

GRADIENTS = """
import chainrule as gd
import numpy as np

def f(x):
    return np.sum(np.tanh(x) * x)

x = np.linspace(0.0, 1.0, 5)
plain = gd.grad(f)(x)
fast = gd.compile(gd.grad(f))
for _ in range(3):
    assert np.allclose(fast(x), plain, rtol=1e-12)
assert gd.hessian(f)(x).shape == (5, 5)
assert gd.vmap(gd.grad(f))(np.ones((2, 5))).shape == (2, 5)
assert "np.tanh" in gd.source(fast)
"""


def run(code):
    """Run code in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr


def test_numpy_and_optree_are_all_that_is_needed():
    run(ALONE + GRADIENTS)


def test_other_packages_are_not_found_there():
    run(
        ALONE
        + """
try:
    import scipy
except ModuleNotFoundError:
    pass
else:
    raise AssertionError
"""
    )


def test_an_import_generates_no_text_and_takes_no_memory():
    run("""
import linecache
import chainrule as gd
from chainrule.steps.owned_arrays import keep_freed_memory

assert not any(name.startswith("<chainrule") for name in linecache.cache)
assert keep_freed_memory.cache_info().currsize == 0
gd.grad(lambda x: x * x)(2.0)
assert keep_freed_memory.cache_info().currsize == 1
""")


def test_the_compiler_is_loaded_when_it_is_first_asked_for():
    run("""
import sys
import chainrule as gd
import numpy as np
from chainrule.rules import elementwise
from chainrule.wrapping import operation

gd.grad(lambda x: gd.value(x) * x)(2.0)
loaded = [name for name in sys.modules if name.startswith("chainrule.compiler")]
assert not loaded, loaded

class zeta_grad(elementwise):
    forward = np.frompyfunc(lambda x: x, 1, 1)
    expression = "math.radians(x)"

    @staticmethod
    def d_x(xp, z, x):
        return 1

operation(zeta_grad, zeta_grad.forward)
assert {"compile", "vmap"} <= set(dir(gd))
f = gd.compile(lambda x: np.sum(np.tanh(x)))
assert np.allclose(f(np.ones(3)), 3 * np.tanh(1.0))
from chainrule.compiler.native.operations import BUILT_IN, NAMES, name_of
assert "tanh" in NAMES[:BUILT_IN] and not name_of(zeta_grad)
assert gd.compiler.compile is gd.compile
""")
