"""Make lanes of rounds that each run a series of small arrays: every small array gets a last axis of lanes.

    scf.for %i = 0 to %n {                     scf.for %j = 0 to %n step 8 {
      %y = row %i of %ys                         %ys8 = rows %j to %j + 8 of %ys
      %m = alloca f64[4]                         %m = alloca f64[4, 8]
      scf.for %t = 0 to %steps {         ->      scf.for %t = 0 to %steps {
        ... %y[%t, :], %m ...                      ... the same, of 8 lanes ...
        check ... }                                if not all checks hold: failed }
      ... sums over all steps ... }              lane by lane, unless failed: sums over all steps
                                                 scf.for %i = (failed ? %j : %j + 8) to %j + 8 { as before } }

Why: a matrix of 2 to 8 rows fills a vector by a row or less, and each product waits for the one before; of as many
series as a vector has lanes all vectors are full, and what is alike in all series (the covariance of a filter whose
matrices all share) is computed once for them. A Kalman filter of 4 states and 2 observations, 1,000 series:
43 ns a step, 3.2 so; where observations are missing, so that nothing is alike: 42 and 14 (AVX2: 44 and 19).
Each lane does what one round does, in the same order: no bit changes. A check that fails, or a branch that is rarely
taken, says that those rounds are to run once more as they were, with their errors. A branch that lanes take apart is
computed on both sides. Lanes that `until`, or a length of their own, ends wait for the others, and write nothing more
(Newton's method for three unknowns, 1,000 systems of 5 steps: 285 ns each, 46 so). The last series overlap with those
before where they are fewer than lanes.
Conservative: a round writes rows of its own of arrays that all series share; arrays of series have one size; sums
are short, those of many terms have a tree. From the first op on for which that does not hold lanes
follow each other.
Cost: linear; the body appears twice. Runs before `plan-memory`, which places what lanes need, and `reductions`.
Source: outer-loop vectorization (Nuzman and Zaks, PACT 2008); one matrix a lane as in batched LAPACK (MKL's compact
layout, 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import ELEMENTWISE, has_trait, set_operands
from scancc.ir.parts import Loop, usual_blocks
from scancc.ir.remarks import remark

from .reductions import separate
from .slicing.latencies import busy
from .vectorizing.along_series import SeriesWidener
from .vectorizing.in_flight import usual_size
from .vectorizing.series import ROOMS, Series
from .vectorizing.shared_memory import dependence, runs_again

FEW_STEPS = 8     # of a loop that is no loop over steps
MOST_COPIES = 4   # vectors side by side
MANY_STEPS = 32   # of a loop over steps whose number is known


def series_lanes(module: Op, bits: int = 512) -> None:
    """Make lanes of such rounds in every function, for registers of `bits`."""
    for op in list(module.walk()):
        if op.name == "scf.for" and _is_over_systems(op):
            for inner in op.walk():
                if "reduction" in inner.attrs:
                    separate(inner)
            series = Series(op)
            lanes = _lanes(op, bits // 8 // (usual_size(op, series.varying) or 8))
            problem = _problem(series, lanes)
            copies = 1 if problem else _copies(series)
            remark("series-lanes", op, problem is None, problem or f"{lanes * copies} series at a time")
            if problem is None:
                _widen(series, lanes, copies)


def _is_over_systems(loop: Op) -> bool:
    """Whether a loop's rounds have arrays of their own, and loops over steps."""
    if loop.results or {"vector", "tail"} & loop.attrs.keys() or constant_of(Loop(loop).step) != 1:
        return False
    return any(map(_is_over_steps, loop.body.ops)) and any(op.name in ROOMS for op in loop.body.ops)


def _is_over_steps(op: Op) -> bool:
    if op.name == "scf.while":
        return True
    n = constant_of(Loop(op).upper) if op.name == "scf.for" and not op.attrs else 0
    return n is None or n >= FEW_STEPS


def _lanes(loop: Op, most: int) -> int:
    """As many as a vector has; of fewer series a power of two."""
    known = constant_of(Loop(loop).upper)
    return most if known is None or known >= most else 1 << known.bit_length() >> 1


def _problem(series: Series, lanes: int) -> str | None:
    """Why rounds cannot be lanes, or None."""
    if lanes < 2:
        return "there is one series, or a vector has one lane"
    if not any(_is_over_steps(op) and series.differs(op) for op in series.together):
        return series.reason or "all series are the same"
    if series.picked.intersection(series.behind_uses()) or series.gaps():
        return series.reason
    if any(_row(op.result.type) > 2 * lanes for op in _own_rooms(series)):
        return "rows of its arrays fill vectors"
    return dependence(series)


def _own_rooms(series: Series) -> Iterator[Op]:
    return (inner for op in series.together for inner in op.walk()
            if inner.name in ROOMS and inner.result in series.varying)


def _row(type: t.Type) -> int:
    """How long the rows of an array are, as far as it is known."""
    assert isinstance(type, t.MemRefType)
    return type.shape[-1] or 0 if type.shape else 0


def _copies(series: Series) -> int:
    """How many vectors of series go side by side: more where much is computed once for all of them."""
    own, alike = (sum(column) for column in zip(*(_work(op, series) for op in series.together), strict=True))
    return max(n for n in (1, 2, MOST_COPIES) if n <= max(1, alike // max(own, 1)))


def _work(op: Op, series: Series) -> tuple[int, int]:
    """Cycles of what differs between series, and of what is alike, in one step of the loops over steps."""
    if not op.regions:
        cycles = busy(op) if has_trait(op, ELEMENTWISE) else 0
        return (cycles, 0) if series.differs(op) else (0, cycles)
    found = [_work(inner, series) for block in usual_blocks(op) for inner in block.ops]
    n = constant_of(Loop(op).upper) if op.name == "scf.for" else None
    times = 1 if n is None or n >= MANY_STEPS else max(int(n), 0)
    return times * sum(own for own, _ in found), times * sum(alike for _, alike in found)


def _widen(series: Series, lanes: int, copies: int) -> None:
    """Put the loop into one over so many series at a time, behind which it has what is left."""
    loop, parts = series.loop, Loop(series.loop)
    assert loop.parent is not None
    b = Builder(loop.parent, loop, loop.location)
    blocks = Block([t.index])
    inside, (at,) = Builder(blocks, location=loop.location), blocks.args
    at.name = parts.counter.name
    count = b.index(lanes * copies)
    last, overlaps = b.subi(parts.upper, count), runs_again(series)
    enough = b.cmpi("sle", parts.lower, last) if overlaps else inside.cmpi("sle", at, last)
    first = inside.minsi(at, last) if overlaps else at
    end = inside.minsi(inside.addi(at, count), parts.upper)
    done = _either(inside, enough, lambda b: _in_lanes(series, b, lanes, copies, first, end), lambda b: at)
    attrs = {"vector": t.IntAttr(lanes * copies, t.i64)}
    b.make("scf.for", [parts.lower, parts.upper, count], [], attrs, [Region([blocks])])
    set_operands(inside.insert(loop.detach()), lower=[done], upper=[end])
    loop.attrs["tail"] = t.IntAttr(1, t.i64)
    loop.attrs.pop("parallel", None)
    inside.make("scf.yield")


def _in_lanes(series: Series, b: Builder, lanes: int, copies: int, first: Value, end: Value) -> Value:
    """So many series from `first` on in lanes; from where on they are to be computed one by one."""
    failed = b.op("memref.alloca", [], [t.MemRefType((1,), t.i64)])
    start = b.make("memref.store", [b.const(0, t.i64), failed, b.index(0)])
    widener = SeriesWidener(series, lanes, copies, first, failed)
    widener.together(b)

    def follow(b: Builder) -> Value:
        if series.behind:
            widener.behind(b)
        return end
    if failed.uses.keys() == {start}:
        start.erase()
        return follow(b)
    holds = b.cmpi("eq", b.op("memref.load", [failed, b.index(0)], [t.i64]), b.const(0, t.i64))
    return _either(b, holds, follow, lambda b: first, likely=True)


def _either(b: Builder, condition: Value, then: Callable[[Builder], Value], otherwise: Callable[[Builder], Value],
            likely: bool = False) -> Value:
    regions = []
    for build in (then, otherwise):
        block = Block()
        inside = Builder(block, location=b.location)
        inside.make("scf.yield", [build(inside)])
        regions.append(Region([block]))
    marks = {"likely": t.IntAttr(1, t.i64)} if likely else None
    return b.make("scf.if", [condition], [t.index], marks, regions).result
