"""Colourings: what is computed together can be told apart, in each of the modes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

sp = pytest.importorskip("scipy.sparse")
colouring = pytest.importorskip("chainrule.compiler.sparsity.colouring")
compression = pytest.importorskip("chainrule.compiler.sparsity.compression")
structure = pytest.importorskip("chainrule.compiler.sparsity.structure")
substitution = pytest.importorskip("chainrule.compiler.sparsity.substitution")


def pattern_of(matrix):
    found = sp.csr_array(matrix != 0)
    found.sort_indices()
    return structure.structure_of(found)


def random(m, n, density, seed):
    rng = np.random.default_rng(seed)
    return sp.random_array((m, n), density=density, rng=rng).tocsr()


def scattered(m, n, density, seed):
    return pattern_of(random(m, n, density, seed))


def symmetric(n, density, seed):
    half = random(n, n, density, seed)
    return pattern_of(half + half.T)


def arrow(n):
    full = np.eye(n)
    full[0] = full[:, 0] = 1
    return pattern_of(full)


def banded(n, width):
    return pattern_of(abs(np.subtract.outer(np.arange(n), np.arange(n))) <= width)


def products_of(matrix, found):
    """Return the products with a compression's seeds, one after the other."""
    seeds = found.seeds(float)
    products = []
    if found.columns is not None:
        products.append((matrix @ seeds.pop(0).T).T)
    if found.rows is not None:
        products.append(seeds.pop(0) @ matrix)
    return np.concatenate([np.ravel(p) for p in products])


RECTANGLES = [
    scattered(60, 40, 0.01, 0),
    scattered(60, 40, 0.05, 1),
    scattered(40, 60, 0.3, 2),
    scattered(5, 300, 0.2, 3),
    scattered(300, 5, 0.2, 4),
    arrow(50),
    pattern_of(np.ones((4, 6))),
    pattern_of(np.ones((6, 1))),
]


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("k", range(len(RECTANGLES)))
def test_entries_are_found_in_the_products(k, mode):
    pattern = RECTANGLES[k]
    matrix = pattern.as_scipy().astype(float)
    matrix.data = np.random.default_rng(k).normal(size=matrix.nnz)
    found = compression.compressed(pattern, mode)
    np.testing.assert_allclose(found.entries(products_of(matrix, found)), matrix.data)
    sweeps = {
        m: compression.compressed(pattern, m).sweeps
        for m in ("forward", "reverse", "bidirectional")
    }
    if mode == "auto":
        assert found.sweeps <= min(sweeps["forward"], sweeps["reverse"])
        assert found.sweeps <= sweeps["bidirectional"] + 1
    else:
        assert found.mode == mode


def test_an_arrow_takes_three_products():
    found = compression.compressed(arrow(500), "auto")
    assert (found.mode, found.sweeps) == ("bidirectional", 3)


GRAPHS = [
    *(symmetric(40, density, seed) for density in (0.02, 0.1) for seed in range(3)),
    symmetric(200, 0.02, 4),
    arrow(60),
    banded(50, 1),
    banded(50, 3),
    pattern_of(np.ones((7, 7))),
    pattern_of(np.eye(5)),
]


@pytest.mark.parametrize("mode", ["star", "acyclic", "diagonal"])
@pytest.mark.parametrize("k", range(len(GRAPHS)))
def test_entries_of_symmetric_matrices_are_found_in_the_products(k, mode):
    pattern = GRAPHS[k]
    half = pattern.as_scipy().astype(float)
    half.data = np.random.default_rng(k).normal(size=half.nnz)
    matrix = (half + half.T).tocsr()
    matrix.sort_indices()
    found = compression.compressed_symmetric(pattern, mode, 0)
    expected = matrix.diagonal() if mode == "diagonal" else matrix.data
    entries = found.entries(products_of(matrix, found))
    np.testing.assert_allclose(entries, expected, atol=1e-11)
    stars = compression.compressed_symmetric(pattern, "star", 0)
    assert found.sweeps <= stars.sweeps


def test_trees_take_fewer_products_than_stars():
    for width in (1, 2, 3):
        stars, trees = (
            compression.compressed_symmetric(banded(80, width), mode, 0).sweeps
            for mode in ("star", "acyclic")
        )
        assert (stars, trees) == (2 * width + 1, width + 1)


def test_substitution_is_taken_where_it_pays():
    pattern = symmetric(300, 0.02, 1)
    costly = compression.compressed_symmetric(pattern, "auto", 10**7)
    cheap = compression.compressed_symmetric(pattern, "auto", 10)
    assert (costly.mode, cheap.mode) == ("acyclic", "star")
    long = compression.compressed_symmetric(banded(900, 1), "auto", 10**9)
    assert long.mode == "star"  # an error would grow from entry to entry


def test_a_full_symmetric_matrix_has_a_colour_for_each_column():
    full = pattern_of(np.ones((3000, 3000), bool))
    np.testing.assert_array_equal(colouring.colour_symmetric(full), np.arange(3000))


def test_many_neighbours_are_no_burden():
    n = 100_000
    i, zeros = np.arange(n), np.zeros(n - 1, int)
    rows, columns = np.r_[i, zeros, i[1:]], np.r_[i, i[1:], zeros]
    pattern = pattern_of(sp.csr_array((np.ones(rows.size), (rows, columns)), (n, n)))
    for acyclic in (False, True):
        assert colouring.colour_symmetric(pattern, acyclic=acyclic).max() == 1
    assert compression.compressed(pattern, "auto").sweeps == 3


def test_loops_in_machine_code_are_those_of_python(monkeypatch):
    from chainrule.compiler.native import integer_loops, llvm

    monkeypatch.setattr(integer_loops, "FEW", 0)
    graph = symmetric(50, 0.06, 1)

    def everything():
        found = [colouring.colour_columns(graph)]
        for acyclic in (False, True):
            colours = colouring.colour_symmetric(graph, acyclic=acyclic)
            products = np.random.default_rng(0).normal(size=50 * (colours.max() + 1))
            recovery = substitution.Recovery(graph, colours)
            found += [colours, recovery.entries(products)]
        return found

    native = everything()
    monkeypatch.setattr(llvm, "available", lambda: False)
    for a, b in zip(native, everything(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("few", [0, 1 << 30])
def test_places_of_entries(monkeypatch, few):
    from chainrule.compiler.native import integer_loops

    monkeypatch.setattr(integer_loops, "FEW", few)
    matrix = sp.random_array((30, 40), density=0.2, rng=2).tocsr()
    matrix.sort_indices()
    pattern = pattern_of(matrix)
    order = np.random.default_rng(0).permutation(pattern.nnz)
    rows, columns = pattern.rows()[order], pattern.indices[order]
    np.testing.assert_array_equal(pattern.places_of(rows, columns), order)
    absent = np.argwhere(matrix.toarray() == 0)
    assert all(pattern.places_of(*x[:, None]) is None for x in absent[:200])


def test_loops_that_were_run_often_are_compiled(monkeypatch):
    from chainrule.compiler.native import integer_loops, llvm

    if not llvm.available():
        pytest.skip("needs llvmlite")
    in_python, calls = integer_loops._in_python, []

    def counted(f, args):
        calls.append(f)
        return in_python(f, args)

    graph = symmetric(20, 0.1, 1)
    entries = 2 * graph.nnz + 21 + 20 + graph.nnz  # two patterns, ends, the order
    monkeypatch.setattr(integer_loops, "FEW", 3 * entries)
    monkeypatch.setattr(integer_loops, "_SEEN", Counter())
    monkeypatch.setattr(integer_loops, "_in_python", counted)
    found = [graph.transposed()[1] for _ in range(4)]
    assert len(calls) == 2
    for order in found:
        np.testing.assert_array_equal(order, found[0])


# ----------------------------------------------------------------------- of functions

X = np.linspace(0.3, 1.7, 40)


def with_a_full_row_and_column(x):
    y = x**2 * x[0]
    return np.concatenate([[np.sum(np.sin(x))], y[1:]])


def coupled(x):
    return np.sum(x[1:] ** 3 * x[:-1]) + np.sum(np.exp(x[:10] * x[10:20])) + x[0] ** 2


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "bidirectional"])
def test_every_mode_has_the_same_jacobian(mode):
    J = gd.sparse.jacobian(with_a_full_row_and_column, mode=mode)
    expected = gd.jacobian(with_a_full_row_and_column)(X)
    np.testing.assert_allclose(J(X).toarray(), expected, rtol=1e-12, atol=1e-14)
    if mode == "auto":
        assert J.mode == "bidirectional"
        assert J.sweeps == 3
        assert [c.size for c in J.colors] == [40, 40]


@pytest.mark.parametrize("mode", ["auto", "star", "acyclic"])
def test_every_mode_has_the_same_hessian(mode):
    H = gd.sparse.hessian(coupled, mode=mode)
    expected = gd.hessian(coupled)(X)
    np.testing.assert_allclose(H(X).toarray(), expected, rtol=1e-10, atol=1e-12)
    assert mode in ("auto", H.mode)


def test_substitution_that_loses_digits_gives_way_to_stars():
    steep = np.logspace(-9, 12, 40)

    def f(x):
        return np.sum(steep[1:] * (x[1:] * x[:-1]) ** 2)

    H = gd.sparse.hessian(f, mode="acyclic")
    found, expected = H(X).toarray(), gd.hessian(f)(X)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_modes_are_known_by_name():
    with pytest.raises(ArgumentError, match="'bidirectional'"):
        gd.sparse.jacobian(np.sin, mode="both")
    with pytest.raises(ArgumentError, match="'acyclic'"):
        gd.sparse.hessian(np.sum, mode="forward")
