"""Loop nests and products in native code, against NumPy."""

import numpy as np
import pytest

from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.loop_nests import Nest
from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.nest_plan import Plan, Reduction, Step, access

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
SHAPES = [(5,), (8,), (19,), (3, 9), (9, 3), (2, 1, 17), (4, 30, 2), (2, 3, 4, 5)]


def views(shape):
    """Return pairs of an array and what is read of it: of this shape, or broadcast."""
    whole = RNG.normal(size=shape)
    yield whole, whole
    turned = RNG.normal(size=shape[::-1])
    yield turned, turned.T
    longer = RNG.normal(size=(*shape[:-1], 2 * shape[-1] + 3))
    yield longer, longer[..., 3::2]
    yield longer, longer[..., shape[-1] :: -1][..., : shape[-1]]
    lower = RNG.normal(size=shape[1:])
    yield lower, lower
    thin = RNG.normal(size=(*shape[:-1], 1))
    yield thin, thin
    mask = RNG.random(shape) > 0.5
    yield mask, mask


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_nest_reads_what_is_shown_in_place(shape, threads):
    pairs = list(views(shape))
    inputs = tuple(access(base, view, shape) for base, view in pairs)
    steps = tuple(
        Step("add", (("input", i), ("number", 0.5 if i == 0 else 0.0)))
        for i in range(len(pairs))
    )
    steps += (Step("greater", (("step", 0), ("step", 1))),)
    results = tuple((i, np.dtype(float)) for i in range(len(pairs)))
    results += ((len(pairs), np.dtype(bool)),)
    nest = Nest(Plan(shape, inputs, steps, results, ()), threads)
    found = nest([base for base, _ in pairs])
    for i, (z, (_, view)) in enumerate(zip(found, pairs, strict=False)):
        np.testing.assert_array_equal(
            z, np.broadcast_to(view, shape) + (0.5 if i == 0 else 0.0)
        )
    np.testing.assert_array_equal(found[-1], found[0] > found[1])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["add", "maximum", "minimum"])
def test_a_nest_reduces_over_any_axes(name, shape, threads):
    x = RNG.normal(size=shape)
    every = range(len(shape))
    axes = [tuple(every), *((i,) for i in every), tuple(every)[1:], tuple(every)[:-1]]
    reductions = tuple(Reduction(name, 0, a) for a in axes)
    step = Step("negative", (("input", 0),))
    nest = Nest(Plan(shape, (access(x, x, shape),), (step,), (), reductions), threads)
    for _ in range(2):
        for z, a in zip(nest([x]), axes, strict=True):
            expected = getattr(np, name).reduce(-x, axis=a, keepdims=True)
            np.testing.assert_allclose(z, expected, rtol=1e-13, atol=1e-14)
    x.flat[-1] = np.nan
    assert np.isnan(nest([x])[0]).all()


@pytest.mark.parametrize("shape", [(5,), (3, 19)])
def test_any_byte_but_zero_is_true(shape):
    bytes_ = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape) % 3
    mask = bytes_.view(bool)
    step = Step("add", (("input", 0), ("number", 0.0)))
    plan = Plan(
        shape, (access(mask, mask, shape),), (step,), ((0, np.dtype(float)),), ()
    )
    np.testing.assert_array_equal(Nest(plan)([mask])[0], (bytes_ != 0) * 1.0)


def test_a_sum_of_negative_zeros_is_zero():
    x = np.full((3, 11), -0.0)
    step = Step("copy", (("input", 0),))
    reductions = tuple(Reduction("add", 0, a) for a in [(0,), (1,), (0, 1)])
    plan = Plan((3, 11), (access(x, x, x.shape),), (step,), (), reductions)
    for z in Nest(plan)([x]):
        assert not np.signbit(z).any()


def test_sums_of_parts_that_are_infinite():
    x = np.array([np.inf, -np.inf])[:, None] * np.ones(4)
    step = Step("copy", (("input", 0),))
    sums = (Reduction("add", 0, (0,)),)
    plan = Plan(x.shape, (access(x, x, x.shape),), (step,), (), sums)
    (total,) = Nest(plan, 2)([x])
    assert np.isnan(total).all()


SIZES = [(2, 1, 1), (2, 2, 2), (7, 5, 9), (13, 33, 20), (6, 64, 64), (30, 130, 3)]


@pytest.mark.parametrize("stack", [(), (3,), (2, 3)])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_product_is_that_of_numpy(sizes, stack, turned, shared, threads):
    m, n, k = sizes
    x = RNG.normal(size=(*stack, k, m) if turned else (*stack, m, k))
    left = np.swapaxes(x, -1, -2) if turned else x
    y = RNG.normal(size=(k, n) if shared else (*stack, k, n))
    reads = [access(base, view, (*stack, *view.shape[-2:]))
             for base, view in ((x, left), (y, y))]  # fmt: skip
    product = Product((*stack, m, n), k, *reads, threads=threads)
    out = np.full((*stack, m, n), np.nan)
    for z in (product(x, y), product(x, y, out=out)):
        np.testing.assert_allclose(z, left @ y, rtol=1e-12, atol=1e-13)
    assert not np.isnan(out).any()
