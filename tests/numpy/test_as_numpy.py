"""Values, classes and refusals that are NumPy's where a rule might give others."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

ENDS = np.array([np.nan, 1.0, 2.0, 5.0])
PADDINGS = [
    {"mode": "linear_ramp", "end_values": 1.0},
    {"mode": "reflect", "reflect_type": "odd"},
    {"mode": "symmetric", "reflect_type": "odd"},
]


@pytest.mark.parametrize("width", [0, 2, (0, 9)])
@pytest.mark.parametrize("options", PADDINGS, ids=lambda o: o["mode"])
def test_padding_reads_what_numpy_reads(options, width):
    for x in (ENDS, ENDS[::-1], np.nan_to_num(ENDS), np.array([3.0])):
        with np.errstate(invalid="ignore"):
            known = np.pad(x, width, **options)
        found = np.pad(gd.node(x), width, **options).value
        np.testing.assert_allclose(found, known, rtol=1e-15)
    gd.check_gradients(lambda x: np.pad(x, width, **options), (ENDS[1:],))


SINGLE = np.array([1.0, 2.0, 4.0], np.float32)
KEPT = {
    "polyval at a number": lambda x: np.polyval(x, 0.5),
    "polyval at a single number": lambda x: np.polyval(x, np.float32(0.5)),
    "polyval": lambda x: np.polyval(x, x),
    "poly": np.poly,
    "weights": lambda x: np.average(x, axis=0, weights=[1, 2, 3], returned=True)[1],
    "polyfit at whole numbers": lambda x: np.polyfit([0, 1, 2], x, 1),
    "polyfit of whole numbers": lambda x: np.polyfit(x, [1, 2, 5], 1),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", KEPT)
def test_numbers_of_single_and_double_precision(name, dtype):
    x = SINGLE.astype(dtype)
    known, found = KEPT[name](x), gd.value(KEPT[name](gd.node(x)))
    assert np.asarray(found).dtype == known.dtype
    np.testing.assert_allclose(found, known, rtol=1e-6)


def test_a_total_of_weights_beside_a_compiled_average():
    fast = gd.compile(KEPT["weights"])
    np.testing.assert_array_equal(gd.grad(fast)(np.ones(3)), np.zeros(3))


def test_complex_weights_are_refused_as_by_numpy():
    x = np.array([1.0j, 2.0])
    with pytest.raises(TypeError):
        np.bincount([0, 1], x)
    with pytest.raises(ArgumentError, match=r"real weights; .*w\.imag by"):
        np.bincount([0, 1], gd.node(x))


SMALL = np.array([200, 3, 100], np.uint8)
SIGNED = np.array([100, -128, 3], np.int8)
OF_WHOLE_NUMBERS = {
    "linspace": lambda x, y: np.linspace(x, y, 3),
    "linspace without its end": lambda x, y: np.linspace(x[0], y[0], 3, endpoint=False),
    "linspace's step": lambda x, y: np.linspace(x, y, 3, retstep=True)[1],
    "average": lambda x, y: np.average(x, weights=abs(y)),
    "average and total": lambda x, y: np.stack(np.average(x, 0, abs(y), True)),
    "spread": lambda x, y: np.var(x) + np.std(y),
    "cov": np.cov,
    "polyval": np.polyval,
}


@pytest.mark.parametrize("name", OF_WHOLE_NUMBERS)
def test_whole_numbers_of_few_bits_compiled(name):
    f = OF_WHOLE_NUMBERS[name]
    fast = gd.compile(f)
    for x, y in (
        (SMALL, SIGNED // 2),
        (SIGNED, SMALL),
        (SMALL, SMALL),
        (SIGNED > 0,) * 2,
    ):
        if name == "cov" and x.dtype == bool:
            continue
        known, found = f(x, y), fast(x, y)
        assert found.dtype == known.dtype
        np.testing.assert_allclose(found, known, rtol=1e-12)
