"""The same mathematics in two styles, both compiled: style should not decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.compiled import OURS, Compilation, own_tool
from benchmarks.workload import Peer, Workload, within
from benchmarks.workloads.kinds.kind import compared

Function = Callable[..., Any]


def horner(xp: Any, c: Any, x: Any) -> Any:
    """Sum of a polynomial's values by Horner's scheme.

    Operations of a coefficient: an index, a product, a sum.
    """
    z = c[0]
    for i in range(1, len(c)):
        z = z * x + c[i]
    return xp.sum(z)


def powers(xp: Any, c: Any, x: Any) -> Any:
    return xp.sum(sum(c[i] * x ** (len(c) - 1 - i) for i in range(len(c))))


def polyval(xp: Any, c: Any, x: Any) -> Any:
    """Sum of a polynomial's values by NumPy's function.

    Operations: polyval, sum.
    """
    return xp.sum(xp.polyval(c, x))


def discount(xp: Any, rates: Any, flows: Any) -> Any:
    """Present value of flows whose discount factors are a cumulative product.

    Operations: a quotient, cumprod, an inner product.
    """
    return xp.cumprod(1.0 / (1.0 + rates)) @ flows


def discount_by_loop(xp: Any, rates: Any, flows: Any) -> Any:
    factor, total = 1.0, 0.0
    for i in range(len(flows)):
        factor = factor / (1.0 + rates[i])
        total = total + factor * flows[i]
    return total


def growth(xp: Any, size: Any, rate: Any, *, steps: int) -> Any:
    """Sum of populations after steps of the logistic equation, by a Python loop.

    Operations of a step: products, a difference, a sum.
    """
    for _ in range(steps):
        size = size + 0.1 * rate * size * (1.0 - size)
    return xp.sum(size)


def growth_by_scan(xp: Any, size: Any, rate: Any, *, steps: int, scan: Any) -> Any:
    def step(size: Any, _: Any) -> tuple[Any, None]:
        return size + 0.1 * rate * size * (1.0 - size), None

    return xp.sum(scan(step, size, None, length=steps)[0])


def areas(xp: Any, a: Any, b: Any, *, vmap: Any) -> Any:
    """Sum of the squared areas that pairs of vectors span, mapped.

    Operations: cross of each pair, squares, sum.
    """
    return xp.sum(vmap(xp.cross)(a, b) ** 2)


def areas_by_hand(xp: Any, a: Any, b: Any, *, vmap: Any) -> Any:
    def cross(a: Any, b: Any) -> Any:
        return xp.stack(
            [
                a[1] * b[2] - a[2] * b[1],
                a[2] * b[0] - a[0] * b[2],
                a[0] * b[1] - a[1] * b[0],
            ]
        )

    return xp.sum(vmap(cross)(a, b) ** 2)


def lengths(xp: Any, a: Any, *, vmap: Any) -> Any:
    """Sum of the vectors' lengths, mapped.

    Operations: norm of each vector, sum.
    """
    return xp.sum(vmap(xp.linalg.norm)(a))


def lengths_by_hand(xp: Any, a: Any, *, vmap: Any) -> Any:
    return xp.sum(vmap(lambda x: xp.sqrt(xp.sum(x * x)))(a))


def bilinear(xp: Any, a: Any, x: Any, y: Any) -> Any:
    """Sum of a bilinear form over rows, by einsum.

    Operations: einsum of three arrays.
    """
    return xp.einsum("ni,ij,nj->", x, a, y)


def bilinear_by_products(xp: Any, a: Any, x: Any, y: Any) -> Any:
    return xp.sum((x @ a) * y)


def huber(xp: Any, x: Any) -> Any:
    """Sum of Huber's loss, by where.

    Operations: abs, a comparison, where, a square, products, sum.
    """
    size = xp.abs(x)
    return xp.sum(xp.where(size < 1.0, 0.5 * x**2, size - 0.5))


def huber_by_masks(xp: Any, x: Any) -> Any:
    size = xp.abs(x)
    inside = size < 1.0
    return xp.sum(inside * 0.5 * x**2 + ~inside * (size - 0.5))


def turned(xp: Any, x: Any, y: Any) -> Any:
    """Sum of sines of rotated points, their coordinates stacked.

    Operations: products and sums, a stack, sin, sum.
    """
    return xp.sum(xp.sin(xp.stack([0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y])))


def turned_by_concatenation(xp: Any, x: Any, y: Any) -> Any:
    parts = [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y]
    return xp.sum(xp.sin(xp.concatenate(parts)))


def spread(xp: Any, x: Any) -> Any:
    """Spread of numbers, by means.

    Operations: two means, a difference, a square, sqrt.
    """
    return xp.sqrt(xp.mean((x - xp.mean(x)) ** 2))


def spread_by_sums(xp: Any, x: Any) -> Any:
    n = len(x)
    return xp.sqrt(xp.sum((x - xp.sum(x) / n) ** 2) / n)


def softplus(xp: Any, x: Any) -> Any:
    """Sum of a smooth maximum with 0, on an array.

    Operations: exp, log1p, sum.
    """
    return xp.sum(xp.log1p(xp.exp(x)))


def softplus_in_a_list(xp: Any, x: Any) -> Any:
    return sum([xp.log1p(xp.exp(entry)) for entry in x])


def ring(xp: Any, x: Any) -> Any:
    """Energy of springs on a ring, by roll.

    Operations: roll, a difference, a square, sum.
    """
    return xp.sum((x - xp.roll(x, 1)) ** 2)


def ring_by_concatenation(xp: Any, x: Any) -> Any:
    return xp.sum((x - xp.concatenate([x[-1:], x[:-1]])) ** 2)


def pair(
    name: str,
    one: Function,
    other: Function,
    arguments: tuple[Any, ...],
    constants: tuple[Any, ...] = (),
    options: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Compilation:
    """Return two styles; ``name`` is that of the first, then that of the other."""
    first, _, second = name.partition(" or ")
    options = options or {}
    theirs = Workload(other, arguments, constants, {**options, **(more or {})})
    peer = Peer(OURS, within(2.0), theirs, second)
    return compared(
        "styles", first, Workload(one, arguments, constants, options), (peer,)
    )


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield the pairs in the order of the table."""
    rng = np.random.default_rng(28)
    n = 5 if tiny else 10_000
    x = rng.standard_normal(n)
    polynomial = (0.2 * rng.standard_normal(8), 0.5 * x)
    yield pair("Horner or powers", horner, powers, polynomial)
    yield pair("polyval or Horner", polyval, horner, polynomial)
    few = 5 if tiny else 60
    data = (rng.random(few),)
    rates = (rng.uniform(0.0, 0.1, few),)
    yield pair("cumprod or a loop", discount, discount_by_loop, rates, data)
    steps = {"steps": 3 if tiny else 50}
    sizes = rng.random(n // 5), rng.random(n // 5)
    own = {"scan": own_tool}
    yield pair("loop or a scan", growth, growth_by_scan, sizes, (), steps, own)
    vectors = rng.standard_normal((2, n // 3, 3))
    mapped = {"vmap": own_tool}
    both = vectors[0], vectors[1]
    yield pair("cross, mapped or by hand", areas, areas_by_hand, both, (), mapped)
    one = (vectors[0],)
    yield pair("norm, mapped or by hand", lengths, lengths_by_hand, one, (), mapped)
    wide = 3 if tiny else 30
    data = rng.standard_normal((n // 5, wide)), rng.standard_normal((n // 5, wide))
    matrix = (rng.standard_normal((wide, wide)),)
    yield pair("einsum or products", bilinear, bilinear_by_products, matrix, data)
    yield pair("where or masks", huber, huber_by_masks, (x,))
    points = x, rng.standard_normal(n)
    yield pair("stack or concatenate", turned, turned_by_concatenation, points)
    yield pair("mean or sum / n", spread, spread_by_sums, (x,))
    entries = (x[:100],)
    yield pair("array or a list", softplus, softplus_in_a_list, entries)
    yield pair("roll or concatenate", ring, ring_by_concatenation, (x,))
