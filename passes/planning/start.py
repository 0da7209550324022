"""What can be computed at the start of a function: numbers that follow from its arguments alone."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Sequence
from functools import partial
from itertools import takewhile

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Location, Op, Value, clone_op
from scancc.ir.ops import NO_SPECULATION, PURE, TERMINATOR, group, has_trait, is_pure, operand


class Start:
    """The place after a function's sizes, scalar inputs and first checks, where more can be computed: `b` builds
    there, what is computed alike once."""

    def __init__(self, func: Op) -> None:
        self.func = func
        self.block = func.body
        anchor = next((op for op in self.block.ops if not _is_setup(op)), None)
        early = list(takewhile(lambda op: op is not anchor, self.block.ops))
        self.b = _Once(self.block, anchor, func.location, early)
        self._here: dict[Value, Value] = {value: value for op in early for value in op.results}

    def copy(self, value: Value) -> Value | None:
        """`value` itself, computed at the start; None if it depends on what the program does."""
        if value in self._here:
            return self._here[value]
        ops = slice_of(value, self.block, self.b.there)
        if ops is None:
            return None
        for op in ops:
            made = self.b.insert(clone_op(op, self._here))
            self._here.update(zip(op.results, made.results, strict=True))
        self.b.there.update(ops)
        return self._here.get(value, value)


class _Once(Builder):
    """Makes no arithmetic that is there already. `known`: the ops that stand before the anchor; `there`: these, what
    it made, and what this was copied from."""

    def __init__(self, block: Block, anchor: Op | None, location: Location | None, known: Sequence[Op]) -> None:
        super().__init__(block, anchor, location)
        self.there = set(known)
        self._known = {key: op for op in reversed(known) if (key := _key(op)) is not None}

    def insert(self, op: Op) -> Op:
        key = _key(op)
        known = op if key is None else self._known.setdefault(key, op)
        if known is op:
            self.there.add(op)
            return super().insert(op)
        op.operands = []
        return known


def _key(op: Op) -> Hashable | None:
    """What equal ops have in common; None for those that are not merged."""
    if op.regions or not has_trait(op, PURE) or len(op.results) != 1:
        return None
    return op.name, tuple(op.operands), op.result.type, tuple(op.attrs.items())


def _is_setup(op: Op) -> bool:
    """Constants, sizes and scalar inputs at the start of a function, and arithmetic on them."""
    if op.name == "scan.check":
        return True
    if op.name == "memref.load":
        return not group(op, "indices")
    return is_pure(op) and not op.regions and not isinstance(op.results[0].type, t.MemRefType)


def slice_of(value: Value, block: Block, there: Container[Op] = ()) -> list[Op] | None:
    """The ops that compute `value` from the function's arguments, in order: those of `block`, and those of a branch
    or a step that use nothing of its own and cannot fail. Not those that are `there`, nor what these need.

    None if some of it is what a loop or a branch makes, or reads memory other than scalar inputs.
    """
    needed: dict[Op, None] = {}
    stack = [value]
    while stack:
        current = stack.pop()
        op = current.op
        if op is None:
            if current.block is not block:
                return None
            continue
        if op in there:
            continue
        if not (_can_repeat(op, block) if op.parent is block else _is_total(op)):
            return None
        if op not in needed:
            needed[op] = None
            stack.extend(_read_from(op, block))
    return _in_order(needed, value, block)


def _in_order(needed: Iterable[Op], value: Value, outermost: Block) -> list[Op]:
    """The ops that compute a value as they stand, those of outer blocks first."""
    depths = {around: -n for n, around in enumerate(_blocks_around(value, outermost))} if needed else {}
    places = [(depths[op.parent], op.parent.place_of(op), op) for op in needed if op.parent is not None]
    return [op for *_, op in sorted(places, key=lambda place: place[:2])]


def _blocks_around(value: Value, outermost: Block) -> list[Block]:
    """The blocks that what computes `value` may be in, from the innermost one on."""
    found = [value.block]
    while found[-1] is not outermost:
        around = found[-1].parent_op()
        assert around is not None and around.parent is not None
        found.append(around.parent)
    return found


def _read_from(op: Op, block: Block) -> list[Value]:
    """What `op`, or an op inside it, reads from outside."""
    if not op.regions:
        return op.operands
    return [v for inner in op.walk() for v in inner.operands if v.block is block]


def _is_total(op: Op) -> bool:
    """Arithmetic that may be done where it would not have been."""
    if not has_trait(op, PURE) or op.regions or isinstance(op.results[0].type, t.MemRefType):
        return False
    return not has_trait(op, NO_SPECULATION) or constant_of(operand(op, "rhs")) not in (None, 0, -1)


def _can_repeat(op: Op, block: Block) -> bool:
    """Pure, or reading inputs of the function only."""
    if op.regions:
        return all(map(partial(_repeats, block), op.walk()))
    return _repeats(block, op)


def _repeats(block: Block, op: Op) -> bool:
    if op.name == "memref.load":
        return _is_input(operand(op, "source"), block)
    return has_trait(op, PURE) or has_trait(op, TERMINATOR)


def _is_input(buffer: Value, block: Block) -> bool:
    """True for an argument of the function that it does not write."""
    func = block.parent_op()
    assert func is not None
    n_inputs = func.attrs["n_inputs"].value if "n_inputs" in func.attrs else len(block.args)
    return buffer.owner is block and buffer.index < n_inputs
