"""Grey morphology: erosion, dilation, and what they are combined to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.ndimage
from numpy.typing import ArrayLike

from chainrule.scipy.ndimage.arguments import Axes, Output
from chainrule.scipy.ndimage.order_filters import Modes, Size, morphed, real_image
from chainrule.values.types import Array, Operation
from chainrule.wrapping import serve

Step = Callable[[Array], Any]
"""An erosion or a dilation by a given window."""


def _eroded(x: Array, erode: Step, dilate: Step) -> Any:
    """Return the least of the entries of each window, less its heights."""
    return erode(x)


def _dilated(x: Array, erode: Step, dilate: Step) -> Any:
    """Return the largest of the entries of each window turned round, plus heights."""
    return dilate(x)


def _opened(x: Array, erode: Step, dilate: Step) -> Any:
    """Return the dilation of the erosion."""
    return dilate(erode(x))


def _closed(x: Array, erode: Step, dilate: Step) -> Any:
    """Return the erosion of the dilation."""
    return erode(dilate(x))


def _gradient(x: Array, erode: Step, dilate: Step) -> Any:
    """Return the difference of dilation and erosion."""
    return dilate(x) - erode(x)


def _laplace(x: Array, erode: Step, dilate: Step) -> Any:
    """Return the second difference of dilation, input and erosion."""
    return dilate(x) + erode(x) - 2 * x


def _white_tophat(x: Array, erode: Step, dilate: Step) -> Any:
    """Return what opening takes away."""
    return x - dilate(erode(x))


def _black_tophat(x: Array, erode: Step, dilate: Step) -> Any:
    """Return what closing adds."""
    return erode(dilate(x)) - x


def _of_window(combined: Callable[[Array, Step, Step], Any]) -> Operation:
    def function(
        input: ArrayLike,
        size: Size = None,
        footprint: ArrayLike | None = None,
        structure: ArrayLike | None = None,
        output: Output = None,
        mode: Modes = "reflect",
        cval: float = 0.0,
        origin: int | tuple[int, ...] = 0,
        *,
        axes: Axes = None,
    ) -> Any:
        window = (size, footprint, structure, mode, cval, origin, axes)

        def erode(x: Array) -> Any:
            return morphed(x, *window, largest=False)

        def dilate(x: Array) -> Any:
            return morphed(x, *window, largest=True)

        return combined(real_image(input, output), erode, dilate)

    return function


for _name, _combined in {
    "grey_erosion": _eroded,
    "grey_dilation": _dilated,
    "grey_opening": _opened,
    "grey_closing": _closed,
    "morphological_gradient": _gradient,
    "morphological_laplace": _laplace,
    "white_tophat": _white_tophat,
    "black_tophat": _black_tophat,
}.items():
    _function = _of_window(_combined)
    _function.__name__ = _function.__qualname__ = _name
    _function.__doc__ = _combined.__doc__
    serve(_function, getattr(scipy.ndimage, _name))
