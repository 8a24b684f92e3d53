"""Einsum in programs: products of two operands, in any style."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.operations_grad.pairwise import einsum_by_pairs

SIZES = dict(zip("abcdijkl", (2, 3, 4, 2, 2, 3, 4, 5), strict=True))
SUBSCRIPTS = (
    "ij,jk->ik ij,jk->ki ji,jk->ik ij,kj->ik i,i-> i,j->ij i,j->ji ij,ij-> ij,ij->i "
    "ij,ij->j ij,ji-> ij->ji ij->i ij-> aij,ajk->aik aij,ajk->iak aij,jk->aik "
    "aij,j->ai ai,aij->aj ai,ij,aj-> i,ij,j-> ij,jk,kl->il ij,jk,kl->li ijk,ijl->kl "
    "ijk,jkl->il ijk,jl,kl->i ij,k->k ij,k->ikj i,i,i->i i,i,i-> ii->i ii,i->i "
    "ij,ik->ijk ij,ik->jik ab,bc,cd,da-> aij,aij->ij ,i->i i,->"
).split()
by_subscripts = pytest.mark.parametrize("subscripts", SUBSCRIPTS)


def operands_of(subscripts):
    rng = np.random.default_rng(3)
    terms = subscripts.split("->")[0].split(",")
    return [rng.standard_normal([SIZES[c] for c in term]) for term in terms]


@by_subscripts
def test_pairs_give_what_einsum_gives(subscripts):
    operands = operands_of(subscripts)
    inputs, out = subscripts.split("->")
    expected = np.einsum(subscripts, *operands)
    z = einsum_by_pairs(inputs.split(","), out, operands)
    assert np.shape(z) == np.shape(expected)
    np.testing.assert_allclose(z, expected, rtol=1e-12, atol=1e-14)


@by_subscripts
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_compiled_derivatives_follow(subscripts, executor):
    operands = operands_of(subscripts)

    def f(*operands):
        return np.sum(np.einsum(subscripts, *operands) ** 2)

    gradient = gd.grad(f, tuple(range(len(operands))))
    fast = gd.compile(gradient, executor=executor)
    for scale in (1.0, -0.5):
        given = [scale * x for x in operands]
        for z, expected in zip(fast(*given), gradient(*given), strict=True):
            assert z.shape == expected.shape
            np.testing.assert_allclose(z, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "subscripts", ["ij,jk->ik", "i,ij,j->", "aij,ajk->aik", "i,j->ij"]
)
def test_programs_have_no_einsum(subscripts):
    operands = operands_of(subscripts)
    mapped = gd.vmap(lambda *operands: np.einsum(subscripts, *operands))
    for f, given in (
        (lambda *operands: np.einsum(subscripts, *operands), operands),
        (mapped, [np.stack([x, 2.0 * x]) for x in operands]),
    ):
        fast = gd.compile(f, executor="numpy")
        np.testing.assert_allclose(fast(*given), f(*given), rtol=1e-12)
        assert "einsum" not in gd.program(fast)


@pytest.mark.parametrize(
    "subscripts", ["bihd,bjhd->bhij", "ni,ij,nj->n", "ijk,jl,kl->i", "aij,ajk->iak"]
)
def test_programs_of_derivatives_have_none_whatever_their_size(subscripts):
    terms, rng = subscripts.split("->")[0].split(","), np.random.default_rng(3)
    sizes = dict(zip("abhdijkln", (3, 4, 4, 8, 24, 20, 18, 6, 90), strict=True))
    operands = [rng.standard_normal([sizes[c] for c in term]) for term in terms]
    gradient = gd.grad(
        lambda *operands: np.sum(np.einsum(subscripts, *operands) ** 2),
        tuple(range(len(operands))),
    )
    fast = gd.compile(gradient, executor="numpy")
    for z, expected in zip(fast(*operands), gradient(*operands), strict=True):
        np.testing.assert_allclose(z, expected, rtol=1e-11, atol=1e-10)
    assert "einsum" not in gd.program(fast)


def test_other_classes_are_numpys():
    for x in (np.arange(6).reshape(2, 3), np.array([[True, False], [True, True]])):
        fast = gd.compile(lambda x: np.einsum("ij,kj->ik", x, x))
        expected = np.einsum("ij,kj->ik", x, x)
        assert fast(x).dtype == expected.dtype
        np.testing.assert_array_equal(fast(x), expected)
    stretched = gd.compile(lambda x, y: np.einsum("ij,ij->i", x, y))
    x, y = np.ones((3, 1)), np.arange(4.0).reshape(1, 4)
    np.testing.assert_array_equal(stretched(x, y), np.einsum("ij,ij->i", x, y))


def test_three_large_arrays_are_contracted_in_pairs_without_a_program():
    rng = np.random.default_rng(4)
    a, x, y = rng.random((30, 30)), rng.random((300, 30)), rng.random((300, 30))
    z = np.einsum("ni,ij,nj->", gd.node(x), a, y)
    np.testing.assert_allclose(z.value, np.sum((x @ a) * y), rtol=1e-13)
