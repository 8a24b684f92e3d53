"""Masked products of what is zero by structure are plain products."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.programs import passes
from chainrule.rules.supports import masked_result

RNG = np.random.default_rng(23)
Y, W = RNG.normal(size=9), RNG.normal(size=8)


@pytest.fixture
def has_masks(monkeypatch):
    """Tell whether the gradient of a loop, which is the uncompiled one, has masks."""
    rows = []
    observers = [*passes.OBSERVERS, lambda stage, p: rows.append((stage, list(p.rows)))]
    monkeypatch.setattr(passes, "OBSERVERS", observers)

    def tell(step):
        def f(y, w):
            last, _ = gd.scan(lambda y, _: (y + step(y, w), None), y, None, 3)
            return np.sum(last**2)

        fast = gd.compile(gd.grad(f, (0, 1)))
        for found, expected in zip(fast(Y, W), gd.grad(f, (0, 1))(Y, W), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
        last = {id(row): row for stage, p in rows if stage == "writes" for row in p}
        return any(row.function is masked_result for row in last.values())

    return tell


def moved(part, w):
    return np.concatenate([w[:1], part * w])


STEPS = {
    "once": lambda y, w: moved((0.5 * y)[:-1], w),
    "often": lambda y, w: moved((3.0 * (0.25 * (y * 1.0)))[1:], w),
    "of a sum": lambda y, w: moved((y + 0.5 * (y - 1.0))[:-1], w),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_positive_multiples_of_parts_need_no_mask(has_masks, step):
    assert not has_masks(step)


@pytest.mark.parametrize("factor", [-2.0, np.inf, np.nan, 0.0])
def test_other_multiples_keep_their_mask(has_masks, factor):
    """Zero times infinity is no zero, and that of a negative number has its sign."""
    with np.errstate(invalid="ignore"):
        assert has_masks(lambda y, w: moved((factor * y)[:-1], w))


def test_a_product_with_an_array_keeps_its_mask(has_masks):
    factors = np.append(W, 2.0)
    assert has_masks(lambda y, w: moved((factors * y)[:-1], w))


def test_a_mask_that_leaves_out_more_is_kept(has_masks):
    kept = np.arange(9) % 2 == 0
    assert has_masks(lambda y, w: moved(np.where(kept, 0.5 * y, 0.0)[:-1], w))
