"""``make scale``: large data on a cluster of two processes, under a limit of memory.

Starts a ``LocalCluster`` whose workers may use 300 MB each, runs the jobs, and prints
their tables: seconds, tasks, and the peaks of workers and of this process. Data lie in
files that are mapped into memory, in chunks of 10 MB. ``--smoke`` runs everything on
small data; names of jobs run these alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster, wait

import chainrule as gd

ON_ITS_LIMIT = {
    "logging.distributed": "critical",
    "distributed.worker.memory.target": False,  # nothing is moved to disk
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.99,
}
"""A worker that needs more than its limit is killed: no job is helped by the disk."""
LIMIT = "300MB"
COLUMNS = 100
CHUNK = 10_000_000 // (8 * COLUMNS)
"""Rows of a chunk of 10 MB."""


class OnDisk:
    """An array in a file, of which a task reads the rows that it needs."""

    def __init__(self, path: str) -> None:
        self.path = path
        mapped = np.load(path, mmap_mode="r")
        self.shape, self.dtype, self.ndim = mapped.shape, mapped.dtype, mapped.ndim

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(np.load(self.path, mmap_mode="r")[index])

    def __dask_tokenize__(self) -> str:
        return self.path


def written(folder: Path, rows: int, columns: int = COLUMNS) -> tuple[Any, Any]:
    """Write data of a logistic regression, in pieces; return its arrays of Dask."""
    x_path, y_path = (str(folder / f"{name}{rows}.npy") for name in "xy")
    rng = np.random.default_rng(0)
    if not Path(y_path).exists():
        x: Any = np.lib.format.open_memmap(x_path, "w+", float, (rows, columns))
        y: Any = np.lib.format.open_memmap(y_path, "w+", float, (rows,))
        truth = rng.normal(size=columns) / np.sqrt(columns)
        for start in range(0, rows, CHUNK):
            part = rng.normal(size=(min(CHUNK, rows - start), columns))
            x[start : start + CHUNK] = part
            y[start : start + CHUNK] = rng.random(len(part)) < expit(part @ truth)
        x.flush()
        y.flush()
    x = da.from_array(OnDisk(x_path), chunks=(CHUNK, columns))
    return x, da.from_array(OnDisk(y_path), chunks=CHUNK)


def expit(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def loss(w: Any, x: Any, y: Any) -> Any:
    """The negative logarithm of the likelihood of a logistic regression."""
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z)


def curved(w: Any, v: Any, x: Any, y: Any) -> Any:
    """The Hessian of the loss times a vector."""
    return gd.hvp(lambda w: loss(w, x, y), (w,), (v,))[0]


def by_hand(w: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The loss and its gradient, derived on paper."""
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z), x.T @ (expit(z) - y)


# ----------------------------------------------------------------------- measuring


@contextmanager
def cluster(workers: int = 2, limit: str = LIMIT) -> Iterator[Client]:
    """Start processes of one thread each, and stop them."""
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=limit,
            dashboard_address=None,
        ) as local,
        Client(local) as client,
    ):
        yield client


def peak() -> float:
    """Return the most memory in use since ``forget_peak`` in this process, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def forget_peak() -> None:
    """Begin to measure the peak anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _known(dask_scheduler: Any) -> int:
    """Return how many results the scheduler remembers."""
    return len(dask_scheduler.tasks)


def timed(client: Client, make: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Compute lazy results some times; return seconds, tasks and peaks."""
    client.run(forget_peak)
    forget_peak()
    start = time.perf_counter()
    lazy = make()
    made = time.perf_counter() - start
    bundle = dask.delayed(tuple)(list(lazy)) if isinstance(lazy, tuple) else lazy
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        future = client.compute(bundle)
        value = future.result(timeout=300)
        seconds.append(time.perf_counter() - start)
        del future
        while client.run_on_scheduler(_known):  # or the next one is found there
            time.sleep(0.05)
    return {
        "value": value,
        "first": seconds[0],
        "seconds": min(seconds),
        "graph": made,
        "tasks": len(dict(dask.optimize(bundle)[0].__dask_graph__())),
        "worker MB": max(client.run(peak).values()),
        "client MB": peak(),
    }


def table(title: str, rows: dict[str, dict[str, Any]]) -> None:
    """Print measurements, one row each."""
    print(f"\n{title}")
    names = [k for k in next(iter(rows.values())) if k != "value"]
    print(f"{'':<26}" + "".join(f"{name:>12}" for name in names))
    for label, row in rows.items():
        cells = [row[k] for k in names]
        texts = [f"{c:>12.2f}" if isinstance(c, float) else f"{c:>12}" for c in cells]
        print(f"{label:<26}" + "".join(texts), flush=True)


# ---------------------------------------------------------------------------- jobs


def regression(folder: Path, scale: int) -> None:
    """Value and gradient: by hand, recorded lazily, and compiled on each chunk."""
    for megabytes in (200, 800):
        x, y = written(folder, megabytes * 1_250 // scale)
        w = np.full(COLUMNS, 0.01)
        ways = {
            "by hand": partial(by_hand, w, x, y),
            "gd.value_and_grad": partial(gd.value_and_grad(loss), w, x, y),
            "gd.map_reduce": partial(gd.map_reduce(gd.value_and_grad(loss), x, y), w),
        }
        with cluster() as client:
            rows = {name: timed(client, make, 3) for name, make in ways.items()}
        expected = rows["by hand"]["value"]
        for row in rows.values():
            np.testing.assert_allclose(row["value"][1], expected[1], rtol=1e-8)
        table(f"Logistic regression, {megabytes // scale} MB in chunks of 10 MB", rows)


def fits(folder: Path, scale: int) -> None:
    """A fit by L-BFGS, and by Newton-CG with exact products with the Hessian."""
    from scipy.optimize import minimize  # not in the workers, which import this file

    x, y = written(folder, 200 * 1_250 // scale)
    total = gd.map_reduce(gd.value_and_grad(loss), x, y)
    products = gd.map_reduce(curved, x, y)
    rows = {}
    with cluster() as client:
        for method, options in (
            ("L-BFGS-B", {}),
            ("Newton-CG", {"hessp": products.compute}),
        ):
            start = time.perf_counter()
            found = minimize(
                total.compute, np.zeros(COLUMNS), jac=True, method=method, **options
            )
            rows[method] = {
                "seconds": time.perf_counter() - start,
                "iterations": found.nit,
                "gradients": found.njev,
                "products": int(found.get("nhev", 0)),
                "loss": float(found.fun),
                "slope": float(np.abs(found.jac).max()),
                "worker MB": max(client.run(peak).values()),
            }
    table(f"Fits on {200 // scale} MB", rows)


def mixture(folder: Path, scale: int) -> None:
    """A mixture of three Gaussians, fitted by the gradient of its likelihood."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    count = 600_000 // scale
    points = centres[rng.integers(3, size=count)] + rng.normal(size=(count, 2))
    path = str(folder / "points.npy")
    np.save(path, points)
    data = da.from_array(OnDisk(path), chunks=(count // 60 + 1, 2))

    def unlikely(p: Any, x: Any) -> Any:
        parts = p["weights"] - np.log(np.sum(np.exp(p["weights"])))
        square = np.sum((x[:, None, :] - p["means"]) ** 2, axis=-1)
        spread = np.exp(p["spreads"])
        each = parts - 2 * p["spreads"] - 0.5 * square / spread**2
        top = np.max(each, axis=1, keepdims=True)
        return -np.sum(top[:, 0] + np.log(np.sum(np.exp(each - top), axis=1)))

    start_at = {
        "weights": np.zeros(3),
        "means": rng.normal(size=(3, 2)) + 1.0,
        "spreads": np.full(3, 0.5),
    }
    sizes = np.cumsum([v.size for v in start_at.values()])[:-1]

    def unflat(flat: Any) -> Any:
        pieces = zip(start_at.items(), np.split(flat, sizes), strict=True)
        return {k: piece.reshape(v.shape) for (k, v), piece in pieces}

    total = gd.map_reduce(gd.value_and_grad(unlikely), data)

    def objective(flat: Any) -> Any:
        value, slope = total.compute(unflat(flat))
        return value / count, np.concatenate(
            [g.ravel() for g in slope.values()]
        ) / count

    with cluster():
        start = time.perf_counter()
        first = np.concatenate([v.ravel() for v in start_at.values()])
        found = minimize(objective, first, jac=True, method="L-BFGS-B")
        seconds = time.perf_counter() - start
    means = unflat(found.x)["means"]
    off = [float(np.abs(means - c).sum(1).min()) for c in centres]
    row = {"seconds": seconds, "iterations": found.nit, "loss": float(found.fun)}
    table("Mixture of Gaussians", {"L-BFGS-B": {**row, "off by": max(off)}})


def killed(folder: Path, scale: int) -> None:
    """A worker is killed on the way: its chunks are computed again, to the same sum."""
    x, y = written(folder, 800 * 1_250 // scale)
    total = gd.map_reduce(gd.value_and_grad(loss), x, y)
    w = np.full(COLUMNS, 0.01)
    with cluster() as client:
        expected = total.compute(w)
        start = time.perf_counter()
        future = client.compute(total(np.array(w)))
        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)  # one that this script started
        wait(future)
        value, slope = future.result()
        seconds = time.perf_counter() - start
    np.testing.assert_allclose(slope, expected[1], rtol=1e-12, atol=1e-9)
    off = f"{abs(value / expected[0] - 1):.0e}"  # executors differ in the last bit
    table("A worker killed", {"": {"seconds": seconds, "differs by": off}})


def bent(u: Any) -> Any:
    """The Laplacian of a periodic surface."""
    return sum(np.roll(u, s, a) for s in (1, -1) for a in (0, 1)) - 4 * u


def energy(u: Any) -> Any:
    """The bending energy of a periodic surface, in NumPy."""
    return 0.5 * np.sum(bent(u) ** 2)


def bent_twice(u: Any) -> Any:
    """The gradient of the energy, derived on paper."""
    return bent(bent(u))


def stencil(folder: Path, scale: int) -> None:
    """The gradient of a stencil, on chunks with their neighbours' rims."""
    n = 2048 // max(1, int(scale**0.5))
    path = str(folder / "surface.npy")
    np.save(path, np.random.default_rng(2).normal(size=(n, n)))
    u = da.from_array(OnDisk(path), chunks=(n // 8, n // 8))

    def rimmed(slope: Callable[[Any], Any]) -> Any:
        # An entry is in terms one step away, and these read one step further.
        found = da.map_overlap(slope, u, depth=2, boundary="periodic", dtype=float)
        return (found**2).sum()

    ways = {
        "by hand": partial(rimmed, bent_twice),
        "gd.grad": partial(rimmed, gd.grad(energy)),
        "gd.compile(gd.grad)": partial(rimmed, gd.compile(gd.grad(energy))),
    }
    with cluster() as client:
        rows = {name: timed(client, make, 3) for name, make in ways.items()}
    values = [row["value"] for row in rows.values()]
    np.testing.assert_allclose(values, values[0], rtol=1e-10)
    table(f"Stencil on {n} x {n}, by map_overlap", rows)


def larger(folder: Path, scale: int) -> None:
    """Data of four times the memory limit of the one worker."""
    x, y = written(folder, 1_200 * 1_250 // scale)
    w = np.full(COLUMNS, 0.01)
    ways = {
        "gd.value_and_grad": partial(gd.value_and_grad(loss), w, x, y),
        "gd.map_reduce": partial(gd.map_reduce(gd.value_and_grad(loss), x, y), w),
    }
    with cluster(workers=1) as client:
        rows = {name: timed(client, make, 1) for name, make in ways.items()}
    table(f"{1200 // scale} MB on one worker of {LIMIT}", rows)


def weak(folder: Path, scale: int) -> None:
    """Twice the data on twice the processes."""
    rows = {}
    for workers in (1, 2):
        x, y = written(folder, workers * 400 * 1_250 // scale)
        total = gd.map_reduce(gd.value_and_grad(loss), x, y)
        make = partial(total, np.full(COLUMNS, 0.01))
        with cluster(workers=workers) as client:
            rows[f"{workers} x {400 // scale} MB"] = timed(client, make, 3)
    table("Weak scaling", rows)


def scheduler(folder: Path, scale: int) -> None:
    """What a task costs the scheduler: a sum over many chunks of one number each."""
    count = 1_000 // min(scale, 10)
    ones = np.ones(count)
    make = partial(gd.map_reduce(np.sum, da.from_array(ones, chunks=1)).__call__)
    with cluster() as client:
        row = timed(client, make, 2)
    row["ms a task"] = 1e3 * row["seconds"] / row["tasks"]
    assert row["value"] == count
    table(f"{count} chunks of nothing", {"gd.map_reduce": row})


ALL = (regression, fits, mixture, killed, stencil, larger, weak, scheduler)
JOBS = {f.__name__: f for f in ALL}


def main(arguments: list[str]) -> int:
    """Run the jobs that are named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], metavar="job")
    parser.add_argument("--smoke", action="store_true", help="small data")
    given = parser.parse_args(arguments)
    dask.config.set(ON_ITS_LIMIT)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for name in given.jobs or JOBS:
            JOBS[name](Path(folder), 50 if given.smoke else 1)
    print(f"\n{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
