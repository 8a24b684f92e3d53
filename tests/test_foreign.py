"""Arrays of other libraries next to a node: nothing is gathered unseen."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import chainrule as gd
from chainrule import node
from chainrule.errors import ArgumentError

# ruff: noqa: PLW0108 (each use is written as a user writes it)
A = np.array([1.0, 2.0, 3.0])


class Array:
    """Stands for another library's array; taking it apart is an error of the test."""

    shape, dtype, ndim, size = (3,), np.dtype(float), 1, 3

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("gathered")

    def __len__(self):
        return 3


class Lazy(Array):
    """As Dask's: gives way in operators, and answers NumPy's functions itself."""

    __array_priority__ = 11

    def compute(self):
        return A

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return NotImplemented

    def __array_function__(self, func, types, args, kwargs):
        return NotImplemented


class Labelled(Array):
    """As xarray's, without operators of its own."""

    def to_numpy(self):
        return A


class Tensor(Array):
    """As PyTorch's."""

    def detach(self):
        return self


class Sparse:
    """As SciPy's: it has no protocol."""

    shape, dtype = (3,), np.dtype(float)

    def toarray(self):
        return A


class Exchanged:
    """Only the exchange protocols."""

    def __dlpack__(self, **options):
        raise AssertionError("gathered")


class Frame:
    """Only the protocol of tables."""

    def __dataframe__(self, **options):
        raise AssertionError("gathered")


class Quantity(np.ndarray):
    """As astropy's: a subclass, which would lose its unit."""


FOREIGN = {
    "Lazy": (Lazy(), "value.compute()"),
    "Labelled": (Labelled(), "value.to_numpy()"),
    "Tensor": (Tensor(), "value.detach().numpy()"),
    "Sparse": (Sparse(), "value.toarray()"),
    "Exchanged": (Exchanged(), "np.asarray(value)"),
    "Frame": (Frame(), "np.asarray(value)"),
    "Quantity": (A.view(Quantity), "np.asarray(value)"),
    "MaskedArray": (np.ma.masked_array(A, [0, 1, 0]), "value.filled(...)"),
    "matrix": (A[None].view(np.matrix), "np.asarray(value)"),
}


def total(x):
    return np.sum(x)


N = node(A)
USES = {
    "node": node,
    "in a list": lambda y: node([y, y]),
    "grad": lambda y: gd.grad(total)(y),
    "value_and_grad": lambda y: gd.value_and_grad(lambda x: np.sum(x["a"]))({"a": y}),
    "beside floats": lambda y: gd.grad(lambda x: x[0])([1.0, y]),
    "vjp": lambda y: gd.vjp(total, y),
    "hessian": lambda y: gd.hessian(total)(y),
    "explain": lambda y: gd.explain(total)(y),
    "a cotangent": lambda y: (N * 1.0).backward(y),
    "vjp's cotangent": lambda y: gd.vjp(lambda x: x, A)[1](y),
    "a tangent": lambda y: gd.jvp(total, (A,), (y,)),
    "linearize": lambda y: gd.linearize(total, A)[1](y),
    "a value": lambda y: setattr(node(A), "value", y),
    "add": lambda y: N + y,
    "subtract": lambda y: N - y,
    "multiply": lambda y: N * y,
    "power": lambda y: N**y,
    "matmul": lambda y: N @ y,
    "a ufunc": lambda y: np.arctan2(N, y),
    "where": lambda y: np.where(y, N, 0.0),
    "where's value": lambda y: np.where(A > 1, N, y),
    "clip": lambda y: np.clip(N, y, 2.0),
    "dot": lambda y: np.dot(N, y),
    "einsum": lambda y: np.einsum("i,i->", N, y),
    "cross": lambda y: np.cross(N, y),
    "vdot": lambda y: np.vdot(N, y),
    "concatenate": lambda y: np.concatenate([N, y]),
    "stack": lambda y: np.stack([N, y]),
    "a mask": lambda y: np.sum(N, where=y),
    "a ufunc's mask": lambda y: np.add(N, 1.0, where=y),
    "nansum's mask": lambda y: np.nansum(N, where=y),
    "an index": lambda y: N[y],
    "one of indices": lambda y: node(np.eye(3))[y, 0],
    "take": lambda y: np.take(N, y),
    "compress": lambda y: np.compress(y, N),
    "select": lambda y: np.select([y], [N]),
    "linalg": lambda y: np.linalg.solve(node(np.eye(3)), y),
    "interp": lambda y: np.interp(0.5, y, N),
    "our function": lambda y: gd.sin(y),
}  # fmt: skip
CONSTANT = {"a mask", "an index", "take", "select", "compress", "where"}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_array_is_refused_by_name(kind, use):
    y, remedy = FOREIGN[kind]
    if kind in ("MaskedArray", "Quantity", "matrix") and use in CONSTANT:
        y = y.astype(int) if use == "take" else y > 1
    with pytest.raises(ArgumentError, match=kind) as raised:
        USES[use](y)
    assert remedy in str(raised.value)


@pytest.mark.parametrize(
    "f", [operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul]
)
@pytest.mark.parametrize("kind", ["Lazy", "Labelled", "Tensor", "Sparse", "Quantity"])
def test_a_foreign_left_operand_is_refused(f, kind):
    with pytest.raises(ArgumentError, match=kind):
        f(FOREIGN[kind][0], N)


def test_comparisons_are_the_other_library_s():
    class Own(Lazy):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc.__name__

    assert operator.gt(N, Own()) == "greater"
    assert N // Own() == "floor_divide"


@pytest.mark.parametrize("f", [operator.lt, operator.ge, operator.eq, np.less])
def test_comparisons_that_numpy_cannot_make_are_refused_by_name(f):
    scipy = pytest.importorskip("scipy.sparse")
    y = scipy.csr_array(np.diag(A))
    for pair in ((N, y), (y, N)):
        with pytest.raises(ArgumentError, match=r"csr_array.*value\.toarray\(\)"):
            f(*pair)


SCALARS = {
    "a record": np.array([(1.0, 2)], dtype=[("a", float), ("b", int)])[0],
    "a date": np.datetime64("2026-01-01"),
    "a time": np.timedelta64(3, "D"),
    "a text": np.str_("one"),
}


@pytest.mark.parametrize("y", SCALARS.values(), ids=SCALARS)
def test_scalars_of_numpy_that_are_no_numbers_are_refused(y):
    with pytest.raises(ArgumentError, match="needs numbers"):
        node(y)
    for f in (operator.add, operator.mul, np.maximum, np.arctan2):
        for pair in ((N, y), (y, N)):
            with pytest.raises(ArgumentError, match="needs numbers"):
                f(*pair)


def test_what_is_in_memory_and_plain_is_taken():
    for y in ([1, 2, 3], (1.0, 2.0, 3.0), range(1, 4), memoryview(A), A[::-1][::-1]):
        np.testing.assert_array_equal((N * y).value, A * A)
        np.testing.assert_array_equal(node(y).value, A)


def test_memory_mapped_arrays_are_plain(tmp_path):
    mapped = np.memmap(tmp_path / "a", dtype=float, mode="w+", shape=3)
    mapped[:] = A
    found = gd.grad(lambda x: np.sum(x**2))(mapped)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, 2 * A)
    np.testing.assert_array_equal((N * mapped).value, A * A)


def test_arguments_that_are_not_differentiated_may_be_anything():
    frame = Lazy()
    f = gd.grad(lambda x, data: x * data.compute()[0] * len(data))
    assert f(2.0, frame) == 3.0


# ------------------------------------------------------------------ the libraries


def test_xarray():
    xarray = pytest.importorskip("xarray")
    y = xarray.DataArray(A, dims="t")
    for name in ("node", "where's value", "concatenate", "an index", "a tangent"):
        with pytest.raises(ArgumentError, match=r"DataArray.*value\.to_numpy\(\)"):
            USES[name](y)
    left = y * N  # keeps its labels, and holds nodes
    assert left.dims == ("t",)
    assert isinstance(left.values[0], node)
    with pytest.raises(ArgumentError, match=r"value\[name\]\.to_numpy"):
        node(xarray.Dataset({"u": y}))


def test_sparse():
    sparse = pytest.importorskip("sparse")
    y = sparse.COO.from_numpy(A)
    for name in ("node", "grad", "subtract", "matmul", "an index", "a tangent"):
        with pytest.raises(ArgumentError, match=r"COO.*value\.todense\(\)"):
            USES[name](y)


def test_scipy_sparse():
    scipy = pytest.importorskip("scipy.sparse")
    y = scipy.csr_array(A[None])
    for name in ("node", "grad", "beside floats", "power", "a ufunc", "a tangent"):
        with pytest.raises(ArgumentError, match=r"csr_array.*value\.toarray\(\)"):
            USES[name](y)


def test_pandas_beside_a_node_stands_for_its_values():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(A, index=list("abc"))
    np.testing.assert_array_equal((N - series).value, 0 * A)
    found = gd.grad(lambda x: np.sum((x * series)[series > 1]))(A)
    np.testing.assert_array_equal(found, [0.0, 2.0, 3.0])
    masked = np.sum(N, where=series > 1)
    assert masked.value == 5.0
    for name in ("node", "a tangent"):
        with pytest.raises(ArgumentError, match=r"Series.*value\.to_numpy\(\)"):
            USES[name](series)


class Owner:
    """As pint's quantity: takes nodes in, and answers for what is made of them."""

    def __init__(self, held):
        self.held = held

    shape, dtype = property(lambda x: np.shape(x.held)), np.dtype(object)

    def __array_function__(self, func, types, args, kwargs):
        return Owner(func(*(x.held if isinstance(x, Owner) else x for x in args)))

    def __mul__(self, other):
        return Owner(other * self.held)


@pytest.mark.parametrize("transform", [gd.grad, gd.jacobian, gd.value_and_grad])
def test_a_result_that_another_class_wraps_is_no_constant(transform):
    f = transform(lambda x: np.sum(Owner(A) * x))
    with pytest.raises(ArgumentError, match=r"result.*Owner"):
        f(A)


def test_quantities_with_units_are_refused():
    metre = pytest.importorskip("pint").UnitRegistry().metre
    for f in (lambda x: np.sum((A * metre) * x), lambda x: np.sum(x * (A * metre))):
        with pytest.raises(ArgumentError, match="Quantity"):
            gd.grad(f)(A)
