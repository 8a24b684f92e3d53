"""What must hold of a composed function of SciPy in each argument that may be a node"""

from __future__ import annotations

import numpy as np

import chainrule as gd
from tests.helpers import assert_close


def weighted(f):
    """Return a function as one number: its results times fixed weights."""

    def of(*args):
        total = 0.0
        z = f(*args)
        for part in z if isinstance(z, tuple | list) else [z]:
            shape = np.shape(gd.value(part))
            w = np.cos(np.arange(1, 1 + np.prod(shape, dtype=int))).reshape(shape)
            total = total + np.sum(np.real(part) * w)
            total = total + np.sum(np.imag(part) * np.sin(7 * w))
        return total

    return of


def check(f, *args, order=2, rtol=2e-5, compiled=True):
    """Hold both sweeps to differences, and programs and maps to calls."""
    f = weighted(f)
    gd.check_gradients(f, args, order=order, rtol=rtol)
    if compiled:
        g = gd.grad(f, tuple(range(len(args))))
        eager = g(*args)
        mapped = gd.vmap(g)(*(np.stack([x, x]) for x in args))
        for one, program, several in zip(
            eager, gd.compile(g)(*args), mapped, strict=True
        ):
            assert_close(program, one, 1e-12)
            assert_close(several, np.stack([one, one]), 1e-12)


def same(ours, theirs, x, *args, rtol=1e-12, **kwargs):
    """Compare the value on a node, and on plain arguments bit for bit, with SciPy's."""
    wanted = theirs(x, *args, **kwargs)
    plain, of_node = ours(x, *args, **kwargs), ours(gd.node(x), *args, **kwargs)
    for w, p, v in zip(*map(as_list, (wanted, plain, gd.value(of_node))), strict=True):
        np.testing.assert_array_equal(p, w)
        assert np.shape(v) == np.shape(w)
        assert np.asarray(v).dtype == np.asarray(w).dtype
        single = np.asarray(w).dtype in (np.float32, np.complex64)
        assert_close(v, w, 1e-5 if single else rtol)


def as_list(z):
    """Return one result, or several ones, as a list."""
    return list(z) if isinstance(z, tuple | list) else [z]
