"""What goes along an axis in order: the place of its extreme, running sums and products."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Attributes, Op, Value
from scancc.ir.fast_math import allowed
from scancc.ir.remarks import remark

from ..fuse import combination
from ..joining.extremes import beats
from .arithmetic import add, multiply
from .context import Context, converts
from .loops import PREFIX_LOOP, nest
from .nests import materialise


@converts("scan.argreduce", at_target=True)
def argreduce(c: Context, op: Op) -> None:
    """The first position of the extreme; a NaN counts as the extreme, as in NumPy."""
    source = materialise(c, op.operands[0])
    axis = op.attrs["axis"].value
    sizes = c.sizes(source)
    rest = [n for i, n in enumerate(sizes) if i != axis]
    few = _is_in_step(op)  # `split-searches` knows what serves few
    marks = None if rest or few else dict(PREFIX_LOOP)  # of rows several are lanes
    kind, alone = str(op.attrs["kind"]), few and not rest
    combine = combination(kind, t.element(source.type))[1]

    def position(counters: list[Value]) -> Value:
        def at(i: Value) -> list[Value]:
            return [*counters[:axis], i, *counters[axis:]]

        b = c.b
        zero = b.index(0)
        start = [zero, c.load(source, at(zero))]
        with c.carrying_loop(sizes[axis], start, marks) as (i, (best_i, best), finish):
            value = c.load(source, at(i))
            take = beats(b, kind, value, best)
            onward = b.op(combine, [best, value], [best.type]) if alone else b.select(take, value, best)
            finish([b.select(take, i, best_i), onward])  # an extreme waits for the one before, but not for a choice
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
    marks = _marks(op) if axis == len(rest) else {}

    def run(counters: list[Value]) -> None:
        with c.carrying_loop(sizes[axis], [start], marks) as (i, (total,), finish):
            at = [*counters[:axis], i, *counters[axis:]]
            total = combine(c, total, c.load(source, at))
            c.store(total, buffer, at)
            finish([total])
    c.in_order(rest, run)
    c.set(op.result, buffer)


def _is_in_step(op: Op) -> bool:
    """Whether an op stands in a loop or branch."""
    above = op.parent_op()
    return above is not None and above.name != "func.func"


def _marks(op: Op) -> Attributes:
    """That elements may be combined before what is in front of them is known, as steps of a scan (`time-parallel`):
    not floats that would be rounded otherwise, nor products of integers, which take longer in vectors."""
    kind = t.element(op.result.type)
    if isinstance(kind, t.FloatType) and not allowed(op).allows("reassociate"):
        remark("bufferize", op, False, "one element after the other, as floats would be rounded otherwise",
               "fast_math='reassociate' allows it")
        return {}
    if t.is_complex(kind) or not isinstance(kind, t.FloatType) and op.attrs["kind"] != "sum":
        return {}
    if isinstance(kind, t.FloatType):
        remark("bufferize", op, True, "elements may be combined before those in front of them", part="reassociate")
    return dict(PREFIX_LOOP)
