"""``autograd.numpy.numpy_jvps``: what rules of programs take from autograd's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compat.autograd.extend import JVPNode as JVPNode
from chainrule.compat.autograd.extend import def_linear as def_linear
from chainrule.compat.autograd.extend import defjvp as defjvp
from chainrule.compat.autograd.extend import defjvp_argnum as defjvp_argnum
from chainrule.compat.autograd.extend import register_notrace as register_notrace
from chainrule.compat.autograd.extend import vspace as vspace
from chainrule.compat.autograd.numpy.numpy_vjps import balanced_eq as balanced_eq
from chainrule.compat.autograd.numpy.numpy_vjps import match_complex as match_complex
from chainrule.compat.autograd.numpy.numpy_vjps import replace_zero as replace_zero
from chainrule.compat.autograd.numpy.numpy_vjps import untake as untake
from chainrule.compat.autograd.numpy.own_functions import metadata
from chainrule.compat.autograd.util import func as func
from chainrule.values.types import Value
from chainrule.values.vertices import raw


def broadcast(x: Value, target: Value) -> Any:
    """Return a tangent broadcast to the shape of a target, complex if that is."""
    shape, _, _, is_complex = metadata(target)
    broadcast_to: Any = np.broadcast_to
    x = broadcast_to(x, np.broadcast_shapes(np.shape(raw(x)), shape))
    return x + 0j if is_complex and not np.iscomplexobj(raw(x)) else x
