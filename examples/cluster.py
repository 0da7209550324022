"""Past one process, on the workers of a Dask cluster: an ensemble of Lorenz systems, a long affine scan in chunks.

    python examples/cluster.py                                    # a cluster of this machine's cores
    python examples/cluster.py --trajectories 1000000 --steps 1000 --length 1000000000
    python examples/cluster.py --scheduler tcp://10.0.0.1:8786    # a cluster that is there

What goes to a worker is a compiled function, as bytes that it checks, and a few numbers; it needs no compiler.
"""

import argparse
import time
from itertools import pairwise

import numpy as np
from distributed import Client, LocalCluster

import scancc as sc
import scancc.tensor as T

# ---- an ensemble: copies know nothing of each other, so each worker has some of them ----

x, y, z = T.vectors("x", "y", "z")
n_steps = T.lscalar("n_steps")
dt = 0.01


def lorenz(x, y, z):
    return x + dt * 10 * (y - x), y + dt * (x * (28 - z) - y), z + dt * (x * y - 8 / 3 * z)


(xs, ys, zs), _ = sc.scan(lorenz, outputs_info=[x, y, z], n_steps=n_steps)
trajectories = sc.function([x, y, z, n_steps], [xs[-1], ys[-1], zs[-1]], name="trajectories")


def beginnings(first, last):
    """Where the systems of these numbers begin: the same ones however they are shared out."""
    at = np.arange(first, last)
    return 1 + 1e-6 * at, np.ones(len(at)), 20 + 1e-7 * at


# --8<-- [start:ensemble]
def some_trajectories(run, first, last, n_steps):
    """On a worker: the systems `first` to `last`."""
    return run(*beginnings(first, last), n_steps)


def ensemble(client, n, n_steps, n_chunks):
    """The last states of n systems, 3 by n."""
    (run,) = client.scatter([trajectories.shipped()], broadcast=True)
    bounds = np.linspace(0, n, n_chunks + 1).astype(int)
    parts = [client.submit(some_trajectories, run, a, b, n_steps)
             for a, b in pairwise(bounds)]
    return np.concatenate(client.gather(parts), axis=1)
# --8<-- [end:ensemble]


# ---- one scan, h = a[t] * h + b[t], in chunks ----
#
# What a chunk does to its beginning is known before that is: h -> product * h + rest. All chunks find this at once;
# these two numbers of each are exchanged, once, and give the beginning of every chunk; then all run from there.

first, length = T.lscalars("first", "length")
start = T.dscalar("start")


def gain_and_input(t):
    return 0.999 + 0.0009 * T.sin(0.001 * t), T.cos(0.01 * t)


def affine(t, h):
    a, b = gain_and_input(t)
    return a * h + b


def summary_step(t, product, rest):
    a, b = gain_and_input(t)
    return a * product, a * rest + b


numbers = T.arange(first, first + length).astype("float64")
states, _ = sc.scan(affine, sequences=numbers, outputs_info=start)
scanned = sc.function([first, length, start], [states[-1], states.sum(), abs(states).max()], name="scanned")
(products, rests), _ = sc.scan(summary_step, sequences=numbers,
                               outputs_info=[T.ones_like(start), T.zeros_like(start)])
summary = sc.function([first, length, start], [products[-1], rests[-1]], name="summary", on_unused_input="ignore")

SMALLEST_DECAY = 1 - 0.9999  # of the gains above


def stated_error(largest):
    """How far states in chunks may be from those of one process. A step rounds a product and a sum, and what it loses
    decays with the gains: each way loses at most what 1 / (1 - gain) steps do. That is 2 roundings of the largest
    state in one process; in chunks 4 of the rests, which may be twice as large, 1 of the products, 1 of joining."""
    return 8 * 2.0**-53 * largest / SMALLEST_DECAY


# --8<-- [start:chunks]
def in_chunks(client, length, n_chunks, start=1.0):
    """The last state, the sum of all and the largest, and what the two rounds took."""
    find, run = client.scatter([summary.shipped(), scanned.shipped()], broadcast=True)
    bounds = np.linspace(0, length, n_chunks + 1).astype(int)
    chunks = [(int(a), int(b - a)) for a, b in pairwise(bounds)]
    times = [time.perf_counter()]
    summaries = client.gather([client.submit(call, find, *chunk, 0.0) for chunk in chunks])
    times.append(time.perf_counter())
    starts = [start]
    for product, rest in summaries[:-1]:  # the exchange: two numbers a chunk
        starts.append(float(product * starts[-1] + rest))
    parts = client.gather([client.submit(call, run, *chunk, h)
                           for chunk, h in zip(chunks, starts, strict=True)])
    times.append(time.perf_counter())
    last, totals, largest = parts[-1][0], [p[1] for p in parts], [p[2] for p in parts]
    return float(last), sum(totals), max(largest), np.diff(times)


def call(function, *arguments):
    """On a worker."""
    return function(*arguments)
# --8<-- [end:chunks]


def main():
    parser = argparse.ArgumentParser(description="Scans on the workers of a Dask cluster.")
    parser.add_argument("--scheduler", help="its address; by default a cluster of this machine")
    parser.add_argument("--trajectories", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--length", type=int, default=10_000_000, help="steps of the affine scan")
    parser.add_argument("--chunks", type=int, default=8)
    sizes = parser.parse_args()
    if sizes.scheduler:
        with Client(sizes.scheduler) as client:
            report(client, sizes)
        return
    with (LocalCluster(threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
          Client(cluster) as client):
        report(client, sizes)


def report(client, sizes):
    """Run both and print what they cost, beside this process alone."""
    workers = len(client.scheduler_info()["workers"])
    shipped = trajectories.shipped(), summary.shipped(), scanned.shipped()
    _, spent = timed(lambda: (ensemble(client, 100, 10, 2 * workers), in_chunks(client, 1000, 2 * workers)))
    print(f"{workers} workers; shipped: {', '.join(map(str, shipped))}; loaded in {spent:.3f} s")

    n = sizes.trajectories
    found, spent = timed(ensemble, client, n, sizes.steps, sizes.chunks)
    alone, spent_alone = timed(some_trajectories, trajectories, 0, n, sizes.steps)
    assert all(np.array_equal(a, b) for a, b in zip(found, alone, strict=True)), "copies are on their own"
    print(f"ensemble of {n} systems, {sizes.steps} steps: {spent:.3f} s, one process {spent_alone:.3f} s; "
          f"{24 * n / 1e6:.1f} MB came back; the same bits")

    (last, total, largest, rounds), spent = timed(in_chunks, client, sizes.length, sizes.chunks)
    (last_alone, total_alone, _), spent_alone = timed(scanned, 0, sizes.length, 1.0)
    apart, bound = abs(last - last_alone), stated_error(largest)
    print(f"affine scan of {sizes.length} steps in {sizes.chunks} chunks: {spent:.3f} s (summaries {rounds[0]:.3f}, "
          f"states {rounds[1]:.3f}), one process {spent_alone:.3f} s; {16 * sizes.chunks} bytes exchanged")
    print(f"last state {last:.12f}, {apart:.1e} from one process, at most {bound:.1e}; "
          f"mean {total / sizes.length:.9f}, {abs(total - total_alone) / sizes.length:.1e} from it")
    assert apart <= bound


def timed(function, *arguments):
    begin = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - begin


if __name__ == "__main__":
    main()
