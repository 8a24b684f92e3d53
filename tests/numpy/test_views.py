"""Which functions return views and which return copies: NumPy's own answer, by writing.

Every call of the tables is made on arrays and on nodes. Then a result is written into,
and all arguments and results are compared; then the arguments are.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from chainrule.nodes import node
from chainrule.transforms.inputs import input_node
from chainrule.values.vertices import raw
from tests.numpy import (
    test_differences,
    test_elementwise,
    test_linalg,
    test_shape_functions,
    test_statistics,
)
from tests.numpy.calls import M, V, flat

TABLES = {
    **test_differences.CALLS,
    **test_elementwise.COMPOSED,
    **test_linalg.CALLS,
    **test_shape_functions.AXES,
    **test_shape_functions.JOINING,
    **test_shape_functions.PICKING,
    **test_shape_functions.PADDING,
    **test_statistics.CALLS,
}
CALLS = {
    name: call
    for name, call in TABLES.items()
    if all(isinstance(x, np.ndarray) for x in call[1:])
}
MORE = {
    "astype": (lambda x: x.astype(float), M),
    "astype without copy": (lambda x: x.astype(float, copy=False), M),
    "np.astype without copy": (lambda x: np.astype(x, float, copy=False), M),
    "conj": (lambda x: x.conj(), V),
    "np.conj": (np.conj, V),
    "real": (lambda x: [x.real, np.real(x)], V),
    "take one": (lambda x: np.take(x, 1, axis=0), M),
    "row": (lambda x: x[1], M),
    "rows": (list, M),
    "fancy": (lambda x: x[[0, 1]], M),
    "mask": (lambda x: x[np.array([True, False, True])], M),
    "einsum": (lambda x: np.einsum("ij->ji", x), M),
    "plus": (lambda x: +x, M),
}
DEPRECATED = {"broadcast_arrays"}
"""Views that NumPy still lets be written, with a warning, as it will not later on."""


def nodes_of(arrays):
    """Return arrays as nodes that may be written."""
    given = [x.copy(order="K") for x in arrays]
    return [input_node(x, copy=False, integers=True) for x in given]


def fill(target):
    """Write into an array; tell whether that is allowed."""
    try:
        target[...] = 7.0
    except ValueError:
        return False
    return True


def agree(plain, made):
    """Compare arrays with the nodes that are to be like them."""
    for p, m in zip(plain, made, strict=True):
        if isinstance(m, node) and isinstance(p, np.ndarray):
            np.testing.assert_allclose(raw(m), p)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("name", [*CALLS, *MORE])
def test_writes_reach_what_they_reach_in_numpy(name, order):
    f, *given = {**CALLS, **MORE}[name]
    arrays = [np.array(x, order=order) for x in given]
    if name in DEPRECATED:
        pytest.skip("NumPy warns")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        count = len(flat(f(*arrays)))
        for i in range(count):
            plain, made = [x.copy(order="K") for x in arrays], nodes_of(arrays)
            results, nodes = flat(f(*plain)), flat(f(*made))
            if isinstance(results[i], np.ndarray) and isinstance(nodes[i], node):
                assert fill(results[i]) == fill(nodes[i])
                agree([*plain, *results], [*made, *nodes])
    plain, made = [x.copy(order="K") for x in arrays], nodes_of(arrays)
    results, nodes = flat(f(*plain)), flat(f(*made))
    for x, y in zip(plain, made, strict=True):
        x += 1.0
        y += 1.0
    agree([*plain, *results], [*made, *nodes])
