"""Compiled functions that arrive pickled: one for all equal ones."""

from __future__ import annotations

import functools
import pickle
import sys
import types

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.dispatch import arrivals


def shifted(x, by):
    return np.sum(x**2) + by


def sent(f, dumps=pickle.dumps):
    return pickle.loads(dumps(f))


def test_equal_ones_are_one_function_with_its_programs():
    f = gd.compile(functools.partial(shifted, by=1.0))
    first = sent(f)
    assert first is not f
    first(2.0)
    again = sent(f)
    assert again is first
    assert len(again.signatures) == 1
    assert sent(gd.grad(f)).f is first


def test_what_differs_is_another_function():
    f = functools.partial(shifted, by=1.0)
    kinds = (
        gd.compile(f),
        gd.compile(functools.partial(shifted, by=2.0)),
        gd.compile(f, fastmath=True),
        gd.compile(functools.partial(shifted, by=np.arange(1e4))),
        gd.compile(functools.partial(shifted, by=np.arange(1e4) + 1)),
    )
    found = [sent(f) for f in kinds]
    assert len(set(map(id, found))) == len(kinds)
    assert [np.sum(f(1.0)) for f in found[:2]] == [2.0, 3.0]
    assert sent(kinds[-1])(1.0)[0] == 2.0


def test_a_closure_counts_by_its_values():
    cloudpickle = pytest.importorskip("cloudpickle")

    def of(shift):
        return gd.compile(lambda x: x * x + shift)

    one = sent(of(1.0), cloudpickle.dumps)
    assert sent(of(1.0), cloudpickle.dumps) is one
    assert sent(of(2.0), cloudpickle.dumps)(3.0) == 11.0


def test_a_module_that_was_loaded_again_has_other_functions(monkeypatch):
    module = types.ModuleType("loaded_again")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    found = []
    for factor in (2, 3):
        exec(f"def f(x):\n    return {factor} * x", module.__dict__)
        found.append(sent(gd.compile(module.f))(1.0))
    assert found == [2.0, 3.0]


def test_a_process_keeps_few():
    for i in range(arrivals.LIMIT + 8):
        sent(gd.compile(functools.partial(shifted, by=i)))
    assert len(arrivals._arrived) == arrivals.LIMIT


def test_what_was_loaded_from_a_file_is_one_too(tmp_path):
    f = gd.compile(functools.partial(shifted, by=1.0))
    f(2.0)
    gd.save(f, tmp_path / "f")
    loaded = gd.load(tmp_path / "f")
    assert sent(loaded) is sent(loaded)
