"""Bad input: the class of the error, what it says was received, and its remedy."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse

import chainrule as gd
from chainrule import errors, node, operations
from chainrule.errors import (
    ArgumentError,
    AssignedError,
    ChainruleError,
    EscapeError,
    MissingRuleError,
    NotScalarError,
    RecordingError,
    ShapeError,
    StaleValueError,
)
from chainrule.rules import general
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep

X, V, M = node(2.0), node([1.0, 2.0, 3.0]), node(np.eye(2))


class by_hand:
    """A gradient class in the seed's form."""

    def __init__(self, *vertices):
        self.vertices = list(vertices)

    def backward(self, z_grad):
        for x in self.vertices:
            x.grad += z_grad


class one_way_grad(general):
    """z = x, without a pushforward"""

    forward = np.positive

    @staticmethod
    def pullback(xp, z_grad, z, x):
        """x_grad = z_grad"""
        return (z_grad,)


def set_value(x, value):
    x.value = value


def set_grad_ops(x, grad_ops):
    x.grad_ops = grad_ops


def stale():
    x = node(2.0)
    z = np.exp(x)
    x.value = 1.0
    z.backward()


def swept(z, sweep, xp):
    order = collect([z]).order
    leaf = order[-1]
    if sweep is forward_sweep:
        return forward_sweep(xp, order, {leaf: supported(1.0)})
    return reverse_sweep(xp, order, {z: supported(1.0)})


def by_hand_node():
    x = node(2.0)
    return node(2.0, grad_ops=by_hand(x))


# name: (what is done, class of the error, what the message says)
BAD = {
    # values
    "string": (
        lambda: node("2.0"), ArgumentError, "node().*received str '2.0'.*Pass a float"
    ),
    "bytes": (lambda: node(b"x"), ArgumentError, "received bytes b'x'"),
    "None": (lambda: node(None), ArgumentError, "received NoneType"),
    "dict": (lambda: node({"a": 1.0}), ArgumentError, "received dict.*list of numbers"),
    "set": (lambda: node({1.0}), ArgumentError, "received set"),
    "ragged": (
        lambda: node([[1.0, 2.0], [3.0]]), ArgumentError,
        "regular array; received list.*inhomogeneous.*rows the same length",
    ),
    "list of strings": (
        lambda: node(["a", "b"]), ArgumentError,
        r"received list \(dtype <U1\).*to float",
    ),
    "dates": (
        lambda: node(np.array(["2020-01-01"], "M8[D]")), ArgumentError,
        r"ndarray of shape \(1,\) and dtype datetime64\[D\].*Convert it to float",
    ),
    "object": (lambda: node(object()), ArgumentError, "received object. Pass float"),
    "Decimal": (
        lambda: X * Decimal("0.5"), ArgumentError,
        r"received Decimal. Pass float\(value\)",
    ),
    "Decimals": (
        lambda: V * np.array([Decimal(1)] * 3), ArgumentError,
        r"array of objects \(Decimal\). Use a numeric dtype",
    ),
    "sparse matrix": (
        lambda: operations.maximum(V, scipy.sparse.csr_matrix(np.eye(3))),
        ArgumentError,
        r"received csr_matrix of shape \(3, 3\).*Pass its dense array, value.toarray",
    ),
    "list of None": (lambda: node([None]), ArgumentError, "of objects.*numeric dtype"),
    "list of nodes": (lambda: node([X, X]), ArgumentError, "Use np.stack to join"),
    "node of node": (
        lambda: node(X), ArgumentError,
        r"received node\(2.0\).*Use it as it is, or gd.node",
    ),
    "masked array": (
        lambda: node(np.ma.masked_array([1.0, 2.0], [True, False])), ArgumentError,
        r"MaskedArray of shape \(2,\).*mask would be lost.*np.where\(mask",
    ),
    "masked operand": (
        lambda: operations.add(X, np.ma.masked_array([1.0], [True])), ArgumentError,
        "An operation on nodes.*mask would be lost",
    ),
    "matrix": (
        lambda: node(np.ones((1, 1)).view(np.matrix)), ArgumentError,
        r"matrix of shape \(1, 1\).*product of matrices. Pass np.asarray\(value\)",
    ),
    "matrix operand": (
        lambda: np.ones((1, 1)).view(np.matrix) * V, ArgumentError, "write @"
    ),
    "string operand": (
        lambda: X + "1", ArgumentError, "An operation on nodes.*received str '1'"
    ),
    "None operand": (lambda: X * None, ArgumentError, "received NoneType"),
    "ragged operand": (lambda: V * [[1.0], [1.0, 2.0]], ArgumentError, "same length"),
    "value of a leaf": (
        lambda: set_value(node(1.0), "3"), ArgumentError, "received str '3'"
    ),
    "value of a result": (
        lambda: set_value(X * 3.0, 1.0), RecordingError,
        r"node\(6.0, multiply\) was computed by 'multiply'.*Assign to a leaf",
    ),
    "list of shapes": (
        lambda: gd.sin([X, V]), ShapeError,
        r"one shape; received \[\(\), \(3,\)\]. Use np.concatenate",
    ),
    # backward
    "vector output": (
        (V * 2.0).backward, NotScalarError,
        r"real scalar; this node has shape \(3,\) and dtype float64. Call np.sum.*"
        r"pass z_grad of shape \(3,\)",
    ),
    "empty output": (
        lambda: node([]).backward(), NotScalarError, r"this node has shape \(0,\)"
    ),
    "complex output": (
        (X * 1j).backward, NotScalarError, r"shape \(\) and dtype complex128"
    ),
    "seed of wrong shape": (
        lambda: V.backward([1.0, 2.0]), ShapeError,
        r"z_grad has shape \(2,\).*has shape \(3,\). Pass an array of shape \(3,\)",
    ),
    "number as seed": (lambda: V.backward(1.0), ShapeError, r"z_grad has shape \(\)"),
    "array as seed": (
        lambda: X.backward(np.ones(3)), ShapeError, r"has shape \(3,\).*shape \(\)"
    ),
    "complex seed": (
        lambda: V.backward([1j, 0, 0]), ArgumentError,
        r"z_grad is complex.*is real \(float64\). Pass z_grad.real",
    ),
    "complex seed of a number": (lambda: X.backward(1j), ArgumentError, "complex"),
    "string seed": (lambda: X.backward("1"), ArgumentError, "z_grad.*received str '1'"),
    "ragged seed": (lambda: V.backward([[1], [2, 3]]), ArgumentError, "same length"),
    "stale value": (
        stale, StaleValueError,
        r"node\(1.0\) was assigned after operation 'exp'.*Run the function again",
    ),
    # grad_ops
    "grad_ops without vertices": (
        lambda: node(1.0, grad_ops="multiplication"), ArgumentError,
        r"must have .vertices .a list of nodes. and .backward.*received str 'multip",
    ),
    "vertices that are no nodes": (
        lambda: node(1.0, grad_ops=by_hand(X, 2.0)), ArgumentError,
        "must hold nodes; received float 2.0. Leave constants out",
    ),
    "vertices that are newer": (
        lambda: set_grad_ops(X, by_hand(X * 2.0)), RecordingError,
        "newer than this node.*Make the node after its operands",
    ),
    "second order by hand": (
        lambda: swept(by_hand_node(), reverse_sweep, operations), RecordingError,
        r"by_hand.backward reads plain values.*second derivative.*gd.custom_operation",
    ),
    "forward mode by hand": (
        lambda: swept(by_hand_node(), forward_sweep, plain), RecordingError,
        "by_hand is a hand-written gradient class.*no forward mode. Use reverse mode",
    ),
    "no pushforward": (
        lambda: swept(node(2.0, grad_ops=one_way_grad(node(2.0) * 1)), forward_sweep,
                      plain),
        RecordingError, "one_way_grad has no pushforward.*or use reverse mode",
    ),
    "nothing to differentiate": (
        lambda: gd.grad(lambda x: 3.0)(None), ArgumentError,
        r"hold numbers; received NoneType. Pass a float, an array, or a container of "
        r"them\.$",
    ),
    "nothing in a pushforward": (
        lambda: gd.jvp(lambda x: 3.0, (None,), (1.0,)), ArgumentError, r"of them\.$"
    ),
    "another argument": (
        lambda: gd.grad(lambda s, x: x)("a", 2.0), ArgumentError,
        r"received str 'a'.*of them, or choose other arguments with argnums=\.$",
    ),
    "an assigned entry": (
        lambda: np.zeros(3).__setitem__(slice(None), V), EscapeError,
        r"np.stack\(\[x, y\]\) joins nodes, also instead of a\[i\] = x",
    ),
    "mean of a list": (
        lambda: np.mean([X, X]), EscapeError,
        r"^np.mean works on the entries of a list.*np.stack\(\[x, y\]\).*gd.numpy.mean",
    ),
    "percentile of objects": (
        lambda: np.percentile(np.array([X, X]), 30), ArgumentError,
        "^np.percentile works on the entries of a list.*gd.numpy.percentile",
    ),
    "histogram of objects": (
        lambda: np.histogram(np.array([X, 2 * X])), ArgumentError,
        "^np.histogram works on the entries of a list.*an object array of nodes",
    ),
    "cycle": (
        lambda: gd.topological_sort("ab", {"a": "b", "b": "a"}), RecordingError,
        "cycle: only 0 of 2 vertices.*remove the cycle",
    ),
    # functions
    "no rule": (
        lambda: np.frompyfunc(abs, 1, 1)(X), MissingRuleError,
        r"no derivative rule, so it was not run.*gd.custom_operation.*gd.value\(x\)",
    ),
    "ufunc keyword": (
        lambda: np.exp(V, dtype=np.float32), ArgumentError,
        "keyword dtype=<class 'numpy.float32'> of a NumPy ufunc.*Leave it away",
    ),
    "ufunc axes": (
        lambda: np.matmul(M, M, axes=[(0, 1), (0, 1), (0, 1)]), ArgumentError,
        r"keyword axes=.* is not supported on nodes. Move the axes.*np.moveaxis\(x, "
        r"source, destination\)\.$",
    ),
    "ufunc order": (
        lambda: np.exp(V, order="F"), ArgumentError,
        r"order='F'.*nodes. Leave it away.$",
    ),
    "einsum casting": (
        lambda: np.einsum("i,i", V, V, casting="safe"), ArgumentError,
        r"support casting; it supports optimize. Leave it away.$",
    ),
    "array like": (
        lambda: gd.numpy.array([X, X], like=V), ArgumentError, "Leave like= away.$"
    ),
    "augmented": (
        lambda: np.zeros(3).__iadd__(V), AssignedError,
        r"a \+= x \(or out=a\) would write.*plain array a \(ndarray of shape \(3,\)"
        r".*Write a = a \+ x.*gd.zeros\(n\).*gd.lift\(f\)",
    ),
    "augmented quotient": (
        lambda: np.ones(3).__itruediv__(V), AssignedError, "Write a = a / x"
    ),
    "out": (
        lambda: np.exp(V, out=np.zeros(3)), EscapeError,
        "out= would write.*Leave out= away and use the returned node",
    ),
    "in place at": (
        lambda: np.add.at(np.zeros(3), [0], X), EscapeError,
        r"np.add.at would write a node into a plain array.*gd.zeros\(n\)",
    ),
    "item assignment": (
        lambda: V.__setitem__(0, 1.0), EscapeError,
        r"cannot be assigned to in place.*np.where\(mask, new, x\)",
    ),
    "float": (
        lambda: float(X), EscapeError,
        r"float\(x\) or math.f\(x\) would turn node\(2.0\) into a plain.*gd.value\(x\)",
    ),
    "float dtype": (
        lambda: np.asarray(V, np.float32), EscapeError, "an array of dtype float32 made"
    ),
    "node as index": (lambda: V[X], EscapeError, "using x as an index would turn"),
    "node as integer": (lambda: [1, 2, 3][X], EscapeError, "using x as an integer"),
    "node as parameter": (
        lambda: gd.sum(V, initial=X), MissingRuleError,
        r"sum in its parameter 'initial' cannot.*gd.value\(initial\)",
    ),
    "node as axis": (
        lambda: gd.sum(V, axis=X), MissingRuleError, r"'axis' cannot.*gd.value\(axis\)"
    ),
    "gufunc keyword": (
        lambda: np.matmul(V, V, axes=[0, 0, 0]), ArgumentError, "keyword axes="
    ),
    "mask of what has none": (
        lambda: gd.matmul(V, V, where=[True, False, True]), ArgumentError,
        r"np.matmul on nodes does not support where=. Write np.where\(mask",
    ),
    "too many arguments": (
        lambda: gd.sum(V, 0, None, None, True, 0.0, True, 4), ArgumentError,
        r"sum\(\) takes 7 arguments \(a, axis, .*received 8",
    ),
    "missing operand": (
        lambda: gd.sum(axis=0), ArgumentError, "needs its operand 'a'; received axis"
    ),
    "no operand": (gd.sum, ArgumentError, "operand 'a'; received nothing"),
    "argument given twice": (
        lambda: gd.sum(V, 0, axis=1), ArgumentError,
        r"sum\(\) received 'axis' twice, by position and by keyword. Give it once",
    ),
    "unknown keyword": (
        lambda: gd.sum(V, often=1), ArgumentError,
        r"sum\(\) on nodes does not support often=1; it supports axis, keepdims",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_message(name):
    do, kind, says = BAD[name]
    with pytest.raises(ChainruleError) as caught:
        do()
    assert type(caught.value) is kind
    message = str(caught.value)
    assert re.search(says, message, re.DOTALL), message
    assert message.endswith("."), message


def test_unbound_attribute():
    with pytest.raises(AttributeError, match="object has no attribute 'gradient'"):
        _ = X.gradient
    assert not hasattr(X, "__deepcopy_missing__")


def test_shapes_that_do_not_fit_are_numpys_errors():
    with pytest.raises(ValueError, match=r"broadcast together with shapes"):
        V + node([1.0, 2.0])
    with pytest.raises(ValueError, match="matmul"):
        V @ node([1.0, 2.0])


# ---------------------------------------------------------------------------- the tree


def public_errors():
    found = [e for e in vars(errors).values() if isinstance(e, type)]
    return [e for e in found if not issubclass(e, Warning)]


@pytest.mark.parametrize("kind", public_errors(), ids=lambda e: e.__name__)
def test_tree(kind):
    assert issubclass(kind, ChainruleError)
    assert kind.__doc__
    if kind is ChainruleError:
        return
    line = next(
        line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in line
    )
    builtin = re.search(r"\((\w+)\)", line).group(1)
    above = EscapeError if kind is AssignedError else ChainruleError
    assert kind.__bases__ == (above, __builtins__[builtin])
