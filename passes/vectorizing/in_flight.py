"""How many vectors of a loop's lanes go through an inner loop side by side, so that none waits for its own chain.

A round of the inner loop takes as long as its chain from carried value to carried value, and keeps the core busy for
less: others fit in between. Each needs registers for what it carries and what it brings along; what it needs for a
moment is one copy's at a time. What has no register costs a load and a store a round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scancc.ir import types as t
from scancc.ir.core import Op, Value, is_inside
from scancc.ir.ops import ELEMENTWISE, has_trait, operand
from scancc.ir.parts import Loop, While
from scancc.late_dataclasses import dataclass

from ..slicing.latencies import busy, is_function, latency
from .lanes import HEAVY_OPS

MOST = 8  # vectors: what two multiply-adds a cycle need that take four
MOST_OPS = 200  # of all copies of a round, for the sake of compile time; a core looks no further ahead either
FUNCTION_OPS = 20  # that an elementary function stands for
MASKED_BYTES = 64  # of vectors whose comparisons go to a register for masks
LATE_MASK = 3  # cycles that they and a choice by it take longer; where lanes end one by one nothing waits for that
LINES = (128, 64)  # bytes of memory that come together: two lines of a cache, or one
_LOOPS = ("scf.for", "scf.while")


@dataclass(frozen=True)
class Work:
    """What a vector's round of the largest inner loop takes: cycles of its chain, cycles of the core, ops, registers
    that it keeps, and those that it needs for a moment; the bytes of a vector where it reads memory in lanes; and
    cycles that are lost between rounds."""

    chain: int
    busy: float
    n_ops: int
    kept: int
    moment: int
    nbytes_read: int
    lost: float = 0

    def cycles(self, copies: int, registers: int) -> float:
        """Of a round of so many vectors side by side."""
        return max(self.chain, copies * self.busy + self.spilled(copies, registers)) + self.lost

    def spilled(self, copies: int, registers: int) -> int:
        return max(0, copies * self.kept + self.moment + 1 - registers)

    def of_whole_lines(self, most: int, registers: int) -> int:
        """Of how many vectors the number should be a multiple, so that what comes from memory is used at once."""
        if not self.nbytes_read or self.n_ops > HEAVY_OPS:
            return 1
        counts = [max(1, nbytes // self.nbytes_read) for nbytes in LINES]
        return next((n for n in counts if n <= most and not self.spilled(n, registers)), 1)


def copies(work: Work, registers: int, vectors: int | None) -> int:
    """How many vectors side by side are fastest, of as many as the loop has where that is known."""
    def cycles(count: int) -> float:
        each = work.cycles(count, registers) / count
        if vectors is None:
            return each
        rest = vectors % count
        return (vectors - rest) * each + rest * work.cycles(1, registers)
    most = min(MOST, MOST_OPS // max(work.n_ops, 1), MOST if vectors is None else vectors)
    together = work.of_whole_lines(most, registers)
    return min(range(together, most + 1, together), key=lambda count: (round(cycles(count), 3), count), default=1)


def largest_loop(loop: Op) -> Op | None:
    """The largest loop inside that has none inside."""
    loops = [op for op in loop.walk() if op is not loop and op.name in _LOOPS]
    innermost = [op for op in loops if not any(o is not op and o.name in _LOOPS for o in op.walk())]
    return max(innermost, key=lambda op: sum(1 for _ in op.walk()), default=None)


def usual_size(inner: Op, varying: set[Value]) -> int | None:
    """The bytes of what most ops of a loop compute that differs between lanes."""
    sizes = Counter(t.nbytes(t.part(op.result.type)) for op in inner.walk()
                    if has_trait(op, ELEMENTWISE) and op.result in varying and op.result.type != t.i1)
    return max(sizes, key=lambda size: (sizes[size], size), default=None)


def work_of(inner: Op, varying: set[Value], lanes: int, nbytes: int) -> Work:
    """A round of a loop, for so many lanes in registers of so many bytes."""
    ops = [op for op in inner.walk() if not op.regions and any(v in varying for v in [*op.operands, *op.results])]
    computed = [op for op in ops if has_trait(op, ELEMENTWISE) or op.name in ("memref.load", "memref.store")]
    started = [v for v in _started(inner) if v in varying]
    brought = {v for op in ops for v in op.operands if v in varying and not is_inside(v, inner)}

    def registers(values: Iterable[Value]) -> int:
        return sum(max(1, lanes * t.nbytes(v.type) // nbytes) for v in values if not isinstance(v.type, t.MemRefType))
    halves = sum(_half_cycles(op) * registers(op.results or [operand(op, "value")]) for op in computed)
    chain = _chain(inner, ops, LATE_MASK if nbytes == MASKED_BYTES and inner.name == "scf.for" else 0)
    return Work(chain, halves / 2, sum(FUNCTION_OPS if is_function(op) else 1 for op in computed),
                registers(started) + registers(brought), _moment(ops, started),
                nbytes if any(op.name == "memref.load" and op.result in varying for op in computed) else 0,
                chain / 4 if _is_long(inner, computed) else 0)


def _is_long(inner: Op, computed: Sequence[Op]) -> bool:
    """Whether a core does not look as far ahead as the next round: a step of Lorenz's equations, of 56 ops and a
    chain of 49 cycles, takes 57 for one vector, 76 for two, 108 for three, whose ops alone take 31 each. Lanes that
    end one by one are few, as they wait for each other; functions are long, and hide their own latency."""
    return inner.name == "scf.for" and len(computed) > HEAVY_OPS and not any(map(is_function, computed))


def _started(inner: Op) -> Sequence[Value]:
    """What a loop carries, at the start of a round."""
    return Loop(inner).args if inner.name == "scf.for" else While(inner).test.args


def _half_cycles(op: Op) -> int:
    """Two pipes do what takes one cycle; of complex numbers each part, in a register of its own, is half the work."""
    cycles = busy(op)
    if op.results and t.is_complex(op.result.type):
        return cycles
    return cycles if cycles == 1 else 2 * cycles


def _chain(inner: Op, ops: Sequence[Op], late: int) -> int:
    """The longest way from a carried value to the next round's; comparisons come so many cycles late."""
    ready = dict.fromkeys(_started(inner), 0)
    for op in ops:
        ways = [ready[v] for v in op.operands if v in ready]
        if op.name == "scf.condition":
            ready.update((carry.arg, ready[carry.handed]) for carry in While(inner).carries if carry.handed in ready)
        elif ways:
            cycles = (latency(op) or 0) + (late if op.name == "arith.cmpf" else 0)
            ready.update(dict.fromkeys(op.results, max(ways) + cycles))
    return max((ready[v] for v in inner.regions[-1].blocks[0].terminator.operands if v in ready), default=0)


def _moment(ops: Sequence[Op], started: Sequence[Value]) -> int:
    """How many values more than at the start of a round live at its fullest."""
    here = {v for op in ops for v in op.results}.union(started)
    last = {v: number for number, op in enumerate(ops) for v in op.operands if v in here}
    ends = Counter(last.values())
    live = most = len(started)
    for number, op in enumerate(ops):
        live += sum(v in last for v in op.results) - ends[number]
        most = max(most, live)
    return most - len(started)
