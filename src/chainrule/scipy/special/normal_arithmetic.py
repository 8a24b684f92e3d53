"""The normal distribution function and its relatives, in plain arithmetic.

With Mills' ratio ``m(y) = (1 - ndtr(y)) / density(y)`` all of them follow from one
polynomial, for y >= 0, and one exponential function (DLMF 7.8.1). They are within 4
units in the last place.
"""

from __future__ import annotations

from chainrule.operations_grad.exponentials import exp_scaled, log_less
from chainrule.operations_grad.plain_arithmetic import bits_of, of_bits, poly24
from chainrule.operations_grad.special import FIRST_BITS

PER_ROOT_2_PI = 0.3989422804014327
ROOT_2 = 1.4142135623730951
FAR = 1e17  # the next polynomial is at its end
LARGE = 1e200  # its square is no float
LAST = 38.6  # the density beyond it, times 1 / 38, is 0

# (y + 2) m(y) / sqrt(2 pi) for y >= 0, in (y - 6) / (y + 6): the first coefficient,
# and the others.
TAIL_FIRST = 0.5182345145955748
TAIL = (
    -0.20822209576278977,
    0.14564291801290039,
    -0.08627942657878462,
    0.040681635302588406,
    -0.012462072762923045,
    -0.0007788002425906067,
    0.004400428225283993,
    -0.003641891403309114,
    0.0019222033440725696,
    -0.0006886217713932129,
    0.00013186393948771307,
    1.728573157326884e-05,
    -2.0867963702087436e-05,
    4.8885303430563086e-06,
    1.0676897059472503e-06,
    -8.842318154096169e-07,
    6.13786932141845e-08,
    1.0574271023232914e-07,
    -2.498450758395761e-08,
    -1.1022576558949549e-08,
    4.016871134391917e-09,
    1.0211577640203434e-09,
    -3.406911344067823e-10,
    -6.444666333651483e-11,
)


def tail_series(y: float) -> float:
    """Return (y + 2) m(y) / sqrt(2 pi) for y >= 0."""
    near = FAR if y > FAR else y
    t = (near + near) / (near + 6.0) - 1.0
    return TAIL_FIRST + t * poly24(TAIL, t)


def scaled_tail(y: float) -> float:
    """Return (1 - ndtr(y)) exp(y**2 / 2), which is m(y) / sqrt(2 pi), for y >= 0."""
    return tail_series(y) / (y + 2.0)


def bell(y: float) -> float:
    """Return exp(-y**2 / 2) for y in 0..LAST, the square in two parts."""
    head = of_bits(bits_of(y) & FIRST_BITS)
    rest = 0.5 * ((y - head) * (y + head))
    p = exp_scaled(-0.5 * (head * head), 0.0)
    return p - p * (rest - rest * rest * (0.5 - rest / 6.0))


def tail_of(y: float) -> float:
    """Return 1 - ndtr(y) for y >= 0."""
    return bell(LAST if y > LAST else y) * scaled_tail(y)


def ndtr_of(x: float) -> float:
    """Return ndtr(x)."""
    tail = tail_of(abs(x))
    return 1.0 - tail if x > 0.0 else tail


def log_ndtr_of(x: float) -> float:
    """Return log(ndtr(x)): of what is left of 1, or of the scaled tail."""
    y = abs(x)
    tail = tail_of(y)
    high = 1.0 - tail
    lost = ((1.0 - high) - tail) * (1.0 + tail)
    scaled = scaled_tail(LARGE if y > LARGE else y)
    rest = -lost if x > 0.0 else 0.0
    log = log_less(high if x > 0.0 else scaled, 1023.0, 0.0, rest)
    return (-tail if tail < 1e-17 else log) if x > 0.0 else log - 0.5 * (x * x)


def inverse_mills_of(x: float) -> float:
    """Return density(x) / ndtr(x)."""
    y = abs(x)
    near = LAST if y > LAST else y
    scaled = scaled_tail(y)
    whole = 1.0 - bell(near) * scaled if x > 0.0 else scaled
    return PER_ROOT_2_PI * (bell(near) if x > 0.0 else 1.0) / whole


def growing(y: float) -> float:
    """Return exp(y**2) / 2 for y in 0..26.7, the square in two parts."""
    head = of_bits(bits_of(y) & FIRST_BITS)
    rest = (y - head) * (y + head)
    p = exp_scaled(head * head, -1.0)
    return p + p * (rest + rest * rest * (0.5 + rest / 6.0))


def erfcx_of(x: float) -> float:
    """Return exp(x**2) erfc(x): twice the scaled tail at sqrt(2) x."""
    y = abs(x)
    right = ROOT_2 * tail_series(ROOT_2 * y) / (y + ROOT_2)
    left = 4.0 * (growing(26.7 if y > 26.7 else y) - 0.25 * right)
    return left if x < 0.0 else right
