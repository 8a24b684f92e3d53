"""Functions of NumPy that vmap runs on all examples at once, by what is declared."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from tests.compiler.comparing import follows

X = np.random.default_rng(0).normal(size=(5, 4, 3))
N = np.where(X > 0.7, np.nan, X)
S = X[:, :3] @ np.swapaxes(X[:, :3], 1, 2) + np.eye(3)
ALONG = (
    "any all argmax argmin argsort cumsum flip max mean min nancumprod nancumsum "
    "nanmax nanmean nanmin nanprod nanstd nansum nanvar prod ptp sort std sum var"
).split()
ONE_AXIS = "diff trapezoid median nanmedian".split()
CASES = {
    **{f"{n} {axis}": (getattr(np, n), {"axis": axis}, N if n[:3] == "nan" else X)
       for n in ALONG for axis in (None, 0, -1)},
    **{f"{n} {axis}": (getattr(np, n), {"axis": axis}, X)
       for n in ONE_AXIS for axis in (0, -1)},
    **{n: (getattr(np.fft, n), {}, X)
       for n in ("fft", "rfft", "ihfft", "fft2", "rfft2", "fftn", "rfftn", "fftshift")},
    **{n: (getattr(np, n), {}, X)
       for n in ("tril", "triu", "fliplr", "flipud", "rot90", "diag", "diagflat",
                 "matrix_transpose", "isreal", "round", "trace", "diagonal")},
    **{n: (getattr(np.linalg, n), {}, S)
       for n in ("inv", "det", "slogdet", "cholesky", "eigvalsh", "svdvals", "cond",
                 "matrix_norm", "vector_norm", "diagonal", "trace", "qr", "pinv")},
    "flat norm": (np.linalg.vector_norm, {"ord": 3}, X),
    "power of a matrix": (lambda x: np.linalg.matrix_power(x, 3), {}, S),
    "second differences": (lambda x: np.diff(x, 2), {}, X),
    "partitioned": (lambda x: np.partition(x, 1), {}, X),
    "places": (lambda x: np.take(x, [2, 0]), {}, X),
    "places along an axis": (lambda x: np.take(x, np.array([[2, 0]]), axis=1), {}, X),
    "tiles": (lambda x: np.tile(x, (2, 1, 2)), {}, X),
    "rows": (lambda x: np.vstack([x, x[:2]]), {}, X),
    "columns": (lambda x: np.hstack((x, np.ones((4, 1)))), {}, X),
    "layers": (lambda x: np.dstack([x, x]), {}, X),
    "vectors": (lambda x: np.column_stack([x[0], x[1]]), {}, X),
    "repeated": (lambda x: np.repeat(x, 2), {}, X),
    "rolled": (lambda x: np.roll(x, 2), {}, X),
    "flat order": (lambda x: np.sort(x, axis=None), {}, X),
    "joined flat": (lambda x: np.concatenate([x, x[0]], axis=None), {}, X),
    "transposed order": (lambda x: np.reshape(x, (3, 4), order="F"), {}, X),
    "places apart": (lambda x: x[[0, 1], :, None], {}, X),
    "places around a slice": (lambda x: x[None][0, :, np.array([0, 2])], {}, X),
    "clipped": (lambda x: np.clip(x, -0.5, 0.5), {}, X),
    "finite": (np.nan_to_num, {"nan": 2.0}, N),
    "close": (lambda x: np.isclose(x, 0.1, atol=0.5), {}, X),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_examples_run_together(case):
    f, given, x = case
    mapped = gd.vmap(lambda x: f(x, **given))
    fast = follows(mapped, (x,), (x[::-1] * 0.5,), rtol=1e-10, executor="numpy")
    assert "each_" not in gd.program(fast)


@pytest.mark.parametrize("f", [
    lambda x: np.diff(x, 0),
    lambda x: np.linalg.matrix_power(x, 1),
    np.flipud,
    lambda x: np.take(x, [0, 1, 2], axis=0),
], ids=["differences", "power", "flipped", "taken"])  # fmt: skip
def test_results_share_no_memory_with_arguments(f):
    x = np.eye(3)
    assert not np.shares_memory(gd.compile(f)(x), x)
