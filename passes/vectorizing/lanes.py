"""Which iterations of a loop may be lanes of vectors, and a loop's body rebuilt on vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Attributes, Block, Op, Region, Value, clone_op
from scancc.ir.ops import ELEMENTWISE, group, has_trait, memory_of, operand, whole
from scancc.ir.parts import Branch, Loop, Turn, While
from scancc.late_dataclasses import dataclass

from ..slicing.latencies import busy, is_function
from .turned import forwards, is_turned, turned

GATHERED = 6  # busy cycles of other work, from which on lanes are worth three ops for an element that stands apart
HEAVY_OPS = 24  # more ops than this in a body would spill if four registers held each value
MOST_ROUNDS = 2 ** 31 - 1  # that lanes of 32 bits count

Handler = Callable[[Op, Builder], None]


def is_heavy(ops: list[Op]) -> bool:
    """Whether a body is too much for several registers a value: its own operations hide the latency."""
    return len(ops) > HEAVY_OPS or any(op.name.startswith("math.") for op in ops)


def innermost(loop: Op) -> bool:
    return not any(op is not loop and op.name == "scf.for" and "parallel" in op.attrs for op in loop.walk())


def holds_loops(loop: Op) -> bool:
    """Whether a loop has others inside, or branches; loops that lanes leave together count as straight code."""
    return any(op is not loop and op.regions and "settled" not in op.attrs for op in loop.walk())


def whole_lanes(b: Builder, n: Value, width: Value) -> Value:
    """`n`, not negative, less what is left over after whole vectors of `width`; `n` itself where nothing is."""
    known, lanes = constant_of(n), constant_of(width)
    if known is not None and lanes is not None:
        return n if known % lanes == 0 else b.index(known - known % lanes)
    if lanes is not None and lanes & (lanes - 1):
        return b.subi(n, b.op("arith.remui", [n, width], [t.index]))
    return b.op("arith.andi", [n, b.subi(b.index(0), width)], [t.index])


def makes_again(loop: Op) -> bool:
    """Whether an iteration may run twice: it reads nothing that any of them writes, and writes no registers."""
    ops = [op for op in loop.walk() if op.name in ("memref.load", "memref.store")]
    written = {memory_of(whole(op)) for op in ops if op.name == "memref.store"}
    read = {memory_of(whole(op)) for op in ops if op.name == "memref.load"}
    in_registers = any(memory.op is not None and memory.op.name == "memref.alloca" for memory in written | read)
    return not in_registers and not written & read


def varying_in(loop: Op) -> set[Value]:
    """What differs between the iterations of a loop."""
    check = Check(loop, {Loop(loop).counter})
    check.spread()
    return check.varying


@dataclass
class Check:
    """Decides which values differ between iterations, and whether all uses of them can be vectors.

    With `gathers`, also where elements do not stand side by side in memory, if enough is computed from them.
    """

    loop: Op
    varying: set[Value] = field(default_factory=set)
    gathers: bool = False

    def problem(self) -> str | None:
        """Why the loop cannot be vectorized, or None."""
        self.varying = {Loop(self.loop).counter}
        self.spread()
        for op in self.loop.walk():
            if op is not self.loop:
                reason = self._obstacle(op)
                if reason is not None:
                    return reason
        return self._scattered()

    def spread(self) -> None:
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
        if op.name in _OBSTACLES:
            return _OBSTACLES[op.name](self, op)
        return None if op.name in _HARMLESS or has_trait(op, ELEMENTWISE) else f"{op.name} has no vector form"

    def _any_varies(self, values: Sequence[Value]) -> bool:
        return any(v in self.varying for v in values)

    def _store_obstacle(self, op: Op) -> str | None:
        if whole(op) in self.varying:
            return "a buffer differs between lanes"
        if not self._any_varies(group(op, "indices")):
            return "several iterations write one element"
        return self._apart(op)

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
        apart = "each round works on a row of its own: rounds side by side would read elements that stand apart"
        return apart if self._any_varies(op.operands) else None

    def _load_obstacle(self, op: Op) -> str | None:
        if whole(op) in self.varying:
            return "a buffer differs between lanes"
        return None if self.gathers else self._apart(op)

    def _apart(self, op: Op) -> str | None:
        return _apart(op, self.varying, Loop(self.loop).counter)

    def _scattered(self) -> str | None:
        """Why lanes would gather too much for what they compute, or None."""
        loads = [op for op in self.loop.walk() if op.name == "memref.load" and self._apart(op)]
        for block in {op.parent for op in loads if op.parent is not None}:
            work = sum(busy(op) for op in block.ops if has_trait(op, ELEMENTWISE) and self._any_varies(op.operands))
            gathered = [op for op in loads if op.parent is block]
            if work < GATHERED * len(gathered):
                return f"{self._apart(gathered[0])}, and little is computed from it"
        return None


_OBSTACLES: dict[str, Callable[[Check, Op], str | None]] = {
    "memref.load": Check._load_obstacle, "memref.store": Check._store_obstacle, "scf.for": Check._loop_obstacle,
    **dict.fromkeys(("scf.if", "scf.while"), Check._branch_obstacle),
    "scan.join": Check._blocks_obstacle,
    **dict.fromkeys(("memref.subview", "memref.cast", "scan.buffer_reshape"), Check._view_obstacle),
}
_HARMLESS = ("scf.yield", "scf.condition", "arith.constant", "memref.dim", "memref.alloca")


def _is_in_lanes(op: Op, varying: set[Value]) -> bool:
    """Whether a load or store has a place for each iteration."""
    return any(index in varying for index in group(op, "indices"))


def _apart(op: Op, varying: set[Value], counter: Value) -> str | None:
    """Why elements that a load or store has for each iteration do not stand side by side, or None."""
    indices = group(op, "indices")
    if not any(index in varying for index in indices):
        return None
    if any(index in varying for index in indices[:-1]) or indices[-1] is not counter:
        return "memory is not read along its last axis"
    type = whole(op).type
    assert isinstance(type, t.MemRefType)
    strided = type.strides is not None and type.strides[-1] not in (1, -1)
    return "memory is read with a stride" if strided else None


def _is_only_tested(carry: Turn, loop: While) -> bool:
    """Whether a loop goes on only where a carried truth holds, and nothing else needs that."""
    test, last = loop.condition.op, loop.test.terminator
    if test is None or test.name != "arith.andi" or carry.tested.type != t.i1:
        return False
    return carry.tested.uses.keys() == {test, last} and not carry.arg.uses and not carry.result.uses


class Widener:
    """Rebuilds a body with vectors for varying values; with `copies`, so many vectors for each, side by side.

    Straight code is written copy by copy, so that what a copy needs for a moment is gone before the next, unless it
    is long; loops and branches are one for all copies. `each` has the values that differ between copies, `map` those
    that do not.
    """

    def __init__(self, varying: set[Value], width: int, map: dict[Value, Value], counter: Value,
                 copies: int = 1) -> None:
        self.varying, self.width, self.map, self.counter, self.copies = set(varying), width, map, counter, copies
        self.each: list[dict[Value, Value]] = [{} for _ in range(copies)]
        self.spread: dict[Value, Value] = {}  # in all lanes, made in this block or around it
        self.outside: dict[Value, Value] = {}  # in all lanes, made before the first loop inside that needs it
        self.before: Builder | None = None  # where that is
        self.round = counter  # of the loop inside that is written

    def type(self, type: t.Type) -> t.VectorType:
        return t.VectorType((self.width,), type)

    def body(self, ops: Sequence[Op], b: Builder) -> None:
        """The ops of the loop's body, for as many neighbours as there are copies of all lanes."""
        for copy in range(1, self.copies):
            self.each[copy][self.counter] = b.addi(self.value(self.counter), b.index(copy * self.width))
        self._ops(ops, b)

    def _ops(self, ops: Sequence[Op], b: Builder) -> None:
        straight: list[Op] = []
        for op in ops:
            handler = self.handler(op)
            if handler is None:
                straight.append(op)
                continue
            self._straight(straight, b)
            straight = []
            b.location = op.location
            outermost = self.before is None
            if outermost:
                self.before, self.outside = b, {}
            handler(op, b)
            if outermost:
                self.before = None
        self._straight(straight, b)

    def handler(self, op: Op) -> Handler | None:
        """What writes an op that is one for all copies."""
        return partial(_JOINT[op.name], self) if op.name in _JOINT else None

    def _block(self, block: Block, b: Builder) -> None:
        """All of a block; what it makes in all lanes is known there alone."""
        outside = self.spread
        self.spread = dict(outside)
        self._ops(block.ops, b)
        self.spread = outside

    def _straight(self, ops: Sequence[Op], b: Builder) -> None:
        copies = range(self.copies)
        each = [(op, copy) for op in ops for copy in copies] if self._is_long(ops) else [
            (op, copy) for copy in copies for op in ops]
        for op, copy in each:
            b.location = op.location
            self._op(op, b, copy)

    def _is_long(self, ops: Sequence[Op]) -> bool:
        """Whether a core does not look as far ahead as the next copy, so that copies are written op by op: a round of
        a loop inside. Lorenz's equations take 0.91 of the time (`fast_math`), though more values live at once."""
        around = ops[0].parent_op() if self.before is not None and len(ops) > HEAVY_OPS else None
        return around is not None and around.name == "scf.for" and not any(map(is_function, ops))

    def _op(self, op: Op, b: Builder, copy: int) -> None:
        if op.name in ("memref.load", "memref.store") and _is_in_lanes(op, self.varying):
            if _apart(op, self.varying, self.counter):
                self._gather(op, b, copy)
            else:
                self._memory(op, b, copy)
        elif op.name == "memref.alloca" and op.result in self.varying:
            self._stack(op, b, copy)
        elif op.name == "scan.join" and operand(op, "value") in self.varying:
            self._joining(op, b, copy)
        elif op.name == "memref.store" or not any(v in self.varying for v in op.operands):
            if copy == 0:
                clone_op(op, self.map, b.insert)
        else:
            operands = [self.vector(v, b, copy) for v in op.operands]
            made = b.make(op.name, operands, [self.type(op.result.type)], dict(op.attrs))
            made.result.name = op.result.name
            self.each[copy][op.result] = made.result

    def value(self, value: Value, copy: int = 0) -> Value:
        """What a value became."""
        return self.each[copy].get(value, self.map.get(value, value))

    def vector(self, value: Value, b: Builder, copy: int = 0) -> Value:
        """`value` in all lanes."""
        if value in self.varying and value is not self.counter:
            return self.value(value, copy)
        scalar = self.value(value, copy)
        if self.before is not None and scalar is value and constant_of(scalar) is None:  # from outside of all
            if scalar not in self.outside:
                self.outside[scalar] = self.before.op("vector.broadcast", [scalar], [self.type(value.type)])
            return self.outside[scalar]
        if scalar not in self.spread:
            wide = b.op("vector.broadcast", [scalar], [self.type(value.type)])
            if value is self.counter:
                wide = b.op("arith.addi", [wide, b.op("vector.step", [], [wide.type])], [wide.type])
            self.spread[scalar] = wide
        return self.spread[scalar]

    def _memory(self, op: Op, b: Builder, copy: int) -> None:
        buffer, *place = (self.value(v, copy) for v in (whole(op), *group(op, "indices")))
        back = is_turned(whole(op))
        if back:
            buffer, place = forwards(b, buffer, place, self.width), [b.index(0)]
        if op.name == "memref.load":
            read = b.op("vector.load", [buffer, *place], [self.type(op.result.type)])
            made = turned(b, read) if back else read
            made.name = op.result.name
            self.each[copy][op.result] = made
        else:
            value = self.vector(operand(op, "value"), b, copy)
            b.make("vector.store", [turned(b, value) if back else value, buffer, *place])

    def _gather(self, op: Op, b: Builder, copy: int) -> None:
        """Elements that stand anywhere, one by one: as fast as instructions that gather are."""
        elements = []
        for lane in range(self.width):
            at = [self._in_lane(v, lane, b, copy) for v in group(op, "indices")]
            elements.append(b.op("memref.load", [self.value(whole(op)), *at], [op.result.type]))
        made = b.op("vector.from_elements", elements, [self.type(op.result.type)])
        made.name = op.result.name
        self.each[copy][op.result] = made

    def _in_lane(self, value: Value, lane: int, b: Builder, copy: int) -> Value:
        """What an index is in one lane."""
        if value is self.counter:
            return b.addi(self.value(value, copy), b.index(lane))
        if value not in self.varying:
            return self.value(value, copy)
        place = t.DenseArray(t.i64, (lane,))
        return b.op("vector.extract", [self.vector(value, b, copy)], [value.type], {"static_position": place})

    def _stack(self, op: Op, b: Builder, copy: int) -> None:
        """Room for a vector in each row."""
        type = op.result.type
        assert isinstance(type, t.MemRefType)
        self.each[copy][op.result] = b.op(op.name, [], [t.MemRefType((*type.shape, self.width), type.element)])

    def _joining(self, op: Op, b: Builder, copy: int) -> None:
        value, *rest = op.operands
        self.each[copy][op.result] = b.op(
            op.name, [self.vector(value, b, copy), *(self.value(v, copy) for v in rest)], [self.type(value.type)],
            dict(op.attrs))

    def loop(self, op: Op, b: Builder) -> None:
        """A loop inside."""
        loop = Loop(op)
        init = [v for carry in loop.carries for v in self._all(carry.init, carry.arg, b)]
        self.rounds(op, b, [self.value(v) for v in loop.bounds], init)

    def rounds(self, op: Op, b: Builder, bounds: Sequence[Value], init: Sequence[Value],
               before: Value | None = None, marks: Attributes | None = None) -> None:
        """The rounds of a loop inside, of which so many are `before` them; with `marks`, or those that it has."""
        loop, body = Loop(op), Block([t.index, *[v.type for v in init]])
        counter, *args = body.args
        self.round, counter.name = counter, loop.counter.name
        inside = Builder(body, location=op.location)
        self.map[loop.counter] = counter if before is None else inside.addi(before, counter)
        self._bind([carry.arg for carry in loop.carries], args)
        self._block(op.body, inside)
        made = b.make("scf.for", [*bounds, *init], [v.type for v in init], dict(op.attrs) if marks is None else marks,
                      [Region([body])])
        self._bind(op.results, made.results)

    def _while(self, op: Op, b: Builder) -> None:
        """Lanes that are done wait for the last: until none goes on. What only tells that is one truth for all."""
        loop, outside = While(op), self.spread
        for carry in loop.carries:
            if carry.tested in self.varying and _is_only_tested(carry, loop):
                self.varying.difference_update((carry.tested, carry.arg, carry.result, loop.condition))
        init = [v for carry in loop.carries for v in self._all(carry.init, carry.tested, b)]
        test, body = Block([v.type for v in init]), Block()
        self._bind(loop.test.args, test.args)
        inside = Builder(test, location=op.location)
        self._inner(loop.test, inside, outside)
        goes_on = self._goes_on(loop.condition, inside)
        handed = [v for carry in loop.carries for v in self._all(carry.handed, carry.arg, inside)]
        inside.make("scf.condition", [goes_on, *handed])
        self._bind([carry.arg for carry in loop.carries], [body.add_arg(v.type) for v in handed])
        inside = Builder(body, location=op.location)
        self._inner(loop.body, inside, outside)
        inside.make("scf.yield", [v for carry in loop.carries for v in (
            [self._any(carry.onward, inside)] if _is_only_tested(carry, loop) else
            self._all(carry.onward, carry.tested, inside))])
        self.spread = outside
        made = b.make("scf.while", init, [v.type for v in handed], dict(op.attrs), [Region([test]), Region([body])])
        self._bind([carry.arg for carry in loop.carries], made.results)
        for carry in loop.carries:
            self._after(carry, b)

    def _goes_on(self, condition: Value, b: Builder) -> Value:
        """Whether a condition holds in any lane; what is one truth for all is asked once."""
        test = condition.op
        if test is None or test.name != "arith.andi" or all(part in self.varying for part in test.operands):
            return self._any(condition, b)
        return b.condition("andi", *(self._any(part, b) for part in test.operands))

    def _after(self, carry: Turn, b: Builder) -> None:
        """What a loop gives is what its body has last; where lanes end at different times, in all lanes."""
        values = [self.value(carry.arg, copy) for copy in range(self.copies)]
        for value in values:
            value.name = carry.result.name
        if carry.result not in self.varying:
            self.map[carry.result] = values[0]
            return
        if carry.arg not in self.varying:
            values = [b.op("vector.broadcast", values[:1], [self.type(values[0].type)])] * self.copies
        for made, value in zip(self.each, values, strict=True):
            made[carry.result] = value

    def _inner(self, block: Block, b: Builder, outside: dict[Value, Value]) -> None:
        """The ops of a block but its terminator; what they make in all lanes is known there."""
        self.spread = dict(outside)
        self._ops(block.ops[:-1], b)

    def _all(self, value: Value, target: Value, b: Builder) -> list[Value]:
        """`value` as `target` needs it: a vector for each copy, or one for all."""
        if target not in self.varying:
            return [self.value(value)]
        return [self.vector(value, b, copy) for copy in range(self.copies)]

    def _bind(self, old: Sequence[Value], new: Sequence[Value]) -> None:
        """Let the values `new` stand for `old`, in the order of `_all`."""
        rest = iter(new)
        for value in old:
            for made in (self.each if value in self.varying else [self.map]):
                made[value] = next(rest)
                made[value].name = value.name

    def _any(self, truth: Value, b: Builder) -> Value:
        """Whether a truth holds in any lane."""
        if truth not in self.varying:
            return self.value(truth)
        wide = self.value(truth)
        for copy in range(1, self.copies):
            wide = b.op("arith.ori", [wide, self.value(truth, copy)], [wide.type])
        return b.op("vector.reduction", [wide], [t.i1], {"kind": t.DialectAttr("#vector.kind<or>")})

    def _branch(self, op: Op, b: Builder) -> None:
        regions, branch = [], Branch(op)
        for side in branch.sides:
            block = Block()
            self._block(side, Builder(block, location=op.location))
            regions.append(Region([block]))
        b.make("scf.if", [self.value(branch.condition)], [], None, regions)

    def _yield(self, op: Op, b: Builder) -> None:
        parent = op.parent_op()
        assert parent is not None
        carries = Loop(parent).carries if parent.name == "scf.for" else []
        b.make("scf.yield", [v for carry in carries for v in self._all(carry.next, carry.arg, b)])


_JOINT: dict[str, Callable[[Widener, Op, Builder], None]] = {
    "scf.for": lambda widener, op, b: widener.loop(op, b), "scf.while": Widener._while, "scf.if": Widener._branch,
    "scf.yield": Widener._yield}
