"""The roofline of one call: how fast it ran, beside how fast this machine moves bytes and multiplies.

The two limits are those of one core: a copy of 64 MB by NumPy, and a product of matrices by native code of ours, each
the best of some tries. (NumPy's product takes as many threads as it likes.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from scancc.frontend.graph.variables import TensorType
from scancc.frontend.ops.products import dot
from scancc.frontend.program.program import make_program
from scancc.printed import silence
from scancc.versions import Native

if TYPE_CHECKING:
    from scancc.insight.cost import Cost

COPIED_NBYTES, SIDE, TRIES = 1 << 26, 256, 7


def measured(function: Any, cost: Cost, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, float] | None:
    """Flops and bytes of a call, its time, and the machine's limits; None where no arguments are given."""
    if not args and not kwargs or cost.values is None or cost.intensity is None:
        return None
    call = function.copy(delete_updates=True)  # the state of the user's function stays what it is
    with silence():
        time_s = _best(lambda: call(*args, **kwargs))
    bandwidth, flops = machine()
    return {"intensity": cost.intensity, "flops": cost.intensity * cost.moved.at(cost.values) / time_s,
            "time": time_s, "bandwidth": bandwidth, "peak": flops}


@cache
def machine() -> tuple[float, float]:
    """Bytes a second that a copy moves, and flops a second of a product of matrices."""
    source, goal = np.ones(COPIED_NBYTES // 8), np.empty(COPIED_NBYTES // 8)
    copied = _best(lambda: np.copyto(goal, source))
    a, b = (TensorType("float64", (None, None)).variable(name=name) for name in "ab")
    product, side = Native(make_program([a, b], dot(a, b)), False).kernel, np.ones((SIDE, SIDE))
    multiplied = _best(lambda: product(side, side))
    return 2 * COPIED_NBYTES / copied, 2 * SIDE**3 / multiplied


def _best(work: Callable[[], object]) -> float:
    times = []
    work()  # the first one finds nothing in caches
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return max(min(times), 1e-9)
