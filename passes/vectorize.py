"""Give parallel loops SIMD registers: W neighbouring iterations become one, on vectors.

    scf.for %i = 0 to %n {parallel} {       %m = %n - %n mod 8
      %x = memref.load %a[%i]                 scf.for %i = 0 to %m step 8 {
      %y = arith.mulf %x, %c            ->      %x = vector.load %a[%i] : vector<8xf64>
      memref.store %y, %r[%i]                   %y = arith.mulf %x, broadcast(%c)
    }                                           vector.store %y, %r[%i] }
                                              scf.for %i = %m to %n { ... as before ... }

Why: LLVM's vectorizer does not see lanes around a time loop, and its choice is not ours to state.
W fills a register. Where a loop over time is inside, several vectors go through it side by side (`in_flight`), as
many as its chain has room for: `x*p + c` with 4 cycles for each, two of them started a cycle, takes seven. What
is left over goes vector by vector, then, where W is 16 or more and the code short, by 8 (rows of ten float32: 0.65
us, 0.90 without; a cellular automaton of rows of 60 bytes: 2.0 us a step, 7.8 without), then one by one; of a known
number of iterations the last W are one more vector, which makes some elements twice, where nothing that is written is
read (seven neighbours: two vectors of four, not one and three numbers). An element's operations are the same in all,
so its bits are.
Elements that lie one before the other (`x[::-1]`) are read, or written, as a vector that is turned round.
Around a loop over time, whose chain takes as long for one element as for many, the last vectors are those that end
at the end, whatever the length (`A**k` of 1000 float32, k = 100: 2.36 us, 2.03 so); all that are in flight, where
they stay in registers.
Complex numbers are two vectors, of their real and imaginary parts, which take turns in memory.
Elements that do not stand side by side (`x[places[i]]`, a column) are read one by one into a vector, where enough is
computed from them: `exp` of those takes a third of the time.
Conservative: only the innermost parallel loop; memory must be written by the counter along its last axis with
stride one, or minus one; branches must not depend on the counter. Else the loop stays, and so does one that fills or
copies a run of memory once a call, which the machine does.
Cost: linear; the body appears two or three times, and so many times more as there are vectors in flight. Runs after
`plan-memory`.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.linear import most
from scancc.ir.ops import group, memory_of, operand, set_operands, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark
from scancc.ir.runs import run_of

from .slicing.latencies import is_function
from .vectorizing.in_flight import copies as copies_of
from .vectorizing.in_flight import largest_loop, usual_size, work_of
from .vectorizing.lanes import Check, Widener, innermost, makes_again, whole_lanes

MANY_LANES, FEW_LANES = 16, 8  # what leaves up to 15 elements, and takes most of them
PLAIN_OPS, NARROW_OPS = 24, 96  # of a body that may stand there three times; where up to 31 or 63 elements are left


def vectorize(module: Op, bits: int = 512, registers: int = 32) -> None:
    """Vectorize every innermost parallel loop of `module` for so many registers of `bits`."""
    for op in list(module.walk()):
        if op.name != "scf.for" or "parallel" not in op.attrs:
            continue
        if run := run_of(op):
            remark("vectorize", op, True, f"one call {'copies all' if run.load else 'makes all zeros'}")
        elif innermost(op):
            check = Check(op, gathers=True)
            problem = check.problem()
            lanes, copies = (1, 1) if problem else _shape(op, check.varying, bits, registers)
            if problem is None and (lanes < 2 or _has_few(op)):
                problem = "it has fewer iterations than lanes"
            done = _said(op, lanes, copies)
            if problem is None:
                _widen(op, lanes, copies, check)
            if problem is None or not any("vector" in inner.attrs for inner in op.walk()):  # a sum inside has lanes
                remark("vectorize", op, problem is None, problem or done)


def _has_few(loop: Op) -> bool:
    """Whether a loop, of how many iterations is not known, has one at most, as the border of an array."""
    n = Loop(loop).upper
    return constant_of(n) is None and (largest := most(n)) is not None and largest <= 1


def _said(loop: Op, lanes: int, copies: int) -> str:
    """That neighbours share registers, how many vectors are in flight, and what is left for a tail."""
    n = constant_of(Loop(loop).upper)
    together = f"{lanes} neighbours at a time" + (f", {copies} vectors in flight" if copies > 1 else "")
    if n is None and _overlaps(loop):
        return f"{together}, the last overlapping, or one by one where there are few: how many is known when it runs"
    if n is None:
        few = f"{FEW_LANES} at a time, then " if _is_plain(loop, lanes) else ""
        return f"{together}, those left over {few}one by one: how many there are is known when it runs"
    if n % lanes == 0:
        return together
    return f"{together}, the last " + (f"{lanes} overlapping" if makes_again(loop) else f"{n % lanes} one by one")


def _shape(loop: Op, varying: set[Value], bits: int, registers: int) -> tuple[int, int]:
    """Lanes of a vector, and vectors side by side."""
    inner, n = largest_loop(loop), constant_of(Loop(loop).upper)
    usual = usual_size(inner, varying) if inner is not None else None
    lanes = _of_row(loop, _fitting(n, max(2, bits // 8 // (usual or _widest(loop)))))
    if inner is None or lanes < 2:
        return lanes, 1
    return lanes, copies_of(work_of(inner, varying, lanes, bits // 8), registers, n if n is None else n // lanes)


def _widest(loop: Op) -> int:
    """The bytes of the widest element that is read or written; the parts of complex numbers lie in vectors apart."""
    ops = [op for op in loop.walk() if op is not loop]
    sizes = [t.nbytes(t.part(op.result.type)) for op in ops if op.name == "memref.load" and group(op, "indices")]
    sizes += [t.nbytes(t.part(operand(op, "value").type)) for op in ops if op.name == "memref.store"]
    return max(sizes, default=8)


def _fitting(n: int | None, width: int) -> int:
    """Lanes for a loop whose number of iterations may be known: as many as leave no tail, if that fills a
    register or is all there is; of few iterations the most that are a power of two, from four on."""
    if n is None:
        return width
    lanes = width
    while n % lanes:
        lanes //= 2
    if lanes == n or lanes >= min(width, 8):
        return lanes
    return width if n >= width else 1 << n.bit_length() - 1 if n >= 4 else 1


def _of_row(loop: Op, lanes: int) -> int:
    """Lanes that do not cross rows of small matrices in registers, which go through products row by row: to put rows
    together and to take them apart costs three cycles each, in a Kalman filter a twelfth of a step."""
    rows = [shape[-1] for op in loop.body.ops if op.name in ("memref.load", "memref.store")
            if (shape := _in_registers(whole(op)))]
    return min([lanes, *(n for n in rows if n is not None and n > 1 and lanes % n == 0)])


def _in_registers(buffer: Value) -> tuple[int | None, ...]:
    """The shape of the small matrix whose elements a buffer has one after the other; () where it is none."""
    flat = buffer.op is not None and buffer.op.name == "scan.buffer_reshape"
    memory = memory_of(buffer)
    is_small = flat and memory.op is not None and memory.op.name == "memref.alloca"
    return memory.type.shape if is_small and isinstance(memory.type, t.MemRefType) else ()


def _widen(loop: Op, lanes: int, copies: int, check: Check) -> None:
    """Vectors side by side, then those left over one by one; the loop itself becomes the tail."""
    first, n, overlaps = Loop(loop).lower, constant_of(Loop(loop).upper), _overlaps(loop)
    wide = [(lanes, copies), (lanes, 1)] if copies > 1 else [(lanes, 1)]
    whole = overlaps and not _moves(loop, check.varying)
    for width, count in [*wide, *([(FEW_LANES, 1)] if n is None and _is_plain(loop, lanes) else [])]:
        if not _take_vectors(loop, first, width, count, check, whole or overlaps and count == 1):
            return
    if n is not None and n % lanes and constant_of(first) == 0 and makes_again(loop):
        assert loop.parent is not None
        set_operands(loop, lower=[Builder(loop.parent, loop, loop.location).index(n - lanes)])
        _take_vectors(loop, Loop(loop).lower, lanes, 1, check)
        loop.erase()
        return
    loop.attrs["tail"] = t.IntAttr(1, t.i64)


def _overlaps(loop: Op) -> bool:
    """Whether the last vectors may begin before the end of those in front of them: a loop over time is inside, which
    takes as long for one element as for a vector, and nothing that it writes is read."""
    return largest_loop(loop) is not None and makes_again(loop)


def _moves(loop: Op, varying: set[Value]) -> bool:
    """Whether the loops inside read or write memory in lanes: made twice, that costs twice."""
    return any(op.name == "memref.store" or op.name == "memref.load" and op.result in varying
               for inner in loop.body.ops if inner.regions for op in inner.walk())


def _is_plain(loop: Op, lanes: int) -> bool:
    """Whether a loop of so many lanes leaves many elements, and vectors of few are little code: short, straight on,
    without elementary functions."""
    ops, most_ops = loop.body.ops, PLAIN_OPS if lanes == MANY_LANES else NARROW_OPS
    return lanes >= MANY_LANES and len(ops) <= most_ops and not any(op.regions or is_function(op) for op in ops)


def _take_vectors(loop: Op, first: Value, lanes: int, copies: int, check: Check, overlapping: bool = False) -> bool:
    """Put a loop over vectors before `loop`, which began at `first` and keeps what is left; whether there is
    something. Nothing is where the last round is `overlapping`: it ends at the end; or there are not enough."""
    block = loop.parent
    assert block is not None
    b = Builder(block, loop, loop.location)
    parts, count = Loop(loop), b.index(lanes * copies)
    n = b.subi(parts.upper, first)
    if overlapping:
        end = b.select(b.cmpi("sge", n, count), parts.upper, parts.lower)
        last = b.subi(parts.upper, count)
    else:
        end = b.addi(first, whole_lanes(b, n, count))
    body = Block([t.index])
    (counter,) = body.args
    counter.name = parts.counter.name
    inside = Builder(body, location=loop.location)
    at = inside.minsi(counter, last) if overlapping else counter
    at.name = counter.name
    Widener(check.varying, lanes, {parts.counter: at}, parts.counter, copies).body(loop.body.ops, inside)
    b.make("scf.for", [parts.lower, end, count], [], {"vector": t.IntAttr(lanes * copies, t.i64)}, [Region([body])])
    if end is parts.upper:
        loop.erase()
        return False
    set_operands(loop, lower=[end])
    loop.attrs.pop("parallel", None)
    return True
