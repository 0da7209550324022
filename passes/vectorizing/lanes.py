"""Which iterations of a loop may be lanes of vectors, and a loop's body rebuilt on vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import ELEMENTWISE, group, has_trait, operand, whole
from scancc.ir.parts import Branch, Loop, Turn, While

HEAVY_OPS = 24  # more ops than this in a body would spill if four registers held each value


def is_heavy(ops: list[Op]) -> bool:
    """Whether a body is too much for several registers a value: its own operations hide the latency."""
    return len(ops) > HEAVY_OPS or any(op.name.startswith("math.") for op in ops)


def innermost(loop: Op) -> bool:
    return not any(op is not loop and op.name == "scf.for" and "parallel" in op.attrs for op in loop.walk())


def holds_loops(loop: Op) -> bool:
    """Whether a loop has others inside, or branches; loops that lanes leave together count as straight code."""
    return any(op is not loop and op.regions and "settled" not in op.attrs for op in loop.walk())


def whole_lanes(b: Builder, n: Value, width: Value) -> Value:
    """`n`, not negative, less what is left over after whole vectors of a power of two of lanes; `n` itself where
    nothing is."""
    known, lanes = constant_of(n), constant_of(width)
    if known is None or lanes is None:
        return b.op("arith.andi", [n, b.subi(b.index(0), width)], [t.index])
    return n if known % lanes == 0 else b.index(known - known % lanes)


@dataclass
class Check:
    """Decides which values differ between iterations, and whether all uses of them can be vectors."""

    loop: Op
    varying: set[Value] = field(default_factory=set)

    def problem(self) -> str | None:
        """Why the loop cannot be vectorized, or None."""
        self.varying = {Loop(self.loop).counter}
        self._spread()
        for op in self.loop.walk():
            if op is not self.loop:
                reason = self._obstacle(op)
                if reason is not None:
                    return reason
        return None

    def _spread(self) -> None:
        """Mark everything that depends on the counter, around inner loops until nothing changes."""
        before = -1
        while before != len(self.varying):
            before = len(self.varying)
            for op in self.loop.walk():
                if op is self.loop:
                    continue
                if op.name == "scf.for":
                    self._spread_loop(op)
                elif op.name == "scf.while":
                    self._spread_while(op)
                elif op.name == "scan.join" and operand(op, "value") in self.varying:
                    self.varying.update((operand(op, "stack"), op.result))
                elif any(v in self.varying for v in op.operands):
                    self.varying.update(op.results)

    def _spread_loop(self, op: Op) -> None:
        for init, arg, onward, result in Loop(op).carries:
            if {init, arg, onward} & self.varying:
                self.varying.update((arg, result))

    def _spread_while(self, op: Op) -> None:
        """The results of a loop that lanes leave at different times differ."""
        loop = While(op)
        for start, tested, handed, arg, onward, result in loop.carries:
            if {start, onward} & self.varying:
                self.varying.add(tested)
            if handed in self.varying:
                self.varying.update((arg, result))
        if loop.condition in self.varying:
            self.varying.update(op.results)

    def _obstacle(self, op: Op) -> str | None:
        if any(t.is_complex(v.type) for v in [*op.operands, *op.results]):
            return "complex numbers have no vectors"
        if op.name in _OBSTACLES:
            return _OBSTACLES[op.name](self, op)
        return None if op.name in _HARMLESS or has_trait(op, ELEMENTWISE) else f"{op.name} has no vector form"

    def _any_varies(self, values: Sequence[Value]) -> bool:
        return any(v in self.varying for v in values)

    def _store_obstacle(self, op: Op) -> str | None:
        reason = self._memory_obstacle(op)
        if reason is None and not _runs_along(op, self.varying):
            return "several iterations write one element"
        return reason

    def _loop_obstacle(self, op: Op) -> str | None:
        return "an inner loop's length differs between lanes" if self._any_varies(Loop(op).bounds) else None

    def _branch_obstacle(self, op: Op) -> str | None:
        if "settled" in op.attrs:
            return None
        return "a branch or loop depends on the lane" if self._any_varies(op.operands) or op.results else None

    def _blocks_obstacle(self, op: Op) -> str | None:
        terms = operand(op, "first"), operand(op, "end")
        return "a sum's blocks differ between lanes" if self._any_varies(terms) else None

    def _view_obstacle(self, op: Op) -> str | None:
        return "a view depends on the lane" if self._any_varies(op.operands) else None

    def _memory_obstacle(self, op: Op) -> str | None:
        buffer, indices = whole(op), group(op, "indices")
        if buffer in self.varying:
            return "a buffer differs between lanes"
        if not self._any_varies(indices):
            return None
        if self._any_varies(indices[:-1]) or indices[-1] is not Loop(self.loop).counter:
            return "memory is not read along its last axis"
        type = buffer.type
        assert isinstance(type, t.MemRefType)
        if type.strides is not None and type.strides[-1] != 1:
            return "memory is read with a stride"
        return None


_OBSTACLES: dict[str, Callable[[Check, Op], str | None]] = {
    "memref.load": Check._memory_obstacle, "memref.store": Check._store_obstacle, "scf.for": Check._loop_obstacle,
    **dict.fromkeys(("scf.if", "scf.while"), Check._branch_obstacle),
    "scan.join": Check._blocks_obstacle,
    **dict.fromkeys(("memref.subview", "memref.cast", "scan.buffer_reshape"), Check._view_obstacle),
}
_HARMLESS = ("scf.yield", "scf.condition", "arith.constant", "memref.dim", "memref.alloca")


def _runs_along(op: Op, varying: set[Value]) -> bool:
    """Whether the last index of a load or store differs between iterations."""
    return any(index in varying for index in group(op, "indices")[-1:])


def _is_only_tested(carry: Turn, loop: While) -> bool:
    """Whether a loop goes on only where a carried truth holds, and nothing else needs that."""
    test, last = loop.condition.op, loop.test.terminator
    if test is None or test.name != "arith.andi" or carry.tested.type != t.i1:
        return False
    return carry.tested.uses.keys() == {test, last} and not carry.arg.uses and not carry.result.uses


@dataclass
class Widener:
    """Rebuilds a body with vectors for varying values."""

    varying: set[Value]
    width: int
    map: dict[Value, Value]
    counter: Value
    spread: dict[Value, Value] = field(default_factory=dict)  # in all lanes, made in this block or around it

    def type(self, type: t.Type) -> t.VectorType:
        return t.VectorType((self.width,), type)

    def ops(self, block: Block, b: Builder) -> None:
        outside = self.spread
        self.spread = dict(outside)
        for op in block.ops:
            self.op(op, b)
        self.spread = outside

    def op(self, op: Op, b: Builder) -> None:
        b.location = op.location
        if op.name == "scf.for":
            self._loop(op, b)
        elif op.name == "scf.if":
            self._branch(op, b)
        elif op.name == "scf.while":
            self._while(op, b)
        elif op.name == "scf.yield":
            self._yield(op, b)
        elif op.name in ("memref.load", "memref.store") and _runs_along(op, self.varying):
            self._memory(op, b)
        elif op.name == "memref.alloca" and op.result in self.varying:
            self._stack(op, b)
        elif op.name == "scan.join" and operand(op, "value") in self.varying:
            self._joining(op, b)
        elif op.name == "memref.store" or not any(v in self.varying for v in op.operands):
            clone_op(op, self.map, b.insert)
        else:
            operands = [self.vector(v, b) for v in op.operands]
            made = b.make(op.name, operands, [self.type(op.result.type)], dict(op.attrs))
            made.result.name = op.result.name
            self.map[op.result] = made.result

    def vector(self, value: Value, b: Builder) -> Value:
        """`value` in all lanes."""
        mapped = self.map.get(value, value)
        if value in self.varying and value is not self.counter:
            return mapped
        if value not in self.spread:
            wide = b.op("vector.broadcast", [mapped], [self.type(value.type)])
            if value is self.counter:
                wide = b.op("arith.addi", [wide, b.op("vector.step", [], [wide.type])], [wide.type])
            self.spread[value] = wide
        return self.spread[value]

    def _memory(self, op: Op, b: Builder) -> None:
        at = [self.map.get(v, v) for v in (whole(op), *group(op, "indices"))]
        if op.name == "memref.load":
            made = b.op("vector.load", at, [self.type(op.result.type)])
            made.name = op.result.name
            self.map[op.result] = made
        else:
            b.make("vector.store", [self.vector(operand(op, "value"), b), *at])

    def _stack(self, op: Op, b: Builder) -> None:
        """Room for a vector in each row."""
        type = op.result.type
        assert isinstance(type, t.MemRefType)
        self.map[op.result] = b.op(op.name, [], [t.MemRefType((*type.shape, self.width), type.element)])

    def _joining(self, op: Op, b: Builder) -> None:
        value, *rest = op.operands
        self.map[op.result] = b.op(op.name, [self.vector(value, b), *(self.map.get(v, v) for v in rest)],
                                   [self.type(value.type)], dict(op.attrs))

    def _loop(self, op: Op, b: Builder) -> None:
        loop = Loop(op)
        init = [self.vector(carry.init, b) if carry.arg in self.varying else self.map.get(carry.init, carry.init)
                for carry in loop.carries]
        body = Block([t.index, *[v.type for v in init]])
        for old, new in zip(op.body.args, body.args, strict=True):
            new.name = old.name
            self.map[old] = new
        self.ops(op.body, Builder(body, location=op.location))
        bounds = [self.map.get(v, v) for v in loop.bounds]
        made = b.make("scf.for", [*bounds, *init], [v.type for v in init], dict(op.attrs), [Region([body])])
        for old, new in zip(op.results, made.results, strict=True):
            new.name = old.name
            self.map[old] = new

    def _while(self, op: Op, b: Builder) -> None:
        """Lanes that are done wait for the last: until none goes on. What only tells that is one truth for all."""
        loop, outside = While(op), self.spread
        for carry in loop.carries:
            if carry.tested in self.varying and _is_only_tested(carry, loop):
                self.varying.difference_update((carry.tested, carry.arg, carry.result, loop.condition))
        init = [self._as(carry.init, carry.tested, b) for carry in loop.carries]
        test, body = Block([v.type for v in init]), Block()
        self.map.update(zip(loop.test.args, test.args, strict=True))
        inside = Builder(test, location=op.location)
        self._inner(loop.test, inside, outside)
        goes_on = self._any(loop.condition, inside)
        handed = [self._as(carry.handed, carry.arg, inside) for carry in loop.carries]
        inside.make("scf.condition", [goes_on, *handed])
        for carry, value in zip(loop.carries, handed, strict=True):
            self.map[carry.arg] = body.add_arg(value.type, carry.arg.name)
        inside = Builder(body, location=op.location)
        self._inner(loop.body, inside, outside)
        inside.make("scf.yield", [self._any(carry.onward, inside) if _is_only_tested(carry, loop) else
                                  self._as(carry.onward, carry.tested, inside) for carry in loop.carries])
        self.spread = outside
        made = b.make("scf.while", init, [v.type for v in handed], dict(op.attrs), [Region([test]), Region([body])])
        for old, new in zip(op.results, made.results, strict=True):
            new.name = old.name
            narrow = old in self.varying and not isinstance(new.type, t.VectorType)
            self.map[old] = b.op("vector.broadcast", [new], [self.type(new.type)]) if narrow else new

    def _inner(self, block: Block, b: Builder, outside: dict[Value, Value]) -> None:
        """The ops of a block but its terminator; what they make in all lanes is known there."""
        self.spread = dict(outside)
        for inner in block.ops[:-1]:
            self.op(inner, b)

    def _as(self, value: Value, target: Value, b: Builder) -> Value:
        """`value` in all lanes where `target` is."""
        return self.vector(value, b) if target in self.varying else self.map.get(value, value)

    def _any(self, truth: Value, b: Builder) -> Value:
        """Whether a truth holds in any lane."""
        if truth not in self.varying:
            return self.map.get(truth, truth)
        return b.op("vector.reduction", [self.map[truth]], [t.i1], {"kind": t.DialectAttr("#vector.kind<or>")})

    def _branch(self, op: Op, b: Builder) -> None:
        regions, branch = [], Branch(op)
        for side in branch.sides:
            block = Block()
            self.ops(side, Builder(block, location=op.location))
            regions.append(Region([block]))
        b.make("scf.if", [self.map.get(branch.condition, branch.condition)], [], None, regions)

    def _yield(self, op: Op, b: Builder) -> None:
        parent = op.parent_op()
        assert parent is not None
        if parent.name != "scf.for":
            b.make("scf.yield")
            return
        b.make("scf.yield", [
            self.vector(carry.next, b) if carry.arg in self.varying else self.map.get(carry.next, carry.next)
            for carry in Loop(parent).carries])
