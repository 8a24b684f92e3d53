"""The wrapped functions: one line each, from a rule and the NumPy function it serves.

Each takes nodes, numbers and arrays, and returns a node if it was given one. NumPy's
own functions call these on nodes, so ``np.sin(x)`` and ``gd.sin(x)`` are the same
operation. Rules compute with this module (as ``xp``) when a sweep is itself recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.nodes import recorder
from chainrule.nodes.admission import instead_of_keyword
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import as_operand, record
from chainrule.nodes.tables import WRAPPED
from chainrule.operations_grad import (
    arithmetic,
    complex_parts,
    contraction,
    convolution,
    determinants,
    eigenpairs,
    eigenvalues,
    exponentials,
    extremes_at,
    fourier,
    hyperbolic,
    indexing,
    logic,
    norms,
    partials,
    polynomials,
    positions,
    products,
    recurrences,
    reductions,
    roots,
    rounding,
    selection,
    shaping,
    singular_values,
    special,
    trigonometry,
    variance,
    windows,
)
from chainrule.operations_grad import linalg as matrices
from chainrule.operations_grad.einsum import einsum_grad, explicit_einsum
from chainrule.rules import rule
from chainrule.rules.namespace import rule_called
from chainrule.values.refusals import admitted
from chainrule.values.types import (
    ArrayValue,
    Mask,
    Namespace,
    Operation,
    Parameters,
    Value,
)
from chainrule.values.vertices import as_array, may_hold
from chainrule.wrapping import constant, implements, operation, serve

namespace: Namespace = cast("Namespace", sys.modules[__name__])
"""This module as a rule is handed it, under the name ``xp``."""

recorded = True
"""What is computed with this namespace is recorded: see ``rules.namespace``."""


def apply(
    rule_class: type[rule], operands: Sequence[Any], parameters: Parameters
) -> Any:
    """Record a rule on operands: what a recorded sweep's namespace needs."""
    return record(rule_class, operands, parameters)


items_of: Operation = recorder.items_of
"""Take the results of an operation with several apart: what such a namespace needs."""


_FOR_SWEEPS = (
    "apply chosen is_public supported_product reduced_svd weighted_projectors "
    "weighted_dyads norm_in_range"
).split()


def is_public(name: str) -> bool:
    """Tell whether a name of this module is a wrapped function."""
    function = globals().get(name)
    own = getattr(function, "__module__", None) == __name__ and callable(function)
    if getattr(getattr(function, "rule", None), "__module__", "") == partials.__name__:
        return False  # of use in sweeps alone
    return own and name not in _FOR_SWEEPS


def __getattr__(name: str) -> Operation:
    """Find the operation of another library's function, as ``xp.name`` of a rule."""
    declared = rule_called(name) if not name.startswith("_") else None
    if declared is None or declared not in WRAPPED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return WRAPPED[declared]


# ---------------------------------------------------------------------- arithmetic

add: Operation = operation(arithmetic.addition_grad, np.add)
subtract: Operation = operation(arithmetic.subtraction_grad, np.subtract)
multiply: Operation = operation(arithmetic.multiplication_grad, np.multiply)
divide: Operation = operation(arithmetic.division_grad, np.divide)
power: Operation = operation(arithmetic.power_grad, np.power)
power_log: Operation = operation(partials.power_log_grad)
float_power: Operation = operation(arithmetic.float_power_grad, np.float_power)
remainder: Operation = operation(arithmetic.remainder_grad, np.remainder)
negative: Operation = operation(arithmetic.negative_grad, np.negative)
positive: Operation = operation(arithmetic.positive_grad, np.positive)
absolute: Operation = operation(arithmetic.absolute_grad, np.absolute)
fabs: Operation = operation(arithmetic.fabs_grad, np.fabs)


def chosen(partial: Value, there: Any) -> Any:
    """Return a partial whose derivative is nan where it was chosen: ``chosen_grad``."""
    if not may_hold(there):
        return partial
    return record(partials.chosen_grad, (partial, there))


def supported_product(x: Value, y: Value, support: Mask) -> Any:
    """Return ``x * y`` on the support; elsewhere a structural zero."""
    return record(arithmetic.multiplication_grad, (x, y), {"where": support})


# ------------------------------------------------------------------------- products

matmul: Operation = operation(contraction.matmul_grad, np.matmul)
dot: Operation = operation(contraction.dot_grad, np.dot, method="dot")
inner: Operation = operation(contraction.inner_grad, np.inner)
outer: Operation = operation(contraction.outer_grad, np.outer)
tensordot: Operation = operation(contraction.tensordot_grad, np.tensordot)
cross: Operation = operation(contraction.cross_grad)


def einsum(
    *operands: Any, out: None = None, optimize: bool | str = False, **unknown: Any
) -> Any:
    """Contract by subscripts or by sublists; see ``einsum_grad``."""
    if unknown:
        raise ArgumentError(
            f"einsum() on nodes does not support {', '.join(unknown)}; it supports "
            f"optimize. {instead_of_keyword(next(iter(unknown)))}"
        )
    subscripts, arrays = explicit_einsum(operands)
    options = {"subscripts": subscripts, "optimize": optimize}
    return record(einsum_grad, arrays, options)


einsum = implements(np.einsum)(einsum)

# --------------------------------------------------------------------------- linalg

weighted_projectors: Operation = operation(eigenvalues.weighted_projectors_grad)
norm_in_range: Operation = operation(norms.norm_in_range_grad)
weighted_dyads: Operation = operation(singular_values.weighted_dyads_grad)
cofactors: Operation = operation(determinants.cofactors_grad)
linalg: SimpleNamespace = SimpleNamespace(
    solve=operation(matrices.solve_grad, np.linalg.solve),
    inv=operation(matrices.inv_grad, np.linalg.inv),
    pinv=operation(matrices.pinv_grad),
    det=operation(determinants.det_grad, np.linalg.det),
    slogdet=operation(determinants.slogdet_grad, np.linalg.slogdet),
    cholesky=operation(matrices.cholesky_grad, np.linalg.cholesky),
    eigh=operation(eigenvalues.eigh_grad, np.linalg.eigh),
    complex_eig=operation(eigenpairs.eig_grad),
    vector_norm=operation(norms.vector_norm_grad),
    reduced_svd=operation(singular_values.svd_grad),
    reduced_qr=operation(matrices.qr_grad),
)
"""The operations of ``numpy.linalg`` that have a rule."""
reduced_svd: Operation = linalg.reduced_svd

fft: SimpleNamespace = SimpleNamespace(
    fft=operation(fourier.fft_grad, np.fft.fft),
    ifft=operation(fourier.ifft_grad, np.fft.ifft),
    rfft=operation(fourier.rfft_grad),
    irfft=operation(fourier.irfft_grad, np.fft.irfft),
)
"""The operations of ``numpy.fft`` that have a rule."""

# ---------------------------------------------------------------------- elementary

square: Operation = operation(roots.square_grad, np.square)
reciprocal: Operation = operation(roots.reciprocal_grad, np.reciprocal)
sqrt: Operation = operation(roots.sqrt_grad, np.sqrt)
root: Operation = operation(roots.root_grad)
cbrt: Operation = operation(roots.cbrt_grad, np.cbrt)
hypot: Operation = operation(roots.hypot_grad, np.hypot, method="hypot")
exp: Operation = operation(exponentials.exp_grad, np.exp)
exp2: Operation = operation(exponentials.exp2_grad, np.exp2)
expm1: Operation = operation(exponentials.expm1_grad, np.expm1)
log: Operation = operation(exponentials.log_grad, np.log)
log2: Operation = operation(exponentials.log2_grad, np.log2)
log10: Operation = operation(exponentials.log10_grad, np.log10)
log1p: Operation = operation(exponentials.log1p_grad, np.log1p)
logaddexp: Operation = operation(exponentials.logaddexp_grad, np.logaddexp)
logaddexp2: Operation = operation(exponentials.logaddexp2_grad, np.logaddexp2)
sin: Operation = operation(trigonometry.sin_grad, np.sin)
cos: Operation = operation(trigonometry.cos_grad, np.cos)
tan: Operation = operation(trigonometry.tan_grad, np.tan)
arcsin: Operation = operation(trigonometry.arcsin_grad, np.arcsin)
arccos: Operation = operation(trigonometry.arccos_grad, np.arccos)
arctan: Operation = operation(trigonometry.arctan_grad, np.arctan)
arctan2: Operation = operation(trigonometry.arctan2_grad, np.arctan2, method="arctan2")
sinh: Operation = operation(hyperbolic.sinh_grad, np.sinh)
cosh: Operation = operation(hyperbolic.cosh_grad, np.cosh)
tanh: Operation = operation(hyperbolic.tanh_grad, np.tanh)
arcsinh: Operation = operation(hyperbolic.arcsinh_grad, np.arcsinh)
arccosh: Operation = operation(hyperbolic.arccosh_grad, np.arccosh)
arctanh: Operation = operation(hyperbolic.arctanh_grad, np.arctanh)
deg2rad: Operation = operation(trigonometry.deg2rad_grad, np.deg2rad, np.radians)
rad2deg: Operation = operation(trigonometry.rad2deg_grad, np.rad2deg, np.degrees)
unwrap: Operation = operation(trigonometry.unwrap_grad, np.unwrap)
sinc: Operation = operation(special.sinc_grad, np.sinc)
sinc_derivative: Operation = operation(special.sinc_derivative_grad)
i0: Operation = operation(special.i0_grad, np.i0)
erf: Operation = operation(special.erf_grad)
xlogy: Operation = operation(special.xlogy_grad)
direction: Operation = operation(partials.direction_grad)
turning: Operation = operation(partials.turning_grad)
share: Operation = operation(partials.share_grad)
share2: Operation = operation(partials.share2_grad)
one_minus_square: Operation = operation(partials.one_minus_square_grad)
one_over_one_plus_square: Operation = operation(partials.one_over_one_plus_square_grad)
one_over_root: Operation = operation(partials.one_over_root_grad)
sech_square: Operation = operation(partials.sech_square_grad)
unit: Operation = operation(partials.unit_grad)
i0_derivative: Operation = operation(special.i0_derivative_grad)

# ------------------------------------------------------------------ complex numbers

real: Operation = operation(complex_parts.real_grad, np.real)
imag: Operation = operation(complex_parts.imag_grad, np.imag)
complex_of: Operation = operation(complex_parts.complex_of_grad)
conjugate: Operation = operation(
    complex_parts.conj_grad, np.conjugate, method="conjugate"
)
conj: Operation = serve(conjugate, method="conj")
angle: Operation = operation(complex_parts.angle_grad, np.angle)

# ----------------------------------------------------------------------- selection

where: Operation = operation(selection.where_grad, np.where)
maximum: Operation = operation(selection.maximum_grad, np.maximum)
minimum: Operation = operation(selection.minimum_grad, np.minimum)
fmax: Operation = operation(selection.fmax_grad, np.fmax)
fmin: Operation = operation(selection.fmin_grad, np.fmin)
clip: Operation = operation(selection.clip_grad)
copysign: Operation = operation(selection.copysign_grad, np.copysign)
heaviside: Operation = operation(selection.heaviside_grad, np.heaviside)
fmod: Operation = operation(selection.fmod_grad, np.fmod, method="fmod")
fraction: Operation = operation(selection.fraction_grad)
mantissa: Operation = operation(selection.mantissa_grad)
ldexp: Operation = operation(selection.ldexp_grad, np.ldexp)
nextafter: Operation = operation(selection.nextafter_grad, np.nextafter)

# ------------------------------------------------------------ reductions and shapes

sum: Operation = operation(
    reductions.sum_grad, np.sum, (np.add, "reduce"), method="sum"
)
mean: Operation = operation(reductions.mean_grad, np.mean, method="mean")
var: Operation = operation(variance.var_grad, np.var)
prod: Operation = operation(products.prod_grad, np.prod)
max: Operation = operation(
    reductions.max_grad, np.max, np.amax, (np.maximum, "reduce"), method="max"
)
min: Operation = operation(
    reductions.min_grad, np.min, np.amin, (np.minimum, "reduce"), method="min"
)
cumsum: Operation = operation(
    reductions.cumsum_grad, np.cumsum, (np.add, "accumulate"), method="cumsum"
)
cumprod: Operation = operation(products.cumprod_grad, np.cumprod)
recurrence: Operation = operation(recurrences.recurrence_grad)
sort: Operation = operation(reductions.sort_grad, np.sort)
convolve: Operation = operation(convolution.convolve_grad, np.convolve)
complex_roots: Operation = operation(polynomials.roots_grad)
characteristic_polynomial: Operation = operation(
    polynomials.characteristic_polynomial_grad
)
reshape: Operation = operation(shaping.reshape_grad, np.reshape)
broadcast_to: Operation = operation(shaping.broadcast_to_grad, np.broadcast_to)
expand_dims: Operation = operation(shaping.expand_dims_grad, np.expand_dims)
squeeze: Operation = operation(shaping.squeeze_grad, np.squeeze, method="squeeze")
swapaxes: Operation = operation(shaping.swapaxes_grad, np.swapaxes, method="swapaxes")
flip: Operation = operation(shaping.flip_grad, np.flip)
roll: Operation = operation(shaping.roll_grad, np.roll)
sliding_window_view: Operation = operation(
    windows.sliding_window_view_grad, np.lib.stride_tricks.sliding_window_view
)
repeat: Operation = operation(shaping.repeat_grad, np.repeat, method="repeat")
transpose: Operation = operation(shaping.transpose_grad, np.transpose)
stack: Operation = operation(shaping.stack_grad, np.stack)
concatenate: Operation = operation(shaping.concatenate_grad, np.concatenate)
astype: Operation = operation(shaping.astype_grad, np.astype, method="astype")
getitem: Operation = operation(indexing.getitem_grad)
setitem: Operation = operation(indexing.setitem_grad)
added_at: Operation = operation(indexing.added_at_grad)
maximum_at: Operation = operation(extremes_at.maximum_at_grad)
minimum_at: Operation = operation(extremes_at.minimum_at_grad)
unindex: Operation = operation(indexing.unindex_grad)
unindex_all: Operation = operation(indexing.unindex_all_grad)
recorder.STACK.append(shaping.stack_grad)


def asarray(x: ArrayLike) -> ArrayValue:
    """Return a node as it is, anything else as an array."""
    x = as_operand(x)
    return x if isinstance(x, node) else as_array(admitted(x, "A function of nodes"))


# ------------------------------------------- locally constant: plain values, no node

sign: Operation = constant(rounding.sign)
floor: Operation = constant(rounding.floor)
floor_divide: Operation = constant(rounding.floor_divide)
trunc: Operation = constant(rounding.trunc)
isnan: Operation = constant(logic.isnan)
isinf: Operation = constant(logic.isinf)
logical_and: Operation = constant(logic.logical_and)
logical_or: Operation = constant(logic.logical_or)
argsort: Operation = constant(positions.argsort)
