"""Listeners of sweeps: they are told of every turn, and change nothing."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported
from chainrule.sweeps.listening import Listener, listening
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep


class Heard(Listener):
    """Keeps what it is told."""

    def __init__(self):
        self.turns, self.parts, self.sweeps, self.depth = [], [], 0, 0

    def __enter__(self):
        self.sweeps += 1
        self.depth += 1
        return self

    def __exit__(self, *error):
        self.depth -= 1

    def vertex_reached(self, z):
        self.turns.append(z)

    def contribution(self, z, position, product, part, total):
        self.parts.append((z, position, product.value, part.value, total.value))


def f(x):
    total = 0.0
    for i in range(3):
        total = total + x[i] * x[i + 1]
    return total * np.sum(x * np.ones((2, 4)))


def recorded():
    x = gd.node(np.arange(1.0, 5.0))
    z = f(x)
    return x, z, collect([z]).order


def test_a_reverse_sweep_tells_of_turns_and_contributions():
    x, z, order = recorded()
    heard = Heard()
    seeds = {z: supported(1.0)}
    swept = reverse_sweep(plain, order, seeds, listener=heard)
    assert (heard.sweeps, heard.depth) == (1, 0)
    assert heard.turns == order
    sums = {z: 1.0}
    for v, position, product, part, total in heard.parts:
        operand = v.operands[position]
        sums[operand] = sums.get(operand, 0.0) + part
        np.testing.assert_allclose(sums[operand], total)
        assert np.size(product) >= np.size(part)
    assert set(sums) == set(swept)
    for v, cotangent in swept.items():
        np.testing.assert_allclose(sums[v], cotangent.value)
    np.testing.assert_allclose(swept[x].value, gd.grad(f)(x.value))


def test_each_read_of_an_array_is_told_by_itself():
    x, z, order = recorded()
    heard = Heard()
    reverse_sweep(plain, order, {z: supported(1.0)}, listener=heard)
    reads = [v for v, *_ in heard.parts if v.operation == "getitem"]
    assert len(reads) == 6
    assert all(v.operands[0] is x for v in reads)


def test_a_forward_sweep_tells_of_each_operand():
    x, z, order = recorded()
    heard = Heard()
    seeds = {x: supported(np.ones(4))}
    swept = forward_sweep(plain, order, seeds, listener=heard)
    assert heard.turns == order[::-1]
    last = {v: total for v, _, _, _, total in heard.parts}
    for v, tangent in swept.items():
        if v is not x:
            np.testing.assert_allclose(last[v], tangent.value)
    np.testing.assert_allclose(swept[z].value, forward_sweep(plain, order, seeds)[z][0])


def test_recorded_sweeps_are_heard_and_others_are_not():
    heard = Heard()
    with listening(heard):
        gd.grad(f)(np.ones(4))
        assert heard.sweeps == 0
        second = gd.hessian(lambda x: x**3)(2.0)
        assert heard.sweeps > 0
        assert heard.depth == 0
        assert not heard.parts
        turns = len(heard.turns)
    assert second == gd.hessian(lambda x: x**3)(2.0) == 12.0
    assert len(heard.turns) == turns


def test_a_sweep_that_fails_has_ended():
    def fails(g, z, x):
        raise ValueError("no")

    operation = gd.custom_operation(lambda x: 2 * x, fails)
    heard = Heard()
    with listening(heard), pytest.raises(ValueError, match="no"):
        gd.grad(gd.grad(lambda x: operation(x * x)))(1.0)
    assert heard.sweeps > 0
    assert heard.depth == 0
