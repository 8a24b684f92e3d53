"""Programs are bounded: the one that ran longest ago goes for a new one."""

import gc
import linecache
import os
import weakref
from pathlib import Path

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.options import PROGRAMS
from chainrule.errors import ArgumentError

STATM = Path("/proc/self/statm")


def kept(fast):
    return sorted(p["arguments"][0] for p in fast.stats()["programs"])


def shapes(*lengths):
    return sorted(f"float64[{n}]" for n in lengths)


def test_the_one_that_ran_longest_ago_goes():
    fast = gd.compile(lambda x: np.sum(x * x), max_programs=3)
    for n in (1, 2, 3, 1, 4):
        assert fast(np.ones(n)) == n
    assert kept(fast) == shapes(1, 3, 4)
    fast(np.ones(3))
    fast(np.ones(5))
    fast(np.ones(2))
    assert kept(fast) == shapes(2, 3, 5)
    assert len(fast.signatures) == 3
    stats = fast.stats()
    assert (stats["max_programs"], stats["dropped"]) == (3, 3)


def test_paths_of_guards_count():
    def f(x, n):
        for _ in range(n):
            x = x * 2
        return x

    fast = gd.compile(f, max_programs=4)
    for n in range(10):
        assert fast(1.0, n) == 2.0**n
    assert [p["guards"] for p in fast.stats()["programs"]] == [1] * 4
    assert fast.stats()["dropped"] == 6
    assert fast(1.0, 9) == 512.0
    assert fast.stats()["dropped"] == 6
    fast(np.ones(2), 1)
    assert sorted(kept(fast)) == ["float", "float", "float", "float64[2]"]


def test_static_values_and_derivatives_count():
    fast = gd.compile(lambda x, k: x**k, static="k", max_programs=2)
    for k in range(5):
        assert gd.grad(fast)(3.0, k) == k * 3.0 ** max(k - 1, 0)
    assert len(fast.stats()["programs"]) == 2
    assert len(fast.derivatives) == 2


def test_what_is_dropped_leaves_no_memory():
    fast = gd.compile(gd.grad(lambda x: np.sum(np.sin(x) * x)), max_programs=2)
    fast(np.ones(1))
    gone = weakref.ref(fast.newest()[1].program)
    before = texts_of_programs()
    for n in range(2, 12):
        fast(np.ones(n))
    gc.collect()
    assert gone() is None
    assert len(texts_of_programs() - before) <= 5  # of ten; threads may add some
    assert len(fast.kept.direct) == 2


def texts_of_programs():
    """Return the names of texts of programs that are kept."""
    return {
        name
        for name, entry in list(linecache.cache.items())
        if name.startswith("<chainrule program") and entry[2]
    }


def test_signatures_without_a_program_are_bounded_too():
    def f(x):
        raise ZeroDivisionError

    fast = gd.compile(f, max_programs=2)
    for n in range(1, 8):
        with pytest.raises(ZeroDivisionError):
            fast(np.ones(n))
    assert len(fast.signatures) <= 3


def test_bound_calls_find_their_program_again():
    fast = gd.compile(lambda x: x * 2.0, max_programs=1)
    x = np.ones(3)
    bound = fast.bind(x)
    first = bound()
    fast(np.ones(4))
    assert kept(fast) == shapes(4)
    x += 1.0
    assert bound() is first
    assert first.tolist() == [4.0] * 3
    assert kept(fast) == shapes(3)
    calls = fast.stats()["programs"][0]["calls"]
    bound()
    assert fast.stats()["programs"][0]["calls"] == calls + 1


def test_the_newest_program_is_the_one_that_ran_last():
    fast = gd.compile(lambda x: x * 2.0)
    fast(np.ones(3))
    fast(2.0)
    fast(np.ones(3))
    assert "float64[3]" in gd.program(fast)


def test_the_option():
    assert gd.compile(np.sin).stats()["max_programs"] == PROGRAMS
    assert gd.compile(np.sin, paths=1000).stats()["max_programs"] == 1000
    assert gd.compile(max_programs=7)(np.sin).stats()["max_programs"] == 7
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(ArgumentError, match="max_programs= a number, 1 or more"):
            gd.compile(np.sin, max_programs=wrong)


@pytest.mark.skipif(
    not native.available() or not STATM.exists(), reason="needs llvmlite and Linux"
)
def test_native_code_keeps_nothing_of_the_compiler():
    fast = gd.compile(gd.grad(lambda x: np.sum(np.sin(x) * x)), executor="native")
    fast(np.ones(3))
    before = resident()
    for n in range(4, 44):
        fast(np.ones(n))
    assert resident() - before < 40 * 300_000  # LLVM alone took 800 KB for each


def resident():
    """Return the bytes of memory that this process has."""
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
