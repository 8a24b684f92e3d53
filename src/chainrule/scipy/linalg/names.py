"""The names of ``scipy.linalg`` that are locally constant, or refused with a reason."""

from __future__ import annotations

import scipy.linalg

from chainrule.nodes.tables import LOCALLY_CONSTANT, REFUSED
from chainrule.numpy.names import found_in

LOCALLY_CONSTANT.update(found_in(scipy.linalg, "bandwidth issymmetric ishermitian"))

_BASIS = (
    "It returns a basis of a space, of which any other one would do. Use what does not "
    "depend on the choice: the projector on the columns of A is A @ "
    "chainrule.scipy.linalg.pinv(A), and that on its null space np.eye(n) - "
    "chainrule.scipy.linalg.pinv(A) @ A."
)
_SCHUR = (
    "The order of the eigenvalues and the phases of the vectors are the algorithm's "
    "choice. Use chainrule.scipy.linalg.eig, eigvals, or the function of the matrix "
    "that it is needed for: expm, logm, sqrtm, solve_sylvester."
)
_UPDATE = "Compute chainrule.scipy.linalg.qr of the changed matrix."
_REFUSED = {
    "null_space orth": _BASIS,
    "schur rsf2csf qz ordqz cdf2rdf": _SCHUR,
    "hessenberg": "Its reflections are the algorithm's choice. Use qr or eigvals.",
    "cossin": "Its signs and bases are the algorithm's choice. Use svdvals of the "
    "blocks.",
    "qr_delete qr_insert qr_update": _UPDATE,
    "qr_multiply": "Multiply by the q that chainrule.scipy.linalg.qr returns.",
    "matrix_balance": "Its scales are powers of two, chosen by the values. Pass "
    "gd.value(A) and scale A by them.",
    "funm": "The function is called on plain eigenvalues. Use expm, logm, sqrtm or "
    "fractional_matrix_power, or gd.linalg.funm_symmetric for symmetric matrices.",
    "expm_cond": "Use expm_frechet, of which it is the norm.",
    "clarkson_woodruff_transform": "Its matrix is drawn at random. Draw one with plain "
    "numbers, and multiply by it.",
}

REFUSED.update(
    (function, reason)
    for words, reason in _REFUSED.items()
    for function in found_in(scipy.linalg, words)
)
