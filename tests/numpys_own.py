"""NumPy's own tests of indexing and assignment, with nodes in the place of its arrays.

``python tests/numpys_own.py nodes`` runs the test files of the installed NumPy with
another ``np``: the functions that make arrays return nodes, or buffers, and the
functions that compare take them. It prints the outcome of each test as JSON.

An array of integers becomes one of floats, since nodes hold these, and is an integer
again where it is an index. A test that needs integers is run once more with those
arrays only as nodes that NumPy makes of floats; ``none`` says that there were none.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import chainrule as gd
import chainrule.numpy as gnp
from chainrule.numpy import in_place
from chainrule.numpy.buffers import buffer

FILES = {
    "test_indexing.py": None,
    "test_multiarray.py": (
        "TestAttributes TestAssignment TestZeroRank TestScalarIndexing TestBinop "
        "TestSubscripting TestFancyIndexing TestNewaxis TestClip TestCompress "
        "TestPutmask TestTake TestFlat TestStats TestMatmulInplace TestWhere "
        "TestConversion TestChoose TestRepeat TestInner TestVdot TestMethods"
    ),
    "test_item_selection.py": None,
    "test_shape_base.py": None,
    "test_mem_overlap.py": None,
    "test_indexerrors.py": None,
}
MEMORY = 6 << 30
"""Some tests expand arrays of strides zero, which are small in NumPy only."""
MAKERS = "array zeros ones empty full arange linspace asarray identity eye copy".split()
LIKE = ["zeros_like", "ones_like", "empty_like", "full_like"]


def as_node(array):
    """Return a node that may be written, of numbers that depend on nothing."""
    return in_place.constant_node(gd.node(0.0), array)


def as_written_buffer(array):
    """Return a buffer that has taken a node."""
    y = array.view(buffer)
    y.hand_over(gd.node(0.0))
    return y


def as_plain_buffer(array):
    """Return a buffer that has taken none."""
    return array.view(buffer)


KINDS = {"nodes": as_node, "buffers": as_written_buffer, "plain": as_plain_buffer}


class Namespace(types.ModuleType):
    """``np`` as a test sees it."""

    def __init__(self, kind, integers):
        """Make arrays of a kind; also those of ``integers``, as floats."""
        super().__init__("numpy")
        self.convert, self.integers, self.made = KINDS[kind], integers, 0
        self.testing = types.SimpleNamespace(**vars(np.testing))
        compare_in(self.testing)

    def __getattr__(self, name):
        """Return NumPy's name, with nodes."""
        if name in MAKERS or name in LIKE:
            return self.maker(name)
        return np.ndarray if name == "ndarray" else getattr(gnp, name)

    def maker(self, name):
        """Return a function that makes an array, converted."""
        function = getattr(gnp, name)

        def make(*args, **given):
            z = function(*args, **given)
            if not isinstance(z, np.ndarray) or type(z) not in (np.ndarray, buffer):
                return z
            if isinstance(z, buffer):
                z = z.current()
                if not isinstance(z, np.ndarray):
                    return z
            if z.dtype == np.int_ and self.integers and not given.get("dtype"):
                z = z.astype(float)
            if z.dtype.kind not in "fc" or not z.flags.writeable:
                return z
            self.made += 1
            return self.convert(z.copy(order="K"))

        return make


def shown(x):
    """Return plain values of what a test compares."""
    if isinstance(x, gd.node | buffer):
        return gd.value(x)
    if type(x) in (list, tuple):
        return type(x)(map(shown, x))
    return x


def comparing(function):
    """Return a function of NumPy's that compares, for nodes."""

    def compare(*args, **given):
        return function(*map(shown, args), **{k: shown(x) for k, x in given.items()})

    return compare


def compare_in(module):
    """Let the functions of a module that compare take nodes."""
    for name, x in list(vars(module).items()):
        if name.startswith("assert_") and "raises" not in name:
            setattr(module, name, comparing(x))


def index_of_integers(index):
    """Return an index in which arrays that were integers are integers again."""
    if isinstance(index, tuple):
        return tuple(map(index_of_integers, index))
    if isinstance(index, gd.node | buffer):
        index = gd.value(index)
        if isinstance(index, np.ndarray) and index.dtype == float:
            return index.astype(int)
    return index


def with_integers(function):
    """Return a read or write of an array, for an index as above."""

    def call(x, index, *value):
        return function(x, index_of_integers(index), *value)

    return call


class Plugin:
    """Patches the modules of tests, and keeps the outcomes."""

    def __init__(self, kind, integers):
        """Run tests on arrays of a kind."""
        self.namespace = Namespace(kind, integers)
        self.outcomes = {}

    def pytest_collection_modifyitems(self, items):
        """Let the modules see other names; keep the classes that are asked for."""
        for module in {item.module for item in items}:
            module.np = self.namespace
            compare_in(module)
        wanted = [i for i in items if _wanted(i)]
        items[:] = wanted

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item):
        """Run a test, and note how many arrays were nodes, and what it raised."""
        self.namespace.made = 0
        outcome = yield
        error = outcome.excinfo
        name = item.nodeid.split("tests/")[-1]
        if error is not None and issubclass(error[0], pytest.skip.Exception):
            return
        if not self.namespace.made:
            self.outcomes[name] = "none"
        elif error is None:
            self.outcomes[name] = "passed"
        else:
            self.outcomes[name] = f"{error[0].__name__}: {error[1]}"[:1000]
            outcome.force_result(None)


def _wanted(item):
    classes = FILES[Path(item.fspath).name]
    if item.get_closest_marker("slow") or "xfail" in item.keywords:
        return False
    return classes is None or (item.cls and item.cls.__name__ in classes.split())


def run(kind):
    """Return the outcome of each test, with arrays of a kind."""
    folder = Path(np._core.__file__).parent / "tests"
    found = {}
    for integers in (True, False):
        plugin = Plugin(kind, integers)
        options = ["-p", "no:cacheprovider", "-W", "ignore", "-c", "/dev/null"]
        files = [str(folder / f) for f in FILES]
        with contextlib.redirect_stdout(sys.stderr):
            pytest.main([*options, *files], plugins=[plugin])
        for name, outcome in plugin.outcomes.items():
            if outcome == "passed" or found.get(name, "none") == "none":
                found[name] = outcome
    return found


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for array_class in (gd.node, buffer):
        for method in ("__getitem__", "__setitem__"):
            found = getattr(array_class, method)
            setattr(array_class, method, with_integers(found))
    print(json.dumps(run(sys.argv[1]), indent=1))
