"""Loop nests and products in native code, against NumPy."""

import math

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.loop_nests import Nest
from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.native.nest_plan import Plan, Reduction, Step, access, merged
from chainrule.compiler.native.nest_writer import NestWriter
from chainrule.compiler.native.text import Unit

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


def test_totals_of_short_rows_are_held_in_registers():
    x = RNG.normal(size=(40, 4))
    reductions = tuple(Reduction(name, 0, (0, 1)) for name in ("add", "maximum"))
    turned = access(x, x.T, x.T.shape)
    step = Step("negative", (("input", 0),))
    unit = Unit()
    NestWriter(unit, Plan(x.T.shape, (turned,), (step,), (), reductions)).write("nest")
    llvm = pytest.importorskip("llvmlite.binding")
    with llvm.parse_assembly(unit.text()) as module:
        assert " = alloca " in str(module)
        native._keep_in_registers(module, native._machine(2))
        assert " = alloca " not in str(module)


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


def called_plan(shape, pairs):
    """Return a plan with calls of an array, of a step, and of a call's result."""
    inputs = tuple(access(base, view, shape) for base, view in pairs)
    steps = [
        *(Step("exp", (("input", i),)) for i in range(len(inputs))),
        Step("add", (("step", 0), ("number", 1.0))),
        Step("log", (("step", len(inputs)),)),
        Step("arctan2", (("step", 0), ("number", 2.0))),
        Step("multiply", (("step", len(inputs) + 1), ("step", len(inputs) + 2))),
    ]
    results = tuple((i, np.dtype(float)) for i in range(len(steps)))
    every = tuple(range(len(shape)))
    axes = [every, *((i,) for i in every), every[1:], every[:-1]]
    last = len(steps) - 1
    reductions = tuple(
        Reduction(name, k, a)
        for a in axes
        for name in ("add", "maximum")
        for k in (0, last)
    )
    return Plan(shape, inputs, tuple(steps), results, reductions)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "shape", [(300, 5), (41, 3, 12), (9, 64), (700, 1), (2, 1, 7), (3, 5, 1)]
)
def test_functions_are_called_for_several_short_rows(shape, threads):
    pairs = [x for x in views(shape) if x[0].dtype == float]
    plan = called_plan(shape, pairs)
    found = Nest(plan, threads)([base for base, _ in pairs])
    steps, sums = found[: len(plan.steps)], found[len(plan.steps) :]
    views_ = [np.broadcast_to(view, shape) for _, view in pairs]
    expected = [np.exp(v) for v in views_]
    expected += [expected[0] + 1.0, np.log(expected[0] + 1.0)]
    expected += [np.arctan2(expected[0], 2.0)]
    expected += [expected[-1] * expected[-2]]
    for z, e in zip(steps, expected, strict=True):
        np.testing.assert_array_max_ulp(z, e, maxulp=4)
    for r, z in zip(plan.reductions, sums, strict=True):
        total = getattr(np, r.name).reduce(steps[r.step], axis=r.axes, keepdims=True)
        np.testing.assert_allclose(z, total, rtol=1e-14)


def test_axes_along_which_all_arrays_go_on_are_one():
    x, y = RNG.normal(size=(4, 30, 6)), RNG.normal(size=(4, 1, 1))
    inputs = tuple(access(v, v, x.shape) for v in (x, y))
    step = Step("add", (("input", 0), ("input", 1)))
    plan = Plan(x.shape, inputs, (step,), (), (Reduction("add", 0, (1, 2)),))
    flat = merged(plan)
    assert (flat.shape, flat.reductions[0].axes) == ((4, 180), (1,))
    assert merged(Plan((1, 5, 1), inputs[:1], (), (), ())).shape == (5,)
    (found,) = Nest(plan)([x, y])
    np.testing.assert_allclose(found, np.sum(x + y, (1, 2), keepdims=True), rtol=1e-14)
    (found,) = Nest(Plan(x.shape, inputs, (step,), (), (Reduction("add", 0, (2,)),)))(
        [x, y]
    )
    np.testing.assert_allclose(found, np.sum(x + y, 2, keepdims=True), rtol=1e-14)


def test_the_sum_of_many_short_rows_loses_no_more_than_numpys():
    whole = RNG.uniform(1.0, 2.0, (100_000, 5))
    x = whole[:, :3]
    step = Step("copy", (("input", 0),))
    sums = (Reduction("add", 0, (0, 1)),)
    plan = Plan(x.shape, (access(whole, x, x.shape),), (step,), (), sums)
    exact = math.fsum(x.ravel().tolist())
    assert abs(Nest(plan)([whole])[0].item() - exact) <= 2 * np.spacing(exact)


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


def test_products_of_views_of_one_array_share_machine_code():
    x, y = RNG.normal(size=(5, 6, 7)), RNG.normal(size=(4, 7, 8))
    products = []
    for i, j in ((0, 3), (4, 0), (2, 2)):
        reads = access(x, x[i], (6, 7)), access(y, y[j], (7, 8))
        products.append(Product((6, 8), 7, *reads))
        np.testing.assert_allclose(products[-1](x, y), x[i] @ y[j], rtol=1e-12)
    assert len({id(p.code) for p in products}) == 1


@pytest.mark.parametrize("n", [7, 96, 129, 300, 513, 2047, 2049, 5000])
def test_sums_of_rows_lose_no_more_than_numpys(n):
    rng = np.random.default_rng(n)
    x, y = rng.random((50, n)), rng.random((50, n)) + 1.0
    fast = gd.compile(lambda x, y: np.sum(x * y, axis=1), executor="native")
    exact = np.array([math.fsum(row) for row in x * y])
    bound = (16 + 3 + max(0, math.log2(n / 128))) * 2.0**-53
    assert np.all(abs(fast(x, y) - exact) <= bound * exact)
    assert np.all(abs(fast(x[::-1], -y[::-1]) + exact[::-1]) <= bound * exact[::-1])
