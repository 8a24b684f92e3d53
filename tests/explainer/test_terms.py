"""Operations as terms: what moves, adds up or multiplies entries."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.page.terms import MOST, terms_of

W = np.arange(6.0).reshape(2, 3) - 2.5
X = np.array([1.0, -2.0, 0.5])


def last_of(f, *args):
    explained = gd.explain(f, mode="forward")(*args)
    return terms_of(explained.vertices[-1])


@pytest.mark.parametrize(
    ("f", "args", "count"),
    [
        (lambda w, x: w @ x, (W, X), [6]),
        (lambda w, x: np.einsum("ij,kj->ik", w, w), (W, X), [12]),
        (lambda w, x: np.outer(x, x), (W, X), [9]),
        (lambda w, x: w @ np.ones(3), (W, X), [6]),
        (lambda w, x: np.stack([x, x, np.ones(3)]), (W, X), [3, 3]),
        (lambda w, x: np.mean(w, axis=0), (W, X), [6]),
        (lambda w, x: w[1, ::2], (W, X), [2]),
        (lambda w, x: np.max(w, axis=1), (W, X), [6]),
        (lambda w, x: np.sum(w, initial=2.0), (W, X), [6]),
        (lambda w, x: np.reshape(w, (3, 2)).T, (W, X), [6]),
    ],
)
def test_terms_give_the_result(f, args, count):
    terms = last_of(f, *args)
    assert [len(part["to"]) for part in terms["terms"]] == count


def test_the_terms_of_a_product_of_matrices():
    part = last_of(lambda a, b: a @ b, np.eye(2), np.ones((2, 1)))["terms"][0]
    assert part == {
        "of": [0, 1],
        "to": [0, 0, 1, 1],
        "at": [[0, 1, 2, 3], [0, 1, 0, 1]],
        "by": None,
    }


def test_means_have_factors_and_constants_an_offset():
    assert last_of(np.mean, X)["terms"][0]["by"] == [1 / 3] * 3
    assert last_of(lambda x: np.sum(x, initial=2.0), X)["offset"] == [2.0]


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.sin, X),
        (np.linalg.inv, np.eye(2)),
        (lambda x: x + x[::-1], X),
        (lambda x: x @ x.T, np.ones((17, 17))),
        (np.cumsum, np.ones(401)),
        (lambda x: np.max(x, where=x > 0, initial=0.0), X),
    ],
)
def test_what_has_no_terms_or_too_many(f, x):
    assert MOST < 17**3
    assert last_of(f, x) is None
