"""Every rule of the registry, on every call it declares; no rule is named here."""

from __future__ import annotations

import re
from itertools import chain

import numpy as np
import pytest

from chainrule import operations
from chainrule.nodes.node_class import node, record
from chainrule.rules import elementwise, general, rule
from chainrule.rules.namespace import evaluate, plain
from chainrule.sweeps import sweep as sweeps
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import fast_forward_sweep, fast_sweep_keeping
from chainrule.values.vertices import raw
from tests.helpers import (
    RULES,
    as_nodes,
    as_tuple,
    assert_close,
    called,
    calls_of,
    differences,
    forward,
    in_dtype,
    is_inexact,
    moved,
    noise,
    pairing,
    reverse,
    served,
    size_of,
)

CALLS = list(chain.from_iterable(map(calls_of, RULES)))
SINGLE = [in_dtype(c, "float32") for c in CALLS if "float32" in c.rule.dtypes]
COMPLEX = [
    in_dtype(c, "complex128")
    for c in CALLS
    if "complex128" in c.rule.dtypes
    and np.dtype(c.parameters.get("dtype", complex)).kind == "c"
]
BOTH = [*CALLS, *COMPLEX]
ELEMENTWISE = [r for r in RULES if issubclass(r, elementwise)]
CONVENTIONS = [
    (r, operands, partials) for r in ELEMENTWISE for operands, partials in r.conventions
]

EXACT, DIFFERENCES, SINGLE_PRECISION = 1e-12, 1e-7, 2e-4
SEARCHED = {"bdtrik_grad", "bdtrin_grad", "nbdtrik_grad", "nbdtrin_grad"}
"""SciPy's search for these stops 2e-11 from the root, which differences magnify."""

SMOOTH = (
    ". The derivative is wrong, or an operand is drawn where the function has a kink "
    "or a jump, or is not finite: give its interval as `domain`, or calls as `cases`, "
    "and say in `untested` which points are left out"
)
WRITTEN = (
    ". The step that is generated differs from pull or push: does the derivative "
    "branch on values, or have another form for floats or arrays (`inline = False`)? "
    "Does it make zeros that are structural (`structural = True`)?"
)
KINDS = ". If the function has no such dtype, leave it out of `dtypes`"


def per(calls):
    names = [c.label + f"-{c.dtype}" * (c.dtype != "float64") for c in calls]
    return pytest.mark.parametrize("call", calls, ids=names)


def seeds_for(call, results, rng):
    return [noise(rng, raw(z)) for z in results]


# --------------------------------------------------------------------- the declaration


@pytest.mark.parametrize("r", RULES, ids=lambda r: r.__name__)
def test_declaration(r):
    assert r.__doc__, "the docstring of a rule is its formula"
    assert re.search("=|->", r.__doc__.splitlines()[0]), r.__doc__
    assert set(r.dtypes) <= set(rule.dtypes)
    assert list(calls_of(r)), "give calls as `cases`: they cannot be made up"
    if not issubclass(r, elementwise):
        assert r.cases, "a rule that is not elementwise must list `cases`"
    if issubclass(r, general):
        assert r.pushforward is not None, "both sweeps are declared"
    moving = [c.moving(c.draw()) for c in calls_of(r)]
    assert any(moving), "no call of `cases` has a differentiable operand"


@pytest.mark.parametrize("r", ELEMENTWISE, ids=lambda r: r.__name__)
def test_domain_names_operands(r):
    assert set(r.domain) <= set(r.operand_names)
    assert r.parts, "no partial is declared; a constant function is no rule"


# ------------------------------------------------------------------------- the forward


@per([*BOTH, *SINGLE])
def test_forward_is_the_reference_function(call):
    values = call.draw()
    z = evaluate(call.rule, values, call.parameters)
    functions = [f for f in served(call.rule) if takes(f, values)]
    for function in [*functions, None]:
        expected = z if function is None else called(call, function, values)
        actual = (
            record(call.rule, nodes_in(call, values), call.parameters)
            if function is None
            else called(call, function, nodes_in(call, values))
        )
        for a, e in zip(as_tuple(actual), as_tuple(expected), strict=True):
            if not is_inexact(e):
                np.testing.assert_array_equal(a, e)
                continue
            last = (
                4 * np.finfo(np.asarray(e).dtype).eps if is_foreign(function) else 0.0
            )
            assert_close(a, e, EXACT + last, what=f"{function or 'forward'}{KINDS}")
            assert a.dtype == np.asarray(e).dtype, f"{function or 'forward'}{KINDS}"


def takes(function, values):
    """Tell whether the function computes in the class of the values by itself.

    ``scipy.special.exp2`` knows no complex numbers, which NumPy's does.
    """
    kinds = {np.asarray(v).dtype.char for v in values}
    if "D" not in kinds or not is_foreign(function):
        return True
    return any("D" in types for types in function.types)


def is_foreign(function):
    """Tell whether a ufunc is another library's, with last bits of its own."""
    numpys = getattr(np, getattr(function, "__name__", ""), None)
    return isinstance(function, np.ufunc) and function is not numpys


def nodes_in(call, values):
    moving = call.moving(values)
    return [node(x) if i in moving else x for i, x in enumerate(values)]


def test_float_stays_float():
    for call in CALLS:
        values = call.draw()
        if values and all(type(x) is float for x in values):
            for z in call.run(values, call.moving(values))[0]:
                if z.shape == () and z.dtype.kind != "c":
                    assert type(z.value) is float, call.label


# ---------------------------------------------------------------------- the two sweeps


@per(BOTH)
def test_sweeps_are_transposes_of_each_other(call):
    values, rng = call.draw(), call.rng
    moving = call.moving(values)
    results, leaves = call.run(values, moving)
    dots = [call.direction(rng, i, values[i]) for i in moving]
    seeds = seeds_for(call, results, rng)
    x_grads = reverse(results, seeds, leaves)
    for x, x_grad in zip(leaves, x_grads, strict=True):
        assert type(x_grad) is float or type(x.value) is not float
        assert np.shape(x_grad) == x.shape
        assert np.asarray(x_grad).dtype == x.dtype
    everything = list(range(len(leaves)))
    for some in [everything, *([i] for i in everything if len(leaves) > 1)]:
        moving_dots = [dots[i] for i in some]
        z_dots = forward(results, moving_dots, [leaves[i] for i in some])
        a = pairing(seeds, z_dots)
        b = pairing([x_grads[i] for i in some], moving_dots)
        scale = size_of(seeds) * size_of(z_dots) * max(1, *(z.size for z in results), 1)
        what = "the two sweeps, which are no transposes of each other"
        limit = 1e-11 if to_double(call) else 1e-4
        assert_close(a, b, limit, scale=scale, what=what)


@per(BOTH)
def test_first_order_against_differences(call):
    values, rng = call.draw(), call.rng
    moving = call.moving(values)
    results, leaves = call.run(values, moving)
    dots = [call.direction(rng, i, values[i]) for i in moving]
    z_dots = forward(results, dots, leaves)
    expected = differences(
        lambda t: call.value(moved(values, moving, dots, t)), step_of(call)
    )
    scale = size_of(results)
    for a, e in zip(z_dots, expected, strict=True):
        assert_close(a, e, tolerance(call), scale=scale, what=f"tangent{SMOOTH}")


def first_derivatives(call, moving, xp=plain):
    """Return functions of operands, seeds and tangents that sweep each way."""

    def backwards(values, seeds):
        results, leaves = call.run(values, moving)
        return reverse(results, seeds, leaves)

    def forwards(values, dots):
        results, leaves = call.run(values, moving)
        return forward(results, dots, leaves)

    return {"reverse": backwards, "forward": forwards}


@per(BOTH)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_second_order_against_differences(call, mode):
    values, rng = call.draw(), call.rng
    moving = call.moving(values)
    results, leaves = call.run(values, moving)
    if mode == "reverse":
        given = seeds_for(call, results, rng)
        given_dots = seeds_for(call, results, rng)
    else:
        given = [call.direction(rng, i, values[i]) for i in moving]
        given_dots = [call.direction(rng, i, values[i]) for i in moving]
    dots = [call.direction(rng, i, values[i]) for i in moving]
    first = first_derivatives(call, moving)[mode]
    plainly = first(values, given)

    seeds = as_nodes(given)
    sweep = reverse if mode == "reverse" else forward
    recorded = sweep(results, seeds, leaves, operations)
    for a, e in zip(recorded, plainly, strict=True):
        assert_close(
            a, e, EXACT if to_double(call) else 1e-5, what=f"recorded sweep{WRITTEN}"
        )
        assert np.asarray(raw(a)).dtype == np.asarray(e).dtype

    weights = [noise(rng, v) for v in plainly]
    traced = [(a, w) for a, w in zip(recorded, weights, strict=True)
              if isinstance(a, node)]  # fmt: skip
    second = reverse([a for a, _ in traced], [w for _, w in traced], [*leaves, *seeds])
    expected = differences(
        lambda t: [
            np.sum(v * w)
            for v, w in zip(
                first(
                    moved(values, moving, dots, t),
                    [g + t * d for g, d in zip(given, given_dots, strict=True)],
                ),
                weights,
                strict=True,
            )
        ],
        step_of(call),
    )
    scale = size_of(plainly, expected) * size_of(weights)
    total = float(np.real(sum(expected)))
    assert_close(pairing(second, [*dots, *given_dots]), total, tolerance(call),
                 scale=scale, what=f"second derivative{SMOOTH}")  # fmt: skip


def to_double(call):
    """Tell whether the results of a call keep double precision."""
    return all(np.asarray(v).dtype.itemsize in (8, 16) and
               np.asarray(v).dtype.str[1:] in ("f8", "c16")
               for v in call.value(call.draw()))  # fmt: skip


def step_of(call):
    return 1e-3 if to_double(call) else 0.05


def tolerance(call):
    if call.rule.__name__ in SEARCHED:
        return 1e-6
    return DIFFERENCES if to_double(call) else 1e-4


# ------------------------------------------------------------------------ the fast path


def runs_of(call):
    """Yield results and leaves of a call, with all operands as nodes and with each."""
    values = call.draw()
    every = call.moving(values)
    patterns = [every, *([i] for i in every)] if len(every) > 1 else [every]
    for moving in patterns:
        for function in [None, *served(call.rule)[:1]]:
            results, leaves = call.run(values, moving, function)
            if results:
                yield results, leaves


def compare(call, places, found, expected, what):
    """Compare the derivatives at some places; an absent one is zero."""
    for x, e in zip(places, expected, strict=True):
        a = found.get(x)
        if a is None:
            assert not np.any(e), call.label
            continue
        assert_close(a, e, EXACT if to_double(call) else 1e-5, what=what)
        assert (type(a) is float) == (type(e) is float)
        assert np.asarray(a).dtype == x.dtype


@per([*BOTH, *SINGLE])
def test_fast_path_is_the_reference(call):
    for results, leaves in runs_of(call):
        seeds = seeds_for(call, results, call.rng)
        order = collect(results).order
        bars = dict.fromkeys(order)
        bars.update(zip(results, seeds, strict=True))
        fast_sweep_keeping(order, bars)
        expected = reverse(results, seeds, leaves)
        compare(call, leaves, bars, expected, f"fast path{WRITTEN}")


@per([*BOTH, *SINGLE])
def test_tangent_step_is_the_reference(call):
    for results, leaves in runs_of(call):
        for moving in [leaves, *([x] for x in leaves if len(leaves) > 1)]:
            dots = [noise(call.rng, raw(x)) for x in moving]
            swept = dict(zip(moving, dots, strict=True))
            fast_forward_sweep(collect(results).order, swept, {})
            expected = forward(results, dots, moving)
            compare(call, results, swept, expected, f"tangent step{WRITTEN}")


@per([*BOTH, *SINGLE])
def test_recorded_step_is_the_reference(call, monkeypatch):
    values = call.draw()
    results, leaves = call.run(values, call.moving(values))
    seeds = seeds_for(call, results, call.rng)

    def swept():
        return [
            x_grad
            for as_values in (False, True)
            for x_grad in reverse(
                results, as_nodes(seeds), leaves, operations, as_values=as_values
            )
        ]

    fast = swept()
    monkeypatch.setattr(sweeps, "recorded_step_of", no_step)
    for a, e in zip(fast, swept(), strict=True):
        assert_close(
            a,
            raw(e),
            EXACT if to_double(call) else 1e-5,
            what=f"recorded step{WRITTEN}",
        )
        assert np.asarray(raw(a)).dtype == np.asarray(raw(e)).dtype
        assert isinstance(raw(a), float) == isinstance(raw(e), float)


def no_step(*operands):
    return None


# --------------------------------------------------------------------------- the dtypes


@per(SINGLE)
def test_float32_stays_float32(call):
    values, rng = call.draw(), call.rng
    if "dtype" in call.parameters:
        return
    moving = call.moving(values)
    results, leaves = call.run(values, moving)
    assert {z.dtype.str[1:] for z in results} <= {"f4", "c8"}, f"float32{KINDS}"
    seeds = seeds_for(call, results, rng)
    dots = [call.direction(rng, i, values[i]) for i in moving]
    x_grads, z_dots = reverse(results, seeds, leaves), forward(results, dots, leaves)
    assert all(v.dtype.str[1:] in ("f4", "c8") for v in [*x_grads, *z_dots])
    double = [widened(x) for x in values]
    exact, exact_leaves = call.run(double, moving)
    expected = reverse(exact, [widened(s) for s in seeds], exact_leaves)
    scale = size_of(expected)
    for a, e in zip(x_grads, expected, strict=True):
        assert_close(a, e, SINGLE_PRECISION, scale=scale, what=f"float32{KINDS}")
    recorded = reverse(results, as_nodes(seeds), leaves, operations)
    assert all(raw(v).dtype.str[1:] in ("f4", "c8") for v in recorded)


def widened(x):
    if not is_inexact(x):
        return x
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


# ----------------------------------------------------------------------- the boundaries


@pytest.mark.parametrize(
    ("r", "operands", "partials"),
    CONVENTIONS,
    ids=[f"{r.__name__}{operands}" for r, operands, _ in CONVENTIONS],
)
@pytest.mark.parametrize("kind", [float, np.atleast_1d], ids=["float", "array"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_conventions(r, operands, partials, kind):
    assert len(operands) == len(partials) == len(r.operand_names)
    leaves = [node(kind(x)) for x in operands]
    for function in [None, *served(r)]:
        for x in leaves:
            x.grad = 0.0
        z = record(r, leaves) if function is None else function(*leaves)
        z.backward()
        swept = reverse([z], [np.ones(z.shape) if z.shape else 1.0], leaves)
        for x, stated, reference in zip(leaves, partials, swept, strict=True):
            if stated is not None:
                what = f"`conventions` of {r.__name__} at {operands}"
                np.testing.assert_array_equal(x.grad, kind(stated), what)
                np.testing.assert_array_equal(reference, kind(stated), what)


def test_refused_operands():
    from chainrule.errors import MissingRuleError

    for r in RULES:
        for name in r.refused:
            i = r.operand_names.index(name)
            call = next(c for c in calls_of(r) if len(c.operands) > i)
            values = call.draw()
            values[i] = node(np.asarray(values[i], dtype=float))
            with pytest.raises(MissingRuleError, match=f"operand '{name}'.*gd.value"):
                record(r, values, call.parameters)
