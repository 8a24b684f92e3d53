"""Small networks on a few hundred rows of data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.compiled import Compilation
from benchmarks.workload import Workload, faster
from benchmarks.workloads.kinds.kind import Named, against_jax


def regression(
    xp: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, y: Any
) -> Any:
    """Mean squared error of two hidden layers with weight decay.

    Operations: three matrix products, sums, two tanh, a square, a mean, three sums of
    squares.
    """
    hidden = xp.tanh(x @ w1 + b1)
    hidden = xp.tanh(hidden @ w2 + b2)
    decay = sum(xp.sum(w**2) for w in (w1, w2, w3))
    return xp.mean((hidden @ w3 + b3 - y) ** 2) + 1e-4 * decay


def classifier(xp: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any, label: Any) -> Any:
    """Cross entropy of a network with rectified units.

    Operations: two matrix products, sums, a maximum, max over an axis, exp, sum, log,
    an index by label, a mean.
    """
    logits = xp.maximum(x @ w1 + b1, 0.0) @ w2 + b2
    logits = logits - xp.max(logits, axis=1, keepdims=True)
    normal = xp.log(xp.sum(xp.exp(logits), axis=1))
    return xp.mean(normal - logits[np.arange(len(x)), label])


def autoencoder(xp: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any) -> Any:
    """Error with which a narrow layer of sigmoids gives back its input.

    Operations: two matrix products, two sigmoids of exp, a square, a sum.
    """
    code = 1.0 / (1.0 + xp.exp(-(x @ w1 + b1)))
    again = 1.0 / (1.0 + xp.exp(-(code @ w2 + b2)))
    return xp.sum((again - x) ** 2) / len(x)


def attention(
    xp: Any, query: Any, key: Any, value: Any, out: Any, x: Any, wanted: Any
) -> Any:
    """Squared error of one head of attention on top of its input.

    Operations: six matrix products, a softmax, a sum, a square, a mean.
    """
    q, k, v = x @ query, x @ key, x @ value
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
    weights = weights / xp.sum(weights, axis=1, keepdims=True)
    return xp.mean((x + weights @ v @ out - wanted) ** 2)


def residual_blocks(
    xp: Any, inner: Any, outer: Any, scale: Any, x: Any, wanted: Any
) -> Any:
    """Squared error of blocks of normalisation, two layers and a shortcut.

    Operations of a block: a mean and a variance over an axis, sqrt, a quotient, two
    matrix products, a sigmoid, products and sums.
    """
    for i in range(len(inner)):
        mean = xp.mean(x, axis=1, keepdims=True)
        spread = xp.sqrt(xp.var(x, axis=1, keepdims=True) + 1e-5)
        hidden = scale[i] * (x - mean) / spread @ inner[i]
        x = x + hidden / (1.0 + xp.exp(-hidden)) @ outer[i]
    return xp.mean((x - wanted) ** 2)


def feed_forward(
    xp: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any, wanted: Any
) -> Any:
    """Squared error of a block of a transformer: two layers, gates by tanh, a shortcut.

    Operations: two matrix products, a cube, products, tanh, sums, a square, a mean.
    """
    inner = x @ w1 + b1
    gate = 0.5 * (1.0 + xp.tanh(0.7978845608 * (inner + 0.044715 * inner**3)))
    return xp.mean((x + (inner * gate) @ w2 + b2 - wanted) ** 2)


def experts(xp: Any, gates: Any, slopes: Any, offsets: Any, x: Any, wanted: Any) -> Any:
    """Squared error of linear models that are mixed by a softmax of other ones.

    Operations: two matrix products, a softmax, a product, sums, a square, a mean.
    """
    scores = x @ gates
    shares = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
    shares = shares / xp.sum(shares, axis=1, keepdims=True)
    guess = xp.sum(shares * (x @ slopes + offsets), axis=1)
    return xp.mean((guess - wanted) ** 2)


def recurrent(
    xp: Any, w: Any, u: Any, b: Any, last: Any, series: Any, wanted: Any
) -> Any:
    """Squared error of a recurrent layer's guess at the end of each series.

    Operations of a letter: an index, two matrix products, sums, tanh. At the end: a
    matrix product, a difference, a square, a mean.
    """
    hidden = np.zeros((series.shape[1], w.shape[1]))
    for t in range(len(series)):
        hidden = xp.tanh(series[t] @ u + hidden @ w + b)
    return xp.mean((hidden @ last - wanted) ** 2)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    return against_jax("networks", workloads(tiny=tiny), faster(1.3))


def workloads(*, tiny: bool) -> Named:
    """Yield the names and the workloads."""
    rng = np.random.default_rng(23)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape)

    def layers(*sizes: int) -> tuple[Any, ...]:
        pairs = [(normal(a, b) / a**0.5, 0.1 * normal(b)) for a, b in pairwise(sizes)]
        return tuple(x for pair in pairs for x in pair)

    n = 5 if tiny else 200
    data = normal(n, 8), normal(n, 1)
    yield "regression", Workload(regression, layers(8, 32, 32, 1), data)
    n = 5 if tiny else 500
    data = normal(n, 20), rng.integers(0, 10, n)
    yield "classifier", Workload(classifier, layers(20, 64, 10), data)
    n = 5 if tiny else 300
    yield (
        "autoencoder",
        Workload(autoencoder, layers(30, 8, 30), (rng.random((n, 30)),)),
    )
    n = 5 if tiny else 64
    heads = tuple(normal(16, 16) / 4 for _ in range(4))
    yield "attention", Workload(attention, heads, (normal(n, 16), normal(n, 16)))
    n, wide = (5, 4) if tiny else (256, 32)
    blocks = (
        0.2 * normal(3, wide, wide),
        0.2 * normal(3, wide, wide),
        np.ones((3, wide)),
    )
    data = normal(n, wide), normal(n, wide)
    yield "residual blocks", Workload(residual_blocks, blocks, data)
    n, letters = (5, 3) if tiny else (100, 20)
    weights = normal(16, 16) / 4, normal(3, 16), normal(16), normal(16, 1) / 4
    data = normal(letters, n, 3), normal(n, 1)
    yield "recurrent", Workload(recurrent, weights, data)
    n, wide = (5, 4) if tiny else (128, 48)
    data = normal(n, wide), normal(n, wide)
    yield "feed forward", Workload(feed_forward, layers(wide, 2 * wide, wide), data)
    n = 5 if tiny else 1_500
    models = normal(12, 6), normal(12, 6), normal(6)
    yield "experts", Workload(experts, models, (normal(n, 12), normal(n)))
