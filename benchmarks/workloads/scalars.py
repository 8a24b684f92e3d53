"""Python floats, one at a time: what recording one operation costs."""

from __future__ import annotations

from typing import Any

from benchmarks.workload import Comparison, Peer, Workload, at_most, faster


def scalar_chain(xp: Any, x: Any, y: Any, *, laps: int) -> Any:
    """Chain of scalar operations that every library here has.

    Operations of a lap (10), on floats: z * x, z / y, z + y, z - x, 0.5 * z, 1.5 - z,
    -z, z ** 2, z + 1.0, 1.0 / z. Each lap contracts, so values and gradients stay tame.
    """
    z = x
    for _ in range(laps):
        z = z * x
        z = z / y
        z = z + y
        z = z - x
        z = 0.5 * z
        z = 1.5 - z
        z = -z
        z = z**2
        z = z + 1.0
        z = 1.0 / z
    return z


def chain_of(operations: int) -> Workload:
    """Return the chain with this number of operations (a multiple of 10)."""
    return Workload(scalar_chain, (0.9, 1.1), options={"laps": operations // 10})


def comparisons(*, tiny: bool) -> list[Comparison]:
    """Return the chain against the peers, and a long chain against a short one."""
    short, long = (20, 100) if tiny else (1_000, 200_000)
    peers = (
        Peer("micrograd", faster(3.5)),
        Peer("torch", faster(6)),
        Peer("autograd", faster(15)),
        Peer("mygrad"),
        Peer("chainrule", label="chainrule value_and_grad"),
    )
    return [
        Comparison(
            f"scalar chain, {short:,}",
            chain_of(short),
            peers,
            library="chainrule backward()",
            per_operation=True,
            rounds=31,
        ),
        Comparison(
            f"scalar chain, {long:,}",
            chain_of(long),
            (Peer("chainrule", at_most(3), chain_of(short), f"chainrule, {short:,}"),),
            per_operation=True,
            rounds=7,
        ),
    ]
