"""Cut loops of independent rounds into chunks, which threads may share.

    scf.for %i = 0 to %n {parallel} {          %size = max(rounds worth a thread, %n / 64), in whole vectors
      ...                                      scf.for %c = 0 to %n step %size {threads} {
    }                                   ->       scf.for %i = %c to min(%c + %size, %n) {parallel} {
                                                   ... } }

Why: the lanes of a batch, each with all of its time inside, keep as many cores busy as there are. What a chunk is
depends on sizes alone, not on who runs it: no bit depends on the number of threads, nor on whether there are chunks.
Waking a thread takes 5 to 10 us, so a chunk has the work of `LEAST` operations or more, as far as the lengths of the
loops inside tell when it runs; at most 64 chunks are there to be handed out. A loop of one chunk wakes nobody.
A product outside of loops gets parts, for which `bufferize` left room (`sharing/products.py`).
Conservative: loops inside others stay (who wakes threads in each step pays for each), and so do loops whose rounds
write what is not theirs alone, memory for what they compute meanwhile, say. Code for a GPU has its grid.
Cost: linear. Runs where `config.num_threads` is not 1; before `vectorize`, so that a chunk is a loop over vectors.
Source: the worksharing-loop construct of OpenMP; what a chunk is, TBB's auto_partitioner without its feedback.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, defined_in, functions
from scancc.ir.needs import BUFFERS
from scancc.ir.ops import WRITES, group, has_trait, lookup, memory_of
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from .sharing.chunks import quotient
from .sharing.products import share_product
from .slicing.latencies import busy
from .vectorizing.lanes import innermost, varying_in

NEEDS = (BUFFERS,)

LEAST = 1 << 18  # operations of a chunk: 10 us in vectors, 50 one by one
MOST_CHUNKS = 64
VECTORS = 192  # a multiple of the lanes that `vectorize` takes at a time, but where it takes 5 or 7 vectors
MOST_WORK = 1 << 20  # of a round: one is a chunk then
ROUNDS = 16  # of a loop whose length is found as it runs


def worksharing(module: Op) -> None:
    """Cut every loop of `module` that is worth it."""
    for func in functions(module):
        if "return_slots" not in func.attrs:
            _visit(func.body)


def _visit(block: Block) -> None:
    """The loops of a block, and of the branches in it."""
    for op in list(block.ops):
        if op.name == "scf.if":
            for region in op.regions:
                _visit(region.blocks[0])
        elif op.name == "scan.matmul" and "parts" in op.attrs:
            remark("worksharing", op, True, "threads may share it: parts of its rows, or of its columns")
            share_product(op)
        elif op.name == "scf.for" and "parallel" in op.attrs:
            problem = _obstacle(op) or _cut(op)
            remark("worksharing", op, problem is None, problem or "threads may share it: no round needs another one")


def _obstacle(loop: Op) -> str | None:
    """Why threads may not share the rounds of a loop, or None."""
    parts = Loop(loop)
    if parts.init or constant_of(parts.lower) != 0 or constant_of(parts.step) is None:
        return "it does not count from 0 by a known step"
    varying, inside = varying_in(loop), set(loop.walk())
    writes = (_shared_write(op, inside, varying) for op in loop.walk() if has_trait(op, WRITES))
    return next((reason for reason in writes if reason is not None), None)


def _shared_write(op: Op, inside: set[Op], varying: set[Value]) -> str | None:
    """What an op writes that other rounds may write, too."""
    indices = group(op, "indices") if op.name == "memref.store" else []
    if any(index in varying for index in indices):
        return None
    for buffer in (v for name in lookup(op).groups if name not in _READ for v in group(op, name)):
        made = memory_of(buffer).op
        is_own = made in inside and made is not None and made.name == "memref.alloca"
        if buffer not in varying and not is_own:
            return f"every round writes the same memory ({buffer.name or 'what it computes meanwhile'})"
    return None


_READ = ("value", "indices", "first", "end", "source", "lhs", "rhs")  # what an op that writes does not write


# ---- the work of a round ----


def _work(b: Builder, block: Block, loop: Op) -> Value:
    """The operations of a round, as far as they can be told before `loop`."""
    known, total = 1, b.index(0)
    for op in block.ops:
        known += 0 if op.name in _FREE else busy(op)
        for region in op.regions:
            total = b.addi(total, b.muli(_work(b, region.blocks[0], loop), _trips(b, op, loop)))
    return b.minsi(b.addi(total, b.index(known)), b.index(MOST_WORK))


_FREE = ("arith.constant", "scf.yield", "memref.dim")


def _trips(b: Builder, op: Op, loop: Op) -> Value:
    """How often the body of an op in `loop` runs."""
    if op.name != "scf.for":
        return b.index(1 if op.name == "scf.if" else ROUNDS)
    inner = Loop(op)
    if any(defined_in(v, loop.body) and constant_of(v) is None for v in inner.bounds):
        return b.index(ROUNDS)
    lower, upper = (v if (known := constant_of(v)) is None else b.index(known) for v in (inner.lower, inner.upper))
    return b.maxsi(b.index(0), b.minsi(b.subi(upper, lower), b.index(MOST_WORK)))


# ---- chunks ----


def _cut(loop: Op) -> str | None:
    """Put the loop into one over chunks; or why its work, which is known, is not worth it."""
    assert loop.parent is not None
    parts, b = Loop(loop), Builder(loop.parent, loop, loop.location)
    work = _work(b, loop.body, loop)
    n, known, step = constant_of(parts.upper), constant_of(work), constant_of(parts.step) or 1
    if n is not None and known is not None and n // step * known < 2 * LEAST:
        return f"its {n // step} rounds are about {n // step * known} operations, fewer than a second thread is worth"
    size = b.maxsi(quotient(b, b.index(LEAST), work), quotient(b, parts.upper, b.index(MOST_CHUNKS * step)))
    if step != 1:
        size = b.muli(size, b.index(step))
    if innermost(loop):
        size = b.muli(quotient(b, size, b.index(VECTORS)), b.index(VECTORS))
    regions, loop.regions = loop.regions, ()
    body = Block([t.index])
    (start,) = body.args
    start.name = "chunk"
    b.make("scf.for", [parts.lower, parts.upper, size], [], {"threads": t.IntAttr(1, t.i64)}, [Region([body])])
    inside = Builder(body, location=loop.location)
    end = inside.minsi(inside.addi(start, size), parts.upper)
    inside.make("scf.for", [start, end, inside.index(step)], [], dict(loop.attrs), regions)
    inside.make("scf.yield")
    loop.erase()
    return None
