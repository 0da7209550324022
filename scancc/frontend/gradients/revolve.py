"""Which block's start is kept next, so that blocks run again as few times as the slots allow.

From one start, with s slots of which it has one, C(s + r, s) blocks are reversed so that each runs r times before
its own turn. For n blocks, between C(s + r - 1, s) and that, the next start that is kept lies where those before it
are reversed with s slots in r - 1 times, and those from it on with s - 1 slots in r times.
Source: Griewank and Walther 2000, algorithm 799 (Revolve).
"""

from __future__ import annotations

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import int64
from scancc.frontend.graph.variables import TensorType, Variable
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.scalars import add, ge, gt, maximum, minimum, mul, sub, switch, true_div

FLOAT = TensorType("float64", ())
ONE = as_tensor_variable(1.0)


def next_kept(block: Variable, last: Variable, n_free: Variable) -> Variable:
    """The block whose start is kept next, on the way from the start of `block` to that of `last`, which is always."""
    n_blocks = add(sub(last, block), int64(1))
    ahead = cast(_ahead(cast(n_blocks, "float64"), cast(add(n_free, int64(1)), "float64")), "int64")
    ahead = minimum(maximum(ahead, int64(1)), sub(n_blocks, int64(1)))
    return switch(gt(n_free, int64(0)), add(block, ahead), last)


def _ahead(n: Variable, s: Variable) -> Variable:
    times, fewer = _times(n, s)
    return minimum(fewer, sub(n, true_div(mul(fewer, s), sub(add(s, times), ONE))))


def _times(n: Variable, s: Variable) -> tuple[Variable, Variable]:
    """r as above, and C(s + r - 1, s)."""
    at_once = add(s, ONE)  # with r = 1
    r, fewer, most, slots, blocks = (FLOAT(name) for name in ("times", "fewer", "most", "n_slots", "n_blocks"))
    following = add(r, ONE)
    more = true_div(mul(most, add(slots, following)), following)
    states = tuple(Carry(((-1, row),), 1, new, trace=False)
                   for row, new in ((r, following), (fewer, most), (most, more)))
    search = Scan(Body((), states, (slots, blocks), (), ge(more, blocks)))
    n_steps = switch(ge(at_once, n), int64(0), cast(n, "int64"))
    times, found, _ = search.apply_to(ScanInputs(n_steps, [], [ONE, ONE, at_once], [s, n])).carry
    return times, found
