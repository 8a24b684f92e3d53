"""Arrays of 1e4 to 1e6 elements: arithmetic, temporaries and page faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.workload import Comparison, Peer, Workload, at_most


def large_chain(xp: Any, x: Any, y: Any) -> Any:
    """Fixed list of elementwise operations on large arrays, then their sum.

    Operations (13): x * y, sin(z), z + x, exp(z), z / y, z - x, tanh(z), z * z,
    1.0 + z, sqrt(z), log(z), 0.5 * z, sum(z).
    """
    z = x * y
    z = xp.sin(z)
    z = z + x
    z = xp.exp(z)
    z = z / y
    z = z - x
    z = xp.tanh(z)
    z = z * z
    z = 1.0 + z
    z = xp.sqrt(z)
    z = xp.log(z)
    z = 0.5 * z
    return xp.sum(z)


def comparisons(*, tiny: bool) -> Iterator[Comparison]:
    """Yield one comparison per size; the largest also where memory stays (``kept``)."""
    rng = np.random.default_rng(3)
    for full, multiple in [(10_000, 4.5), (100_000, 3.0), (1_000_000, 3.0)]:
        size = full // 1000 if tiny else full
        arguments = rng.uniform(0.5, 1.5, size), rng.uniform(0.5, 1.5, size)
        peers = (
            Peer("numpy forward", at_most(multiple)),
            Peer("torch", at_most(1.3)),
            Peer("autograd"),
        )
        workload = Workload(large_chain, arguments)
        yield Comparison(f"arrays of {size:,}", workload, peers)
        if full == 1_000_000:
            yield Comparison(
                f"arrays of {size:,}, memory kept", workload, peers[:1], kept=True
            )
