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
from chainrule.settings import keep_freed_memory

assert not any(name.startswith("<chainrule") for name in linecache.cache)
assert keep_freed_memory.cache_info().currsize == 0
gd.grad(lambda x: x * x)(2.0)
assert keep_freed_memory.cache_info().currsize == 1
""")


def test_optree_is_loaded_when_a_container_comes():
    run("""
import pickle
import sys
import chainrule as gd
import numpy as np
from chainrule.values.containers import LEAF, flatten, unflatten

gd.hessian(lambda x: np.sum(x**3))(np.ones(2))
gd.grad(lambda x, y: x * y, (0, 1))(2.0, 3.0)
assert not {"optree", "dataclasses", "difflib"} & set(sys.modules)
assert pickle.loads(pickle.dumps(LEAF)) is LEAF
assert unflatten(LEAF, LEAF.flatten_up_to([1, 2])) == [1, 2]
assert gd.grad(lambda p: p["a"] * p["b"])({"a": 2.0, "b": 3.0}) == {"a": 3.0, "b": 2.0}
assert "optree" in sys.modules
assert flatten(np.int64(3))[1] is flatten("text")[1] is LEAF
(place,) = LEAF.accessors()
assert place("all of it") == "all of it"
""")


def test_threads_meet_a_class_of_containers_together():
    run("""
import dataclasses
import threading
import chainrule as gd

@dataclasses.dataclass
class Pair:
    a: float
    b: float

start, found = threading.Barrier(8), []

def work():
    start.wait()
    found.append(gd.grad(lambda p: p.a * p.b)(Pair(2.0, 3.0)))

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found == [Pair(3.0, 2.0)] * 8, found
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
