"""Rearranging, joining, splitting and picking: values, derivatives, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, EscapeError, ShapeError
from chainrule.nodes import node
from chainrule.numpy.node_methods import CONSTANT_METHODS, REFUSED_METHODS
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import fast_sweep, fast_sweep_keeping, reverse_sweep
from tests.numpy.calls import DTYPES, MASK, M, S, T, V, W, assert_agrees, table

ORDER = np.argsort(M, axis=1)
ZEROS = np.zeros(2, np.float32)

AXES = {
    "reshape": (lambda x: np.reshape(x, (2, -1)), M),
    "reshape by columns": (lambda x: np.reshape(x, (2, 6), order="F"), M),
    "reshape by name": (lambda x: np.reshape(x, shape=12, copy=True), M),
    "reshape method": (lambda x: x.reshape(2, -1), M),
    "reshape method of a tuple": (lambda x: x.reshape((2, 6), order="F"), M),
    "ravel": (np.ravel, M),
    "ravel by columns": (lambda x: x.ravel(order="F"), M),
    "ravel a number": (np.ravel, S),
    "flatten": (lambda x: x.flatten(), M),
    "flat": (lambda x: [v * v for v in x.flat], M),
    "T": (lambda x: x.T, T),
    "mT": (lambda x: x.mT, T),
    "transpose": (lambda x: np.transpose(x, (1, -1, 0)), T),
    "transpose method": (lambda x: x.transpose(2, 0, 1), T),
    "transpose method of a tuple": (lambda x: x.transpose((2, 0, 1)), T),
    "transpose method alone": (lambda x: x.transpose() * 2, T),
    "matrix_transpose": (np.matrix_transpose, T),
    "linalg.matrix_transpose": (np.linalg.matrix_transpose, T),
    "swapaxes": (lambda x: x.swapaxes(0, -1), T),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), T),
    "moveaxis of two": (lambda x: np.moveaxis(x, [2, 0], [0, 1]), T),
    **{
        f"rollaxis {axis} {start}": (
            lambda x, axis=axis, start=start: np.rollaxis(x, axis, start), T
        )
        for axis in (-3, 1, 2)
        for start in (-2, 0, 1, 3)
    },
    "expand_dims": (lambda x: np.expand_dims(x, (0, 2)), M),
    "squeeze": (lambda x: x[:1].squeeze(), M),
    "squeeze axis": (lambda x: np.squeeze(x[:1], axis=0), M),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), M),
    "broadcast_to of a number": (lambda x: np.broadcast_to(x, (2, 3)), S),
    "broadcast_to a length": (lambda x: np.broadcast_to(x, 3), S),
    "broadcast_arrays": (np.broadcast_arrays, M, M[:1]),
    **{
        f"atleast_{n}d of {x.ndim}": (getattr(np, f"atleast_{n}d"), x)
        for n in (1, 2, 3)
        for x in (S, W, M, T)
    },
    "atleast_2d of two": (np.atleast_2d, S, M),
    "copy": (np.copy, M),
    "copy method": (lambda x: x.copy(), S),
    "astype": (lambda x: x.astype(np.complex128), M),
    "meshgrid": (np.meshgrid, V, W),
    "meshgrid of three": (lambda *x: np.meshgrid(*x, indexing="ij"), V, W, S),
    "meshgrid sparse": (lambda *x: np.meshgrid(*x, sparse=True), V, W),
    "meshgrid of one": (np.meshgrid, V),
    "roll": (lambda x: np.roll(x, 2), M),
    **{
        f"roll {shift} along {axis}": (
            lambda x, shift=shift, axis=axis: np.roll(x, shift, axis), T
        )
        for shift, axis in [(0, 0), (-1, -1), (7, 1), (-8, 2), (True, 0)]
    },
    "roll by columns": (lambda x: np.roll(x.T, 1, 0), M),
    "roll axes": (lambda x: np.roll(x, (1, 2), axis=(0, 1)), M),
    "flip": (np.flip, T),
    "flip axis": (lambda x: np.flip(x, 1), T),
    "fliplr": (np.fliplr, M),
    "flipud": (np.flipud, M),
    **{
        f"rot90 {k}": (lambda x, k=k: np.rot90(x, k, axes=(2, 0)), T)
        for k in (-1, 0, 1, 2, 3, 5)
    },
    **{
        f"tile {reps}": (lambda x, reps=reps: np.tile(x, reps), M)
        for reps in (2, (2, 3), (2, 1, 3), 0, ())
    },
    "tile a number": (lambda x: np.tile(x, (2, 3)), S),
    "repeat": (lambda x: np.repeat(x, 2), M),
    "repeat axis": (lambda x: x.repeat([1, 2, 0], axis=0), M),
    "resize": (lambda x: np.resize(x, (5, 3)), M),
    "resize to a length": (lambda x: np.resize(x, 4), M),
}  # fmt: skip

JOINING = {
    "concatenate": (lambda x, y: np.concatenate((x, y), axis=1), M, M[:, :2]),
    "concatenate flat": (lambda x, y: np.concatenate([x, y], axis=None), M, W),
    "concatenate constants": (lambda x: np.concatenate([x, x, ZEROS]), V),
    "concatenate in a dtype": (
        lambda x, y: np.concatenate([x, y], dtype=np.complex128), V, W
    ),
    "stack": (lambda x, y: np.stack((x, y), axis=-1), M, M**2),
    **{
        f"{f.__name__} of {x.ndim}": (lambda x, y, f=f: f([x, y]), x, x**2)
        for f in (np.vstack, np.hstack, np.dstack, np.column_stack)
        for x in (S, W, M, T)
    },
    "vstack in a dtype": (lambda x, y: np.vstack([x, y], dtype=np.complex128), W, W),
    "block": (
        lambda x, y: np.block([[x, np.zeros((3, 2), np.float32)],
                               [np.ones((1, 4), np.float32), y]]), M, M[:1, :2]
    ),
    "block of a row": (lambda x, y: np.block([x, y, 3]), W, S),
    "block of nothing": (np.block, M),
    "block of depth 3": (lambda x: np.block([[[x, x]], [[x, 2 * x]]]), W),
    "append": (np.append, M, W),
    "append axis": (lambda x, y: np.append(x, y, axis=0), M, M[:1]),
    "split": (lambda x: np.split(x, 2, axis=1), M),
    "split at": (lambda x: np.split(x, [1, 3], axis=1), M),
    "array_split": (lambda x: np.array_split(x, 3), V),
    "array_split short": (lambda x: np.array_split(x, 7), V),
    "array_split from the end": (lambda x: np.array_split(x, [-2]), V),
    "hsplit": (lambda x: np.hsplit(x, 2), M),
    "hsplit of a vector": (lambda x: np.hsplit(x, [2]), V),
    "vsplit": (lambda x: np.vsplit(x, [1]), M),
    "dsplit": (lambda x: np.dsplit(x, 2), T),
    "iteration": (lambda x: [row * 2 for row in x], M),
}  # fmt: skip
if hasattr(np, "unstack"):
    JOINING["unstack"] = (lambda x: np.unstack(x, axis=1), M)

PICKING = {
    "index": (lambda x: [x[i] * x[-1] for i in range(3)], W),
    "index repeated": (lambda x: x[[0, 0, 2]], M),
    "index by mask": (lambda x: x[MASK], M),
    "index mixed": (lambda x: x[1:, [0, 3], None], M),
    "take": (lambda x: np.take(x, [1, 1, -2]), M),
    "take axis": (lambda x: x.take([[1, 0], [2, 2]], axis=1), M),
    "take one": (lambda x: np.take(x, 2, axis=1), M),
    "take wrapped": (lambda x: np.take(x, [5, -7], axis=1, mode="wrap"), M),
    "take clipped": (lambda x: np.take(x, [5, -7], axis=0, mode="clip"), M),
    "take_along_axis": (lambda x: np.take_along_axis(x, ORDER, axis=1), M),
    "take_along_axis flat": (
        lambda x: np.take_along_axis(x, np.array([1, 1, 5]), axis=None), M
    ),
    "take_along_axis repeated": (
        lambda x: np.take_along_axis(x, np.array([[1, 1]]), axis=1), M
    ),
    "compress": (lambda x: np.compress([True, False, True], x, axis=0), M),
    "compress flat": (lambda x: x.compress([True, False, True]), M),
    "extract": (lambda x: np.extract(MASK, x), M),
    **{
        f"delete {places}": (lambda x, places=places: np.delete(x, places, axis=1), M)
        for places in (1, -1, [0, 2], slice(None, None, 2), [])
    },
    "delete flat": (lambda x: np.delete(x, [1, 5]), M),
    "delete by mask": (lambda x: np.delete(x, V[:4] > 0, axis=1), M),
    "insert a number": (lambda x: np.insert(x, 1, 9.0, axis=1), M),
    "insert a row": (lambda x, v: np.insert(x, 0, v, axis=0), M, M[0]),
    "insert a column": (lambda x, v: np.insert(x, -1, v, axis=1), M, W),
    "insert columns": (lambda x, v: np.insert(x, [1], v, axis=1), M, M[:, :2]),
    "insert a plane": (lambda x, v: np.insert(x, 1, v, axis=1), T, T[:, 0] ** 2),
    "insert at places": (lambda x, v: np.insert(x, [1, 1, 4], v, axis=1), M, W),
    "insert in a slice": (lambda x: np.insert(x, slice(0, 2), [1, 2], axis=1), M),
    "insert flat": (lambda x, v: np.insert(x, [3, 0, -1], v), M, W),
    "insert by mask": (lambda x, v: np.insert(x, W > 0, v), V[:3], W[: (W > 0).sum()]),
    **{
        f"{f.__name__} {k} of {x.ndim}": (lambda x, k=k, f=f: f(x, k), x)
        for f, x in [
            (np.diag, V), (np.diag, M), (np.diagflat, M), (np.tril, M), (np.triu, T),
            (np.trace, T), (np.diagonal, T),
        ]
        for k in (-4, -1, 0, 2, 5)
    },
    "tril of a vector": (np.tril, V),
    "diagonal of axes": (lambda x: x.diagonal(1, -1, 0), T),
    "trace method": (lambda x: x.trace(), M),
    "trace in a dtype": (lambda x: np.trace(x, dtype=np.complex128), M),
    "linalg.diagonal": (lambda x: np.linalg.diagonal(x, offset=1), T),
    "linalg.trace": (lambda x: np.linalg.trace(x, offset=1), T),
    "unique": (np.unique, M),
    "unique axis": (lambda x: np.unique(x, axis=1), M),
    "unique and counts": (lambda x: np.unique(x, return_counts=True)[0], M),
    "unique_inverse": (lambda x: np.unique_inverse(x).values, M),
    "trim_zeros": (lambda x: np.trim_zeros(np.concatenate([ZEROS, x, ZEROS])), V),
    "trim_zeros front": (lambda x: np.trim_zeros(np.append(ZEROS, x), "f"), V),
    "apply_along_axis": (
        lambda x: np.apply_along_axis(lambda v: v[:2] * np.sum(v), 1, x), T
    ),
    "apply_along_axis to matrices": (lambda x: np.apply_along_axis(np.diag, 0, x), M),
    "apply_along_axis to numbers": (lambda x: np.apply_along_axis(np.sum, 0, x), T),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, 2]), T),
}  # fmt: skip

PADDING = {
    f"{width} {given}": (lambda x, w=width, given=given: np.pad(x, w, **given), M)
    for width in (1, (1, 2), ((1, 2), (0, 3)), [[2], [1]])
    for given in (
        {}, {"constant_values": 3.0}, {"constant_values": ((1.0, 2.0), (3, 4))},
        {"mode": "edge"}, {"mode": "wrap"}, {"mode": "reflect"}, {"mode": "symmetric"},
        {"mode": "reflect", "reflect_type": "even"},
        {"mode": "reflect", "reflect_type": "odd"}, {"mode": "linear_ramp"},
        {"mode": "symmetric", "reflect_type": "odd"},
        {"mode": "linear_ramp", "end_values": ((1.0, 2.0), (3, 4))},
        {"mode": "mean"}, {"mode": "maximum", "stat_length": 2}, {"mode": "minimum"},
        {"mode": "median", "stat_length": ((1, 2), (9, 3))},
    )
}  # fmt: skip


@table({**AXES, **JOINING, **PICKING, **PADDING})
def test_shapes(call):
    assert_agrees(*call)


def test_padding_with_nodes():
    def framed(x, v):
        return np.pad(x, ((1, 2), (0, 1)), constant_values=v)

    def ramped(x, v):
        return np.pad(x, ((1, 2), (0, 3)), "linear_ramp", end_values=v)

    assert_agrees(framed, M, np.array([1.0, 2.0]))
    assert_agrees(ramped, M, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(
        np.pad(node(M), {-1: 2, 0: (1, 0)}).value, np.pad(M, ((1, 0), (2, 2)))
    )


def test_bincount_is_differentiable_in_its_weights():
    places = np.array([0, 2, 2, 1, 4])
    assert_agrees(lambda w: np.bincount(places, w, 7), V, dtypes=DTYPES[:1])
    with pytest.raises(ArgumentError, match="whole numbers"):
        np.bincount(node(V))


def test_full_like_keeps_a_node():
    z = np.full_like(node(M), node(2.0))
    assert z.shape == M.shape
    np.sum(z).backward()
    assert z.operands[0].grad == 12.0
    assert isinstance(np.full_like(node(M), 2.0), np.ndarray)
    with pytest.raises(EscapeError, match=r"np\.copyto would write a node"):
        np.full_like(M, node(2.0))


def test_a_copy_is_a_node_of_its_own():
    x = node(M)
    y = x.copy()
    assert y is not x
    np.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad, 2 * M)
    np.testing.assert_array_equal(y.grad, 2 * M)


def test_constant_results_are_plain():
    x = node(M)
    for name in CONSTANT_METHODS:
        given = {"searchsorted": (0.1,), "argpartition": (1,)}.get(name, ())
        a = x if name != "searchsorted" else node(np.sort(V))
        actual, expected = getattr(a, name)(*given), getattr(a.value, name)(*given)
        np.testing.assert_array_equal(actual, expected)
        assert not isinstance(actual, node)
    for f in (np.zeros_like, np.ones_like, np.empty_like):
        assert isinstance(f(x), np.ndarray)
        assert f(x).shape == x.shape


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", REFUSED_METHODS)
def test_refused_methods(name):
    with pytest.raises(EscapeError, match=rf"x\.{name}\(\)"):
        getattr(node(M), name)()


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ArgumentError, "received 'K'", lambda x: x.reshape(12, order="K")),
        (ShapeError, "two axes", lambda x: np.matrix_transpose(x[0])),
        (ValueError, "different axes", lambda x: np.moveaxis(x, (0, 0), (0, 1))),
        (np.exceptions.AxisError, "axis 4", lambda x: np.moveaxis(x, 0, 4)),
        (np.exceptions.AxisError, "axis 5", lambda x: np.rollaxis(x, 0, 5)),
        (ValueError, "indexes 'xy'", lambda x: np.meshgrid(x, indexing="ab")),
        (ValueError, "different axes", lambda x: np.rot90(x, axes=(0, 0))),
        (ValueError, "without negatives", lambda x: np.resize(x, (2, -1))),
        (ArgumentError, "mode='empty'", lambda x: np.pad(x, 1, mode="empty")),
        (ArgumentError, "stat_length above",
         lambda x: np.pad(x, 1, "mean", stat_length=0)),
        (ArgumentError, "reflect_type='other'",
         lambda x: np.pad(x, 1, mode="reflect", reflect_type="other")),
        (ArgumentError, "foo=3", lambda x: np.pad(x, 1, foo=3)),
        (ArgumentError, "whole numbers", lambda x: np.pad(x, 1.5)),
        (TypeError, "a tuple", lambda x: np.block([(x, x)])),
        (ArgumentError, "a tuple", lambda x: gd.numpy.joining.block([(x, x)])),
        (ShapeError, r"depths \[0, 1\]", lambda x: np.block([[x], x])),
        (ShapeError, "empty list", lambda x: np.block([[x], []])),
        (ShapeError, "equal sections", lambda x: np.split(x, 2)),
        (ValueError, "sections must be > 0", lambda x: np.array_split(x, 0)),
        (ShapeError, "3 axes or more", lambda x: np.dsplit(x, 2)),
        (ShapeError, "at least one axis", lambda x: gd.numpy.joining.unstack(x[0, 0])),
        (EscapeError, "as an index", lambda x: np.take(x, x)),
        (EscapeError, "as an index", lambda x: x[x]),
        (ValueError, "raise, wrap or clip", lambda x: np.take(x, [0], mode="bounce")),
        (ShapeError, "as many axes", lambda x: np.take_along_axis(x, ORDER[0], 1)),
        (IndexError, "out of bounds", lambda x: np.insert(x, 9, 0.0, axis=0)),
        (ShapeError, "one row of indices", lambda x: np.insert(x, [[1]], 0.0, axis=0)),
        (ShapeError, "one or two axes", lambda x: np.diag(x[None])),
        (ShapeError, "two axes or more", lambda x: np.diagonal(x[0])),
        (ValueError, "needs two axes", lambda x: np.diagonal(x, axis1=1)),
        (ShapeError, "at least one lane",
         lambda x: np.apply_along_axis(np.sum, 1, x[:0])),
        (EscapeError, "leaf", lambda x: np.fill_diagonal(x, 0.0)),
        (EscapeError, "leaf", lambda x: np.put_along_axis(x, ORDER, 0.0, 1)),
    ],
)  # fmt: skip
def test_refusals(error, message, call):
    with pytest.raises(error, match=message):
        call(node(M))


# ----------------------------------------------------------- sums of entries, in place


def mixed_uses(y, rng):
    """Return a number from ten random uses of y, by entries and as a whole."""
    s, n, w = 0.0, y.shape[0], y * 2.0
    for use in rng.integers(0, 9, 10):
        if use == 0:
            s = s + y[int(rng.integers(n))]
        elif use == 1:
            s = s + np.sum(y * y[::-1])
        elif use == 2:
            s = s + np.sum(y + y)
        elif use == 3:
            s = s + np.sum(y[[0, 0, 1]] * y[[2, 1, 0]])
        elif use == 4:
            s = s + np.sum(y)
        elif use == 5:
            s = s + np.sum(np.reshape(y, (1, n))[0] * y)
        elif use == 6:
            z = y + 0  # the cotangents of z and y are one array for a while
            s = s + np.sum(z * z)
        elif use == 7:
            z = y + w
            s = s + np.sum(z * z)
        else:
            z = y + 0
            s = s + np.sum(z + y) + z[1]
    return np.real(s)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [5, 5000])
@pytest.mark.parametrize("trial", range(10))
def test_adding_entries_in_place_is_the_reference(dtype, n, trial):
    rng = np.random.default_rng(trial)
    x = node(rng.normal(size=n).astype(dtype))
    s = mixed_uses(x * 1.0 if trial % 2 else x, rng)
    one, close = np.ones_like(s.value), 1e-4 if dtype is np.float32 else 1e-11
    expected = reverse_sweep(plain, collect([s]).order, {s: supported(one)})
    for sweep in (fast_sweep, fast_sweep_keeping):
        ordered = collect([s])
        order, bars = ordered.order, ordered.table()
        bars[s] = one
        sweep(order, bars)
        np.testing.assert_allclose(bars[x], expected[x].value, rtol=close, atol=close)
    for v in order:
        if v.operation is not None and v in expected:
            grad = np.conj(expected[v].value)
            np.testing.assert_allclose(v.grad, grad, rtol=close, atol=close)


def test_a_seed_is_not_changed_in_place():
    x = node(np.arange(3.0))
    z = x * 1.0
    seed = np.ones(3)
    _, pullback = gd.vjp(lambda x: x[0] + np.sum(x), x.value)
    for _ in range(2):
        np.testing.assert_array_equal(pullback(1.0)[0], [2.0, 1.0, 1.0])
    s = z[0] + z[1]
    z.backward(seed)
    s.backward()
    np.testing.assert_array_equal(seed, np.ones(3))
    np.testing.assert_array_equal(x.grad, [2.0, 2.0, 1.0])


def test_a_loop_over_entries_makes_one_array():
    n = 3000
    x = node(np.arange(float(n)))
    s = sum(x[i] for i in range(n))
    made = []
    ordered = collect([s])
    order, bars = ordered.order, ordered.table()
    bars[s] = 1.0
    for z in order:
        if z.operation is not None and bars[z] is not None:
            kernel, bar = z._step, bars[z]
            kernel(z, bar, bars)
            if z.operation == "getitem":
                made.append(id(bars[x]))
    assert len(set(made)) == 1
    np.testing.assert_array_equal(bars[x], np.ones(n))


def test_broadcasts_stay_views():
    for x in (1.0, np.float64(2.0), np.ones(3), np.ones((3, 1))):
        shape = (3, 4) if np.ndim(x) == 2 else (4, 3)
        z = gd.operations.broadcast_to(x, shape)
        np.testing.assert_array_equal(z, np.broadcast_to(x, shape))
        assert not z.flags.writeable
        assert 0 in z.strides


@pytest.mark.parametrize("x", [2.0, np.float64(2.0), np.ones(3)])
def test_a_negative_length_is_refused_as_by_numpy(x):
    for shape in [(-1,), (2, -3)]:
        with pytest.raises(ValueError, match="non-negative"):
            np.broadcast_to(node(x), shape)
