"""No rule and no composed function branches on values: each can be traced in a body.

In the body of a compiled ``vmap``, ``scan`` or ``while_loop`` a Python branch on a
value is refused. All that the tests of values and derivatives list is traced there.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import CompileError
from chainrule.nodes import dispatch
from chainrule.nodes.recorder import record
from chainrule.numpy.mirror import MAKERS
from chainrule.values.containers import flatten
from tests.compiler.comparing import assert_same, follows
from tests.helpers import RULES, as_tuple, calls_of
from tests.numpy import (
    test_differences,
    test_elementwise,
    test_linalg,
    test_shape_functions,
    test_statistics,
)
from tests.numpy.calls import M, T, V

SCALES = (1.0, 0.97, 1.04)
SHAPED_BY_VALUES = {"trim_zeros", "trim_zeros front"}
"""What has another shape for other values, which no body may have."""

# ------------------------------------------------------------- what the tests have


def of_rule(call):
    """Return a rule's call as a function of its moving operands, and these."""
    values = call.draw()
    moving = call.moving(values)

    def f(*operands):
        filled = list(values)
        for i, x in zip(moving, operands, strict=True):
            filled[i] = x
        return as_tuple(record(call.rule, filled, call.parameters))

    return f, *(values[i] for i in moving)


def of_linalg(call):
    function, *shapes = call
    rng = np.random.default_rng(1)
    return function, *(test_linalg.drawn(rng, shape, "real") for shape in shapes)


def composed():
    """Yield every call of a NumPy function, by name: a function and its arguments."""
    for name, (f, given, x) in test_statistics.REDUCTIONS.items():
        yield name, (lambda x, f=f, given=given: f(x, **given), x)
    for name, f, q, given in test_statistics.quantiles():
        yield name, (lambda x, f=f, q=q, given=given: f(x, q, **given), T)
    for f, x in itertools.product((np.median, np.nanmedian), (V, M, T)):
        yield f"{f.__name__} of {x.ndim}", (f, x)
        yield f"{f.__name__} axis of {x.ndim}", (lambda x, f=f: f(x, axis=0), x)
    yield from {
        **test_statistics.CALLS, **test_differences.CALLS, **test_elementwise.COMPOSED,
        **test_shape_functions.AXES, **test_shape_functions.JOINING,
        **test_shape_functions.PICKING, **test_shape_functions.PADDING,
    }.items()  # fmt: skip
    for name, call in {**test_linalg.CALLS, **test_linalg.REAL_CALLS}.items():
        yield f"linalg {name}", of_linalg(call)


COMPOSED = {name: call for name, call in composed() if name not in SHAPED_BY_VALUES}
OF_RULES = {
    call.label: of_rule(call)
    for call in itertools.chain.from_iterable(map(calls_of, RULES))
}

# ------------------------------------------- parameters that are computed from values


def named(names):
    """Return functions of NumPy with their names."""
    return [(name, getattr(np, name)) for name in names.split()]


COMPUTED = {
    "take one": (lambda x: np.take(x, np.argmin(x)), V),
    "take a row": (lambda x: x.take(np.argmax(x[:, 0]), axis=0), M),
    "take": (lambda x: np.take(x, np.argsort(x)[:2]) * x[0], V),
    "take wrapped": (lambda x: np.take(x, np.argsort(x) + 7, mode="wrap") * x[0], V),
    "take clipped": (lambda x: np.take(x, np.argsort(x) + 2, mode="clip") * x[0], V),
    "take_along_axis": (
        lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1)[:, :2], M
    ),
    "index": (lambda x: x[np.argmin(x)] * x[np.argsort(x)[1:3]], V),
    "index by whole numbers": (lambda x: x[np.floor(np.abs(x)).astype(int)], V),
    "searchsorted": (lambda x: x[np.searchsorted([-0.5, 0.0, 0.5], x)], V),
    "digitize": (lambda x: x[np.digitize(x, [-0.5, 0.0, 0.5])], V),
    "choose": (lambda x: np.choose((x > 0).astype(int), [x, x**2]), V),
    "choose wrapped": (
        lambda x: np.choose((x > 0).astype(int) + 3, [x, x**2], mode="wrap"), V
    ),
    "insert": (lambda x: np.insert(x, np.argmax(x), 3 * x[0]), V),
    "insert two": (lambda x: np.insert(x, np.argsort(x)[:2], x[:2] ** 2), V),
    "delete": (lambda x: np.delete(x, np.argmax(x)), V),
    "roll": (lambda x: np.roll(x, np.argmax(x))[:2], V),
    "roll axes": (
        lambda x: np.roll(x, (np.argmax(x[0]), 1), axis=(1, 0))[:2], M
    ),
    "bincount": (lambda x: np.bincount(np.argsort(x), x**2, 5), V),
    "ldexp": (lambda x: np.ldexp(x, np.argsort(x)), V),
    "power": (lambda x: x ** np.argsort(x), V),
    "argpartition": (lambda x: x[np.argpartition(x, 2)[2]], V),
    "average": (lambda x: np.average(x, weights=x**2), V),
    "average and weights": (
        lambda x: np.average(x, weights=np.abs(gd.value(x)), returned=True), V
    ),
    "cov": (lambda x: np.cov(x, aweights=x[0] ** 2), M),
    "quantile": (lambda x: np.quantile(x, 1 / (1 + x[0] ** 2)), V),
    "percentile": (lambda x: np.percentile(x, 50 / (1 + x[:2] ** 2)), V),
    "nanquantile": (lambda x: np.nanquantile(x, 1 / (1 + x[0] ** 2)), V),
    "astype": (lambda x: np.astype(x, np.float32) * np.argsort(x), V),
    "linspace": (lambda x: np.linspace(x[0] ** 2, x[1] ** 2, 4), V),
    "logspace": (lambda x: np.logspace(x[0], x[1], 4), V),
    "full_like": (lambda x: np.full_like(x, x[0]) * x, V),
    "correlate": (lambda x: np.correlate(x, x[:2]), V),
    "unique_values": (np.unique_values, V),
    "unique_counts": (lambda x: np.unique_counts(x).values, V),
    "unique_all": (lambda x: np.unique_all(x).values, V),
    "geomspace": (lambda x: np.geomspace(x[0] ** 2, x[1] ** 2, 4), V),
    "interp": (lambda x: np.interp(x, np.cumsum(x**2), x), V),
    "interp periodic": (lambda x: np.interp(x, x**2, x, period=2.0), V),
    "gradient": (lambda x: np.gradient(x, np.cumsum(gd.value(x) ** 2)), V),
    "pad": (lambda x: np.pad(x, 1, constant_values=gd.value(x)[0]) * x[0], V),
    "lstsq": (lambda x: np.linalg.lstsq(x, x[:, 0] ** 2)[:2], M.T),
    "nan_to_num": (lambda x: np.nan_to_num(np.log(x)), V),
    "apply_along_axis": (
        lambda x: np.apply_along_axis(lambda v: v[np.argmax(v)], 0, x), M
    ),
    "piecewise": (
        lambda x: np.piecewise(x, [x < 0, x > 1], [np.sin, lambda v: v**2, 3.0]), M
    ),
    "piecewise of a pole": (
        lambda x: np.piecewise(x, [x > 0], [np.log, lambda v: v**2]), V
    ),
    "piecewise of a number": (
        lambda x: np.piecewise(x[0], [x[0] < 0], [np.sin, lambda v: v**2]), V
    ),
    "piecewise with arguments": (
        lambda x: np.piecewise(x, [x < 0], [lambda v, c: v * c, 2.0], x[0]), V
    ),
    "piecewise that closes over x": (
        lambda x: np.piecewise(x, [x < 0], [lambda v: v * x[0], lambda v: v + x[1]]), V
    ),
    **{
        f"{name} of some": (
            lambda x, f=f: f(x, where=x > 0, initial=0.5), V
        )
        for name, f in named("sum prod max min nansum nanprod nanmax")
    },
    **{
        f"{name} of some": (lambda x, f=f: f(x, where=x > 0), V)
        for name, f in named("mean var std nanmean nanvar nanstd sqrt log")
    },
    **{
        f"{name} without nan": (
            lambda x, f=f: f(np.where(x > 0, x, np.nan)), V
        )
        for name, f in named("nanmedian nanmax nanmin nanstd median")
    },
    **{
        f"{name} without nan": (
            lambda x, f=f: f(np.where(x > 0, x, np.nan), 0.3), V
        )
        for name, f in named("nanpercentile nanquantile")
    },
}  # fmt: skip


def loss(f):
    """Return a smooth real number of all results, and what grows with their places."""

    def total(*operands):
        parts = flatten(f(*operands))[0]
        numbers = [z if hasattr(z, "dtype") else np.float64(z) for z in parts]
        return sum(
            np.sum(np.real(z) * np.cos(np.arange(float(z.size)).reshape(z.shape)))
            + np.sum(np.real(z * np.conj(z)))
            for z in numbers
        )

    return total


def gradient_of(call):
    """Return the gradient of a call, and its arguments."""
    f, *operands = call
    given = [np.asarray(x, np.result_type(x, 1.0)) for x in operands]
    return gd.grad(loss(f), tuple(range(len(given)))), given


def per(calls):
    return pytest.mark.parametrize("call", calls.values(), ids=list(calls))


@pytest.mark.thinned(3)
@per({**OF_RULES, **COMPOSED, **COMPUTED})
@np.errstate(all="ignore")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_examples_of_one_trace(call):
    gradient, given = gradient_of(call)
    if not given:
        return
    mapped = gd.vmap(gradient)
    xs = [np.stack([x * s for s in SCALES]) for x in given]
    expected = mapped(*xs)
    fast = gd.compile(mapped)
    assert_same(fast(*xs), expected, rtol=1e-9, scale=1e-3)
    turned = tuple(g[::-1] for g in expected)
    assert_same(fast(*(x[::-1] for x in xs)), turned, rtol=1e-9, scale=1e-3)
    assert fast.stats()["retraces"] == 0


@pytest.mark.thinned(3)
@per({**COMPOSED, **COMPUTED})
@np.errstate(all="ignore")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_steps_of_one_trace(call):
    gradient, given = gradient_of(call)
    if not given:
        return

    def scanned(*xs):
        def step(count, xs):
            return count + 1.0, gradient(*xs)

        return gd.scan(step, 0.0, xs)[1]

    def followed(*xs):
        def step(carry):
            left, xs = carry
            grads = gradient(*xs)
            moved = [x * 1.01 + 0.0 * g for x, g in zip(xs, grads, strict=True)]
            return left - 1.0, moved

        return gd.while_loop(lambda carry: carry[0] > 0.0, step, (2.0, list(xs)))[1]

    stacks = [np.stack([x * s for s in SCALES]) for x in given]
    assert_same(gd.compile(scanned)(*stacks), scanned(*stacks), rtol=1e-9, scale=1e-3)
    assert_same(gd.compile(followed)(*given), followed(*given), rtol=1e-9, scale=1e-3)


@per(COMPUTED)
@np.errstate(all="ignore")
def test_one_program_for_all_values(call):
    gradient, (x,) = gradient_of(call)
    fast = gd.compile(gradient)
    rng = np.random.default_rng(3)
    for point in [x, -x, x[::-1], *rng.normal(size=(5, *x.shape))]:
        assert_same(fast(point), gradient(point), rtol=1e-8, scale=1e-3)
    assert fast.stats()["retraces"] == 0


class Seen(dict):
    """A table that remembers which functions were looked up."""

    def __init__(self, table):
        super().__init__(table)
        self.seen = set()

    def get(self, function, default=None):
        self.seen.add(function)
        return super().get(function, default)

    def __getitem__(self, function):
        self.seen.add(function)
        return super().__getitem__(function)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_composed_function_is_among_the_calls(monkeypatch):
    table = Seen(dispatch.FUNCTIONS)
    monkeypatch.setattr(dispatch, "FUNCTIONS", table)
    for call in [*COMPOSED.values(), *COMPUTED.values()]:
        gradient, given = gradient_of(call)
        gradient(*given)
    left = [f for f in table if f not in table.seen]
    left = [f for f in left if not isinstance(f, tuple) and is_composed(f)]
    left = [f for f in left if not of_scipy(f) and f not in MAKERS]
    names = {f.__name__ for f in left} - TESTED_ALONE
    writing = set("at copyto fill_diagonal place put put_along_axis putmask".split())
    assert names - writing == {"trim_zeros", "real_if_close"}


TESTED_ALONE = set(
    "eig eigvals histogram histogram2d histogramdd reduceat roots".split()
)
"""Functions whose calls are none of these: ``tests/numpy`` has them."""


def of_scipy(function):
    return (getattr(function, "__module__", None) or "").startswith("scipy")


def is_composed(function):
    return not hasattr(dict.get(dispatch.FUNCTIONS, function), "rule")


def test_what_has_another_shape_or_dtype_for_other_values_is_a_guard():
    trimmed = gd.grad(lambda x: np.sum(np.trim_zeros(x) ** 2))
    follows(trimmed, (V,), (V * 0.0,), (np.append(0.0, V[1:]),), (V,))
    closed = gd.grad(lambda x: np.sum(np.abs(np.real_if_close(x + 1e-16j * x**9)) ** 2))
    follows(closed, (V,), (1e3 * V,), (V,), rtol=1e-9)
    for f in (trimmed, closed):
        with pytest.raises(CompileError, match="decides on a value"):
            gd.compile(gd.vmap(f))(M)
