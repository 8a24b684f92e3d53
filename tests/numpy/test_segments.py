"""Sums of groups of entries: ``reduceat`` of ufuncs, and histograms with weights."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from chainrule.nodes.node_class import node

X = np.random.default_rng(0).uniform(0.5, 2.0, (5, 4))
SAMPLE, OTHER, WEIGHTS = np.random.default_rng(1).normal(size=(3, 20))


def agree(f, x):
    """Compare programs and maps of a gradient with it."""
    gradient = gd.grad(f)
    np.testing.assert_allclose(gd.compile(gradient)(x), gradient(x), rtol=1e-12)
    mapped = gd.vmap(gradient)(np.stack([x, 2.0 * x]))
    np.testing.assert_allclose(mapped[1], gradient(2.0 * x), rtol=1e-12)


@pytest.mark.parametrize("indices", [[0, 2], [1, 3, 2, 0], [3, 3]])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize(
    "ufunc", [np.add, np.multiply, np.maximum, np.minimum, np.logaddexp]
)
def test_reduceat(ufunc, indices, axis):
    expected = ufunc.reduceat(X, indices, axis=axis)
    z = ufunc.reduceat(node(X), indices, axis=axis)
    np.testing.assert_allclose(z.value, expected, rtol=1e-14)

    def f(x):
        return np.sum(np.sin(ufunc.reduceat(x, indices, axis=axis)))

    gd.check_gradients(f, (X,), order=2)
    agree(f, X)


def test_reduceat_of_nothing_and_in_another_dtype():
    assert np.add.reduceat(node(X), []).shape == (0, 4)
    assert np.add.reduceat(node(X), [0], dtype=np.float32).dtype == np.float32


def test_reduceat_refuses():
    with pytest.raises(IndexError, match="out of bounds"):
        np.add.reduceat(node(X), [9])
    with pytest.raises(ArgumentError, match="plain indices"):
        np.add.reduceat(node(X), node([0.0, 1.0]))
    with pytest.raises(MissingRuleError, match=r"np\.hypot\.reduceat"):
        np.hypot.reduceat(node(X), [0])


HISTOGRAMS = {
    "bins": (lambda w: np.histogram(SAMPLE, weights=w)),
    "range": (lambda w: np.histogram(SAMPLE, 4, (-1.0, 1.0), weights=w)),
    "edges": (lambda w: np.histogram(SAMPLE, [-1.0, 0.0, 0.5, 2.0], weights=w)),
    "density": (lambda w: np.histogram(SAMPLE, 3, weights=w, density=True)),
    "on edges": (lambda w: np.histogram(np.arange(20) % 5, 4, weights=w)),
    "2d": (lambda w: np.histogram2d(SAMPLE, OTHER, 3, weights=w)),
    "2d edges": (
        lambda w: np.histogram2d(
            SAMPLE, OTHER, [[-1.0, 0.0, 3.0], 2], weights=w, density=True
        )
    ),
    "2d one axis": (
        lambda w: np.histogram2d(SAMPLE, OTHER, [-1.0, 0.0, 0.5, 3.0], weights=w)
    ),
    "dd": (lambda w: np.histogramdd(np.stack([SAMPLE, OTHER], 1), (2, 3), weights=w)),
    "dd list": (lambda w: np.histogramdd([SAMPLE, OTHER, SAMPLE], 2, weights=w)),
}


@pytest.mark.parametrize("call", HISTOGRAMS.values(), ids=HISTOGRAMS)
def test_histograms_of_weights(call):
    for w in (WEIGHTS, WEIGHTS.astype(np.float32)):
        z, *edges = call(node(w))
        expected, *others = call(w)
        assert (z.shape, z.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(z.value, expected, rtol=1e-5)
        for a, e in zip(edges, others, strict=True):
            for p, q in zip(a, e, strict=True):
                np.testing.assert_array_equal(p, q)

    def f(w):
        return np.sum(np.sin(call(w)[0]))

    gd.check_gradients(f, (WEIGHTS,), order=2)
    agree(f, WEIGHTS)


def test_complex_weights_and_lists_of_nodes():
    w = WEIGHTS + 1j
    z, _ = np.histogram(SAMPLE, weights=node(w))
    np.testing.assert_allclose(z.value, np.histogram(SAMPLE, weights=w)[0])
    z, _ = gd.numpy.histogram([0.0, 1.0], 2, weights=[node(2.0), node(3.0)])
    np.testing.assert_array_equal(z.value, [2.0, 3.0])


@pytest.mark.parametrize(
    "call",
    [
        np.histogram,
        lambda x: np.histogram(SAMPLE, bins=np.sort(x)),
        lambda x: np.histogram2d(x, OTHER),
        lambda x: np.histogramdd(np.stack([x, x], 1)),
    ],
)
def test_counts_have_no_derivative(call):
    with pytest.raises(MissingRuleError, match="weights may be nodes"):
        call(node(SAMPLE))
