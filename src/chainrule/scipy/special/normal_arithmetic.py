"""The normal distribution function and its relatives, in plain arithmetic.

With Mills' ratio ``m(y) = (1 - ndtr(y)) / density(y)`` all of them follow from one
polynomial, for y >= 0, and one exponential function (DLMF 7.8.1). They are within 4
units in the last place, the derivative of ``log(ndtr(x))`` within 5.
"""

from __future__ import annotations

from chainrule.operations_grad.exponentials import exp_scaled, log_less
from chainrule.operations_grad.plain_arithmetic import bits_of, of_bits, poly24
from chainrule.operations_grad.special import FIRST_BITS, TWO_OVER_ROOT_PI

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

# (y + 2)**2 (1 - y m(y)) / sqrt(2 pi) for y >= 0, in the same.
SLOPE_FIRST = 0.6570492451041012
SLOPE = (
    -0.4718200183675866,
    0.34588968459149005,
    -0.1839479352892368,
    0.05018463166951004,
    0.024125187340473322,
    -0.04364185370155494,
    0.03253391439882225,
    -0.01461915617340614,
    0.002567914935439569,
    0.0018155810427142483,
    -0.0018183275667033056,
    0.0007507820918076367,
    -8.777613897939938e-05,
    -7.339488599456441e-05,
    3.864398746472108e-05,
    -9.705838536435776e-07,
    -5.564403811698855e-06,
    1.4186956442070146e-06,
    5.864124517031037e-07,
    -3.0862622191256093e-07,
    -4.84308657603838e-08,
    4.5612331772484454e-08,
    2.5203829913516365e-09,
    -3.832986359772574e-09,
)


def place(y: float) -> float:
    """Return (y - 6) / (y + 6), without an error near 0."""
    near = FAR if y > FAR else y
    return (near + near) / (near + 6.0) - 1.0


def tail_series(y: float) -> float:
    """Return (y + 2) m(y) / sqrt(2 pi) for y >= 0."""
    t = place(y)
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


def erfcx_slope_of(x: float) -> float:
    """Return the derivative of erfcx at x, for x >= 0 so that nothing cancels."""
    y = abs(x)
    t = place(ROOT_2 * y)
    series = SLOPE_FIRST + t * poly24(SLOPE, t)
    right = -ROOT_2 * series / (y + ROOT_2) / (y + ROOT_2)
    return 2.0 * x * erfcx_of(x) - TWO_OVER_ROOT_PI if x < 0.0 else right
