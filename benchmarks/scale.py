"""``make scale``: large data on a cluster of two processes, under a limit of memory.

Starts a ``LocalCluster`` whose workers may use 300 MB each, runs the jobs, and prints
their tables: seconds, tasks, and the peaks of workers and of this process. Data lie in
files, in chunks of 10 MB. ``--smoke`` runs everything on small data; names of jobs run
these alone.

What a job prints is kept in ``.benchmarks/scale`` until all have ended: a run that was
cut off goes on with the jobs that are missing.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster, wait

import chainrule as gd
from benchmarks.memory import forget_peak, peak

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


ROWS = 1_200 * 1_250
"""Rows of all data: 1200 MB, four times the limit."""
KEPT = Path(__file__).resolve().parent.parent / ".benchmarks" / "scale"
LONG = 60.0
"""Seconds of a table after which nothing is measured once more."""


class OnDisk:
    """The first rows of an array in a file, of which a task reads what it needs."""

    def __init__(self, path: str, rows: int) -> None:
        self.path = path
        mapped = np.load(path, mmap_mode="r")
        self.shape, self.dtype, self.ndim = (
            (rows, *mapped.shape[1:]),
            mapped.dtype,
            mapped.ndim,
        )

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(np.load(self.path, mmap_mode="r")[index])

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return self.path, self.shape


def pieces(rows: int) -> Iterator[tuple[slice, Any, Any]]:
    """Draw the data of a logistic regression, a chunk at a time."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=COLUMNS) / np.sqrt(COLUMNS)
    for start in range(0, rows, CHUNK):
        x = rng.normal(size=(min(CHUNK, rows - start), COLUMNS))
        y = rng.random(len(x)) < expit(x @ truth)
        yield slice(start, start + len(x)), x, y.astype(float)


def written(folder: Path, megabytes: int, scale: int) -> tuple[Any, Any]:
    """Return the first rows of the data as arrays of Dask; write them if need be."""
    total = ROWS // scale
    x_path, y_path = (folder / f"{name}{total}.npy" for name in "xy")
    if not y_path.exists():
        begun = folder / "begun.npy"
        x: Any = np.lib.format.open_memmap(x_path, "w+", float, (total, COLUMNS))
        y: Any = np.lib.format.open_memmap(begun, "w+", float, (total,))
        for rows, x_part, y_part in pieces(total):
            x[rows], y[rows] = x_part, y_part
        x.flush()
        y.flush()
        begun.rename(y_path)
    rows = megabytes * 1_250 // scale
    return (
        da.from_array(OnDisk(str(x_path), rows), chunks=(CHUNK, COLUMNS)),
        da.from_array(OnDisk(str(y_path), rows), chunks=CHUNK),
    )


def compressed(folder: Path, scale: int) -> tuple[Any, Any]:
    """Return all data from an array of Zarr, which is written if need be."""
    import zarr  # not in the workers, until they read it

    total = ROWS // scale
    path, begun = folder / f"rows{total}.zarr", folder / "begun.zarr"
    if not path.exists():
        group: Any = zarr.open_group(begun, mode="w")
        x = group.create_array(
            "x", shape=(total, COLUMNS), chunks=(CHUNK, COLUMNS), dtype="f8"
        )
        y = group.create_array("y", shape=(total,), chunks=(CHUNK,), dtype="f8")
        for rows, x_part, y_part in pieces(total):
            x[rows], y[rows] = x_part, y_part
        begun.rename(path)
    return da.from_zarr(str(path), "x"), da.from_zarr(str(path), "y")


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


class Clusters:
    """A cluster of new processes of one thread each, for one job: one at a time."""

    def __init__(self) -> None:
        self._running, self._workers, self._client = ExitStack(), 0, None

    def __call__(self, workers: int = 2) -> Client:
        """Return the client of a cluster of so many workers; start it if need be."""
        if self._client is None or workers != self._workers:
            self.close()
            local = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=LIMIT,
                dashboard_address=None,
            )
            self._running.enter_context(local)
            self._client = self._running.enter_context(Client(local))
            self._workers = workers
        return self._client

    def close(self) -> None:
        """Stop the processes."""
        self._running.close()
        self._client = None


def _known(dask_scheduler: Any) -> int:
    """Return how many results the scheduler remembers."""
    return len(dask_scheduler.tasks)


Row = dict[str, Any]


def timed(
    client: Client, ways: dict[str, Callable[[], Any]], repeats: int = 3
) -> dict[str, Row]:
    """Compute lazy results in turns, some times; return seconds, tasks and peaks.

    What is compiled is timed by itself and afterwards: its programs stay in memory.
    """
    rows: dict[str, Row] = {}
    begun = time.perf_counter()
    for turn in range(repeats):
        for name, make in ways.items():
            row = once(client, make)
            best = rows.setdefault(name, row)
            best["seconds"] = min(best["seconds"], row["seconds"])
            for which in ("worker MB", "client MB"):
                best[which] = max(best[which], row[which])
        if turn and time.perf_counter() - begun > LONG:
            break
    return rows


def once(client: Client, make: Callable[[], Any]) -> Row:
    """Compute a lazy result; return it with seconds, tasks and peaks."""
    client.run(forget_peak)
    forget_peak()
    lazy = make()
    bundle = dask.delayed(tuple)(list(lazy)) if isinstance(lazy, tuple) else lazy
    tasks = len(dict(dask.optimize(bundle)[0].__dask_graph__()))
    start = time.perf_counter()
    future = client.compute(bundle)
    value = future.result(timeout=1200)
    seconds = time.perf_counter() - start
    del future
    while client.run_on_scheduler(_known):  # or the next one is found there
        time.sleep(0.05)
    return {
        "value": value,
        "first": seconds,
        "seconds": seconds,
        "tasks": tasks,
        "worker MB": max(client.run(peak).values()),
        "client MB": peak(),
    }


def table(title: str, rows: dict[str, Row]) -> str:
    """Return measurements as text, one row each."""
    names = [k for k in next(iter(rows.values())) if k != "value"]
    lines = ["", title, f"{'':<26}" + "".join(f"{name:>12}" for name in names)]
    for label, row in rows.items():
        cells = [row[k] for k in names]
        texts = [f"{c:>12.2f}" if isinstance(c, float) else f"{c:>12}" for c in cells]
        lines.append(f"{label:<26}" + "".join(texts))
    return "\n".join(lines)


# ---------------------------------------------------------------------------- jobs


def regression(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """Value and gradient: by hand, recorded lazily, and compiled on each chunk."""
    for megabytes in (200, 800):
        x, y = written(folder, megabytes, scale)
        w = np.full(COLUMNS, 0.01)
        ways = {
            "by hand": partial(by_hand, w, x, y),
            "gd.value_and_grad": partial(gd.value_and_grad(loss), w, x, y),
        }
        total = gd.map_reduce(gd.value_and_grad(loss), x, y)
        client = start()
        rows = timed(client, ways)
        rows |= timed(client, {"gd.map_reduce": partial(total, w)})
        start.close()
        expected = rows["by hand"]["value"]
        for row in rows.values():
            np.testing.assert_allclose(row["value"][1], expected[1], rtol=1e-8)
        size = f"{megabytes // scale} MB in chunks of 10 MB"
        yield table(f"Logistic regression, {size}", rows)


def fits(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """A fit by L-BFGS, and by Newton-CG with exact products with the Hessian."""
    from scipy.optimize import minimize  # not in the workers, which import this file

    x, y = written(folder, 200, scale)
    total = gd.map_reduce(gd.value_and_grad(loss), x, y)
    products = gd.map_reduce(curved, x, y)
    rows = {}
    client = start()
    for method, options in (
        ("L-BFGS-B", {}),
        ("Newton-CG", {"hessp": products.compute}),
    ):
        begun = time.perf_counter()
        found = minimize(
            total.compute, np.zeros(COLUMNS), jac=True, method=method, **options
        )
        rows[method] = {
            "seconds": time.perf_counter() - begun,
            "iterations": found.nit,
            "gradients": found.njev,
            "products": int(found.get("nhev", 0)),
            "loss": float(found.fun),
            "slope": float(np.abs(found.jac).max()),
            "worker MB": max(client.run(peak).values()),
        }
    yield table(f"Fits on {200 // scale} MB", rows)


def mixture(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """A mixture of three Gaussians, fitted by the gradient of its likelihood."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    count = 600_000 // scale
    points = centres[rng.integers(3, size=count)] + rng.normal(size=(count, 2))
    path = str(folder / "points.npy")
    np.save(path, points)
    data = da.from_array(OnDisk(path, count), chunks=(count // 60 + 1, 2))

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

    start()
    begun = time.perf_counter()
    first = np.concatenate([v.ravel() for v in start_at.values()])
    found = minimize(objective, first, jac=True, method="L-BFGS-B")
    seconds = time.perf_counter() - begun
    means = unflat(found.x)["means"]
    off = [float(np.abs(means - c).sum(1).min()) for c in centres]
    row = {"seconds": seconds, "iterations": found.nit, "loss": float(found.fun)}
    title = f"Mixture of three Gaussians, {count:,} points"
    yield table(title, {"L-BFGS-B": {**row, "off by": max(off)}})


def killed(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """A worker is killed on the way: its chunks are computed again, to the same sum.

    To the last bit, as one executor is asked for: ``auto`` changes over to native code
    when it is there, which adds in another order, and a new process has none yet.
    """
    x, y = written(folder, 800, scale)
    f = gd.compile(gd.value_and_grad(loss), executor="native")
    total = gd.map_reduce(f, x, y)
    w = np.full(COLUMNS, 0.01)
    client = start()
    expected = total.compute(w)
    begun = time.perf_counter()
    future = client.compute(total(np.array(w)))
    victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)  # one that this script started
    wait(future)
    value, slope = future.result()
    seconds = time.perf_counter() - begun
    np.testing.assert_array_equal(slope, expected[1])
    off = f"{abs(value / expected[0] - 1):.0e}"
    assert value == expected[0], off
    yield table("A worker killed", {"": {"seconds": seconds, "differs by": off}})


def bent(u: Any) -> Any:
    """The Laplacian of a periodic surface."""
    return sum(np.roll(u, s, a) for s in (1, -1) for a in (0, 1)) - 4 * u


def energy(u: Any) -> Any:
    """The bending energy of a periodic surface, in NumPy."""
    return 0.5 * np.sum(bent(u) ** 2)


def bent_twice(u: Any) -> Any:
    """The gradient of the energy, derived on paper."""
    return bent(bent(u))


def stencil(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """The gradient of a stencil, on chunks with their neighbours' rims."""
    n = 2048 // max(1, int(scale**0.5))
    path = str(folder / "surface.npy")
    np.save(path, np.random.default_rng(2).normal(size=(n, n)))
    u = da.from_array(OnDisk(path, n), chunks=(n // 8, n // 8))

    def rimmed(slope: Callable[[Any], Any]) -> Any:
        # An entry is in terms one step away, and these read one step further.
        found = da.map_overlap(slope, u, depth=2, boundary="periodic", dtype=float)
        return (found**2).sum()

    ways = {
        "by hand": partial(rimmed, bent_twice),
        "gd.grad": partial(rimmed, gd.grad(energy)),
    }
    rows = timed(start(), ways)
    slope = gd.compile(gd.grad(energy))
    rows |= timed(start(), {"gd.compile(gd.grad)": partial(rimmed, slope)})
    values = [row["value"] for row in rows.values()]
    np.testing.assert_allclose(values, values[0], rtol=1e-10)
    yield table(f"Stencil on {n} x {n}, by map_overlap, in 64 chunks", rows)


def larger(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """Data of four times the memory limit of the one worker, in a file and in Zarr."""
    w = np.full(COLUMNS, 0.01)
    rows: dict[str, Row] = {}
    for place, (x, y) in {
        "a file": written(folder, 1_200, scale),
        "Zarr": compressed(folder, scale),
    }.items():
        ways = {
            f"value_and_grad, {place}": partial(gd.value_and_grad(loss), w, x, y),
            f"map_reduce, {place}": gd.map_reduce(gd.value_and_grad(loss), x, y),
        }
        ways[f"map_reduce, {place}"] = partial(ways[f"map_reduce, {place}"], w)
        rows |= timed(start(1), ways, repeats=1)
    values = [row["value"][0] for row in rows.values()]
    np.testing.assert_allclose(values, values[0], rtol=1e-10)
    yield table(f"{1200 // scale} MB on one worker of {LIMIT}", rows)


def weak(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """Twice the data on twice the processes."""
    rows = {}
    for workers in (1, 2):
        x, y = written(folder, workers * 400, scale)
        total = gd.map_reduce(gd.value_and_grad(loss), x, y)
        name = f"{workers} x {400 // scale} MB"
        rows |= timed(start(workers), {name: partial(total, np.full(COLUMNS, 0.01))})
    yield table("Weak scaling", rows)


def scheduler(folder: Path, scale: int, start: Clusters) -> Iterator[str]:
    """What a task costs the scheduler: a sum over many chunks of one number each."""
    count = 1_000 // min(scale, 10)
    ones = np.ones(count)
    make = partial(gd.map_reduce(np.sum, da.from_array(ones, chunks=1)).__call__)
    rows = timed(start(), {"gd.map_reduce": make}, repeats=2)
    (row,) = rows.values()
    row["ms a task"] = 1e3 * row["seconds"] / row["tasks"]
    assert row["value"] == count
    yield table(f"{count} chunks of nothing", rows)


ALL = (regression, fits, mixture, killed, stencil, larger, weak, scheduler)
JOBS = {f.__name__: f for f in ALL}


def run(names: list[str], folder: Path, scale: int) -> None:
    """Run the jobs that have not ended yet; print what all of them print."""
    start = Clusters()
    try:
        for name in names:
            kept = folder / f"{name}.txt"
            if kept.exists():
                print(kept.read_text(), "(from the run that was cut off)", flush=True)
                continue
            texts = []
            for text in JOBS[name](folder, scale, start):
                print(text, flush=True)
                texts.append(text)
            kept.write_text("\n".join(texts))
            start.close()
    finally:
        start.close()
    shutil.rmtree(folder)


def main(arguments: list[str]) -> int:
    """Run the jobs that are named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], metavar="job")
    parser.add_argument("--smoke", action="store_true", help="small data")
    given = parser.parse_args(arguments)
    dask.config.set(ON_ITS_LIMIT)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    start = time.perf_counter()
    folder = KEPT
    if given.smoke or given.jobs:
        folder = Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    run(given.jobs or list(JOBS), folder, 50 if given.smoke else 1)
    print(f"\n{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
