"""Operations on the bits of integers: locally constant."""

from __future__ import annotations

import numpy as np

from chainrule.rules import locally_constant


class bitwise_and(locally_constant):
    """z = x & y, of integers bit by bit"""

    forward = np.bitwise_and
    operator = "and_"
    of_booleans = np.logical_and


class bitwise_or(locally_constant):
    """z = x | y, of integers bit by bit"""

    forward = np.bitwise_or
    operator = "or_"
    of_booleans = np.logical_or


class bitwise_xor(locally_constant):
    """z = x ^ y, of integers bit by bit"""

    forward = np.bitwise_xor
    operator = "xor"


class invert(locally_constant):
    """z = ~x, of integers bit by bit"""

    forward = np.invert
    operator = "invert"
    of_booleans = np.logical_not


class left_shift(locally_constant):
    """z = x << y"""

    forward = np.left_shift
    operator = "lshift"


class right_shift(locally_constant):
    """z = x >> y"""

    forward = np.right_shift
    operator = "rshift"
