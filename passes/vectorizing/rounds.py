"""What differs between the rounds of a loop whose rounds have memory of their own.

    scf.for %i = 0 to %n {
      %x = row %i of %xs              differs
      %m = memref.alloca              differs, as what is stored there does
      %p = memref.alloca              is alike in all rounds, and made once for lanes of them
      scf.for %t ... { %m[0] = ... %x ...;  %p[0] = ... %p ... } }
"""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.ops import VIEW, has_trait, operand, written_by
from scancc.ir.parts import Branch, Loop, While, usual_blocks

from ..indexing.rows import root_of


class Rounds:
    """The rounds of a loop; `varying` is what differs between them, buffers too."""

    def __init__(self, loop: Op) -> None:
        self.loop, self.counter = loop, Loop(loop).counter
        self.varying = {self.counter}
        self._one: dict[Value, set[Value]] = {}
        for one, other in self._aliases():
            self._join(one, other)
        self.spread()

    def spread(self) -> None:
        """Mark all that rests on what differs, around loops until nothing changes."""
        before = 0
        while before != len(self.varying):
            before = len(self.varying)
            self._spread(self.loop.body, masked=False)

    def is_own(self, buffer: Value) -> bool:
        """Whether a buffer is memory of a round, and surely not of what is around the loop."""
        return all(self._is_made(one) for one in self.memory(buffer))

    def _is_made(self, buffer: Value) -> bool:
        return defined_in(root_of(buffer), self.loop.body)

    def memory(self, buffer: Value) -> set[Value]:
        """The buffers that may have memory in common with one of a round's own."""
        return self._one.get(buffer, {buffer})

    def differs(self, op: Op) -> bool:
        """Whether an op, or what is inside it, does something else in each round."""
        return any(v in self.varying for inner in op.walk() for v in (*inner.operands, *inner.results))

    def chooses(self, op: Op) -> bool:
        """Whether rounds go different ways in a branch of which both are usual, or leave a loop one by one."""
        if op.name == "scf.while":
            return While(op).condition in self.varying
        if op.name == "scf.for":
            return Loop(op).upper in self.varying
        return op.name == "scf.if" and "likely" not in op.attrs and Branch(op).condition in self.varying

    def _aliases(self) -> Iterator[tuple[Value, Value]]:
        """Pairs of buffers of one memory: parts of a round's own, and what loops and branches hand on."""
        for op in self.loop.walk():
            if op.name == "scf.for":
                for init, *others in Loop(op).carries:
                    yield from ((init, other) for other in others)
            elif op.name == "scf.while":
                for init, *others in While(op).carries:
                    yield from ((init, other) for other in others)
            elif op.name == "scf.if":
                for result, *sides in Branch(op).choices:
                    yield from ((result, side) for side in sides)
            elif has_trait(op, VIEW) and self._is_made(operand(op, "source")):
                yield op.result, operand(op, "source")

    def _join(self, one: Value, other: Value) -> None:
        if isinstance(one.type, t.MemRefType):
            joined = self.memory(one) | self.memory(other)
            self._one.update(dict.fromkeys(joined, joined))

    def _spread(self, block: Block, masked: bool) -> None:
        """Mark what rests on what differs; `masked`: all that a block writes, as rounds get there that differ."""
        for op in block.ops:
            differs = any(v in self.varying for v in op.operands)
            if op.name == "scf.for":
                self._spread_loop(op, masked)
            elif op.name == "scf.while":
                self._spread_while(op, masked)
            elif op.name == "scf.if":
                self._spread_branch(op, masked)
            elif op.regions:
                self.varying.update(op.results if self.differs(op) else ())
            elif (dest := written_by(op)) is not None:
                self.varying |= self.memory(dest) if (differs or masked) and self.is_own(dest) else set()
            elif op.name != "memref.dim" and differs:
                self.varying.update(op.results)

    def _spread_loop(self, op: Op, masked: bool) -> None:
        differs = self.chooses(op)
        for init, arg, onward, result in Loop(op).carries:
            if differs or {init, arg, onward} & self.varying:
                self.varying.update((arg, result))
        self._spread(op.body, masked or differs)

    def _spread_while(self, op: Op, masked: bool) -> None:
        loop, differs = While(op), self.chooses(op)
        for init, tested, handed, arg, onward, result in loop.carries:
            if {init, onward} & self.varying:
                self.varying.add(tested)
            if handed in self.varying:
                self.varying.update((arg, result))
        self.varying.update(op.results if differs else ())
        for block in (loop.test, loop.body):
            self._spread(block, masked or differs)

    def _spread_branch(self, op: Op, masked: bool) -> None:
        differs = Branch(op).condition in self.varying
        for side in usual_blocks(op):
            self._spread(side, masked or differs)
        for result, *values in Branch(op).choices:
            if differs or any(v in self.varying for v in values):
                self.varying.add(result)
