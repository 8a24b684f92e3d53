"""The rule of einsum, and what its subscripts say."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.operations_grad.pairwise import einsum_by_pairs
from chainrule.rules import multilinear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import plain
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Parameters, Shape, Value
from chainrule.values.vertices import first_stand_in

EINSUM_WORK = 100_000
"""From this many products on a transpose looks for the best order of contraction."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class einsum_grad(multilinear):
    """z = sum of x y ... over the labels that ``subscripts`` leaves out of the result

    ``subscripts`` is explicit, without an ellipsis: ``"ij,jk->ik"``. A label twice in
    one operand takes its diagonal; the entries off it are structural zeros.
    """

    views = True
    also: tuple[Any, ...] = (np.einsum,)
    cases: Cases = (
        case((3, 4), (4, 2), subscripts="ij,jk->ik"),
        case((3, 4), subscripts="ij->ji"),
        case((3, 4), subscripts="ij->i"),
        case((3, 3), subscripts="ii->i"),
        case((3, 3), subscripts="ii->"),
        case((2, 3, 3), (3,), subscripts="aii,i->ai"),
        case((2, 3), (4,), subscripts="ij,k->k"),
        case((2, 3), (3, 4), (4, 5), subscripts="ij,jk,kl->il", optimize=True),
        case((5, 2, 3), (1, 3, 4), subscripts="aij,ajk->aik"),
        case((1,), (3,), subscripts="i,i->i"),
        case((3, 1), (3, 4), subscripts="ij,ij->"),
        case((), (3,), subscripts=",i->i"),
    )

    @staticmethod
    def forward(
        *operands: Value, subscripts: str, optimize: bool | str = False
    ) -> Value:
        """Call NumPy's einsum; of three operands and more, pair by pair if that pays.

        In a trace it is products of two.
        """
        terms, out = split_subscripts(subscripts)
        if first_stand_in(*operands) is not None:
            return einsum_by_pairs(terms, out, operands)
        if len(operands) > 2 and not optimize:
            sizes = label_sizes(terms, [shape_of(x) for x in operands])
            optimize = math.prod(sizes.values()) > EINSUM_WORK
        return np.einsum(subscripts, *operands, optimize=optimize)

    @classmethod
    def structural_for(cls, parameters: Parameters) -> bool:
        """A diagonal that is taken leaves the other entries out."""
        terms, _ = split_subscripts(parameters["subscripts"])
        return any(len(set(term)) < len(term) for term in terms)

    @staticmethod
    def transpose(
        xp: Namespace,
        z_grad: Value,
        i: int,
        *operands: Value,
        subscripts: str,
        optimize: bool | str = False,
    ) -> Value:
        """The i-th cotangent: einsum of z_grad and the others to the i-th labels"""
        shapes = tuple([shape_of(x) for x in operands])
        plan = _transpose_plan(subscripts, i, shapes, shape_of(z_grad))
        factors = [x for j, x in enumerate(operands) if j != i]
        if xp is plain and first_stand_in(z_grad, *factors) is not None:
            x_grad: Any = einsum_by_pairs(plan.terms, plan.left, [z_grad, *factors])
        else:
            text = f"{','.join(plan.terms)}->{plan.left}"
            best = bool(optimize) or plan.work > EINSUM_WORK
            x_grad = xp.einsum(text, z_grad, *factors, optimize=best)
        if shape_of(x_grad) != plan.kept:
            x_grad = xp.reshape(x_grad, plan.kept)
        if plan.kept != plan.whole:
            x_grad = xp.broadcast_to(x_grad, plan.whole)
        if plan.whole == shapes[i]:
            return x_grad
        own = dict(zip(plan.mine, shapes[i], strict=True))
        index = diagonal_index(plan.mine, own)
        return xp.unindex(x_grad, index=index, shape=shapes[i])


class _Plan(NamedTuple):
    """How the cotangent of an operand is found, whose labels are ``mine``.

    The labels of the cotangent of the result and of the other operands (``terms``), and
    of what they give (``left``); its shape with axes of length one for other labels
    (``kept``), and that of the operand's labels, each once (``whole``); the number of
    products (``work``).
    """

    mine: str
    terms: list[str]
    left: str
    kept: Shape
    whole: Shape
    work: int


@functools.lru_cache(maxsize=1024)
def _transpose_plan(
    subscripts: str, i: int, shapes: tuple[Shape, ...], z_shape: Shape
) -> _Plan:
    """Return how the cotangent of operand ``i`` is found."""
    terms, out = split_subscripts(subscripts)
    sizes = label_sizes(terms, shapes)
    own = dict(zip(terms[i], shapes[i], strict=True))
    rest = [j for j in range(len(terms)) if j != i]
    factors = [out, *(terms[j] for j in rest)]
    known = label_sizes(factors, [z_shape, *(shapes[j] for j in rest)])
    mine = list(dict.fromkeys(terms[i]))
    left = "".join(c for c in mine if c in known and own[c] == sizes[c])
    kept = tuple(known[c] if c in left else 1 for c in mine)
    whole = tuple(own[c] for c in mine)
    return _Plan(terms[i], factors, left, kept, whole, math.prod(sizes.values()))


def split_subscripts(subscripts: str) -> tuple[list[str], str]:
    """Return the operands' labels and the result's: ``"ij,jk->ik"``."""
    inputs, out = subscripts.split("->")
    return inputs.split(","), out


def label_sizes(terms: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """Return the length of each label; an axis of length one is stretched."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for c, n in zip(term, shape, strict=True):
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    return sizes


def diagonal_index(term: str, sizes: dict[str, int]) -> tuple[Any, ...]:
    """Return the index of the entries of an operand that ``"iij"`` reads."""
    labels = list(dict.fromkeys(term))
    mesh = np.ix_(*(np.arange(sizes[c]) for c in labels))
    return tuple(mesh[labels.index(c)] for c in term)


def explicit_einsum(arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return einsum's positional arguments as explicit subscripts and operands.

    Sublists become letters, an ellipsis the letters of the axes it stands for, and a
    result that is left out the labels that appear once, in alphabetical order.

    >>> explicit_einsum([np.ones((2, 3)), [0, ...], np.ones(3), [...]])[0]
    'AB,B->BA'
    """
    if not arguments:
        raise ArgumentError(
            "einsum needs subscripts and operands: np.einsum('ij,jk->ik', x, y)."
        )
    if isinstance(arguments[0], str):
        text, operands = arguments[0].replace(" ", ""), list(arguments[1:])
    else:
        text, operands = _from_sublists(arguments)
    inputs, arrow, out = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ArgumentError(
            f"einsum subscripts {text!r} name {len(terms)} operands; received "
            f"{len(operands)}."
        )
    if arrow and "..." not in text:
        return text, operands
    free = [c for c in _LETTERS if c not in text]
    counts = [
        len(shape_of(x)) - len(t.replace("...", "")) if "..." in t else 0
        for t, x in zip(terms, operands, strict=True)
    ]
    added = "".join(free[: max(counts, default=0)])
    expanded = [
        t.replace("...", added[len(added) - n :])
        for t, n in zip(terms, counts, strict=True)
    ]
    if arrow and added and "..." not in out:
        raise ArgumentError(
            f"einsum subscripts {text!r} sum over axes that an ellipsis stands for. "
            "Write '...' in the result, and sum over those axes afterwards."
        )
    if not arrow:
        named = inputs.replace(",", "").replace("...", "")
        out = "..." + "".join(c for c in sorted(set(named)) if named.count(c) == 1)
    return f"{','.join(expanded)}->{out.replace('...', added)}", operands


def _from_sublists(arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """Write ``einsum(x, [0, 1], y, [1, 2], [0, 2])`` with letters."""
    paired = len(arguments) - len(arguments) % 2
    operands = list(arguments[:paired:2])
    text = ",".join(_letters(sub) for sub in arguments[1:paired:2])
    if paired < len(arguments):
        text += f"->{_letters(arguments[-1])}"
    return text, operands


def _letters(sublist: Sequence[Any]) -> str:
    return "".join("..." if s is Ellipsis else _LETTERS[int(s)] for s in sublist)
