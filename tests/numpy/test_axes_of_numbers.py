"""Functions with an axis, on nodes without axes: as NumPy does, or its refusal."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

KINDS = {"float": 2.0, "scalar": np.float64(2.0), "float32": np.float32(2.0),
         "0-d": np.array(2.0)}  # fmt: skip

REDUCTIONS = (
    "sum", "mean", "var", "std", "prod", "max", "min", "ptp", "cumsum", "cumprod",
    "sort", "flip", "median", "average", "nansum", "nanmean", "nanvar", "nanprod",
    "nanmax", "nanmin", "nanmedian", "nancumsum", "nancumprod", "squeeze",
    "trapezoid", "expand_dims", "partition", "unwrap", "diff", "delete", "insert",
    "append", "compress", "repeat", "take", "roll", "quantile", "nanpercentile",
    "stack", "concatenate", "split", "rollaxis", "take_along_axis",
)  # fmt: skip
EXTRA = {
    "partition": (0,), "delete": (0,), "insert": (0, 1.5), "append": (1.5,),
    "repeat": (2,), "take": ([0, 0],), "roll": (1,), "quantile": (0.3,),
    "nanpercentile": (30.0,), "split": (1,),
    "take_along_axis": (np.array([0]),),
}  # fmt: skip


def called(name, x, axis):
    function = getattr(np, name)
    if name == "compress":
        return function([True], x, axis=axis)
    if name in ("stack", "concatenate"):
        x = [x, x]
    if name == "split":
        return function(x, 1, axis=axis)[0]
    return function(x, *EXTRA.get(name, ()), axis=axis)


def outcome(name, x, axis):
    try:
        return called(name, x, axis)
    except (TypeError, ValueError, IndexError) as error:
        return error


@pytest.mark.parametrize("axis", [None, 0, -1, 1])
@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_are_taken_or_refused_as_by_numpy(name, axis):
    for kind, value in KINDS.items():
        plain = np.float64(value) if kind == "float" else value
        expected, found = (
            outcome(name, plain, axis),
            outcome(name, gd.node(value), axis),
        )
        if isinstance(expected, Exception):
            assert isinstance(found, (TypeError, ValueError, IndexError)), kind
            continue
        np.testing.assert_array_equal(gd.value(found), expected)
        assert np.shape(gd.value(found)) == np.shape(expected)
        if kind == "float":
            check_derivative(name, axis)


def check_derivative(name, axis):
    def total(x):
        return np.sum(called(name, x, axis) * 3.0)

    expected = (total(np.float64(2.5)) - total(np.float64(1.5))) / 1.0
    for gradient in (gd.grad(total), gd.compile(gd.grad(total))):
        assert gradient(2.0) == pytest.approx(expected, rel=1e-12)
    _, tangent = gd.jvp(total, (2.0,), (1.0,))
    assert tangent == pytest.approx(expected, rel=1e-12)


# ---------------------------------------------------------------- reductions of nothing


@pytest.mark.parametrize("shape", [(0,), (0, 0), (0, 3), (3, 0)])
@pytest.mark.parametrize("ord", [None, 1, -1, 2, -2, 3, np.inf, -np.inf, "fro", "nuc"])
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("make", [lambda f: f, gd.compile], ids=["eager", "compiled"])
def test_norms_of_empty_arrays(shape, ord, make):
    x = np.zeros(shape)
    try:
        expected = np.linalg.norm(x, ord)
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError)):
            gd.grad(lambda x: np.linalg.norm(x, ord))(x)
        return
    value, gradient = make(gd.value_and_grad(lambda x: np.linalg.norm(x, ord)))(x)
    assert value == expected
    assert gradient.shape == shape
    axes = None if len(shape) == 1 else (0, 1)
    kept = gd.value(np.linalg.norm(gd.node(x), ord, axis=axes, keepdims=True))
    assert kept.shape == (1,) * len(shape)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
@pytest.mark.parametrize(
    "name", ["sum", "mean", "var", "std", "prod", "max", "min", "ptp", "median",
             "nansum", "nanmean", "nanvar", "nanprod", "cumsum", "cumprod", "sort",
             "linalg.vector_norm"]
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reductions_of_empty_arrays(name, shape, axis):
    function = np.linalg.vector_norm if "." in name else getattr(np, name)
    x = gd.node(np.zeros(shape))
    try:
        expected = function(np.zeros(shape), axis=axis)
    except (ValueError, TypeError, ZeroDivisionError):
        with pytest.raises((ValueError, TypeError, ZeroDivisionError)):
            function(x, axis=axis)
        return
    z = function(x, axis=axis)
    np.testing.assert_array_equal(gd.value(z), expected)
    np.sum(z).backward()
    assert np.shape(x.grad) == shape


def test_gradient_of_a_number():
    assert np.gradient(gd.node(2.0)) == ()
    with pytest.raises(np.exceptions.AxisError):
        np.gradient(gd.node(2.0), axis=0)
