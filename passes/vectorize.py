"""Give parallel loops SIMD registers: W neighbouring iterations become one, on vectors.

    scf.for %i = 0 to %n {parallel} {       %m = %n - %n mod 8
      %x = memref.load %a[%i]                 scf.for %i = 0 to %m step 8 {
      %y = arith.mulf %x, %c            ->      %x = vector.load %a[%i] : vector<8xf64>
      memref.store %y, %r[%i]                   %y = arith.mulf %x, broadcast(%c)
    }                                           vector.store %y, %r[%i] }
                                              scf.for %i = %m to %n { ... as before ... }

Why: LLVM's vectorizer does not see lanes around a time loop, and its choice is not ours to state.
W fills one 512-bit register, and four of them where a loop over time is inside: its latency then
overlaps. An element's operations are the same in the vector loop and in the tail, so its bits are.
Conservative: only the innermost parallel loop; memory must be indexed by the counter along its last
axis with stride one, or not at all; branches must not depend on the counter. Else the loop stays.
Cost: linear; the body appears twice. Runs after `plan-memory`.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region
from scancc.ir.ops import group, operand, set_operands
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from .vectorizing.lanes import Check, Widener, innermost, is_heavy, whole_lanes


def vectorize(module: Op, bits: int = 512) -> None:
    """Vectorize every innermost parallel loop of `module` for registers of `bits`."""
    for op in list(module.walk()):
        if op.name == "scf.for" and "parallel" in op.attrs and innermost(op):
            check = Check(op)
            width = _fitting(op, _width(op, bits))
            problem = "it has fewer iterations than lanes" if width < 2 else check.problem()
            done = _said(op, width)
            if problem is None:
                _widen(op, width, check)
            remark("vectorize", op, problem is None, problem or done)


def _said(loop: Op, width: int) -> str:
    """That neighbours share registers, and what is left for a tail."""
    n = constant_of(Loop(loop).upper)
    if n is None:
        return f"{width} neighbours at a time, those left over one by one: how many there are is known when it runs"
    return f"{width} neighbours at a time" + (f", the last {n % width} one by one" if n % width else "")


def _width(loop: Op, bits: int) -> int:
    """Lanes: one register of the widest element, four where time runs inside a light body."""
    ops = [op for op in loop.walk() if op is not loop]
    sizes = [t.nbytes(op.result.type) for op in ops if op.name == "memref.load" and group(op, "indices")]
    sizes += [t.nbytes(operand(op, "value").type) for op in ops if op.name == "memref.store"]
    lanes = bits // 8 // max(sizes, default=8)
    return max(2, lanes * (4 if any(op.name == "scf.for" for op in ops) and not is_heavy(ops) else 1))


def _fitting(loop: Op, width: int) -> int:
    """Lanes for a loop whose number of iterations may be known: as many as leave no tail, if that fills a
    register or is all there is."""
    n = constant_of(Loop(loop).upper)
    if n is None:
        return width
    lanes = width
    while n % lanes:
        lanes //= 2
    if lanes == n or lanes >= min(width, 8):
        return lanes
    return width if n >= width else 1


def _widen(loop: Op, width: int, check: Check) -> None:
    block = loop.parent
    assert block is not None
    b = Builder(block, loop, loop.location)
    parts, count = Loop(loop), b.index(width)
    end = whole_lanes(b, parts.upper, count)
    body = Block([t.index])
    (counter,) = body.args
    counter.name = parts.counter.name
    widen = Widener(check.varying, width, {parts.counter: counter}, parts.counter)
    widen.ops(loop.body, Builder(body, location=loop.location))
    b.make("scf.for", [parts.lower, end, count], [], {"vector": t.IntAttr(width, t.i64)}, [Region([body])])
    if end is parts.upper:
        loop.erase()
    else:  # the loop itself becomes the tail
        set_operands(loop, lower=[end])
        del loop.attrs["parallel"]
        loop.attrs["tail"] = t.IntAttr(1, t.i64)
