"""Move what reads an array before the op that will write over it.

    %q = tensor.insert %x into %p[%i]        %y = tensor.extract %p[%j]
    %y = tensor.extract %p[%j]          ->   %q = tensor.insert %x into %p[%i]
    %r = tensor.insert %y into %q[%j]        %r = tensor.insert %y into %q[%j]

Why: a step that reads an old state after it was written needs a copy of it; the same reads before the write need
none. Two elements then change places by two loads and two stores. A loop nest whose result goes into a window counts
as the write: it may make it there.
Conservative: nothing moves before an op on which it depends, or before a check in its block, which may guard it; a
read of one element whose own checks are known may go before others.
Only writes on the way from a state to its next value count, since only they will be made in place.
Cost: linear in the ops, and for each late reader a search among the ops that depend on the write.
Where a branch reads an element and has to come after the write, since it needs what is written, the read becomes a
branch of its own before it (`branching/early_reads.py`).
Runs last on scan IR: what passes before it make of reads and writes is final. Source: the anti-dependences of a list
scheduler; `bufferize` decides what is written in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from scancc.ir.core import Block, Op, Value, functions, within
from scancc.ir.ops import CHECKS, NO_SPECULATION, PLACED, TERMINATOR, has_trait, operand
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark

from .branching.early_reads import outside_values, read_early
from .bufferizing.aliases import is_view
from .bufferizing.chains import Chains, Link
from .bufferizing.guards import guards
from .bufferizing.order import Order, is_inside
from .bufferizing.places import arrays


def reads_first(module: Op) -> None:
    """Reorder the blocks of all functions."""
    for func in functions(module):
        scans = [op for op in reversed(list(func.walk())) if op.name == "scan.scan" and "lanes" not in op.attrs]
        stays: set[Value] = set()  # final states that have a chain from their initial value
        links = [link for op in scans for link in _links(ScanView(op), stays)]
        order = Order(func)
        pairs: dict[Block, dict[_Pair, None]] = {}
        for link in links:
            for pair in _pairs(order, link):
                assert pair.first.parent is not None
                pairs.setdefault(pair.first.parent, {})[pair] = None
        moved: dict[Op, Op] = {}  # reads that were taken out of branches
        for block, wanted in pairs.items():
            _sort(block, list(wanted), moved)


def _links(scan: ScanView, stays: set[Value]) -> Iterator[Link]:
    """All writes on the way from a state to its next value, or from another to it."""
    states = arrays(scan)
    if not states:
        return
    chains = Chains(scan.op.body, [carry.arg for carry in states], stays)
    for carry in states:
        path = chains.path(carry.next, carry.arg)
        if path is not None:
            stays.add(carry.final)
            yield from _all(path)
        else:  # states may exchange their buffers
            for start in chains.starts:
                yield from _all(chains.path(carry.next, start) or ())
    for source in chains.sources:
        for carry in states:
            yield from _all(chains.path(source, carry.arg) or ())


def _all(path: Iterable[Link]) -> Iterator[Link]:
    for link in path:
        yield link
        for side in link.sides:
            yield from _all(side)


class _Pair(NamedTuple):
    """Two ops of one block: in one is a read of what is written in the other, and should come first. rank: 0 where it
    does so already, 1 where it does not, 2 where the write is a loop nest, which may write elsewhere."""

    first: Op
    write: Op
    read: Op
    rank: int


def _pairs(order: Order, link: Link) -> Iterator[_Pair]:
    """Each reader of what a link writes over, and the write; also what takes the slice that is read."""
    if link.op.name == "tensor.cast":
        return
    for write in _writing(link.op):
        for use in order.uses(link.source, write):
            if is_inside(use.op, write):
                continue
            rank = 2 if write is not link.op else 1 if order.is_after(use.op, write) else 0
            taken = use.value.op
            for op in (taken, use.op):
                if op not in (None, link.op) and not has_trait(op, TERMINATOR) and (op is use.op or is_view(op)):
                    yield from _in_one_block(op, write, rank)


def _writing(write: Op) -> list[Op]:
    """A write, and the loop nest that makes what is written, which may write it there itself."""
    made = operand(write, "source").op if write.name == "tensor.insert_slice" else None
    if made is None or made.name != "linalg.generic" or made.parent is not write.parent:
        return [write]
    return [write, made]


def _in_one_block(read: Op, write: Op, rank: int) -> Iterator[_Pair]:
    block: Block | None = write.parent
    while block is not None and within(read, block) is None:
        above = block.parent_op()
        block = above.parent if above is not None else None
    if block is not None:
        first, last = within(read, block), within(write, block)
        if first is not None and last is not None and first is not last:
            yield _Pair(first, last, read, rank)


def _sort(block: Block, pairs: list[_Pair], moved: dict[Op, Op]) -> None:
    """Order the block so that of each pair the first comes first."""
    after = _with_reads_first(block, pairs, moved)
    waits = dict.fromkeys(block.ops, 0)
    for later in after.values():
        for op in later:
            waits[op] += 1
    position = {op: n for n, op in enumerate(block.ops)}
    ready = [position[op] for op, n in waits.items() if not n]
    heapify(ready)
    ordered: list[Op] = []
    while ready:
        op = block.ops[heappop(ready)]
        ordered.append(op)
        for following in after[op]:
            waits[following] -= 1
            if not waits[following]:
                heappush(ready, position[following])
    assert len(ordered) == len(block.ops)
    block.ops = ordered


def _with_reads_first(block: Block, pairs: list[_Pair], moved: dict[Op, Op]) -> dict[Op, dict[Op, None]]:
    """The dependences of a block, with those of each write on the reads that can come before it; of a branch that
    depends on the write, the read becomes one before it."""
    after = _dependences(block)
    kept: list[tuple[Op, Op]] = []
    for pair in sorted(pairs, key=lambda pair: pair.rank):
        first = moved.get(pair.read, pair.first)
        if first not in after:  # it was in a branch, before another write in there
            continue
        if _reaches(after, pair.write, first):
            early = None if pair.read in moved or pair.rank == 2 else _read_early(after, pair)
            if early is None:
                continue
            moved[pair.read] = first = early
            after = _dependences(block)
            for op, write in kept:
                after[op][write] = None
        kept.append((first, pair.write))
        after[first][pair.write] = None
    return after


def _read_early(after: dict[Op, dict[Op, None]], pair: _Pair) -> Op | None:
    """A read in a branch as one before it, where all that it rests on is there before the write."""
    read, branch = pair.read, pair.first
    needed = None if read is branch or branch.name != "scf.if" else outside_values(read, branch)
    if needed is None or any(v.op in after and _reaches(after, pair.write, v.op) for v in needed if v.op is not None):
        return None
    remark("reads-first", read, True, "an element that only a branch reads is read before what writes over it")
    return read_early(read, branch)


def _dependences(block: Block) -> dict[Op, dict[Op, None]]:
    """For each op of the block, those that must come after it."""
    after: dict[Op, dict[Op, None]] = {op: {} for op in block.ops}
    check: Op | None = None  # the last; one inside an op with regions may not run, and guards nothing behind that op
    for op in block.ops:
        inner = list(op.walk())
        for value in (v for one in inner for v in one.operands):
            made = value.op if value.op in after else None
            if made is not None and made is not op:
                after[made][op] = None
        checks = has_trait(op, CHECKS)
        if check is not None and (checks or any(_is_guarded(one) for one in inner)):
            own = guards(op) if op.name == "tensor.extract" else None
            for needed in (check,) if own is None else own:
                if needed in after:
                    after[needed][op] = None
        if checks:
            check = op
    last = block.terminator
    for op in block.ops[:-1]:
        after[op][last] = None
    return after


def _is_guarded(op: Op) -> bool:
    """Whether an op may only run behind the checks before it."""
    return has_trait(op, PLACED) or has_trait(op, NO_SPECULATION) or bool(op.regions)


def _reaches(after: dict[Op, dict[Op, None]], start: Op, goal: Op) -> bool:
    seen, pending = {start}, [start]
    while pending:
        op = pending.pop()
        if op is goal:
            return True
        new = [following for following in after[op] if following not in seen]
        seen.update(new)
        pending += new
    return False
