"""The least time a cell can take on this machine, by what limits it."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.workload import Work


def bound(work: Work, nbytes: float, dtype: str, calibration: dict[str, Any]) -> dict[str, Any] | None:
    """Seconds by limit, the largest of them, and its name; None without a calibration.

    bytes     inputs and outputs once each, at the best bandwidth for that much memory
    flops     at the peak of multiply-adds in vectors
    special   divisions and elementary functions, at what vector code in C gets
    chain     latencies that follow each other
    cache     what each step reads again, at the bandwidth of the cache that holds it
    """
    if "missing" in calibration:
        return None
    machine = calibration[dtype]
    moved = nbytes if work.nbytes is None else work.nbytes
    terms = {
        "bytes": moved / bandwidth(moved, calibration),
        "flops": work.flops / machine["peak_flops"],
        "special": sum(n * machine["throughput_s"][name] for name, n in work.special.items()),
        "chain": sum(n * machine["latency_s"][name] for name, n in work.chain.items()),
        "cache": work.again[0] * work.again[1] / bandwidth(work.again[0], calibration),
    }
    limit = max(terms, key=lambda name: terms[name])
    return {"time_s": terms[limit], "limit": limit, "terms": terms}


def bandwidth(nbytes: float, calibration: dict[str, Any]) -> float:
    """The better of reading and copying at the size measured that is nearest from above."""
    rows = calibration["bandwidth"]
    row = next((r for r in rows if 1024 * r["kbytes"] >= nbytes), rows[-1])
    return float(max(row["read"], row["copy"]))
