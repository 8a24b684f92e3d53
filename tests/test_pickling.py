"""Pickled leaves and results: the recording travels whole, however long it is."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest

import chainrule as gd
from chainrule import node
from chainrule.errors import EscapeError, StaleValueError
from chainrule.rules import elementwise
from chainrule.rules.registry import EXPRESSED, REGISTRY
from chainrule.wrapping import operation


class cube_grad(elementwise):
    """z = x**3, of a program's own"""

    expression = "x * x * x"

    @staticmethod
    def forward(x):
        return np.multiply(x, np.multiply(x, x))

    @staticmethod
    def d_x(xp, z, x):
        return 3 * x * x


cube = operation(cube_grad)
other_name = operation(cube_grad)
REGISTRY.remove(cube_grad)
EXPRESSED.remove(cube_grad)


def test_operations_of_a_program_are_pickled_where_they_are():
    assert (cube.__module__, gd.tanh.__module__) == (__name__, "chainrule.operations")
    assert pickle.loads(pickle.dumps(cube)) is cube
    assert pickle.loads(pickle.dumps(gd.tanh)) is gd.tanh
    for f in (gd.grad(cube), gd.compile(gd.grad(cube))):
        assert pickle.loads(pickle.dumps(f))(2.0) == 12.0
    z = pickle.loads(pickle.dumps(cube(node(2.0))))
    assert z.rule is cube_grad
    with pytest.raises(pickle.PicklingError, match="cube"):
        pickle.dumps(other_name)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_leaves(protocol):
    for value in (2.0, np.float32(1.5), np.arange(3.0), np.array([1j])):
        x = node(value)
        x.grad = 5.0
        y = pickle.loads(pickle.dumps(x, protocol))
        assert y.dtype == x.dtype
        assert y.grad == 5.0
        np.testing.assert_array_equal(y.value, value)


def test_pickled_results_carry_their_recording():
    x = node([1.0, 2.0])
    c = np.array([3.0, 4.0])
    z = np.sum(np.where(x > 1.5, x * c, np.exp(x))[:, None] @ [[1.0, 2.0]], axis=0)[1]
    y, again = pickle.loads(pickle.dumps((z, z)))
    assert y is again
    assert y.operation == z.operation
    y.backward()
    z.backward()
    assert repr(y) == repr(z)
    leaf = y
    while leaf.operands:
        leaf = next(v for v in leaf.operands if isinstance(v, node))
    np.testing.assert_array_equal(leaf.grad, x.grad)


class by_hand:
    """A gradient class in the seed's form: z = 3 x."""

    def __init__(self, x):
        self.x, self.vertices = x, [x]

    def backward(self, z_grad):
        self.x.grad += 3.0 * z_grad


def test_pickled_leaf_is_shared_with_its_results():
    x = node(2.0)
    x2, z2 = pickle.loads(pickle.dumps((x, x * x * 5.0)))
    z2.backward()
    assert x2.grad == 20.0
    assert x.grad == 0.0
    assert x2.serial < z2.serial
    (z2 * x2).backward()


def test_pickled_masks():
    x = node([0.0, 4.0])
    z = np.sum(np.log(x, where=np.array([False, True])))
    x2, z2 = pickle.loads(pickle.dumps((x, z)))
    z2.backward()
    np.testing.assert_array_equal(x2.grad, [0.0, 0.25])


def test_pickled_results_with_several_outputs_and_by_hand():
    a = node(np.array([[2.0, 1.0], [0.5, 3.0]]))
    _sign, log = np.linalg.slogdet(a)
    log.backward()
    copied = pickle.loads(pickle.dumps([a, log]))
    copied[0].grad = 0.0
    copied[1].backward()
    np.testing.assert_array_equal(copied[0].grad, a.grad)
    x = node(2.0)
    x2, z2 = pickle.loads(pickle.dumps((x, node(6.0, grad_ops=by_hand(x)) * 2.0)))
    z2.backward()
    assert x2.grad == 6.0


def test_a_long_recording_pickles_without_recursion():
    n = 100_000
    assert n > 10 * sys.getrecursionlimit()
    x = node(1.0)
    z = x
    for _ in range(n):
        z = z * 1.00001
    x2, z2 = pickle.loads(pickle.dumps((x, z)))
    z2.backward()
    np.testing.assert_allclose(x2.grad, 1.00001**n, rtol=1e-9)
    copy.deepcopy(z)


def test_a_stale_recording_does_not_pickle():
    x = node(2.0)
    z = x * x
    x.value = 5.0
    with pytest.raises(StaleValueError, match="had used it"):
        pickle.dumps(z)


def test_pickling_inside_a_transform():
    with pytest.raises(EscapeError, match="pickling a node inside a function"):
        gd.grad(lambda x: pickle.dumps(x) and x)(2.0)


def wave(x):
    return np.sum(np.sin(x))


@gd.grad
def slope(x):
    return np.sum(np.sin(x))


@gd.vmap
def decorated(x):
    return np.sum(np.sin(x))


def test_maps_pickle_and_bind_like_other_transforms():
    class Model:
        scale = 2.0

        def scaled(self, x):
            return self.scale * np.sum(x)

        each = gd.vmap(scaled, (None, 0))

    x = np.ones((3, 2))
    for mapped in (gd.vmap(gd.grad(wave), 1, 1), decorated, slope):
        again = pickle.loads(pickle.dumps(mapped))
        np.testing.assert_array_equal(again(x), mapped(x))
    assert decorated.__name__ == "decorated"
    np.testing.assert_array_equal(Model().each(x), [4.0, 4.0, 4.0])
