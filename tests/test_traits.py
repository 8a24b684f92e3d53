"""What rules declare of their functions besides derivatives is what NumPy does."""

from __future__ import annotations

import inspect
import operator
import re
from itertools import chain
from types import FunctionType

import numpy as np
import pytest

from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import record
from chainrule.rules import declare, linear, multilinear, registry, traits_of
from chainrule.rules.namespace import evaluate
from chainrule.transforms.products import vjp
from chainrule.values.shapes import normalize_axes
from tests.helpers import RULES, as_tuple, calls_of

CALLS = list(chain.from_iterable(map(calls_of, RULES)))
DECLARED = list(dict.fromkeys(registry._RULES.values()))
X = np.random.default_rng(0).normal(size=(4, 3, 2))


def with_trait(name, calls=CALLS):
    chosen = [c for c in calls if getattr(c.rule, name)]
    return pytest.mark.parametrize("call", chosen, ids=[c.label for c in chosen])


def drawn(call):
    """Return a call's operands and its result."""
    values = call.draw()
    with np.errstate(all="ignore"):
        return values, evaluate(call.rule, values, call.parameters)


@with_trait("moves")
def test_each_entry_is_one_of_the_operands_or_zero(call):
    values, z = drawn(call)
    entries = np.concatenate([np.ravel(x) for x in values]) if values else []
    assert np.isin(np.ravel(z), [0.0, *entries]).all()


@with_trait("in_order")
def test_entries_keep_their_order(call):
    (x,), z = drawn(call)
    if call.parameters.get("order", "C") != "C":
        return
    x = np.asarray(x, np.asarray(z).dtype)
    expected = x.ravel() if x.size == np.size(z) else np.broadcast_to(x, np.shape(z))
    np.testing.assert_array_equal(np.ravel(z), np.ravel(expected))


@pytest.mark.parametrize("call", CALLS, ids=[c.label for c in CALLS])
def test_results_share_no_memory_but_of_views(call):
    values, z = drawn(call)
    served = [f for f, r in registry._RULES.items() if r is call.rule]
    of_numpy = not all(isinstance(f, FunctionType) for f in served)
    if call.rule.views or call.rule.in_order or not of_numpy:
        return
    for part in as_tuple(z):
        assert not any(np.shares_memory(part, x) for x in values)


@with_trait("entrywise")
def test_entries_are_computed_each_by_itself(call):
    values, z = drawn(call)
    shape = np.broadcast_shapes(*map(np.shape, values))
    assert all(np.shape(part) == shape for part in as_tuple(z))


@with_trait("reduces")
def test_a_reduction_is_that_of_its_ufunc(call):
    (x,), z = drawn(call)
    known, given = call.rule, dict(call.parameters)
    if "where" in given:
        return
    total = known.reduces.reduce(x, **{"axis": None, **given})
    axes = normalize_axes(given.get("axis"), np.ndim(x))
    count = np.prod([np.shape(x)[a] for a in axes]) if known.averages else 1
    np.testing.assert_allclose(z, total / count, rtol=1e-13)


@with_trait("accumulates")
def test_an_accumulation_is_that_of_its_ufunc(call):
    (x,), z = drawn(call)
    axis = call.parameters.get("axis")
    flat = axis is None or not np.ndim(x)
    x, axis = (np.ravel(x), 0) if flat else (x, axis)
    np.testing.assert_array_equal(z, call.rule.accumulates.accumulate(x, axis=axis))


@with_trait("contracts")
def test_a_product_sums_over_the_axes_that_it_names(call):
    values, z = drawn(call)
    if call.rule.flattens:
        values = list(map(np.ravel, values))
    pairs = call.rule.contracts(*map(np.ndim, values), **call.parameters)
    if pairs is not None:
        np.testing.assert_allclose(z, np.tensordot(*values, axes=pairs), rtol=1e-12)


def by_rows(f, x):
    """Return a Jacobian by sweeps row by row, which ask no rule."""
    z, pull = vjp(f, x)
    seeds = np.eye(np.size(z)).reshape(-1, *np.shape(z))
    rows = [np.ravel(pull(seed if np.ndim(z) else seed.item())) for seed in seeds]
    return np.reshape(rows, (np.size(z), -1))


@with_trait("depends")
def test_entries_depend_on_what_is_said_and_on_nothing_else(call):
    values, z = drawn(call)
    numbered = [np.arange(np.size(x)).reshape(np.shape(x)) for x in (z, *values)]
    links = call.rule.depends(*numbered, **call.parameters)
    for i, link in enumerate(links or ()):
        if link is None:  # of this operand nothing is said
            continue
        results, entries = link

        def f(x, i=i):
            operands = [*values[:i], x, *values[i + 1 :]]
            return record(call.rule, operands, call.parameters)

        slopes = by_rows(f, values[i])
        whole = np.broadcast_arrays(results, entries)
        pairs = zip(*map(np.ravel, whole), strict=True)
        said = {pair for pair in pairs if min(pair) >= 0}
        rounding = 1e-12 * np.max(np.abs(slopes), initial=0.0)  # of FFTs
        found = set(zip(*np.nonzero(np.abs(slopes) > rounding), strict=True))
        is_linear = issubclass(call.rule, (linear, multilinear))
        assert not found - said
        assert found == said or not is_linear  # a maximum picks one


@with_trait("signature")
def test_shapes_are_those_of_the_signature(call):
    values, z = drawn(call)
    cores = re.findall(r"\(([^)]*)\)", call.rule.signature)
    missing, sizes, lead = set(), {}, []
    for core, x in zip(cores, [*values, *as_tuple(z)], strict=True):
        names, own = core.split(",") if core else [], np.shape(x)
        if len(names) > len(own):
            missing.update(n for n in names if n.endswith("?"))
        names = [n for n in names if n not in missing]
        for name, n in zip(names, own[len(own) - len(names) :], strict=True):
            assert sizes.setdefault(name, n) == n
        lead.append(own[: len(own) - len(names)])
    assert np.broadcast_shapes(*lead) == lead[-1]


UNDOING = [r for r in DECLARED if r.undoes is not None]


@pytest.mark.parametrize("rule", UNDOING, ids=[r.__name__ for r in UNDOING])
@pytest.mark.parametrize("dtype", [float, complex])
def test_a_function_undoes_the_other(rule, dtype):
    x = np.linspace(0.3, 1.7, 9).astype(dtype)
    if dtype is complex and not rule.of_branches:
        x = x * np.exp(2.9j)
    np.testing.assert_allclose(rule.forward(rule.undoes(x)), x, rtol=1e-12)


WHOLE = [r for r in DECLARED if r.of_integers or (r.bounded and r.entrywise)]


@pytest.mark.parametrize("rule", WHOLE, ids=[r.__name__ for r in WHOLE])
def test_integers_are_computed_as_floats_are(rule):
    grid = np.arange(-4, 5)
    count = rule.forward.nin if isinstance(rule.forward, np.ufunc) else 3
    operands = np.meshgrid(*[grid] * count)
    z = rule.forward(*operands)
    np.testing.assert_array_equal(z, rule.forward(*(x * 1.0 for x in operands)))
    if rule.bounded:
        assert (np.abs(z) <= np.max(np.abs(operands), axis=0)).all()


OPERATORS = {u.__name__: (f, u) for f, u in registry.operators().items()}


@pytest.mark.parametrize(("plain", "ufunc"), OPERATORS.values(), ids=OPERATORS)
def test_an_operator_calls_the_function(plain, ufunc):
    whole = [np.array([[1, 2], [3, 4]]), np.array([[2, 2], [1, 4]])][: ufunc.nin]
    np.testing.assert_array_equal(plain(*whole), ufunc(*whole))
    assert traits_of(plain) is traits_of(ufunc)
    assert plain is getattr(operator, plain.__name__)


ALONG = [
    f for f, r in registry._RULES.items()
    if r.axes and not isinstance(f, tuple) and not r.variadic
    and f.__module__.startswith(("numpy", "chainrule"))
    and not f.__module__.startswith("chainrule.scipy")
]  # fmt: skip


OTHERS = {
    np.repeat: {"repeats": 2},
    np.roll: {"shift": 1},
    np.take: {"indices": [1, 0]},
    np.partition: {"kth": 1},
}


@pytest.mark.parametrize("f", ALONG, ids=[f.__name__ for f in ALONG])
def test_a_function_along_axes_does_the_same_for_each_example(f):
    known, others = traits_of(f), OTHERS.get(f, {})
    for pair in ([0, 1], [1, 0], [-1, 0]):
        own = dict(zip(known.axes, pair, strict=False))
        if known.axes == ("axes",):
            own = {"axes": pair}
        shifted = {
            k: [i + (i >= 0) for i in a] if isinstance(a, list) else a + (a >= 0)
            for k, a in own.items()
        }
        one_by_one = np.stack([f(x, **own, **others) for x in X])
        np.testing.assert_allclose(f(X, **shifted, **others), one_by_one, rtol=1e-13)
    default = inspect.signature(f).parameters[known.axes[0]].default
    if known.flattens or default is None:
        name, x = known.axes[0], X[0]
        flat = f(x.ravel(), **{name: 0}, **others) if known.flattens else f(
            x, **{name: (0, 1)}, **others
        )  # fmt: skip
        np.testing.assert_allclose(
            np.ravel(f(x, **{name: None}, **others)), np.ravel(flat), rtol=1e-13
        )


def test_what_is_known_of_ufuncs_needs_no_declaration():
    assert traits_of(np.gcd).entrywise
    assert traits_of(np.bitwise_or.reduce).reduces is np.bitwise_or
    assert traits_of(np.hypot.accumulate).axes == ("axis",)
    assert traits_of(np.frompyfunc(abs, 1, 1)).entrywise
    assert not traits_of(np.add.reduceat).axes


def test_a_trait_that_is_misspelt_is_refused():
    with pytest.raises(ArgumentError, match="moves"):
        declare(np.tile, move=True)
