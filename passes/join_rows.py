"""Join loops over the rows of the same arrays; what only they know of is a row.

    %d = memref.alloc : memref<?x?xf64>              %d = memref.alloc : memref<1x?xf64>
    scf.for %i = 0 to %n {parallel} {                scf.for %i = 0 to %n {parallel} {
      scf.for %j ... { ... store %d[%i, %j] } }        scf.for %j ... { ... store %d[0, %j] }
    scf.for %i = 0 to %n {parallel} {         ->       scf.for %j ... { ... load %d[0, %j] }
      scf.for %j ... { ... load %d[%i, %j] } }       }

Why: the distances between n points are n * n numbers, a softmax goes through all rows four times; joined, each row is
done while it lies in the nearest cache, and the arrays between are no larger than a row: gravity between 1,000 bodies
takes half the time, and 64 kB where it took 40 MB. Little arithmetic that `bufferize` lets go along a whole matrix
goes by rows then, if it stands behind such a loop.
Conservative: neighbours in one block, whose rounds write and read only rows of their own of what both touch and one
writes; no loop whose rounds would be lanes of vectors, nor one of few rounds; nothing that may fail inside. An array
becomes a row in a loop over time alone: outside, threads may share the rounds.
Cost: linear in the uses of the buffers of a block. Runs after `bufferize`, which makes the loops, and before
`plan-memory`, which places what is left of the arrays.
Source: loop fusion and array contraction (Gao, Olsen, Sarkar and Thekkath, 1992).
"""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, defined_in
from scancc.ir.ops import (
    CHECKS,
    READS,
    VIEW,
    WRITES,
    group,
    has_trait,
    is_dead,
    is_pure,
    memory_of,
    name_of_whole,
    operand,
    set_operands,
)
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark
from scancc.ir.slices import entries, set_entries

from .indexing.buffers import all_written_by
from .slicing.latencies import is_function
from .vectorizing.lanes import Check, holds_loops, innermost

FEW = 32  # rounds of a loop whose arrays are small
SHORT = 16  # elements of a row that is too short for a loop of vectors


def join_rows(module: Op) -> None:
    """Join what stands side by side in every block, then make rows of arrays."""
    for block in [block for op in module.walk() for region in op.regions for block in region.blocks]:
        for loop, count in _joined(block).items():
            rows = _contract(loop) if is_in_loop(loop) else 0
            kept = f"; a row is kept of {rows} of these" if rows else ""
            remark("join-rows", loop, True, f"{count} loops over rows of the same arrays became one{kept}")


def is_in_loop(loop: Op) -> bool:
    """Whether a loop runs in each round of another one."""
    around = loop.parent_op()
    return around is not None and around.name in ("scf.for", "scf.while")


# ---- loops ----


def _joined(block: Block) -> dict[Op, int]:
    """The loops that others were joined to, and of how many each is made."""
    found: dict[Op, int] = {}
    last: _Rows | None = None
    for op in list(block.ops):
        matrix = None if last is None else _Matrix.of(op, last)
        rows = matrix.by_rows() if matrix is not None else _Rows(op, _touched(op)) if _is_over_rows(op) else None
        if rows is not None and last is not None and last.may_join(rows):
            last.join(rows)
            found[last.loop] = found.get(last.loop, 1) + 1
        elif rows is not None:
            last = rows
        elif last is not None and (is_pure(op) or op.name == "memref.alloc"):
            last.behind.append(op)
        else:
            last = None
    return found


def _is_over_rows(op: Op) -> bool:
    """Whether an op is a loop over rows, of which none are lanes, and in which nothing fails."""
    if op.name != "scf.for" or "parallel" not in op.attrs:
        return False
    n = constant_of(Loop(op).upper)
    if n is not None and n <= FEW or any(has_trait(inner, CHECKS) for inner in op.walk()):
        return False
    return not innermost(op) or Check(op, gathers=not holds_loops(op)).problem() is not None


# ---- what loops touch ----


class _Use(NamedTuple):
    """Of a buffer from outside of a loop: whether a round uses its own row alone, and writes it."""

    op: Op
    buffer: Value
    is_row: bool
    writes: bool


class _Rows:
    """A loop over rows, how it uses each memory from outside, and what stands behind it that touches none."""

    def __init__(self, loop: Op, touched: dict[Value, list[_Use]]) -> None:
        self.loop, self.touched, self.behind = loop, touched, list[Op]()

    def may_join(self, other: _Rows) -> bool:
        return Loop(self.loop).bounds == Loop(other.loop).bounds and self.allow(other.touched)

    def allow(self, touched: dict[Value, list[_Use]]) -> bool:
        """Whether others may use so what a round uses: they share memory, and of what one writes they use one row."""
        both = [self.touched[memory] + touched[memory] for memory in self.touched.keys() & touched.keys()]
        return bool(both) and all(_are_rows_of_one(uses) for uses in both if any(use.writes for use in uses))

    def join(self, other: _Rows) -> None:
        """Put the rounds of another loop behind those of this one, and what stands between before both."""
        loop, block = self.loop, self.loop.parent
        assert block is not None
        for op in self.behind:
            block.insert_before(loop, op.detach())
        Loop(other.loop).counter.replace_by(Loop(loop).counter)
        for op in other.loop.body.ops[:-1]:
            loop.body.insert_before(loop.body.terminator, op.detach())
        other.loop.erase()
        self.behind = []
        for memory, uses in other.touched.items():
            self.touched[memory] = self.touched.get(memory, []) + uses


class _Matrix(NamedTuple):
    """A loop over all elements of matrices, as if these were vectors, whose rows another loop goes along."""

    loop: Op
    uses: list[_Use]
    rows: Value
    columns: Value

    @classmethod
    def of(cls, op: Op, before: _Rows) -> _Matrix | None:
        """What is behind a loop over rows and might be one: it goes along the same, by little arithmetic."""
        size = Loop(op).upper.op if op.name == "scf.for" and "parallel" in op.attrs and not holds_loops(op) else None
        if size is None or size.name != "arith.muli":
            return None
        if (Loop(op).lower, size.operands[0], Loop(op).step) != Loop(before.loop).bounds:
            return None
        if any(is_function(inner) for inner in op.body.ops):  # a few of them are left over in each row, one by one
            return None
        flat = [use for uses in _touched(op).values() for use in uses]
        rows, columns = size.operands
        n = constant_of(columns)
        if n is not None and n <= SHORT or not all(use.is_row and _is_of_matrix(use.buffer) for use in flat):
            return None
        uses = [use._replace(buffer=operand(use.buffer.op, "source")) for use in flat if use.buffer.op is not None]
        found = cls(op, uses, rows, columns)
        return found if before.allow(found.touched) else None

    @property
    def touched(self) -> dict[Value, list[_Use]]:
        found: dict[Value, list[_Use]] = {}
        for use in self.uses:
            found.setdefault(memory_of(use.buffer), []).append(use)
        return found

    def by_rows(self) -> _Rows:
        """The same loop, over rows and their elements."""
        block, inner, outer = self.loop.parent, Loop(self.loop), Block([t.index])
        assert block is not None
        b = Builder(block, self.loop, self.loop.location)
        made = b.make("scf.for", [inner.lower, self.rows, inner.step], [], dict(self.loop.attrs), [Region([outer])])
        for use in self.uses:
            groups = {name_of_whole(use.op): [use.buffer], "indices": [outer.args[0], inner.counter]}
            set_operands(use.op, **groups)
        set_operands(self.loop, upper=[self.columns])
        Builder(outer, location=self.loop.location).insert(self.loop.detach())
        Builder(outer, location=self.loop.location).make("scf.yield")
        return _Rows(made, self.touched)


def _is_of_matrix(buffer: Value) -> bool:
    """Whether a vector is a matrix's elements, row by row."""
    made = buffer.op
    if made is None or made.name != "scan.buffer_reshape":
        return False
    type = operand(made, "source").type
    return isinstance(type, t.MemRefType) and len(type.shape) == 2


def _touched(loop: Op) -> dict[Value, list[_Use]]:
    """How a loop uses each memory."""
    found: dict[Value, list[_Use]] = {}
    for op in loop.walk():
        for value in dict.fromkeys(op.operands):
            if isinstance(value.type, t.MemRefType) and not defined_in(value, loop.body) and op.name != "memref.dim":
                use = _Use(op, value, _is_of_round(op, value, Loop(loop).counter), _may_write(op, value))
                found.setdefault(memory_of(value), []).append(use)
    return found


def _is_of_round(op: Op, buffer: Value, counter: Value) -> bool:
    """Whether an op uses the row of a buffer that has the round's number."""
    if op.name in ("memref.load", "memref.store"):
        return next(iter(group(op, "indices")), None) is counter
    if op.name != "memref.subview":
        return False
    return entries(op, "offsets")[0] is counter and entries(op, "sizes")[0] == 1


def _may_write(op: Op, buffer: Value) -> bool:
    """Whether an op, or one that reaches the buffer through it, may write it."""
    if has_trait(op, VIEW):
        return any(_may_write(user, op.result) for user in op.result.uses)
    if not has_trait(op, WRITES):
        return not has_trait(op, READS)
    written = all_written_by(op)
    return written is None or buffer in written


def _are_rows_of_one(uses: list[_Use]) -> bool:
    return len({use.buffer for use in uses}) == 1 and all(use.is_row for use in uses)


# ---- arrays ----


def _contract(loop: Op) -> int:
    """Make a row of each array that only the rounds of a loop use, each its own; how many there are."""
    made = [uses for uses in _touched(loop).values() if _is_made_here(uses[0].buffer, loop)]
    for view in [user for uses in made for user in uses[0].buffer.uses if is_dead(user)]:
        view.erase()
    own = [uses for uses in made if _are_rows_of_one(uses) and len(uses) == len(uses[0].buffer.uses)]
    if own:
        assert loop.parent is not None
        zero = Builder(loop.parent, loop, loop.location).index(0)
        for uses in own:
            _make_row(uses, zero)
            _make_number(uses)
    return len(own)


def _is_made_here(buffer: Value, loop: Op) -> bool:
    return buffer.op is not None and buffer.op.name == "memref.alloc" and buffer.op.parent is loop.parent


def _make_row(uses: list[_Use], zero: Value) -> None:
    buffer = uses[0].buffer
    made = buffer.op
    assert made is not None and isinstance(buffer.type, t.MemRefType)
    if buffer.type.shape[0] is None:
        set_operands(made, dims=group(made, "dims")[1:])
    buffer.type = t.MemRefType((1, *buffer.type.shape[1:]), buffer.type.element)
    for use in uses:
        if use.op.name == "memref.subview":
            set_entries(use.op, "offsets", [0, *entries(use.op, "offsets")[1:]])
        else:
            set_operands(use.op, indices=[zero, *group(use.op, "indices")[1:]])


def _make_number(uses: list[_Use]) -> None:
    """Where a row has one element, and a round writes it once before it reads it, let that be a number."""
    buffer, (first, *others) = uses[0].buffer, [use.op for use in uses]
    assert isinstance(buffer.type, t.MemRefType) and buffer.op is not None
    one = all(size == 1 for size in buffer.type.shape) and first.name == "memref.store"
    if one and all(op.name == "memref.load" and op.parent is first.parent for op in others):
        for op in others:
            op.replace_by([operand(first, "value")])
        first.erase()
        buffer.op.erase()
