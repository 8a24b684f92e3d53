"""Batching: the rows of one example's program, run on all examples at once.

In: a program traced for one example, and its inputs with a leading axis of examples.
Out: its outputs with that axis. Elementwise rows broadcast; reductions, products,
shapes and indices have their axes moved by one; any other function is called once per
example by ``Each``, which is right and slow, and which ``stats()`` shows by its name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compile.bodies import traced_in
from chainrule.compile.loops import Loop
from chainrule.compile.program import Program, replaced
from chainrule.compile.progress import watched
from chainrule.compile.trace import Row, Trace
from chainrule.graph import has_nan
from chainrule.operations_grad.indexing import as_tuple, unindex
from chainrule.operations_grad.linalg import cofactors_dot
from chainrule.operations_grad.shaping import broadcast_to
from chainrule.shapes import SEQUENCES, TUPLE, ndarray, normalize_axes, shape_of
from chainrule.supports import masked_result
from chainrule.vertices import first_stand_in, stand_in

_np: Any = np


@dataclass(frozen=True)
class Many:
    """A value with a leading axis of examples."""

    value: Any


class CannotBatchError(Exception):
    """A row has no batched form for these arguments; it is called per example."""


def run_batched(
    program: Program, inputs: Sequence[Any], count: int, home: Trace
) -> list[Any]:
    """Run a program on inputs of which some are ``Many``; return all outputs as arrays.

    What depends on no traced value is computed now. Outputs that do not depend on the
    example are repeated.
    """
    known: dict[Row, Any] = dict(zip(program.inputs, inputs, strict=True))
    for row in program.rows:
        known[row] = _batched(row, known, count)
    for row in program.checks:
        x = _plain(known[row])
        if isinstance(x, stand_in):
            x.refuse_nan()
        elif has_nan(x):
            home.constant(x).refuse_nan()
    found: list[Any] = []
    for x in program.outputs:
        value = known[x] if isinstance(x, Row) else x
        if isinstance(value, Many):
            found.append(value.value)
        else:
            value = value if isinstance(x, Row) else np.asarray(value)
            found.append(_np.broadcast_to(value, (count, *np.shape(value))))
    return found


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, Many) else x


def _batched(row: Row, known: Mapping[Row, Any], count: int) -> Any:
    """Return the result of a row for all examples."""
    args = replaced(row.args, known)
    given = {k: replaced(x, known) for k, x in row.given.items()}
    if row.function is operator.getitem and isinstance(args[0], TUPLE):
        return args[0][args[1]]  # one of several results, the same for all examples
    if not any(isinstance(known[x], Many) for x in row.operands):
        trace = first_stand_in(*(known[x] for x in row.operands))
        if trace is None:
            return row.function(*args, **given)  # type: ignore[misc]
        return trace.whole(row.function, args, given)
    form = _form_of(row.function)
    if form is not None:
        try:
            return Many(form(Moved(row, args, given, count)))
        except CannotBatchError:
            pass
    values = [known[x] for x in row.operands]
    each = Each(row, [isinstance(v, Many) for v in values], count)
    plain = [_plain(v) for v in values]
    trace = first_stand_in(*plain)
    if trace is None:
        return Many(each(*plain))
    return Many(trace.whole(each, plain, {}))


class Each:
    """A row's function, called once per example: the function of a row of its own."""

    def __init__(self, row: Row, many: Sequence[bool], count: int) -> None:
        """Say which of the row's operands have an axis of examples."""
        self.row = row
        self.many = many
        self.count = count
        self.__name__: str = f"each_{getattr(row.function, '__name__', 'function')}"

    def __call__(self, *values: Any) -> Any:
        """Call and stack."""
        row, results = self.row, list[Any]()
        with watched(range(self.count), self.__name__, "examples") as examples:
            for i in examples:
                known = {
                    x: v[i] if many else v
                    for x, v, many in zip(row.operands, values, self.many, strict=True)
                }
                args = replaced(row.args, known)
                given = {k: replaced(x, known) for k, x in row.given.items()}
                results.append(row.function(*args, **given))  # type: ignore[misc]
        if row.shape is None:
            return tuple(np.stack(part) for part in zip(*results, strict=True))
        return np.stack(results)


class Moved:
    """A row with its arguments' values, for a batched form to read.

    ``args`` and ``given`` hold ``Many`` where a value has an axis of examples.
    """

    def __init__(self, row: Row, args: Any, given: Any, count: int) -> None:
        """Keep them."""
        self.row = row
        self.args = args
        self.given = given
        self.count = count

    def rank(self, x: Any) -> int:
        """Return the number of axes of one example."""
        return len(shape_of(_plain(x))) - isinstance(x, Many)

    def aligned(self, x: Any, rank: int) -> Any:
        """Return a value for broadcasting with others of this rank per example."""
        if not isinstance(x, Many):
            return x
        value, own = x.value, self.rank(x)
        if own >= rank:
            return value
        shape = shape_of(value)
        return _np.reshape(value, (shape[0], *(1,) * (rank - own), *shape[1:]))

    def option(self, name: str, place: int, default: Any = None) -> Any:
        """Return a parameter given by name or position."""
        if name in self.given:
            return self.given[name]
        return self.args[place] if len(self.args) > place else default

    def rest(self, *names: str) -> dict[str, Any]:
        """Return the keywords but these, all the same for every example."""
        found = {k: x for k, x in self.given.items() if k not in names}
        if any(isinstance(x, Many) for x in found.values()):
            raise CannotBatchError
        return found


Form = Callable[[Moved], Any]
Axes = tuple[int, ...]


def _form_of(function: Any) -> Form | None:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return _reduced if function.__name__ == "reduce" else None
    if isinstance(function, np.ufunc) and function.signature is None:
        return _elementwise
    if isinstance(function, Loop):
        return _scanned
    return _FORMS.get(function)


def _elementwise(moved: Moved) -> Any:
    rank = max(moved.rank(x) for x in (*moved.args, moved.given.get("where")))
    args = [moved.aligned(x, rank) for x in moved.args]
    given = {k: moved.aligned(x, rank) for k, x in moved.given.items()}
    return moved.row.function(*args, **given)  # type: ignore[misc]


def _broadcast(moved: Moved) -> Any:
    """Batch a function of the library that takes stacks of matrices."""
    rank = max(map(moved.rank, moved.args))
    args = [moved.aligned(x, rank) for x in moved.args]
    return _whole(moved.row.function, args, moved.given)


def _shifted(axis: Any, rank: int) -> Any:
    """Return an axis of one example as an axis of the batch."""
    if axis is None:
        return tuple(range(1, rank + 1))
    if isinstance(axis, TUPLE):
        return tuple(a + 1 for a in normalize_axes(axis, rank))
    return normalize_axes(axis, rank)[0] + 1 if rank else ()


def _reduced(moved: Moved) -> Any:
    x = moved.args[0]
    if not isinstance(x, Many) or len(moved.args) > 2:
        raise CannotBatchError
    default = 0 if moved.row.function is not None and hasattr(
        moved.row.function, "__self__"
    ) else None  # fmt: skip
    axis = _shifted(moved.option("axis", 1, default), moved.rank(x))
    rest = moved.rest("axis")
    return moved.row.function(x.value, axis=axis, **rest)  # type: ignore[misc]


def _along(moved: Moved) -> Any:
    """Batch a function along one axis, whose ``None`` means the flattened array."""
    default = -1 if moved.row.function in (np.sort, np.argsort) else None
    x, axis = moved.args[0], moved.option("axis", 1, default)
    if not isinstance(x, Many) or axis is None or len(moved.args) > 2:
        raise CannotBatchError
    axis = _shifted(axis, moved.rank(x))
    rest = moved.rest("axis")
    return moved.row.function(x.value, axis=axis, **rest)  # type: ignore[misc]


def _rolled(moved: Moved) -> Any:
    x, axis = moved.args[0], moved.option("axis", 2)
    if not isinstance(x, Many) or axis is None:
        raise CannotBatchError
    shift = moved.option("shift", 1)
    if isinstance(shift, Many):
        raise CannotBatchError
    return _np.roll(x.value, shift, axis=_shifted(axis, moved.rank(x)))


def _getitem(moved: Moved) -> Any:
    x, index = moved.args
    if not isinstance(x, Many):
        raise CannotBatchError
    if moved.row.args[0].shape is None:
        return x.value[index]  # one of several results
    parts = as_tuple(index)
    _check_adjacent(parts)
    return x.value[(slice(None), *parts)]


def _check_adjacent(parts: Sequence[Any]) -> None:
    """Refuse indices of which NumPy would move the result's axes to the front."""
    fancy = [isinstance(p, (ndarray, list)) for p in parts]
    if any(isinstance(p, Many) for p in parts):
        raise CannotBatchError
    if not any(fancy):
        return
    advanced = [f or isinstance(p, (int, np.integer))
                for f, p in zip(fancy, parts, strict=True)]  # fmt: skip
    inside = advanced[advanced.index(True) : len(advanced) - advanced[::-1].index(True)]
    if not all(inside):
        raise CannotBatchError


def _whole(function: Any, values: Sequence[Any], given: Any) -> Any:
    """Call a function, as one row where a value is traced."""
    trace = first_stand_in(*values, given)
    if trace is None:
        return function(*values, **given)
    return trace.whole(function, values, given)


def _unindexed(moved: Moved) -> Any:
    x = moved.args[0]
    index, shape = moved.given.get("index"), moved.given.get("shape")
    if not isinstance(x, Many) or shape is None:
        raise CannotBatchError
    parts = as_tuple(index)
    _check_adjacent(parts)
    given = {"index": (slice(None), *parts), "shape": (moved.count, *shape)}
    return _whole(unindex, (x.value,), given)


def _reshaped(moved: Moved) -> Any:
    x = moved.args[0]
    if moved.given.get("order", "C") != "C" or not isinstance(x, Many):
        raise CannotBatchError
    return _np.reshape(x.value, (moved.count, *(moved.row.shape or ())))


def _transposed(moved: Moved) -> Any:
    x, rank = moved.args[0], moved.rank(moved.args[0])
    axes = moved.option("axes", 1)
    axes = tuple(range(rank))[::-1] if axes is None else normalize_axes(axes, rank)
    return _np.transpose(x.value, (0, *(a + 1 for a in axes)))


def _swapped(moved: Moved) -> Any:
    x, *axes = moved.args
    axes = [*axes, *moved.rest().values()]
    first, second = (_shifted(a, moved.rank(x)) for a in axes)
    return _np.swapaxes(x.value, first, second)


def _repeated_shape(moved: Moved) -> Any:
    shape = moved.row.shape or ()
    x = moved.aligned(moved.args[0], len(shape))
    return _np.broadcast_to(x, (moved.count, *shape))


def _same_call(moved: Moved) -> Any:
    x, *rest = moved.args
    return moved.row.function(x.value, *rest, **moved.rest())  # type: ignore[misc]


def _number(moved: Moved) -> Any:
    return moved.args[0].value


def _joined(moved: Moved) -> Any:
    parts = moved.args[0]
    if not isinstance(parts, SEQUENCES):
        raise CannotBatchError
    axis = moved.option("axis", 1, 0)
    if axis is None:
        raise CannotBatchError
    filled = [
        x.value if isinstance(x, Many)
        else _np.broadcast_to(x, (moved.count, *np.shape(x))) for x in parts
    ]  # fmt: skip
    axis = _shifted(axis, len(moved.row.shape or ()))
    return moved.row.function(filled, axis=axis, **moved.rest("axis"))  # type: ignore


def _made_of(moved: Moved) -> Any:
    """Batch ``np.asarray`` of nested lists."""
    if len(moved.args) != 1:
        raise CannotBatchError
    return _nested(moved.args[0], moved.count)


def _nested(x: Any, count: int) -> Any:
    if isinstance(x, Many):
        return x.value
    if isinstance(x, SEQUENCES):
        return _np.stack([_nested(v, count) for v in x], axis=1)
    return _np.broadcast_to(x, (count, *np.shape(x)))


def _multiplied(moved: Moved) -> Any:
    """Batch a product of matrices and vectors."""
    x, y = moved.args
    ranks = moved.rank(x), moved.rank(y)
    if moved.row.function is np.dot and (0 in ranks or max(ranks) > 2):
        return _contracted_along(moved, ranks[0] - 1, max(ranks[1] - 2, 0))
    if ranks == (1, 1):
        return _np.sum(moved.aligned(x, 1) * moved.aligned(y, 1), axis=-1)
    if ranks == (1, 2) and not isinstance(y, Many):
        return _np.matmul(x.value, y)
    if ranks == (2, 1) and not isinstance(x, Many):
        return _np.matmul(y.value, _np.transpose(x))
    rank = max(2, *ranks)
    left = _matrix(moved, x, rank, -2)
    right = _matrix(moved, y, rank, -1)
    z = _np.matmul(left, right)
    if ranks[0] == 1:
        z = z[..., 0, :]
    return z[..., 0] if ranks[1] == 1 else z


def _matrix(moved: Moved, x: Any, rank: int, place: int) -> Any:
    """Return a vector as a matrix of one row or column, and align either."""
    if moved.rank(x) == 1:
        wide = _np.expand_dims(_plain(x), place)
        x = Many(wide) if isinstance(x, Many) else wide
    return moved.aligned(x, rank)


def _inner(moved: Moved) -> Any:
    x, y = moved.args
    return _contracted_along(moved, moved.rank(x) - 1, moved.rank(y) - 1)


def _outer(moved: Moved) -> Any:
    x, y = moved.args
    left = _np.reshape(_plain(x), (*[moved.count] * isinstance(x, Many), -1, 1))
    right = _np.reshape(_plain(y), (*[moved.count] * isinstance(y, Many), 1, -1))
    return left * right


def _contracted_along(moved: Moved, a: int, b: int) -> Any:
    """Batch the sum of products along an axis of each; of a number, the product."""
    x, y = moved.args
    if not moved.rank(x) or not moved.rank(y):
        rank = moved.rank(x) + moved.rank(y)
        return moved.aligned(x, rank) * moved.aligned(y, rank)
    return _tensor_product(moved, (a,), (b,))


def _contracted_axes(moved: Moved) -> Any:
    x, y = moved.args[:2]
    axes = moved.option("axes", 2, 2)
    if isinstance(axes, (int, np.integer)):
        first = tuple(range(moved.rank(x) - int(axes), moved.rank(x)))
        return _tensor_product(moved, first, tuple(range(int(axes))))
    pairs = [(a,) if isinstance(a, (int, np.integer)) else a for a in axes]
    first, second = (normalize_axes(tuple(a), moved.rank(v))
                     for a, v in zip(pairs, (x, y), strict=True))  # fmt: skip
    return _tensor_product(moved, first, second)


def _tensor_product(moved: Moved, first: Axes, second: Axes) -> Any:
    """Batch ``np.tensordot`` along these axes of an example."""
    x, y = moved.args[:2]
    rank = moved.rank(x)
    if not isinstance(y, Many):
        return _np.tensordot(x.value, y, axes=([a + 1 for a in first], second))
    if not isinstance(x, Many):
        z = _np.tensordot(x, y.value, axes=(first, [b + 1 for b in second]))
        return _np.moveaxis(z, rank - len(first), 0)
    names = _LETTERS[1 : 1 + rank]
    others = list(_LETTERS[1 + rank : 1 + rank + moved.rank(y)])
    for a, b in zip(first, second, strict=True):
        others[b] = names[a]
    kept = [c for c in names if c not in others] + [c for c in others if c not in names]
    text = f"a{names},a{''.join(others)}->a{''.join(kept)}"
    return _np.einsum(text, x.value, y.value)


def _crossed(moved: Moved) -> Any:
    x, y = moved.args
    axes = moved.rest()
    if any(axis not in (-1, None) for axis in axes.values()):
        raise CannotBatchError
    rank = max(moved.rank(x), moved.rank(y))
    return _np.cross(moved.aligned(x, rank), moved.aligned(y, rank))


def _solved(moved: Moved) -> Any:
    a, b = moved.args
    own = moved.rank(b)
    if not isinstance(a, Many) and moved.rank(a) == 2 and own <= 2:
        return _solved_together(a, b.value)
    rank = max(2, moved.rank(a), own)
    z = _np.linalg.solve(moved.aligned(a, rank), _matrix(moved, b, rank, -1))
    return z[..., 0] if own == 1 else z


def _solved_together(a: Any, b: Any) -> Any:
    """Solve with one matrix for all examples, which is factorized once."""
    count, n = shape_of(b)[:2]
    columns = _np.reshape(_np.moveaxis(b, 0, -1), (n, -1))
    z = _np.reshape(_np.linalg.solve(a, columns), (*shape_of(b)[1:], count))
    return _np.moveaxis(z, -1, 0)


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _contracted(moved: Moved) -> Any:
    subscripts, *operands = moved.args
    if not isinstance(subscripts, str) or "->" not in subscripts:
        raise CannotBatchError
    inputs, output = subscripts.split("->")
    letter = next(c for c in _LETTERS if c not in subscripts)
    parts = [letter * isinstance(x, Many) + part
             for x, part in zip(operands, inputs.split(","), strict=True)]  # fmt: skip
    plain = [_plain(x) for x in operands]
    return _np.einsum(f"{','.join(parts)}->{letter}{output}", *plain, **moved.rest())


def _scanned(moved: Moved) -> Any:
    """Batch a scan: a scan whose body runs the examples' bodies."""
    loop: Loop = moved.row.function
    leaves, captured = moved.args
    n, count = loop.carried, moved.count
    many = [True] * n + [isinstance(x, Many) for x in leaves[n:]]
    carries = [x.value if isinstance(x, Many)
               else _np.broadcast_to(x, (count, *shape_of(x))) for x in leaves[:n]]  # fmt: skip
    rows = [_np.moveaxis(x.value, 0, 1) if isinstance(x, Many) else x
            for x in leaves[n:]]  # fmt: skip
    home: Any = traced_in(list(map(_plain, [*leaves, *captured])))

    def flat(*inputs: Any) -> list[Any]:
        given = [Many(x) if m else x for x, m in zip(inputs, many, strict=True)]
        program = loop.body.program
        return run_batched(program, [*given, *captured], count, home.innermost())

    batched = Loop(home, flat, carries, rows, loop.count, reverse=loop.reverse)
    found = batched.values([*carries, *rows])
    return (*found[:n], *(_np.moveaxis(z, 1, 0) for z in found[n:]))


_FORMS: dict[Any, Form] = {
    operator.getitem: _getitem,
    unindex: _unindexed,
    masked_result: _elementwise,
    cofactors_dot.__wrapped__: _broadcast,  # type: ignore[attr-defined]
    float: _number,
    np.where: _elementwise,
    np.asarray: _made_of,
    np.reshape: _reshaped,
    np.ravel: _reshaped,
    np.expand_dims: _reshaped,
    np.squeeze: _reshaped,
    np.transpose: _transposed,
    np.swapaxes: _swapped,
    np.broadcast_to: _repeated_shape,
    broadcast_to: _repeated_shape,
    np.linalg.solve: _solved,
    np.matmul: _multiplied,
    np.dot: _multiplied,
    np.inner: _inner,
    np.outer: _outer,
    np.tensordot: _contracted_axes,
    np.cross: _crossed,
    np.einsum: _contracted,
    np.roll: _rolled,
    **dict.fromkeys((np.stack, np.concatenate), _joined),
    **dict.fromkeys((np.sum, np.prod, np.mean, np.max, np.min, np.any, np.all, np.var,
                     np.std, np.flip), _reduced),
    **dict.fromkeys((np.cumsum, np.cumprod, np.sort, np.argsort, np.argmax, np.argmin),
                    _along),
    **dict.fromkeys((np.astype, np.copy, np.real, np.imag, np.linalg.inv, np.linalg.det,
                     np.linalg.cholesky, np.linalg.slogdet, np.linalg.eigh,
                     np.linalg.svd), _same_call),
}  # fmt: skip
"""The batched form of each function that has one."""
