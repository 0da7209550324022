"""Modules, functions, regions, blocks, ops and values.

A `Value` is the result of an op or the argument of a block and knows its uses; an `Op` belongs to a
block; a `Block` to a region; a `Region` to an op. A module is the op `builtin.module`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from .types import Type

Location = tuple[str, int, int]  # file, line, column
_NEAR = 64  # ops
Attributes = dict[str, Any]  # IntAttr, FloatAttr, Dense, types, maps, text, truth values, and lists of these


class Value:
    """One SSA value. `name` is the user's, without '%'; printing makes names unique.

    `op`: the op that makes it; None for a block argument.
    """

    __slots__ = ("type", "owner", "op", "index", "name", "uses")

    def __init__(self, type: Type, owner: Op | Block, index: int, name: str | None = None) -> None:
        self.type = type
        self.owner = owner
        self.op: Op | None = owner if owner.__class__ is Op else None  # a field: it is asked for more than all else
        self.index = index
        self.name = name
        self.uses: dict[Op, int] = {}  # op -> how many of its operands are this value

    def give_to(self, owner: Op | Block) -> None:
        """Become a result of an op, or an argument of a block."""
        self.owner = owner
        self.op = owner if isinstance(owner, Op) else None

    @property
    def block(self) -> Block:
        """The block in which this value is defined."""
        if isinstance(self.owner, Block):
            return self.owner
        assert self.owner.parent is not None
        return self.owner.parent

    def replace_by(self, other: Value) -> None:
        """Make every user of this value use `other`."""
        if other is self:
            return
        for op in list(self.uses):
            op.replace_operand(self, other)
        if other.name is None:
            other.name = self.name

    def __repr__(self) -> str:
        return f"%{self.name or '?'}: {self.type}"


class Op:
    """An operation. Operand groups of varying length are kept by `operandSegmentSizes`."""

    __slots__ = ("name", "_operands", "results", "attrs", "regions", "parent", "location")

    def __init__(
        self, name: str, operands: Sequence[Value] = (), result_types: Sequence[Type] = (),
        attrs: Attributes | None = None, regions: Sequence[Region] = (),
        location: Location | None = None,
    ) -> None:
        self.name = name
        self.results = [Value(t, self, i) for i, t in enumerate(result_types)]
        self.attrs: Attributes = dict(attrs) if attrs else {}  # its own: passes change them
        self.regions = tuple(regions)  # of most none, for which no list is made
        for region in self.regions:
            region.parent = self
        self.parent: Block | None = None
        self.location = location
        self._operands = list(operands)
        for value in self._operands:
            uses = value.uses
            uses[self] = uses.get(self, 0) + 1

    @property
    def operands(self) -> list[Value]:
        return self._operands

    @operands.setter
    def operands(self, values: Sequence[Value]) -> None:
        for value in self._operands:
            value.uses.pop(self, None)
        self._operands = list(values)
        for value in self._operands:
            uses = value.uses
            uses[self] = uses.get(self, 0) + 1

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value

    def group(self, number: int) -> list[Value]:
        """Operand group `number` of an op with `operandSegmentSizes`."""
        sizes = self.attrs["operandSegmentSizes"].values
        start = sum(sizes[:number]) if number else 0
        return self._operands[start:start + sizes[number]]

    def set_results(self, results: Sequence[Value]) -> None:
        """Have these results, some of which it has; others have no uses."""
        gone = [result for result in set(self.results).difference(results) if result.uses]
        assert not gone, f"{gone} are still used"
        self.results = _numbered(results)

    @property
    def body(self) -> Block:
        """The only block of the first region."""
        return self.regions[0].blocks[0]

    def walk(self) -> Iterator[Op]:
        """This op and all ops inside it, outer before inner, in order."""
        yield self
        if not self.regions:
            return
        pending = [self._inside()]  # what is still to come in each block around
        while pending:
            for op in pending[-1]:
                yield op
                if op.regions:
                    pending.append(op._inside())
                    break
            else:
                pending.pop()

    def _inside(self) -> Iterator[Op]:
        """The ops of its blocks, each block as it is when its turn comes."""
        regions = self.regions
        if len(regions) == 1 and len(blocks := regions[0].blocks) == 1:
            return iter(blocks[0].ops[:])
        return chain.from_iterable(block.ops[:] for region in self.regions for block in region.blocks)

    def erase(self) -> None:
        """Remove this op, whose results have no uses, and all inside it.

        None of them has results or a body any more: with these an op is a circle that only the collector would find.
        """
        if self.parent is not None:
            self.parent.remove(self)
        for inner in list(self.walk()) if self.regions else [self]:
            for value in inner._operands:
                value.uses.pop(inner, None)
            inner._operands, inner.results = [], []
            inner.parent = None
            for region in inner.regions:
                region.dissolve()

    def replace_by(self, values: Sequence[Value]) -> None:
        """Make users of the results use `values`, then erase the op."""
        for old, new in zip(self.results, values, strict=True):
            old.replace_by(new)
        self.erase()

    def replace_operand(self, old: Value, new: Value) -> None:
        """Use `new` wherever the op used `old`; ops inside it are left alone."""
        n_uses = old.uses.pop(self, 0)
        if n_uses:
            self._operands = [new if v is old else v for v in self._operands]
            new.uses[self] = new.uses.get(self, 0) + n_uses

    def detach(self) -> Op:
        """Take this op out of its block, to be inserted elsewhere."""
        assert self.parent is not None
        self.parent.remove(self)
        self.parent = None
        return self

    def parent_op(self) -> Op | None:
        """The op whose region holds this one."""
        return self.parent.parent.parent if self.parent and self.parent.parent else None

    def __repr__(self) -> str:
        return f"<{self.name} {[v.name for v in self.results]}>"


Op.operands = Op.operands.getter(attrgetter("_operands"))  # type: ignore  # asked for most of all: without a call


class Block:
    """A straight list of ops with arguments; its last op is the terminator."""

    __slots__ = ("args", "ops", "parent", "_near")

    def __init__(self, arg_types: Iterable[Type] = ()) -> None:
        self.args = [Value(t, self, i) for i, t in enumerate(arg_types)]
        self.ops: list[Op] = []
        self.parent: Region | None = None
        self._near = 0  # where the op stood that was looked for last

    def add_arg(self, type: Type, name: str | None = None) -> Value:
        self.args.append(Value(type, self, len(self.args), name))
        return self.args[-1]

    def insert_arg(self, index: int, type: Type, name: str | None = None) -> Value:
        self.args.insert(index, Value(type, self, index, name))
        _numbered(self.args)
        return self.args[index]

    def set_args(self, args: Sequence[Value]) -> None:
        """Have these arguments, some of which it has; others have no uses."""
        gone = [arg for arg in set(self.args).difference(args) if arg.uses]
        assert not gone, f"{gone} are still used"
        self.args = _numbered(args)

    def append(self, op: Op) -> Op:
        op.parent = self
        self.ops.append(op)
        return op

    def insert_before(self, anchor: Op, op: Op) -> Op:
        op.parent = self
        self.ops.insert(self.place_of(anchor), op)
        return op

    def insert_all_before(self, anchor: Op, ops: Sequence[Op]) -> None:
        for op in ops:
            op.parent = self
        at = self.place_of(anchor)
        self.ops[at:at] = ops

    def place_of(self, op: Op) -> int:
        """Where one of its ops stands: most often near the one before, since passes go along a block."""
        near = self._near
        try:
            near = self.ops.index(op, near, near + _NEAR)
        except ValueError:
            try:
                near = self.ops.index(op, max(near - _NEAR, 0), near)
            except ValueError:
                near = self.ops.index(op)
        self._near = near
        return near

    def remove(self, op: Op) -> None:
        del self.ops[self.place_of(op)]

    @property
    def terminator(self) -> Op:
        return self.ops[-1]

    def parent_op(self) -> Op | None:
        return self.parent.parent if self.parent else None


class Region:
    """The blocks inside an op; scancc's regions have one block each."""

    __slots__ = ("blocks", "parent")

    def __init__(self, blocks: Sequence[Block] = ()) -> None:
        self.blocks = list(blocks)
        for block in self.blocks:
            block.parent = self
        self.parent: Op | None = None

    def dissolve(self) -> None:
        """Empty the blocks, which nothing stands in any more."""
        self.parent = None
        for block in self.blocks:
            block.args, block.ops, block.parent = [], [], None


def _numbered(values: Sequence[Value]) -> list[Value]:
    """The results of an op or the arguments of a block, each told its place."""
    for index, value in enumerate(values):
        value.index = index
    return list(values)


def module(functions: Sequence[Op] = ()) -> Op:
    """A module that holds `functions`."""
    top = Op("builtin.module", regions=[Region([Block()])])
    for func in functions:
        top.body.append(func)
    return top


def functions(top: Op) -> list[Op]:
    return [op for op in top.body.ops if op.name == "func.func"]


def replace_each(replaced: Mapping[Value, Value]) -> None:
    """Make every user of some values use others: a user of many of them is changed once."""
    for op in dict.fromkeys(user for old in replaced for user in old.uses):
        op.operands = [replaced.get(v, v) for v in op.operands]
    for old, new in replaced.items():
        if new.name is None:
            new.name = old.name


def encloses(block: Block, inner: Block) -> bool:
    """True if `inner` is `block` or lies inside one of its ops."""
    current: Block | None = inner
    while current is not None:
        if current is block:
            return True
        op = current.parent_op()
        current = op.parent if op is not None else None
    return False


def within(op: Op, block: Block) -> Op | None:
    """The op of `block` that is `op` or holds it."""
    current: Op | None = op
    while current is not None and current.parent is not block:
        current = current.parent_op()
    return current


def made_of(values: Iterable[Value], ops: Iterable[Op]) -> set[Value]:
    """The values, and all that `ops`, in order, make of them."""
    found = set(values)
    for op in ops:
        if any(v in found for inner in op.walk() for v in inner.operands):
            found.update(op.results)
    return found


def needed_for(values: Iterable[Value], ops: Sequence[Op]) -> list[Op]:
    """Of `ops`, in order, those of which `values` are made."""
    needed, found = set(values), list[Op]()
    for op in reversed(ops):
        if not needed.isdisjoint(op.results):
            needed.update(v for inner in op.walk() for v in inner.operands)
            found.append(op)
    return found[::-1]


def defined_in(value: Value, block: Block) -> bool:
    """True if `value` is made by `block` or by anything inside it."""
    return encloses(block, value.block)


def is_inside(value: Value, op: Op) -> bool:
    """True if `value` is made in a region of `op`."""
    return any(defined_in(value, block) for region in op.regions for block in region.blocks)


def clone_op(op: Op, mapping: dict[Value, Value], insert: Callable[[Op], object] | None = None) -> Op:
    """A copy of `op` with operands taken through `mapping`, which gains the results."""
    copy = Op(op.name, [mapping.get(v, v) for v in op._operands], [r.type for r in op.results],
              op.attrs, [clone_region(r, mapping) for r in op.regions] if op.regions else (), op.location)
    for old, new in zip(op.results, copy.results, strict=True):
        new.name = old.name
        mapping[old] = new
    if insert is not None:
        insert(copy)
    return copy


def clone_region(region: Region, mapping: dict[Value, Value]) -> Region:
    return Region([clone_block(block, mapping) for block in region.blocks])


def clone_block(block: Block, mapping: dict[Value, Value]) -> Block:
    copy = Block(arg.type for arg in block.args)
    for old, new in zip(block.args, copy.args, strict=True):
        new.name = old.name
        mapping[old] = new
    for op in block.ops:
        clone_op(op, mapping, copy.append)
    return copy
