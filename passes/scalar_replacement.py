"""Keep in a register what was just stored to an array or read from it.

    memref.store %x, %p[%a]                    memref.store %x, %p[%a]
    memref.store %y, %p[%a + 1]                memref.store %y, %p[%a + 1]
    %z = memref.load %p[%a]             ->     memref.store %x + 1, %p[%a + 2]
    memref.store %z + 1, %p[%a + 2]

Why: a value that goes through memory waits four to seven cycles, and a loop that was written out reads again in each
round what it cannot have changed. An inner scan that writes 8 elements p[a + k] from p[a] reads once where it read 8
times.
Conservative: single elements, in straight code and into its branches and loops; two places of one buffer are
different where their forms (`indexing/forms.py`) differ by a constant, and two buffers where each is an argument, a
constant or on the stack; any other store ends what is known of its buffer.
Cost: for each load or store a walk over the `MOST_KNOWN` newest elements. Runs after `unroll`.
Source: affine-scalrep of MLIR, for any straight code; the forms tell which places are different.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from scancc.ir.core import Block, Op, Value, functions
from scancc.ir.ops import WRITES, group, has_trait, memory_of, operand, whole

from .indexing.buffers import all_written_by, is_apart
from .indexing.forms import Form, Forms, surely_differ

MOST_KNOWN = 16


class _Element(NamedTuple):
    """An element of a buffer, in some memory, whose value is known. `apart`: other such memory is elsewhere."""

    buffer: Value
    memory: Value
    apart: bool
    places: tuple[Form, ...]
    value: Value


def scalar_replacement(module: Op) -> None:
    for func in functions(module):
        _Straight(Forms(), {}, []).go_through(func.body)


class _Straight:
    """A block, what is known where it begins, and where it is. `memories`: those of buffers, and whether they are
    apart from others."""

    def __init__(self, forms: Forms, memories: dict[Value, tuple[Value, bool]], known: list[_Element]) -> None:
        self.forms = forms
        self.memories = memories
        self.known = known

    def go_through(self, block: Block) -> None:
        for op in list(block.ops):
            if op.name == "memref.load":
                self._load(op)
            elif op.name == "memref.store":
                element = self._element(op, operand(op, "value"))
                self.known = [other for other in self.known if not self._may_overlap(element, other)]
                self._remember(element)
            elif op.regions:
                self._enter(op)
            elif has_trait(op, WRITES):
                self._forget(all_written_by(op))

    def _load(self, op: Op) -> None:
        element = self._element(op, op.result)
        for other in reversed(self.known):
            if other.buffer is element.buffer and other.places == element.places:
                op.replace_by([other.value])
                return
        self._remember(element)

    def _enter(self, op: Op) -> None:
        """Go through what is inside: a loop has written in earlier rounds what it writes."""
        written = all_written_by(op) if self.known else None
        if op.name != "scf.if":
            self._forget(written)
        for region in op.regions:
            for inner in region.blocks:
                _Straight(self.forms, self.memories, list(self.known)).go_through(inner)
        self._forget(written)

    def _element(self, op: Op, value: Value) -> _Element:
        buffer = whole(op)
        return _Element(buffer, *self._memory(buffer), tuple(map(self.forms.of, group(op, "indices"))), value)

    def _memory(self, buffer: Value) -> tuple[Value, bool]:
        found = self.memories.get(buffer)
        if found is None:
            memory = memory_of(buffer)
            found = self.memories[buffer] = memory, is_apart(memory)
        return found

    def _remember(self, element: _Element) -> None:
        self.known = [*self.known[-MOST_KNOWN + 1:], element]

    def _forget(self, written: Iterable[Value] | None) -> None:
        """Of buffers that may be changed nothing is known; None: any may be."""
        if written is None:
            self.known = []
        for memory, apart in {self._memory(buffer) for buffer in written or ()} if self.known else ():
            self.known = [e for e in self.known if apart and e.apart and e.memory is not memory]

    def _may_overlap(self, one: _Element, other: _Element) -> bool:
        if one.buffer is not other.buffer:
            return one.memory is other.memory or not (one.apart and other.apart)
        return not any(surely_differ(a, b) for a, b in zip(one.places, other.places, strict=True))

