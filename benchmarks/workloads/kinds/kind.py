"""What the comparisons of a kind have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from benchmarks.compiled import JAX, Compilation
from benchmarks.workload import Peer, Target, Workload

ROUNDS = 9

Named = Iterable[tuple[str, Workload]]


def against_jax(
    kind: str,
    workloads: Named,
    target: Target | None,
    others: Mapping[str, tuple[Peer, ...]] | None = None,
) -> Iterator[Compilation]:
    """Yield each workload against ``jax.jit`` of its text, then its other peers."""
    for name, workload in workloads:
        peers = (Peer(JAX, target), *(others or {}).get(name, ()))
        yield compared(kind, name, workload, peers)


def compared(
    kind: str, name: str, workload: Workload, peers: tuple[Peer, ...]
) -> Compilation:
    """Return a comparison under the name of its kind."""
    return Compilation(f"kinds, {kind}: {name}", workload, peers, rounds=ROUNDS)
