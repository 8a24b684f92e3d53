"""Errors of code that knows nothing of nodes say what met a node, where, and why."""

from __future__ import annotations

import array
import dataclasses
import decimal
import fractions
import functools
import json
import math
import random
import statistics
import struct
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.spatial
import scipy.special
import scipy.stats
from scipy.linalg import solve

import chainrule as gd
from chainrule.errors import AssignedError

M = np.array([[2.0, 1.0], [1.0, 3.0]])
SPARSE = scipy.sparse.csr_matrix(M)
RNG = np.random.default_rng(0)


def assigned(x):
    a = np.zeros(4)
    a[0] = x[0]
    return np.sum(a)


def assigned_slice(x):
    a = np.zeros((2, 2))
    a[:, 0] = x
    return np.sum(a)


def assigned_list(x):
    a = np.zeros((2, 2))
    a[0, :] = [x[0], 1.0]
    return np.sum(a)


def augmented(x):
    u = np.zeros(4)
    u[1] += x[0]
    return np.sum(u)


def several_lines(x):
    return np.sum(
        scipy.linalg.solve(
            M,
            2.0 * x,
        )
    )


def of_an_object(x):
    model = SimpleNamespace(weight=x[0])
    return math.exp(model.weight)


def with_options(x):
    f = functools.partial(scipy.linalg.norm, ord="nuc")
    return f(M * x)


def sine(t):
    return math.sin(t)


def filled(x):
    a = np.zeros(2)
    a.fill(x[0])
    return np.sum(a)


def of_a_member(x):
    model = SimpleNamespace(spline=scipy.interpolate.CubicSpline([0, 1, 2], [0, 1, 4]))
    return model.spline(x[0])


# name: (function, what was called, what to write instead)
def by_another_name(x, f=scipy.stats.entropy):
    return f(x)


MET = {
    "object array": (
        lambda x: np.sum(np.exp(np.array([x[0], 0.0]))), "np.exp", "np.stack([x, y])"
    ),
    "object array by name": (
        lambda x, a=None: np.sin(np.array([x[0], 2.0]))[0], "np.sin", "gd.numpy.sin("
    ),
    "list of a library's function": (
        lambda x: np.sum(scipy.special.erf([x[0], 1.0])), "scipy.special.erf",
        "np.stack([x, y])",
    ),
    "determinant": (
        lambda x: np.linalg.det(np.array([[x[0], 1.0], [0.0, 2.0]])),
        "np.linalg.det", "gd.numpy.array([[",
    ),
    "mean of a list": (
        lambda x: np.mean([x[0], x[0] ** 2]), "np.mean", "gd.numpy.mean("
    ),
    "std of a list": (lambda x: np.std([x[0], x[1]]), "np.std", "np.stack("),
    "array(dtype=)": (
        lambda x: np.array([x[0], x[1]], dtype=float)[0],
        "np.array", "leave dtype=float away",
    ),
    "fromiter": (lambda x: np.fromiter(x, float)[0], "np.fromiter", "np.stack("),
    "float64": (lambda x: np.float64(x[0]), "np.float64", "leave dtype=float away"),
    "arange": (lambda x: np.arange(0, x[0], 0.1)[0], "np.arange", "np.linspace"),
    "zeros": (lambda x: np.zeros(x[0])[0], "np.zeros", "int(gd.value(x))"),
    "an entry": (assigned, "an entry of a, an array of float64", "gd.zeros(n)"),
    "a column": (assigned_slice, "an entry of a,", "np.zeros_like(x)"),
    "a row": (assigned_list, "an entry of a,", "gd.lift(f)"),
    "an entry +=": (augmented, "an entry of u,", "gd.zeros(n)"),
    "scipy.linalg": (
        lambda x: np.sum(scipy.linalg.solve(M, x)),
        "scipy.linalg.solve", "Write chainrule.scipy.linalg.solve(",
    ),
    "imported": (
        lambda x: np.sum(solve(a=M, b=x)),
        "solve (scipy.linalg.solve)", "Write chainrule.scipy.linalg.solve(",
    ),
    "several lines": (
        several_lines, "scipy.linalg.solve", "Write chainrule.scipy.linalg.solve(",
    ),
    "no rule": (
        lambda x: np.sum(scipy.linalg.hessenberg(M * x)),
        "scipy.linalg.hessenberg", "gd.custom_operation(",
    ),
    "partial": (with_options, "f ", "chainrule.scipy.linalg.norm"),
    "spsolve": (
        lambda x: np.sum(scipy.sparse.linalg.spsolve(SPARSE, x)),
        "scipy.sparse.linalg.spsolve", "Write chainrule.scipy.sparse.linalg.spsolve(",
    ),
    "cg": (
        lambda x: np.sum(scipy.sparse.linalg.cg(SPARSE, x)[0]),
        "scipy.sparse.linalg.cg", "Write chainrule.scipy.sparse.linalg.cg(",
    ),
    "interpolation": (
        lambda x: scipy.interpolate.CubicSpline([0, 1, 2], [0, 1, 4])(x[0]),
        "scipy.interpolate.CubicSpline", "chainrule.scipy.interpolate.CubicSpline(",
    ),
    "brentq": (
        lambda x: scipy.optimize.brentq(lambda t: t * t - x[0], 0.0, 3.0),
        "scipy.optimize.brentq", "chainrule.scipy.optimize.brentq(",
    ),
    "minimize": (
        lambda x: scipy.optimize.minimize(lambda t: np.sum((t - x) ** 2), [0, 0]).fun,
        "scipy.optimize.minimize", "chainrule.scipy.optimize.minimize(",
    ),
    "start of minimize": (
        lambda x: scipy.optimize.minimize(lambda t: np.sum(t**2), x).fun,
        "scipy.optimize.minimize", "chainrule.scipy.optimize.minimize(",
    ),
    "quad": (
        lambda x: scipy.integrate.quad(lambda t: t * x[0], 0, 1)[0],
        "scipy.integrate.quad", "chainrule.scipy.integrate.quad(",
    ),
    "cdist": (
        lambda x: np.sum(scipy.spatial.distance.cdist(M, M * x)),
        "scipy.spatial.distance.cdist", "chainrule.scipy.spatial.distance.cdist(",
    ),
    "compiled with Cython": (
        lambda x: scipy.spatial.cKDTree(M).query(x)[0],
        "scipy.spatial.cKDTree.query", "np.linalg.norm(",
    ),
    "ndimage": (
        lambda x: np.sum(scipy.ndimage.gaussian_filter(x, 1.0)),
        "scipy.ndimage.gaussian_filter", "chainrule.scipy.ndimage.gaussian_filter(",
    ),
    "signal": (
        lambda x: np.sum(scipy.signal.lfilter([1.0], [1.0, 0.5], x)),
        "scipy.signal.lfilter", "Write chainrule.scipy.signal.lfilter(",
    ),
    "stats": (
        lambda x: np.sum(scipy.stats.norm.logpdf(x)),
        "scipy.stats.norm.logpdf", "Write chainrule.scipy.stats.norm.logpdf(",
    ),
    "logsumexp": (
        scipy.special.logsumexp, "scipy.special.logsumexp",
        "chainrule.scipy.special.logsumexp",
    ),
    "statistics": (
        lambda x: statistics.mean([x[0], x[1]]),
        "statistics.mean", "np.mean(np.stack(values))",
    ),
    "generator": (
        lambda x: statistics.mean(v for v in x), "statistics.mean", "np.mean("
    ),
    "math": (lambda x: math.sin(x[0]), "math.sin was given x (a node)", "np.sin("),
    "math by another name": (
        lambda x: math.atan2(x[0], 1.0), "math.atan2", "np.arctan2("
    ),
    "math of an attribute": (of_an_object, "math.exp was given model.weight", "np.exp"),
    "comprehension": (
        lambda x: sum([math.sin(v) for v in x]), "math.sin was given v", "np.sin("
    ),
    "mapped": (lambda x: sum(map(math.exp, x)), "math.exp was given x", "np.exp("),
    "reduced": (
        lambda x: functools.reduce(math.atan2, x), "math.atan2", "np.arctan2("
    ),
    "bound": (lambda x: functools.partial(math.pow, x[0])(2), "math.pow", "np.power("),
    "filled": (filled, "a.fill was given x", "gd.zeros(n)"),
    "a member": (
        of_a_member, "model.spline (scipy.interpolate.CubicSpline) was",
        "chainrule.scipy.interpolate.CubicSpline("
    ),
    "vectorize": (
        lambda x: np.sum(np.vectorize(sine)(x)), "math.sin was given t", "np.sin("
    ),
    "Decimal": (lambda x: decimal.Decimal(x[0]), "decimal.Decimal", "with floats"),
    "Fraction": (lambda x: fractions.Fraction(x[0]), "fractions.Fraction", "floats"),
    "json": (lambda x: json.dumps({"a": x[0]}), "json.dumps", "gd.value(x)"),
    "struct": (lambda x: struct.pack("d", x[0]), "struct.pack", "gd.value(x)"),
    "array.array": (lambda x: array.array("d", [x[0]]), "array.array", "gd.value(x)"),
    "random": (
        lambda x: random.choices([1, 2], weights=[x[0], x[1]])[0] * x[0],
        "random.choices", "gd.value(x)",
    ),
    "wrapped": (
        lambda x: scipy.stats.skew(2 * x), "scipy.stats.skew was given x (a node)",
        "chainrule.scipy.stats.skew(",
    ),
    "wrapped by another name": (
        by_another_name, "f was given x (a node)",
        "chainrule.scipy.stats.entropy(",
    ),
    "drawn": (lambda x: RNG.normal(x[0]), "RNG.normal", "mu + sigma *"),
}  # fmt: skip


def caught(f, *args):
    """Return the exception that a call raises."""
    try:
        f(*args)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def notes(f, *args):
    """Return the notes of the exception that a call raises, or what ours says."""
    error = caught(f, *args)
    if isinstance(error, AssignedError):
        said = str(error)
        return [f"chainrule: {said[0].lower()}{said[1:]}"]
    return getattr(error, "__notes__", [])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MET)
def test_notes_say_what_met_a_node_where_and_what_to_write(name):
    f, met, remedy = MET[name]
    (note,) = notes(gd.grad(f), np.array([1.0, 2.0]))
    assert met in note
    assert remedy in note
    assert f"of {__file__}, in " in note


TRANSFORMS = {
    "value_and_grad": lambda f, x: gd.value_and_grad(f)(x),
    "elementwise_grad": lambda f, x: gd.elementwise_grad(f)(x),
    "jacobian": lambda f, x: gd.jacobian(f)(x),
    "hessian": lambda f, x: gd.hessian(f)(x),
    "vjp": gd.vjp,
    "jvp": lambda f, x: gd.jvp(f, (x,), (x,)),
    "linearize": gd.linearize,
    "hvp": lambda f, x: gd.hvp(f, (x,), (x,)),
    "grad of grad": lambda f, x: gd.grad(gd.grad(f))(x),
    "method": lambda f, x: gd.grad(gd.checkpoint(f))(x),
    "compile": lambda f, x: gd.compile(f)(x),
    "compiled gradient": lambda f, x: gd.compile(gd.grad(f))(x),
    "gradient of compiled": lambda f, x: gd.grad(gd.compile(f))(x),
    "vmap": lambda f, x: gd.grad(lambda v: gd.vmap(f)(v)[0])(np.ones(2)),
    "scan": lambda f, x: gd.grad(
        lambda c: gd.scan(lambda c, x: (f(c), c), c, np.ones(2))[0]
    )(x),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_adds_one_note(name):
    found = notes(TRANSFORMS[name], sine, 2.0)
    (note,) = [n for n in found if n.startswith("chainrule: ")]
    assert "math.sin was given t" in note


@pytest.mark.filterwarnings("ignore:Calling linalg.det:DeprecationWarning")
def test_a_foreign_function_may_be_what_is_differentiated():
    (note,) = notes(gd.grad(scipy.linalg.det), M)
    assert "scipy.linalg.det was given" in note
    (note,) = notes(gd.grad(math.sin), 1.0)
    assert "math.sin was given a node" in note
    assert f"of {__file__}, in " in note


# ------------------------------------------------------------------------ without notes


def raises(x):
    raise TypeError("no node has anything to do with it")


def raises_inside(x):
    return sum(map(raises, [x]))


def wraps(x):
    try:
        return math.sin(x)
    except TypeError as error:
        raise ValueError("wrapped") from error


def called_back(x):
    def f(t):
        raise ValueError("from a function that SciPy calls")

    return scipy.optimize.minimize(lambda t: f(t) + x, np.zeros(1))


def wrong_call(x):
    def g(a):
        return a

    return g(x, 1.0)


@dataclasses.dataclass
class Weights:
    w: float


def missing_key(x):
    return {"a": x}["b"]


def missing_file(x):
    return np.loadtxt(f"no file {x}")


def checked(x):
    np.testing.assert_allclose(gd.value(x), 3.0)


UNTOLD = {
    "raise": raises,
    "raise inside": raises_inside,
    "raise from": wraps,
    "raise in a callback": called_back,
    "assert": checked,
    "signature": wrong_call,
    "wrong field": lambda x: dataclasses.replace(Weights(1.0), other=x),
    "key": missing_key,
    "file": missing_file,
    "index": lambda x: [x].index(3.0),
    "iterator": lambda x: next(iter([])),
    "attribute": lambda x: x.foo,
    "call": lambda x: x(1.0),
    "plain singular matrix": lambda x: np.linalg.inv(np.zeros((2, 2)))[0, 0] * x,
    "plain domain": lambda x: math.sqrt(gd.value(x) - 50.0) * x,
    "plain attribute": lambda x: math.sqrt(x.value - 50.0) * x,
    "plain float": lambda x: math.sqrt(-float(gd.value(x))) * x,
    "own singular matrix": lambda x: np.linalg.inv(x * np.zeros((2, 2)))[0, 0],
    "own shapes": lambda x: np.ones(3) @ (x * np.ones(2)),
    "own missing rule": lambda x: np.union1d(x, x)[0],
    "own argument": lambda x: x + "a",
    "own escape": lambda x: float(x) + x,
}


@pytest.mark.parametrize("name", UNTOLD)
def test_other_errors_get_no_note(name):
    assert notes(gd.grad(UNTOLD[name]), 2.0) == []


@pytest.mark.filterwarnings("ignore:Calling linalg.det:DeprecationWarning")
def test_a_note_survives_nested_transforms_once():
    def inner(y):
        return scipy.linalg.det(M * y)

    def outer(x):
        return gd.grad(lambda y: gd.grad(inner)(y) * x)(x)

    (note,) = notes(gd.compile(gd.grad(outer)), 2.0)
    assert "scipy.linalg.det was given y" in note


def test_text_without_a_source_is_read_too():
    space = {"np": np, "gd": gd}
    exec("def f(x):\n    return np.exp(np.array([x, 0.0]))[0]", space)
    (note,) = notes(gd.grad(space["f"]), 2.0)
    assert "np.exp was given x (a node), at line 2 of <string>, in f\n" in note


def test_pandas_meets_nodes():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0]})
    (note,) = notes(gd.grad(lambda x: frame["a"].rolling(x).sum().iloc[0]), 2.0)
    assert "rolling was given" in note or "rolling" in note
