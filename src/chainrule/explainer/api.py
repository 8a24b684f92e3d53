"""``explain`` and ``draw``; what they need is imported when they are called."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, overload

from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import node
from chainrule.values.shapes import describe

if TYPE_CHECKING:
    from chainrule.explainer.diagnosis.finding import Diagnosis
    from chainrule.explainer.explanation import Explanation
    from chainrule.explainer.forms.drawing import Drawing
    from chainrule.explainer.page.workshop import Workshop

P = ParamSpec("P")
Mode = Literal["reverse", "forward"]


@overload
def explain() -> Workshop: ...
@overload
def explain(
    f: node, /, *, mode: Mode = ..., order: Literal[1] = ...
) -> Explanation: ...
@overload
def explain(
    f: Callable[P, Any],
    /,
    *,
    mode: Mode = ...,
    order: Literal[1, 2] = ...,
    branches: bool = ...,
) -> Callable[P, Explanation]: ...
@overload
def explain(
    f: Callable[..., Any],
    /,
    *args: Any,
    mode: Mode = ...,
    order: Literal[1, 2] = ...,
    branches: bool = ...,
    **keywords: Any,
) -> Explanation: ...
def explain(
    f: Any = None,
    /,
    *args: Any,
    mode: Mode = "reverse",
    order: Literal[1, 2] = 1,
    branches: bool = True,
    **keywords: Any,
) -> Any:
    """Explain a gradient, step by step.

    Parameters
    ----------
    f
        A function, or a node. A function is run once and watched, so that each
        operation has its line and expression (which costs time, so nothing else does
        it); a node is explained without source lines. Without it: the page where one
        types a function, which opens where Python is interactive.
    args, keywords
        Arguments of the function, which is called with them at once:
        ``gd.explain(f, x, y)`` is ``gd.explain(f)(x, y)``. An argument that is called
        like an option of ``explain`` can be given in the second form only.
    mode
        ``"reverse"``: the backward sweep. ``"forward"``: the forward sweep of the
        tangent that moves every input by 1.
    order
        2 also explains the gradient of each first derivative (of a function, which
        must be run again for it).
    branches
        Whether a function is also run with its comparisons turned round, each and then
        several, at most 8 times, so that the page can show what other inputs would
        take.

    Returns
    -------
    Explanation, callable or Workshop
        For a node, or a function with its arguments, the explanation; for a function
        alone a function that takes its arguments and returns the explanation of that
        call; without either the page to type one.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.explain(lambda x, y: x * y, 2.0, 3.0)
    <explanation of <lambda>, 3 vertices; print it to read it>
    >>> x, y = gd.node(2.0, name="x"), gd.node(3.0, name="y")
    >>> explained = gd.explain(x * y + x)
    >>> [(t.gradient, explained.vertices[t.vertex].name) for t in explained.ticks]
    [(4.0, 'x'), (2.0, 'y')]
    >>> print(explained)
    node(8.0, add), x = 2, y = 3
    <BLANKLINE>
    Forward
    Each operation, as it ran, recorded its operands and its value.
    <BLANKLINE>
     name  operation       value
     x     input           2
     y     input           3
     v1    multiply(x, y)  6
     v2    add(v1, x)      8
    <BLANKLINE>
    Backward
    Newest first, so that each gradient is complete before it is used. It comes in,
    times the local derivative it adds to the gradient of an operand.
    <BLANKLINE>
     vertex  comes in  local derivative  adds  sum so far
     v2      1         dv2/dv1 = 1       1     v1: 1
                       dv2/dx = 1        1     x: 1
     v1      1         dv1/dx = y = 3    3     x: 1 from v2
                                               + 3 from v1
                                               = 4
                       dv1/dy = x = 2    2     y: 2
    <BLANKLINE>
    Result
     input  gradient
     x      4
     y      2
    """
    if mode not in ("reverse", "forward"):
        raise ArgumentError(
            f"explain needs mode 'reverse' or 'forward'; received {mode!r}."
        )
    if order not in (1, 2):
        raise ArgumentError(f"explain needs order 1 or 2; received {order!r}.")
    from chainrule.explainer.explaining import explain_call, explain_node

    if f is None:
        return _workshop()
    if isinstance(f, node):
        _refuse_arguments("explain", f, args, keywords)
        if order != 1:
            raise ArgumentError(
                f"explain needs a function for order={order}, to run it again; "
                f"received {describe(f)}. Write gd.explain(f, order={order})(x)."
            )
        return explain_node(f, mode)
    if not callable(f):
        raise ArgumentError(
            f"explain needs a function or a node; received {describe(f)}. Write "
            "gd.explain(f)(x)."
        )

    @functools.wraps(f, updated=())
    def explained(*args: Any, **keywords: Any) -> Explanation:
        """Run the function with these arguments and explain its gradient."""
        return explain_call(f, args, keywords, mode, order, branches=branches)

    return _called("explain", f, explained, args, keywords)


def _called(
    name: str,
    f: Callable[..., Any],
    made: Callable[..., Any],
    args: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Any:
    """Call what explains or draws a function if its arguments are given."""
    if not args and not keywords:
        return made
    theirs = _parameters(f)
    for option in _parameters(globals()[name], inspect.Parameter.KEYWORD_ONLY):
        if option in theirs:
            raise ArgumentError(
                f"{option}= is an argument of the function and an option of {name}. "
                f"Write gd.{name}(f)(...) with the function's, and "
                f"gd.{name}(f, {option}=...)(...) with both."
            )
    return made(*args, **keywords)


def _parameters(f: Callable[..., Any], *kinds: Any) -> list[str]:
    """Return the names of a function's parameters, those of some kinds or all."""
    with contextlib.suppress(TypeError, ValueError):
        found = inspect.signature(f).parameters.values()
        return [p.name for p in found if not kinds or p.kind in kinds]
    return []


def _refuse_arguments(
    name: str, f: node, args: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    if args or keywords:
        raise ArgumentError(
            f"{name} needs no arguments beside a node; received {describe(f)} and "
            f"{describe([*args, *keywords.values()][0])}. Write gd.{name}(z) for what "
            f"z was computed from, or gd.{name}(f, x) with a function f."
        )


def _workshop() -> Workshop:
    from chainrule.explainer.page.workshop import PRESETS, Workshop
    from chainrule.explainer.showing import in_notebook

    _, formula, inputs = PRESETS[0]
    made = Workshop(formula, inputs)
    if hasattr(sys, "ps1") and not in_notebook():
        made.show()
    return made


@overload
def draw(f: node, /, *, boxes: int = ...) -> Drawing: ...
@overload
def draw(f: Callable[P, Any], /, *, boxes: int = ...) -> Callable[P, Drawing]: ...
@overload
def draw(
    f: Callable[..., Any], /, *args: Any, boxes: int = ..., **keywords: Any
) -> Drawing: ...
def draw(f: Any, /, *args: Any, boxes: int = 60, **keywords: Any) -> Any:
    """Draw the recording behind a node, or of a function's call.

    Parameters
    ----------
    f
        A node or a function. A function is run once and watched, so that boxes name
        its lines; a node is drawn without source lines.
    args, keywords
        Arguments of the function, which is called with them at once.
    boxes
        How many boxes the drawing may have; a bigger recording is folded.

    Returns
    -------
    Drawing or callable
        For a node, or a function with its arguments, the drawing; for a function alone
        a function that takes its arguments and returns the drawing of that call.

    Examples
    --------
    >>> import chainrule as gd
    >>> x, y = gd.node(2.0, name="x"), gd.node(3.0, name="y")
    >>> print(gd.draw(x * y).mermaid)
    flowchart TD
      n0(["x<br/>2"])
      n1(["y<br/>3"])
      n2[["v1 = multiply(x, y)<br/>6"]]
      n0 --> n2
      n1 --> n2
    """
    if boxes < 1:
        raise ArgumentError(f"draw needs room for one box at least; received {boxes}.")
    from chainrule.explainer.explaining import draw_call, draw_node

    if isinstance(f, node):
        _refuse_arguments("draw", f, args, keywords)
        return draw_node(f, boxes)
    if not callable(f):
        raise ArgumentError(
            f"draw needs a function or a node; received {describe(f)}. Write "
            "gd.draw(f)(x)."
        )

    @functools.wraps(f, updated=())
    def drawn(*args: Any, **keywords: Any) -> Drawing:
        """Run the function with these arguments and draw what it recorded."""
        return draw_call(f, args, keywords, boxes)

    return _called("draw", f, drawn, args, keywords)


def diagnose(f: Callable[..., Any], *args: Any, **keywords: Any) -> Diagnosis:
    """Tell where a nan, a zero, a kink or a lost digit of a derivative was born.

    Parameters
    ----------
    f
        A function, which is run once and watched. It may be compiled, and may be a
        derivative, ``gd.grad(g)``, or mapped: then the operations inside are looked
        at. Results that are arrays or containers are summed for the sweep.
    args, keywords
        Its arguments.

    Returns
    -------
    Diagnosis
        A sequence of findings: what is not finite first, and the oldest operations
        first; it is empty for a healthy function. Each has its ``kind``: ``"nan"``,
        ``"infinity"``, ``"zero"`` (an input whose derivative vanishes), ``"kink"``
        (slopes differ on both sides), ``"cancellation"`` (half of the digits are lost),
        ``"vanishing"`` or ``"exploding"``; the operation, its ``line``, ``operand``,
        ``index`` and ``values``; the ``chain`` of factors from the result; and a
        ``remedy``. ``.show()`` opens it as a page.

    Notes
    -----
    Digits are lost where the condition number of an operation is above 1e8 (4e3 in
    float32), its operand was computed, and the error is seen in the result (Higham,
    *Accuracy and Stability of Numerical Algorithms*, section 1.6). Of sums and products
    it is ``sum |x| / |sum x|``; of a variance, a determinant, a solution of equations
    that of their derivative. Kinks are found by the slopes a few units in the last
    place before and behind the point. A saturated operation changes relatively by less
    than 1e-12 of its operand's change; a loop is reported where its gradient changes by
    1e10. A nan that neither the result nor a derivative takes is not reported.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> found = gd.diagnose(lambda x: np.sqrt(x) ** 2, 0.0)
    >>> found[0].kind, found[0].operation, found[0].values
    ('nan', 'sqrt', {'x': 0.0, 'v1': 0.0})
    >>> found[0].message
    'What comes in is 0, and the derivative of v1 in x, 0.5 / v1, is inf: 0 * inf.'
    >>> gd.diagnose(lambda x: np.sqrt(x) ** 2, 4.0)
    <diagnosis of <lambda>: nothing found in 2 operations>
    """
    if not callable(f):
        raise ArgumentError(
            f"diagnose needs a function and its arguments; received {describe(f)}. "
            "Write gd.diagnose(f, x)."
        )
    from chainrule.explainer.diagnosis.diagnosing import diagnose_call

    return diagnose_call(f, args, keywords)
