"""Pickling a recording: flattened to rows, oldest first, so that any depth will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.nodes.admission import escape
from chainrule.nodes.recorder import new, next_serial, plan_of
from chainrule.operations_grad import structure
from chainrule.sweeps.order import check_fresh, collect
from chainrule.values.shapes import kind_of
from chainrule.values.vertices import vertex


def is_input(z: vertex) -> bool:
    """Tell whether a transform made this node of one of its inputs."""
    return z._step is None and "input" in z.parameters


def flattened(root: Any) -> tuple[Any, ...]:
    """Flatten a recording into leaves and rows, oldest first, without recursion."""
    order = collect([root]).order
    check_fresh((v for v in order if v._step is None), order)
    order.reverse()
    if any(map(is_input, order)):
        raise escape(root, "pickling a node inside a function being differentiated")
    place = {v: i for i, v in enumerate(order)}
    rows: list[Any] = []
    for v in order:
        if v is root and v._step is None:
            rows.append((v._value, _grad_of(v)))
        elif v._step is None:
            rows.append(v)
        else:
            links = [
                (True, place[x]) if isinstance(x, vertex) else (False, x)
                for x in v.operands
            ]
            row = v._step.rule, v._value, _grad_of(v), dict(v.parameters), links
            rows.append(row)
    node_class = kind_of(root)
    return node_class.__base__ if root.transient else node_class, rows


def _grad_of(v: Any) -> Any:
    """Return a node's gradient; of a version that was overwritten none is kept."""
    is_kept = v._step is None or hasattr(v, "_grad") or not v.transient
    return v.grad if is_kept else None


def rebuilt(node_class: type[Any], rows: Sequence[Any]) -> Any:
    """Make the nodes of flattened rows anew; return the last, which was the root."""
    built: list[Any] = []
    for row in rows:
        if isinstance(row, vertex):
            built.append(row)
            continue
        z = new(node_class)
        z.serial = next_serial()
        if len(row) == 2:
            z._value, z._grad = row
            z._step, z.operands = None, ()
        else:
            operation, z._value, z._grad, z._parameters, links = row
            z.operands = tuple(built[x] if linked else x for linked, x in links)
            wanted = tuple(linked for linked, _ in links)
            hand = operation is structure.handwritten_grad
            z._step = (
                structure.handwritten_step
                if hand
                else plan_of(operation, wanted).step_for(z._parameters)
            )
        built.append(z)
    return built[-1]
