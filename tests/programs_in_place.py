"""Small programs that change arrays: run on plain arrays they are their own reference.

Each takes one array and returns a number. ``assert_as_numpy`` compares what a program
does on nodes with what it does on plain arrays: its value, and its derivatives with
differences of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as gd

V = np.array([0.7, -1.2, 0.4, 1.5])
M = np.array([[0.7, -1.2, 0.4], [1.5, 0.3, -0.6], [0.9, 1.1, -0.8]])
PART = np.repeat(M, 2, axis=1)[:, ::-2]
WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0])


def alias(x):
    y = x * x
    z = y
    z += x
    return np.sum(y**3)


def chain_of_aliases(x):
    a = b = x * 1.0
    c = [b]
    before = np.sum(a**2)
    c[0] *= x
    return before * np.sum(a) + np.sum(b**3)


def argument(x):
    before = np.sum(x**2)
    x *= 2.0
    x += x
    return before * np.sum(x**3)


def part_of_argument(x):
    before = x * x
    x[1] = before[0]
    x[2:] -= before[2:] * x[0]
    return np.sum(x**2 * WEIGHTS)


def called(x):
    def scale(a, by):
        a *= by
        return a.sum()

    y = x * x
    total = scale(y, x[0])
    return total * np.sum(y**2)


def view(x):
    y = x * x
    w = y[1:]
    w *= x[:-1]
    return np.sum(y**2 * WEIGHTS)


def view_before_the_base(x):
    y = x * x
    w = y[1:]
    y *= 3.0
    before = np.sum(w**2)
    w[0] = x[0]
    return before * np.sum(y**2 * WEIGHTS)


def view_of_a_view(x):
    y = x * x
    w = y[::-1]
    u = w[1:3]
    y += 1.0
    u *= x[:2]
    w -= y * 0.5
    return np.sum(y**2 * WEIGHTS) + np.sum(u**3)


def many_views(x):
    y = x * 1.0
    parts = [y[i : i + 2] for i in range(3)]
    for i, part in enumerate(parts):
        part *= x[i] + 1.0
    return np.sum(y**3) + sum(np.sum(p * p) for p in parts)


def rows_of_a_matrix(m):
    m = m * m
    for r in m:
        r += r[::-1] * m[0]
    return np.sum(m**2)


def transposed(m):
    m = m * 1.0
    t = m.T
    t[0] = t[1] * t[0]
    t[1:, 2] -= m[2, 2]
    np.swapaxes(t, 0, 1)[0] *= 0.5
    return np.sum(m**3)


def reshaped_view_or_copy(m):
    m = m * 1.0
    m.reshape(-1)[3] = m[0, 1] ** 2
    m.T.reshape(-1)[3] = 2.0
    m.ravel()[1] *= 2.0
    m.flatten()[0] = 100.0
    np.reshape(m, (1, 9), copy=True)[0, 0] = 100.0
    return np.sum(m**3)


def axes_put_in_and_left_out(m):
    m = m * 1.0
    np.expand_dims(m, 1)[:, 0] *= m[1]
    m[None, ..., 0].squeeze()[1:] = m[0, :2]
    np.moveaxis(m[:, :, None], 2, 0)[0, 1, 1] = m[0, 0]
    np.flip(m)[0] *= 2.0
    np.rot90(m)[1] += m[:, 1] ** 2
    np.atleast_3d(m)[2, 2] = m[2, 1]
    return np.sum(m**3)


def parts(x):
    y = x * x
    head, tail = np.split(y, 2)
    head *= tail
    tail[...] = head
    return np.sum(y**2 * WEIGHTS)


def diagonals(m):
    m = m * 1.0
    d = np.diagonal(m)
    e = np.einsum("ii->i", m)
    m += 1.0
    e *= m[0]
    return np.sum(m**2) + np.sum(d**3)


def entries_exchanged(x):
    y = x * x
    y[0], y[1] = y[1], y[0]
    prev = y[2]
    y[2] = y[3]
    y[3] = prev * x[0]
    return np.sum(y**2 * WEIGHTS)


def overlapping(x):
    y = x * x
    y[1:] = y[:-1]
    y[:-1] += y[1:]
    y += y[::-1]
    return np.sum(y**2 * WEIGHTS)


def fancy(x):
    y = x * x
    y[[0, 2]] = y[[2, 1]]
    y[np.array([1, 1, 3])] = x[[0, 2, 3]]
    y[[3, 0]] *= 2.0
    y[np.array([True, False, True, False])] -= x[1]
    return np.sum(y**2 * WEIGHTS)


def where_it_is_large(x):
    y = x * x
    y[y > 1.0] = 1.0
    y[x < 0.0] *= x[x < 0.0]
    return np.sum(y**3)


def mixed_indices(m):
    m = m * 1.0
    m[..., 0] = m[1, ::-1]
    m[[0, 2], 1:] = m[1, None, 1:] * m[0, 0]
    m[:, [2]] += 1.5
    m[1] = 2.0
    m[2][:2] = [0.5, -0.25]
    return np.sum(m**3)


def broadcast_into(m):
    m = m * 1.0
    m += m[0]
    m *= m[:, :1]
    m[1:] = m[0] ** 2
    m -= 1
    return np.sum(m**2)


def the_nine(x):
    y = x * x + 1.0
    y += x
    y -= 0.5 * x
    y *= x + 2.0
    y /= 1.5 + x * x
    y **= 2
    y %= 50.0
    return np.sum(y * WEIGHTS)


def rounded_down(x):
    y = x * 7.3
    z = np.sum(y**2)
    y //= 3.0
    y += x
    return z + np.sum(y**2)


def products(m):
    m = m * 1.0
    n = m
    n @= m
    m @= np.eye(3) * 2.0
    return np.sum(n**2)


def filled(x):
    y = np.zeros_like(x) + 0.0 * x
    for i in range(len(y)):
        y[i] = x[i] ** 2 + (y[i - 1] if i else 0.0)
    return y[-1] * y[1] + np.sum(y)


def sorted_by_bubbles(x):
    y = x * 1.0
    for n in range(len(y) - 1, 0, -1):
        for i in range(n):
            if y[i] > y[i + 1]:
                y[i], y[i + 1] = y[i + 1], y[i]
    return np.sum(y * WEIGHTS**2) + np.sum(y**3)


def moving_average(x):
    y = x * x
    y[1:-1] += 0.25 * (y[2:] + y[:-2])
    y[1:-1] += 0.25 * (y[2:] + y[:-2])
    return np.sum(y**2)


def single_entry_array(x):
    y = x[..., 0] * 2.0 + np.sum(x[:1], keepdims=True)
    z = y.reshape(())
    z *= x[1]
    z[...] += x[2]
    w = x[0, ...]
    w *= 3.0
    return np.sum(y) + np.sum(x**2)


def copies_stay(x):
    y = x * x
    kept = y.copy()
    picked, taken = y[[0, 1]], np.take(y, [1, 2])
    cast = y.astype(float)
    y *= 5.0
    kept[0] = taken[0] * 2.0
    picked += 1.0
    return np.sum(kept**2) + np.sum(picked * taken) + np.sum(y * cast)


def same_array_again(x):
    y = x * x
    y.conj()[0] = 2.0
    y.astype(float, copy=False)[1] = x[0]
    y.real[2:] *= 2.0
    y.flat[3] = x[1] * y[3]
    return np.sum(y**2 * WEIGHTS)


def attributes_assigned(x):
    y = x * x
    y.flat = [x[0] * x[1], 2.0, x[2], x[3]]
    y.real *= x
    y.real = y + x
    z = y.reshape(2, 2)
    z.flat = x[0]
    z.flat[1:3] *= x[2:]
    return np.sum(y**2 * WEIGHTS)


def reshaped_copies(x):
    y = x * x
    y.reshape(2, 2, copy=True)[0] = 5.0
    np.reshape(y, (2, 2), copy=True)[1] = 5.0
    y.reshape((2, 2), copy=False)[1] *= x[:2]
    return np.sum(y**2 * WEIGHTS)


def overwritten(x):
    y = x * x
    z = np.sum(y)
    y[...] = 3.0
    y[0] = x[0]
    return z + np.sum(y**2)


def untaken_branch(x):
    y = np.sqrt(x - x[1])
    y[1] = x[0]
    y[2:] = np.where(x[2:] > 0.5, x[2:] ** 2, x[2:])
    return np.sum(y**2)


ON_VECTORS = (
    alias, chain_of_aliases, argument, part_of_argument, called, view,
    view_before_the_base, view_of_a_view, many_views, parts, entries_exchanged,
    overlapping, fancy, where_it_is_large, the_nine, rounded_down, filled,
    sorted_by_bubbles, moving_average, single_entry_array, copies_stay,
    same_array_again, attributes_assigned, reshaped_copies, overwritten, untaken_branch,
)  # fmt: skip
ON_MATRICES = (
    rows_of_a_matrix, transposed, reshaped_view_or_copy, axes_put_in_and_left_out,
    diagonals, mixed_indices, broadcast_into, products,
)  # fmt: skip
PROGRAMS: dict[str, tuple[Callable[..., Any], Any]] = {
    **{f.__name__: (f, V) for f in ON_VECTORS},
    **{f.__name__: (f, M) for f in ON_MATRICES},
    **{f"{f.__name__} by columns": (f, np.asfortranarray(M)) for f in ON_MATRICES},
    **{
        f"{f.__name__} of a part": (f, np.repeat(M, 2, 1)[:, ::-2]) for f in ON_MATRICES
    },
}
"""Programs by name, each with the array that it is run on."""


def differences(f: Callable[[Any], Any], x: Any, h: float = 1e-5) -> Any:
    """Return the derivative of ``f`` by central differences, with f's axes first."""
    columns = []
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        columns.append((f(moved(x, step)) - f(moved(x, -step))) / (2 * h))
    found = np.stack(columns, axis=-1)
    return found.reshape(*found.shape[:-1], *x.shape)


def moved(x: Any, step: Any) -> Any:
    """Return a new array beside ``x``, with its layout in memory."""
    steps = [abs(s) for s in x.strides]
    reach = sum(s * (n - 1) for s, n in zip(steps, x.shape, strict=True))
    memory = np.empty(reach // x.itemsize + 1)
    made = np.lib.stride_tricks.as_strided(memory, x.shape, steps)
    made = made[tuple(slice(None, None, -1 if s < 0 else 1) for s in x.strides)]
    made[...] = x + step
    return made


def assert_as_numpy(f: Callable[..., Any], x: Any) -> None:
    """Compare a program on nodes with itself on arrays, and its derivatives."""
    before = x.copy()
    value, grad = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(moved(x, 0.0)), rtol=1e-12)
    expected = differences(f, x)
    np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-7)
    step = np.cos(np.arange(x.size)).reshape(x.shape)
    dot = gd.jvp(f, (x,), (step,))[1]
    np.testing.assert_allclose(dot, np.sum(expected * step), rtol=1e-6, atol=1e-7)
    second = differences(gd.grad(f), x)
    forwards = gd.jacobian(gd.jacobian(f, mode="forward"), mode="forward")
    for hessian in (gd.hessian(f), gd.jacobian(gd.grad(f)), forwards):
        np.testing.assert_allclose(hessian(x), second, rtol=1e-5, atol=1e-5)
    product = np.sum(second * step, axis=tuple(range(-x.ndim, 0)))
    np.testing.assert_allclose(gd.hvp(f, x, step), product, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(x, before)


def random_program(seed: int) -> Callable[[Any], Any]:
    """Return a program of reads, writes, views and views of views, drawn by a seed."""

    def program(x: Any) -> Any:
        rng = np.random.default_rng(seed)
        held = [x, x * 1.5 + 0.1]
        total = 0.0
        for _ in range(rng.integers(4, 14)):
            a, b = (held[rng.integers(len(held))] for _ in range(2))
            kind = rng.integers(8)
            if kind == 0:
                held.append(a * 0.5 + 0.2)
            elif kind < 3:
                held.append(_drawn_view(a, rng))
            elif kind == 3:
                total = total + np.sum(a * a) * 0.1
            else:
                _drawn_write(a, b, rng)
        for i, a in enumerate(held):
            total = total + np.sum(a**2) * (0.1 * i + 0.3)
        return total

    return program


def _drawn_view(a: Any, rng: np.random.Generator) -> Any:
    kind = rng.integers(7)
    if kind == 0 and len(a) > 1:
        return a[1:]
    if kind == 1 and a.ndim > 1:
        return a[rng.integers(len(a))]
    if kind == 2 and a.ndim > 1:
        return a[:, ::2]
    return [a[...], a.T, a[::-1], a.reshape(-1), a.ravel()][rng.integers(5)]


def _drawn_write(a: Any, b: Any, rng: np.random.Generator) -> None:
    kind, i, j = rng.integers(10), *rng.integers(len(a), size=2)
    if kind == 0:
        a += 0.3
    elif kind == 1:
        a *= 0.7
    elif kind == 2 and a.shape == b.shape:
        a += b * 0.2
    elif kind == 3:
        a[rng.integers(len(a))] = a[0] * 0.5
    elif kind == 6:
        a[i], a[j] = a[j] * 1.0, a[i] * 1.0
    elif kind == 7:
        for k in range(1, len(a)):
            a[k] = a[k - 1] * 0.4 + a[k] * 0.5
    elif kind == 8:
        a[::2] = np.sin(b.reshape(-1)[0] * a[::2])
    elif kind == 9:
        before = a[i] * 1.0
        a[i] = np.sum(a * a) * 0.1
        a[j] += before * a[i]
    elif kind == 4:
        a[1:] = a[:-1]
    else:
        a[rng.integers(len(a), size=2)] *= 1.1
