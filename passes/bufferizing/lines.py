"""What goes along an axis in order: the place of its extreme, running sums and products."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from ..joining.extremes import beats
from .arithmetic import add, multiply
from .context import Context, converts
from .loops import nest
from .nests import materialise


@converts("scan.argreduce", at_target=True)
def argreduce(c: Context, op: Op) -> None:
    """The first position of the extreme; a NaN counts as the extreme, as in NumPy."""
    source = materialise(c, op.operands[0])
    axis = op.attrs["axis"].value
    sizes = c.sizes(source)
    rest = [n for i, n in enumerate(sizes) if i != axis]

    def position(counters: list[Value]) -> Value:
        def at(i: Value) -> list[Value]:
            return [*counters[:axis], i, *counters[axis:]]

        b = c.b
        zero = b.index(0)
        start = [zero, c.load(source, at(zero))]
        with c.carrying_loop(sizes[axis], start) as (i, (best_i, best), finish):
            value = c.load(source, at(i))
            take = beats(b, str(op.attrs["kind"]), value, best)
            finish([b.select(take, i, best_i), b.select(take, value, best)])
        return b.index_cast(c.results[0], t.i64)

    if not rest:
        c.env[op.result] = position([])
        return
    buffer = c.target(op.result, rest)
    nest(c, rest, lambda counters: c.store(position(counters), buffer, counters))
    c.set(op.result, buffer)


@converts("scan.cumulative", at_target=True)
def cumulative(c: Context, op: Op) -> None:
    """A running sum or product along an axis, in order."""
    source = materialise(c, op.operands[0])
    axis = op.attrs["axis"].value
    sizes = c.sizes(source)
    buffer = c.target(op.result, sizes)
    combine = add if op.attrs["kind"] == "sum" else multiply
    kind = t.element(source.type)
    nothing = -0.0 if isinstance(kind, t.FloatType) else 0  # -0.0 + x is x, also for -0.0
    start = c.b.const(nothing if op.attrs["kind"] == "sum" else 1, kind)
    rest = [n for i, n in enumerate(sizes) if i != axis]

    def run(counters: list[Value]) -> None:
        with c.carrying_loop(sizes[axis], [start]) as (i, (total,), finish):
            at = [*counters[:axis], i, *counters[axis:]]
            total = combine(c, total, c.load(source, at))
            c.store(total, buffer, at)
            finish([total])
    c.in_order(rest, run)
    c.set(op.result, buffer)
