"""Columns: a value of each step, on whose entries NumPy's functions act."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.compiler.tracing.columns import Column, OnEntries, RaggedColumns
from chainrule.compiler.tracing.trace import Trace

ENTRIES = [np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])]
COLUMN = Column(ENTRIES, ENTRIES[0])


def assert_entries(column, expected):
    assert isinstance(column, Column)
    assert column.shape == np.shape(expected[0])
    np.testing.assert_array_equal(np.stack(column.entries), np.stack(expected))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + x,
        lambda x: x + 1.0,
        np.negative,
        lambda x: np.add(2.0, x),
        lambda x: x[1],
        lambda x: np.sum(x, axis=0),
        lambda x: np.stack([x, x]),
        lambda x: np.broadcast_to(x, (3, 2)),
        np.zeros_like,
    ],
)
def test_functions_act_on_entries(f):
    assert_entries(f(COLUMN), [f(x) for x in ENTRIES])
    assert not f(Column([], ENTRIES[0])).entries


def test_the_shape_is_that_of_an_entry():
    assert (np.shape(COLUMN), np.ndim(COLUMN), np.size(COLUMN)) == ((2,), 1, 2)
    assert COLUMN.dtype == np.float64
    assert Column([0.5, 1.5], 0.5).shape == ()


def test_examples_with_steps_of_their_own():
    ragged = RaggedColumns([COLUMN, Column(ENTRIES[:1], ENTRIES[0])])
    assert ragged.shape == (2, 2)
    assert len(ragged[1].entries) == 1
    more = np.broadcast_to(ragged, (3, 2, 2))
    assert (more.shape, more[2]) == ((3, 2, 2), ragged)
    twice = ragged + ragged
    assert isinstance(twice, RaggedColumns)
    assert_entries(twice[1], [2 * ENTRIES[0]])
    for f in (np.negative, lambda x: np.sum(x, axis=0)):
        with pytest.raises(TypeError):
            f(ragged)


def test_a_traced_column_has_as_many_entries_as_in_each_call():
    trace = Trace()
    x = trace.input(COLUMN)
    results = [
        x + x,
        np.zeros_like(x),
        x.astype(np.float32),
        x.whole(np.diff, (x,), {}),
    ]
    assert [z.shape for z in results] == [(2,), (2,), (2,), (1,)]
    assert [row.shape for row in trace.rows] == [None] * 4
    assert isinstance(trace.rows[3].function, OnEntries)
    x.refuse_nan()
    assert not trace.checks
